"""Writes models and adapters as directories that other tools read, with all that belongs to them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import distributed
from transformers import GenerationConfig, PreTrainedModel

from belle_core.artifacts import Model, RewardModel
from belle_core.training.disk import disk_errors
from belle_core.training.heads import SCORE, padding, with_head
from belle_core.training.loading import TEMPLATE_FILE, Loaded
from belle_core.training.quiet import quiet

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
)


def save_model(loaded: Loaded, directory: Path) -> None:
    """The weights of ``loaded.model`` in their stored format, tokenizer, template and stop tokens.

    Of several processes that trained together the first one writes. Raises ``RuntimeError`` when a tensor does not
    arrive on disk.
    """
    if not writes():
        return
    model = loaded.model.to(getattr(torch, loaded.dtype))
    model.generation_config = _generation_config(loaded)
    with quiet(), disk_errors(directory):
        model.save_pretrained(directory, max_shard_size="5GB")
    save_belongings(loaded, directory)
    _readable(directory)
    _check_written(model, directory)


def save_trained(loaded: Loaded, metrics: dict[str, float], directory: Path) -> Model | RewardModel:
    """``loaded.model`` as the artifact that it has become: a reward model when its objective gave it a score."""
    head = getattr(loaded.model, SCORE, None)
    if head is not None:
        delattr(loaded.model, SCORE)
        loaded = replace(loaded, model=with_head(loaded.model, head, pad=padding(loaded)))
    save_model(loaded, directory)
    kind = Model if head is None else RewardModel
    return kind(directory=directory, parameters=loaded.parameters, metrics=metrics)


def save_adapter(model: Any, loaded: Loaded, directory: Path, **options: Any) -> None:
    """The adapter of the peft *model* in peft's layout; ``loaded`` is its base, *options* are peft's.

    Of several processes that trained together the first one writes.
    """
    if not writes():
        return
    with quiet(), disk_errors(directory):
        model.save_pretrained(directory, save_embedding_layers=False, **options)
    (directory / "README.md").unlink(missing_ok=True)  # peft's empty model card
    path = directory / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = loaded.origin.get("artifact") or loaded.origin["model"]["checkpoint"]
    config["target_modules"] = sorted(config["target_modules"])  # a set: its order would differ from run to run
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    model.get_base_model().config.save_pretrained(directory)
    save_belongings(loaded, directory)
    _readable(directory)


def writes() -> bool:
    """Whether this process is the one that writes what several have made."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def save_belongings(loaded: Loaded, directory: Path) -> None:
    """Tokenizer files byte for byte, the template in Jinja and by name, the stop tokens."""
    for name in TOKENIZER_FILES:
        if (loaded.files / name).is_file():
            shutil.copyfile(loaded.files / name, directory / name)
    (directory / "chat_template.jinja").write_text(loaded.template.jinja, encoding="utf-8")
    (directory / TEMPLATE_FILE).write_text(json.dumps({"name": loaded.template.name}) + "\n", encoding="utf-8")
    _generation_config(loaded).save_pretrained(directory)


def _generation_config(loaded: Loaded) -> GenerationConfig:
    tokenizer = loaded.tokenizer
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=loaded.encoder.stop_ids, pad_token_id=tokenizer.pad_token_id
    )


def _readable(directory: Path) -> None:
    """Weights with the permissions of other files: safetensors gives them to their owner alone."""
    for path in directory.glob("*.safetensors"):
        path.chmod((directory / "config.json").stat().st_mode)


def _check_written(model: PreTrainedModel, directory: Path) -> None:
    """Read back names and shapes; a tensor may be left out only if it is another one's memory (tied weights)."""
    written: dict[str, list[int]] = {}
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            written |= {name: file.get_slice(name).get_shape() for name in file.keys()}
    tensors = model.state_dict()
    stored = {tensors[name].data_ptr() for name in written if name in tensors}
    for name, tensor in tensors.items():
        if written.get(name) != list(tensor.shape) and (name in written or tensor.data_ptr() not in stored):
            raise RuntimeError(f"{name} {tuple(tensor.shape)} was written to {directory} as {written.get(name)}")
