"""Runs a transformers model: an artifact's, or a plain Hugging Face directory's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from belle_core.encoding import Encoder, Template
from belle_core.generation.engine import Engine, Sampling
from belle_core.generation.local import generate, stream
from belle_core.generation.templates import template_of


class CheckpointEngine(Engine):
    """Answers with a transformers causal language model and its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, template: Template) -> None:
        encoder = Encoder(tokenizer, template)
        context_length = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        super().__init__(
            encoder, context_length=context_length, stop_ids=[*encoder.stop_ids, *_generation_stops(model)]
        )
        self.model = on_accelerator(model)

    def _generate(
        self,
        prompts: list[list[int]],
        sampling: Sampling,
        batch: int,
        report: Callable[[list[int], list[list[int]]], None],
    ) -> None:
        generate(self.model, prompts, batch=batch, on_batch=report, **self._settings(sampling))

    def _stream(self, prompt: list[int], sampling: Sampling) -> Iterator[int]:
        return stream(self.model, prompt, **self._settings(sampling))

    def _settings(self, sampling: Sampling) -> dict[str, Any]:
        return {**vars(sampling), "stop_ids": self.stop_ids, "context_length": self.context_length}


def _generation_stops(model: Any) -> list[int]:
    """End tokens that the checkpoint's ``generation_config.json`` names."""
    stops = getattr(model.generation_config, "eos_token_id", None) if model.can_generate() else None
    return [] if stops is None else [stops] if isinstance(stops, int) else list(stops)


def on_accelerator(model: Any) -> Any:
    """The model on the GPU if there is one; quantized and already placed ones stay where they are."""
    import torch

    if model.device.type != "cpu" or getattr(model, "is_quantized", False):
        return model
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    return model.to(device)


def open_directory(directory: Path, *, template: str | None = None) -> CheckpointEngine:
    """The model of a Hugging Face directory; raises ``BelleError`` when it has no template or cannot be loaded."""
    from belle_core.tokenization import load_tokenizer
    from belle_core.training.initial import check_vocabulary, load_weights

    tokenizer = load_tokenizer(directory)
    chosen = template_of(directory, tokenizer, template)
    model = load_weights(directory, "auto")
    check_vocabulary(model, tokenizer)
    return CheckpointEngine(model, tokenizer, chosen)


def is_checkpoint(directory: Path) -> bool:
    """Whether the directory is in Hugging Face layout."""
    return (directory / "config.json").is_file()
