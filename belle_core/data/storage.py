"""Examples as lines of JSON, and what is counted of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from belle_core.artifacts import Examples
from belle_core.conversation import Example

SPLITS = ("train", "dev", "test")
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def dumped(record: dict[str, Any]) -> bytes:
    """*record* as a line of JSON; raises ``ValueError`` for NaN."""
    return _ENCODE(record).encode("utf-8") + b"\n"


def line_of(example: Example) -> bytes:
    """*example* as a line of JSON, with its end."""
    record = example.to_json()
    if "meta" in record or "weights" in record:
        return dumped(record)  # orjson would write null for NaN, and no number beyond 64 bits
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def parse_line(line: bytes) -> Example:
    """The inverse of :func:`line_of`."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:  # halves of characters
        record = json.loads(line)
    # orjson makes large integers inexact
    return Example.from_json(json.loads(line) if "meta" in record else record)


def read_examples(artifact: Examples, split: str) -> Iterator[Example]:
    """The examples of a split, in order; none when the artifact has no such split."""
    path = artifact.directory / f"{split}.jsonl"
    if not path.exists():
        return
    with path.open("rb") as file:
        yield from map(parse_line, file)


def record_of(example: Example) -> str:
    """``text``, ``pair``, ``ranked`` or ``conversation``: what the example can be used for. Bad answers alone compare with nothing."""
    if example.conversation is None:
        return "text"
    if not example.rejected or not example.conversation.answer:
        return "conversation"
    return "ranked" if len(example.rejected) > 1 else "pair"


def length_of(example: Example) -> int:
    """Characters of :func:`text_of`."""
    if example.conversation is None:
        return len(example.text or "")
    return len(example.conversation.system) + sum([len(turn.text) for turn in example.conversation.turns])


def text_of(example: Example) -> str:
    """All text of the example that a model would read."""
    if example.conversation is None:
        return example.text or ""
    return "".join([example.conversation.system, *(turn.text for turn in example.conversation.turns)])
