"""How many tokens the examples have, counted on a sample as training encodes them, without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from belle_core.artifacts import Examples, Tokenizer
from belle_core.conversation import Example
from belle_core.encoding import Encoder, Template

SAMPLE = 5000


@dataclass(frozen=True)
class TokenCount:
    """Tokens of one pass over the training examples."""

    tokens: int
    learned: int
    """Tokens that carry loss."""
    longest: int
    """Tokens of the longest sequence seen, as cut."""
    step: int
    """Tokens of the largest optimizer step in any epoch, if all examples were counted."""
    examples: int
    """Examples that training sees: a ranking is several pairs, a long document several pieces."""
    sequences: int
    """Sequences of each."""
    dropped: int
    """Examples without anything to learn within the limit; training leaves them out."""
    counted: int
    """Examples that were really encoded; fewer than there are means that the rest is projected from them."""


class _Tokenizer:
    """What an ``Encoder`` needs of a Hugging Face tokenizer; reading ``tokenizer.json`` needs no transformers."""

    unk_token_id = None

    def __init__(self, directory: Path) -> None:
        self.path = directory / "tokenizer.json"
        named = directory / "tokenizer_config.json"
        about = json.loads(named.read_text(encoding="utf-8")) if named.is_file() else {}
        self.bos_token_id, self.eos_token_id = (0 if about.get(f"{name}_token") else None for name in ("bos", "eos"))

    @cached_property
    def backend_tokenizer(self) -> Any:
        from tokenizers import Tokenizer as FastTokenizer

        return FastTokenizer.from_file(str(self.path))

    def convert_tokens_to_ids(self, token: str) -> int:
        """Any number will do where tokens are only counted; that there is one is checked when the model is loaded."""
        return 0


def count_tokens(
    examples: Examples, tokenizer: Tokenizer, template: Template, max_length: int, objective: Any, batch: int, seed: int
) -> TokenCount | None:
    """Tokens per epoch, cut at *max_length*, as the *objective* with these options learns them, *batch* examples a step.

    ``None`` without training examples or an objective, or when the tokenizer has no ``tokenizer.json``.
    """
    total = examples.splits.get("train", 0)
    if not (tokenizer.directory / "tokenizer.json").is_file() or not total or objective is None:
        return None
    from belle_core.training.examples import encode_all
    from belle_core.training.objective import build_objective
    from belle_core.training.order import largest_step

    encoder = Encoder(_Tokenizer(tokenizer.directory), template)
    sample = list(_sample(examples, total))
    encoded = encode_all(sample, encoder, build_objective(objective), max_length=max_length)
    scale = total / len(sample)
    return TokenCount(
        tokens=round(scale * len(encoded.ids)),
        learned=round(scale * sum(weight > 0 for weight in encoded.weights)),
        longest=int(encoded.lengths.max(initial=0)),
        step=largest_step(encoded, batch, seed),
        examples=round(scale * len(encoded)),
        sequences=encoded.width,
        dropped=round(scale * encoded.dropped),
        counted=len(sample),
    )


def _sample(examples: Examples, total: int) -> Iterator[Example]:
    stride = -(-total // SAMPLE)
    with (examples.directory / "train.jsonl").open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            if number % stride == 0:
                yield Example.from_json(json.loads(line))
