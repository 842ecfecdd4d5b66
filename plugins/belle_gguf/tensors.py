"""Reads a checkpoint tensor by tensor and gives each as llama.cpp stores it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_core.errors import BelleError
from belle_core.layout import check_weights, weight_files
from belle_gguf.architectures import Architecture
from belle_gguf.changes import Change
from belle_gguf.metadata import rope_factors

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGMLQuantizationType

DTYPES = {"f32": "F32", "f16": "F16", "bf16": "BF16", "q8_0": "Q8_0"}


@dataclass(frozen=True)
class Plan:
    """One tensor of the GGUF file: where it comes from and what it becomes."""

    name: str
    """Its name in the GGUF file."""
    source: str
    """Its name in the checkpoint; empty for the rotary factors, which are computed."""
    file: Path
    shape: tuple[int, ...]
    type: GGMLQuantizationType
    change: Change | None = None
    """What is done with the numbers before they are stored."""

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Shape of the stored array: quantized and bfloat16 rows count bytes."""
        from gguf import GGMLQuantizationType as Type
        from gguf.quants import quant_shape_to_byte_shape

        return self.shape if self.type in (Type.F32, Type.F16) else quant_shape_to_byte_shape(self.shape, self.type)


def plan_tensors(directory: Path, config: dict[str, Any], architecture: Architecture, dtype: str) -> list[Plan]:
    """Every tensor that will be written, in order, from the headers of the safetensors files alone.

    Raises:
        BelleError: no checkpoint, a tensor that the family does not have, or one that is missing.
    """
    import gguf

    kind = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture.name)
    names = gguf.get_tensor_name_map(kind, config["num_hidden_layers"])
    plans = _rope_plan(config, directory)
    for source, file, shape in _stored_tensors(directory):
        if source.endswith("rotary_emb.inv_freq") or (source == "lm_head.weight" and config.get("tie_word_embeddings")):
            continue
        name = names.get_name(source.removeprefix("transformer."), try_suffixes=(".weight", ".bias"))
        if name is None:
            raise BelleError(
                f"{file.name}: llama.cpp's {architecture.name} has no tensor for {source}",
                f"{file.name}：llama.cpp 的 {architecture.name} 中没有与 {source} 对应的张量",
            )
        plans.append(Plan(name, source, file, shape, _type(shape, dtype), architecture.change(name, config)))
    _check_complete(plans, config, architecture, directory)
    return plans


def read_tensor(plan: Plan, config: dict[str, Any]) -> np.ndarray:
    """The tensor as it is written, C-contiguous.

    Raises:
        BelleError: a weight is not finite, or too large for float16.
    """
    import numpy as np
    from gguf import GGMLQuantizationType as Type
    from gguf.quants import quantize
    from safetensors import safe_open

    if not plan.source:
        return rope_factors(config)
    with safe_open(plan.file, framework="pt") as checkpoint:
        tensor = checkpoint.get_tensor(plan.source).float()
    array = (plan.change(tensor) if plan.change else tensor).contiguous().numpy()
    if not np.isfinite(array).all():
        raise BelleError(f"{plan.source} holds NaN or infinite weights", f"{plan.source} 含有 NaN 或无穷大的权重")
    if plan.type == Type.F16 and np.abs(array).max() > np.finfo(np.float16).max:
        raise BelleError(
            f"{plan.source} has weights beyond float16's range; use dtype=bf16",
            f"{plan.source} 中有超出 float16 范围的权重；请用 dtype=bf16",
        )
    return array if plan.type == Type.F32 else quantize(array, plan.type)


def _stored_tensors(directory: Path) -> Iterator[tuple[str, Path, tuple[int, ...]]]:
    """Name, file and shape of every tensor of a checkpoint, sharded or not."""
    from safetensors import safe_open

    files = weight_files(directory)
    if not files:
        raise BelleError(f"no weights in {directory}", f"{directory} 中没有权重")
    for file in files:
        check_weights(file)
        with safe_open(file, framework="pt") as checkpoint:
            for name in checkpoint.keys():
                yield name, file, tuple(checkpoint.get_slice(name).get_shape())


def _type(shape: tuple[int, ...], dtype: str) -> GGMLQuantizationType:
    """llama.cpp keeps norms and biases in float32; rows that Q8_0's blocks do not divide stay in float16."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    if len(shape) < 2:
        return GGMLQuantizationType.F32
    wanted = GGMLQuantizationType[DTYPES[dtype]]
    block, _ = GGML_QUANT_SIZES[wanted]
    return wanted if shape[-1] % block == 0 else GGMLQuantizationType.F16


def _rope_plan(config: dict[str, Any], directory: Path) -> list[Plan]:
    from gguf import GGMLQuantizationType

    factors = rope_factors(config)
    return (
        [] if factors is None else [Plan("rope_freqs.weight", "", directory, factors.shape, GGMLQuantizationType.F32)]
    )


def _check_complete(plans: list[Plan], config: dict[str, Any], architecture: Architecture, directory: Path) -> None:
    """Every block has the tensors of the first, and the ends of the model are there."""
    names = {plan.name for plan in plans}
    needed = {"token_embd.weight", "output_norm.weight"} | (
        set() if config.get("tie_word_embeddings") else {"output.weight"}
    )
    block = {name.removeprefix("blk.0.") for name in names if name.startswith("blk.0.")}
    block |= {f"{part}.weight" for part in architecture.block}
    needed |= {f"blk.{index}.{part}" for index in range(config["num_hidden_layers"]) for part in block}
    if missing := sorted(needed - names):
        raise BelleError(
            f"the checkpoint in {directory} is incomplete: {len(missing)} tensors are missing, first {missing[0]}",
            f"{directory} 中的模型不完整：缺少 {len(missing)} 个张量，第一个是 {missing[0]}",
        )
