"""Builds or loads the model that the ``model`` section describes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from belle_core.checkpoint import fetch
from belle_core.config import ModelConfig
from belle_core.errors import BelleError, in_one_line
from belle_core.language import say
from belle_core.layout import ADAPTER, ADAPTER_WEIGHTS, check_adapter, check_model
from belle_core.training.few_bits import keep_odd_shapes_unpacked
from belle_core.training.quiet import quiet


def initial_model(model: ModelConfig, *, seed: int, tokenizer: Any, dtype: str | None = None) -> PreTrainedModel:
    """The checkpoint's weights, or random ones (by *seed*) of the architecture, with a row per token of *tokenizer*.

    ``dtype`` is the format to hold them in; ``None`` takes ``model.dtype``. Raises ``BelleError`` when there are no such
    weights, or fewer rows than tokens.
    """
    torch_dtype = getattr(torch, dtype or model.dtype)
    if model.checkpoint is None:
        return _built(model, seed, tokenizer).to(torch_dtype)
    loaded = load_weights(fetch(model), torch_dtype, trust_remote_code=model.trust_remote_code)
    if model.adapter is not None and not on_meta():  # merged, it has the same shapes
        loaded = merged(loaded, Path(model.adapter).expanduser(), name=f"model.adapter={model.adapter}")
    check_vocabulary(loaded, tokenizer)
    return loaded


def merged(base: PreTrainedModel, adapter: Path, *, name: str) -> PreTrainedModel:
    """*base* with the update in *adapter*, in peft's layout, added up; in the format that the base is held in.

    Raises ``BelleError``, which calls the adapter *name*, when it is for another base.
    """
    held, kind = base.dtype, check_adapter(adapter)
    with quiet():
        model = _with_update(base, adapter, name, kind)
        try:
            model = model.merge_and_unload()
        except Exception as error:  # every kind of adapter merges in its own way, if at all
            raise _unfit(name, kind, error) from error
    return model.to(held).requires_grad_(True)  # type: ignore[no-any-return]  # layers trained whole come back in float32, others frozen


def _with_update(base: PreTrainedModel, adapter: Path, name: str, kind: str) -> Any:
    """*base* with the update beside it; peft passes over layers that either side lacks, here they are an error."""
    from peft import PeftModel, get_peft_model_state_dict

    try:
        model: Any = PeftModel.from_pretrained(base, str(adapter))
        with safe_open(adapter / ADAPTER_WEIGHTS, framework="pt") as file:
            given, wanted = set(file.keys()), set(get_peft_model_state_dict(model, save_embedding_layers=False))
    except RuntimeError as error:
        raise _other_base(name) from error
    except Exception as error:  # peft checks little of what the file states, so that a wrong type shows anywhere
        raise _unfit(name, kind, error) from error
    if wanted - given or any("lora_" in name for name in given - wanted):
        raise _other_base(name)
    return model


def _other_base(name: str) -> BelleError:
    return BelleError(
        f"{name} is for another base: its layers or their shapes are not those of the model",
        f"{name} 属于另一个基座：层或其形状与模型不符",
    )


def _unfit(name: str, kind: str, error: Exception) -> BelleError:
    why = in_one_line(error)
    return BelleError(
        f"{name}: peft cannot merge this adapter, of kind {kind}, into the model by what its {ADAPTER} says: {why}",
        f"{name}：按其 {ADAPTER} 的内容，peft 无法把这个 {kind} 类型的适配器合并到模型中：{why}",
    )


def load_weights(directory: Path, dtype: Any, *, trust_remote_code: bool = False) -> PreTrainedModel:
    """The model of a Hugging Face directory, from safetensors only; raises ``BelleError`` when its weights do not fit.

    Under ``torch.device("meta")`` its shapes alone: then another process reads the weights.
    """
    check_model(directory, weights=not on_meta())
    try:
        with quiet():
            if on_meta():
                config = AutoConfig.from_pretrained(directory, trust_remote_code=trust_remote_code)
                return AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=trust_remote_code)  # type: ignore[no-any-return]
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                directory,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=trust_remote_code,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are told below, in one line
            )
    except Exception as error:  # whatever transformers makes of values that no architecture of its own has
        why = in_one_line(error)
        raise BelleError(f"{directory}: no model can be loaded: {why}", f"{directory}：无法加载模型：{why}") from error
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise BelleError(
            f"{directory}: {len(missing)} tensors that the architecture needs are missing, the first is {missing[0]}",
            f"{directory}：缺少模型结构所需的 {len(missing)} 个张量，第一个是 {missing[0]}",
        )
    check_config(model, report, directory)
    keep_odd_shapes_unpacked(model)
    return model  # type: ignore[no-any-return]


def on_meta() -> bool:
    """Whether new tensors are on the meta device."""
    return torch.get_default_device().type == "meta"


def check_config(model: PreTrainedModel, report: dict[str, Any], directory: Path) -> None:
    """Raise ``BelleError`` when the weights are of another configuration: other shapes, or more layers."""
    shapes = [
        say(f"{name} has the shape {list(stored)}, not {list(wanted)}",
            f"{name} 的形状是 {list(stored)}，而不是 {list(wanted)}")
        for name, stored, wanted in report["mismatched_keys"]
    ]  # fmt: skip
    known = {re.sub(r"\.\d+\.", ".*.", name) for name in model.state_dict()}
    layers = [
        say(f"{name} is too much", f"{name} 是多余的")
        for name in sorted(report["unexpected_keys"])
        if re.sub(r"\.\d+\.", ".*.", name) in known
    ]
    if wrong := shapes + layers:
        raise BelleError(
            f"{directory}: the weights are of another config.json: {len(wrong)} tensors do not fit it, the first: {wrong[0]}",
            f"{directory}：权重与 config.json 不符：{len(wrong)} 个张量对不上，第一个：{wrong[0]}",
        )


def _built(model: ModelConfig, seed: int, tokenizer: Any) -> PreTrainedModel:
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": model.context_length}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            config = AutoConfig.for_model(**model.architecture | sizes | special)
            return AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-any-return]
        except (StrictDataclassError, ValueError, TypeError, KeyError) as error:
            why = in_one_line(error)
            raise BelleError(
                f"model.architecture describes no model that transformers can build: {why}",
                f"transformers 无法按 model.architecture 构建模型：{why}",
            ) from error


def check_vocabulary(model: PreTrainedModel, tokenizer: Any) -> None:
    """Raise ``BelleError`` when the tokenizer has more tokens than the model has embedding rows."""
    embedding: Any = model.get_input_embeddings()
    rows, tokens = embedding.weight.shape[0], len(tokenizer)
    if tokens > rows:
        raise BelleError(
            f"the tokenizer has {tokens} tokens, the model embeds only {rows}; use the model's own (+tokenizer=pretrained)",
            f"分词器有 {tokens} 个词元，而模型只有 {rows} 行词向量；请使用模型自带的分词器（+tokenizer=pretrained）",
        )
