"""How many tokens the examples have, counted on a sample with the real tokenizer and template, without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from belle_core.artifacts import Examples, Tokenizer
from belle_core.conversation import Example
from belle_core.encoding import Template

SAMPLE = 5000


@dataclass(frozen=True)
class TokenCount:
    """Tokens of one pass over the training examples."""

    tokens: int
    learned: int
    """Tokens that carry loss."""
    longest: int
    """Tokens of the longest example seen, as cut."""
    dropped: int
    """Examples without anything to learn within the limit; training leaves them out."""
    counted: int
    """Examples that were really encoded; fewer than there are means that the rest is projected from them."""


class _Backend:
    """What ``SegmentEncoder`` needs of a Hugging Face tokenizer; reading ``tokenizer.json`` needs no transformers."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def backend_tokenizer(self) -> Any:
        from tokenizers import Tokenizer as FastTokenizer

        return FastTokenizer.from_file(str(self.path))


def count_tokens(examples: Examples, tokenizer: Tokenizer, template: Template, max_length: int) -> TokenCount | None:
    """Tokens per epoch of examples that are conversations or texts, cut at *max_length*.

    ``None`` for other examples, without training examples, or when the tokenizer has no ``tokenizer.json``.
    """
    path, total = tokenizer.directory / "tokenizer.json", examples.splits.get("train", 0)
    if not path.is_file() or not total or examples.record not in ("conversation", "text"):
        return None
    from belle_core.tokenization.segments import SegmentEncoder

    encoder = SegmentEncoder(_Backend(path))  # type: ignore[arg-type]
    lengths = [_length(example, encoder, template, max_length) for example in _sample(examples, total)]
    kept = [(length, learned) for length, learned in lengths if learned]
    scale = total / len(lengths)
    return TokenCount(
        tokens=round(scale * sum(length for length, _ in kept)),
        learned=round(scale * sum(learned for _, learned in kept)),
        longest=max((length for length, _ in kept), default=0),
        dropped=round(scale * (len(lengths) - len(kept))),
        counted=len(lengths),
    )


def _sample(examples: Examples, total: int) -> Iterator[Example]:
    stride = -(-total // SAMPLE)
    with (examples.directory / "train.jsonl").open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            if number % stride == 0:
                yield Example.from_json(json.loads(line))


def _length(example: Example, encoder: Any, template: Template, max_length: int) -> tuple[int, int]:
    """(tokens, learned tokens) of *example*, cut at *max_length*."""
    if example.conversation is None:
        count = min(len(encoder.encode(example.text or "", after_text=False)) + 2, max_length)
        return count, count
    count = learned = 0
    after_text = False
    for segment in template.segments(example.conversation):
        new = 1 if segment.special else len(encoder.encode(segment.text, after_text=after_text))
        new = min(new, max_length - count)
        count += new
        learned += new if segment.weight > 0 else 0
        after_text = not segment.special and (after_text or bool(segment.text))
    return count, learned
