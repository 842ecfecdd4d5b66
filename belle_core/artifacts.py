"""Typed results of stages: a directory in a format every other tool reads, plus a few facts about it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

MANIFEST = "artifact.json"


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A directory of files; the subclass's fields are its facts and hold plain JSON values."""

    directory: Path

    @property
    def fingerprint(self) -> str:
        """The hash of how this artifact was made; also the name of its directory."""
        return self.directory.name.removesuffix(".partial")

    def facts(self) -> dict[str, Any]:
        """The JSON facts, without the directory."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "directory"}


A = TypeVar("A", bound=Artifact)


def fingerprint(recipe: dict[str, Any]) -> str:
    """Hash *recipe* as canonical JSON, so equal recipes share one artifact."""
    text = json.dumps(recipe, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Examples(Artifact):
    """Examples in ``<split>.jsonl``, dropped ones with their reason in ``rejected.jsonl``."""

    record: str
    """What each example holds: ``conversation``, ``text``, ``pair`` or ``ranked``."""
    splits: dict[str, int]
    """Number of examples per split (``train``, ``dev``, ``test``)."""
    characters: int = 0
    """Characters of text in ``train``."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Number of dropped records per reason."""
    cleaned: dict[str, dict[str, int]] = field(default_factory=dict)
    """What each filter did to ``train``, in order: ``in``, ``changed``, ``added`` by dividing, ``dropped``."""
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What filters learned of the data as a whole, by their names: ``contamination`` how many questions of which evaluation stand in it."""
    licences: list[str] = field(default_factory=list)
    """Licences of the sources, as stated by them."""


@dataclass(frozen=True, kw_only=True)
class Tokenizer(Artifact):
    """A tokenizer in Hugging Face layout."""

    vocabulary: int
    """Number of tokens; also the number of embedding rows of a model made for it."""


@dataclass(frozen=True, kw_only=True)
class Runnable(Artifact):
    """Something that answers: a model in one of its forms. Its tokenizer and template lie beside the weights."""

    parameters: int
    """Number of weights."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Figures of the run that made it, such as ``dev_loss`` in nats."""


@dataclass(frozen=True, kw_only=True)
class Model(Runnable):
    """Full weights in Hugging Face layout (safetensors)."""


@dataclass(frozen=True, kw_only=True)
class Adapter(Runnable):
    """Low-rank weights in peft's layout, to be added to *base*."""

    base: dict[str, Any]
    """Where the base comes from: ``{"artifact": fingerprint}`` or the model section and seed it was built from."""
    trainable: int = 0
    """Number of weights of the adapter alone."""


@dataclass(frozen=True, kw_only=True)
class RewardModel(Artifact):
    """Scores answers and gives none: ``AutoModelForSequenceClassification`` with one label, its tokenizer beside it."""

    parameters: int
    """Number of weights."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Figures of the run that made it, such as ``dev_accuracy``."""


@dataclass(frozen=True, kw_only=True)
class QuantizedModel(Runnable):
    """Weights in fewer bits, in the layout of the library named by *method*."""

    method: str
    """The quantization that made it, e.g. ``nf4``."""
    bits_per_weight: float = 0.0
    """Bytes of the weight files times 8, divided by the number of weights."""


@dataclass(frozen=True, kw_only=True)
class Evaluation(Artifact):
    """Scores in ``scores.json``, answers in ``answers.jsonl``, a page in ``report.html``."""

    scores: dict[str, float]
    """Overall figures, by metric, between 0 and 1."""
    categories: dict[str, dict[str, float]]
    """Figures by category, then by metric."""
    count: int
    """Number of questions."""


@dataclass(frozen=True, kw_only=True)
class Bundle(Artifact):
    """Something to take away: a GGUF file, a merged directory, a page."""

    format: str
    """What it is, e.g. ``gguf``."""
    main: str
    """The file or directory to open, relative to the artifact."""
    size: int
    """Bytes of all files."""


TYPES: dict[str, type[Artifact]] = {
    kind.__name__: kind
    for kind in (Examples, Tokenizer, Model, Adapter, RewardModel, QuantizedModel, Evaluation, Bundle)
}
"""Every artifact type by the name of its folder in the store."""
