"""Loads what a stage starts from: an earlier step's model in any of its forms, or the ``model`` section."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from belle_core.artifacts import Adapter, Model, QuantizedModel, Runnable, Tokenizer
from belle_core.config import ModelConfig
from belle_core.conversation import Conversation, Turn
from belle_core.encoding import Encoder, Template
from belle_core.errors import BelleError
from belle_core.generation.templates import template_of
from belle_core.language import say
from belle_core.plugins import load_catalog
from belle_core.stages import StageContext
from belle_core.store import Store
from belle_core.tokenization import load_tokenizer
from belle_core.training.initial import check_vocabulary, initial_model, load_weights, merged, on_meta
from belle_core.training.sharing import receives

TEMPLATE_FILE = "template.json"
BASES: tuple[type[Runnable], ...] = (Model, Adapter, QuantizedModel)
PROBE = Conversation((Turn("user", "?"), Turn("assistant", "!")) * 2)
"""Uses every special token of a template; without a system text, which some checkpoints' own templates refuse."""
Dtype = Callable[[str], str] | None
"""From the stored format of the weights to the one to hold them in; ``None`` keeps it."""


@dataclass(frozen=True)
class Loaded:
    """A model with everything that belongs to it."""

    model: PreTrainedModel
    tokenizer: Any
    template: Template
    files: Path
    """Directory of the tokenizer's files."""
    origin: dict[str, Any]
    """What an adapter trained on it records as its ``base``."""
    dtype: str
    """Format that the weights are stored in."""

    @cached_property
    def encoder(self) -> Encoder:
        """The tokenizer and the template together."""
        return Encoder(self.tokenizer, self.template)

    @property
    def parameters(self) -> int:
        """Number of weights; tied ones count once."""
        return sum(p.numel() for p in self.model.parameters())

    @property
    def context_length(self) -> int | None:
        """Longest sequence, where the architecture states one."""
        return getattr(self.model.config, "max_position_embeddings", None)


def load_start(context: StageContext, *, dtype: Dtype = None) -> Loaded:
    """What a stage with ``starts_from`` works on: its Runnable input, else the initial model with the Tokenizer input.

    A process that gets its weights from the first one when they are divided has them on the meta device until then.
    """
    with torch.device("meta") if receives(context.shared.get("trainer"), context.rank) else nullcontext():
        if (source := context.find(Runnable)) is not None:
            return load_runnable(source, dtype=dtype)
        return load_initial(
            context.shared["model"], context.shared["seed"], context.input(Tokenizer).directory, dtype=dtype
        )


def load_initial(model: ModelConfig, seed: int, files: Path, *, dtype: Dtype = None) -> Loaded:
    """The model that the ``model`` section describes, with the tokenizer in *files*."""
    tokenizer = load_tokenizer(files)
    weights = initial_model(model, seed=seed, tokenizer=tokenizer, dtype=dtype(model.dtype) if dtype else None)
    section = asdict(model)
    for name in ("checkpoint", "adapter"):
        if section[name] and (path := Path(section[name]).expanduser()).is_dir():
            section[name] = str(path.resolve())
    origin = {"model": section, "seed": seed}
    return checked(
        Loaded(weights, tokenizer, template_of(files, tokenizer, model.template), files, origin, model.dtype)
    )


def load_runnable(artifact: Runnable, *, dtype: Dtype = None) -> Loaded:
    """A trained model, an adapter merged into its base, or a quantized model.

    Raises ``BelleError`` when an adapter's base is gone or does not fit.
    """
    if isinstance(artifact, Adapter):
        return _merged(artifact, dtype)
    files, tokenizer = artifact.directory, load_tokenizer(artifact.directory)
    config = json.loads((files / "config.json").read_text(encoding="utf-8"))
    stored = config.get("dtype") or config.get("torch_dtype") or "float32"
    model = load_weights(files, getattr(torch, dtype(stored) if dtype else stored))
    check_vocabulary(model, tokenizer)
    template = trained_template(files, tokenizer)
    return checked(Loaded(model, tokenizer, template, files, {"artifact": artifact.fingerprint}, stored))


def _merged(adapter: Adapter, dtype: Dtype) -> Loaded:
    """Base and update added up. An adapter's base may be an adapter again; both are then merged, the older one first."""
    base = load_base(adapter, dtype=dtype)
    model = base.model
    if not on_meta():  # merged, it has the same shapes
        model = merged(
            model, adapter.directory, name=say(f"adapter {adapter.fingerprint}", f"适配器 {adapter.fingerprint}")
        )
    return _with_adapter(adapter, base, model)


def _with_adapter(adapter: Adapter, base: Loaded, model: Any) -> Loaded:
    files = adapter.directory
    template = trained_template(files, base.tokenizer)
    return replace(base, model=model, template=template, files=files, origin={"artifact": adapter.fingerprint})


def load_base(adapter: Adapter, *, dtype: Dtype = None) -> Loaded:
    """What *adapter* was trained on: an artifact that lies in the same store, or the initial model."""
    if "artifact" not in adapter.base:
        return load_initial(ModelConfig(**adapter.base["model"]), adapter.base["seed"], adapter.directory, dtype=dtype)
    store, key = Store(adapter.directory.parents[1]), adapter.base["artifact"]
    artifact = next((found for kind in BASES if (found := store.find(kind, key))), None)
    if artifact is None:
        raise BelleError(
            f"adapter {adapter.fingerprint} needs its base {key}, which is no longer in {store.root}; repeat the run that made it",
            f"适配器 {adapter.fingerprint} 需要基座 {key}，但它已不在 {store.root} 中；请重新执行生成它的运行",
        )
    store.verify(artifact)
    return load_runnable(artifact, dtype=dtype)


def template_named(name: str) -> Template:
    """The template of that name, where it needs no checkpoint; raises ``BelleError`` when no plugin offers it."""
    template: Template = load_catalog().part("template", name).load()
    return template


def trained_template(directory: Path, tokenizer: Any) -> Template:
    """The template that a model in *directory* was trained with."""
    return template_of(
        directory, tokenizer, json.loads((directory / TEMPLATE_FILE).read_text(encoding="utf-8"))["name"]
    )


def checked(loaded: Loaded) -> Loaded:
    """*loaded*, if its tokenizer has every special token of its template; else raises ``BelleError``."""
    assert all(loaded.encoder.encode(part).ids for part in loaded.encoder.parts(PROBE))
    assert loaded.encoder.stop_ids
    return loaded
