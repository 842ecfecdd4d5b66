"""Encodes text segment by segment, so that the ids of a conversation are the ids of its segments put together."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import chain
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_core.garbage import uncollected
from belle_core.tokenization.chunks import SPACE, ChunkEncoder, divisible

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

Many = Callable[[Sequence[str], Sequence[bool]], tuple[np.ndarray, np.ndarray]]
"""From texts, and whether other text comes before each, to all their ids, (tokens,) int32, and how many each has, (texts,) int64."""


class SegmentEncoder:
    """Turns text segments into ids, without special tokens.

    Some tokenizers put a space before a text (LLaMA's dummy prefix). It belongs at the start and after a special token,
    as SentencePiece and llama.cpp have it, and not between two segments of text; so there are two ways. In neither
    does a special token written out in the text (``</s>``) become that token: users cannot inject one.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        backend = tokenizer.backend_tokenizer
        with uncollected():  # there may be a hundred thousand merges
            given = json.loads(backend.to_str())
            description = _without_special_pieces(given)
            if description is not given:
                backend = _backend(description)
            self.encode_many: Many = _in_pieces(backend, description) if divisible(description) else _whole(description)

    def encode(self, text: str, *, after_text: bool) -> list[int]:
        """Ids of ``text``; ``after_text`` says that other text, not a special token or nothing, comes before it."""
        ids: list[int] = self.encode_many([text], [after_text])[0].tolist()
        return ids


def _in_pieces(backend: Tokenizer, description: dict[str, Any]) -> Many:
    """For a tokenizer whose texts can be divided."""
    chunks = ChunkEncoder(backend.model, [_pair(merge) for merge in description["model"]["merges"]])
    first, later = (_normalize(each.get("normalizer")) for each in (description, _without_prefix(description)))

    def encode(texts: Sequence[str], after_text: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
        pairs = zip(texts, after_text, strict=True)
        return chunks.encode([(later if after else first)(text) if text else "" for text, after in pairs])

    return encode


def _whole(description: dict[str, Any]) -> Many:
    """For all others."""
    first, later = (_backend(each) for each in (description, _without_prefix(description)))

    def encode(texts: Sequence[str], after_text: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
        pairs = zip(texts, after_text, strict=True)
        ids = [(later if after else first).encode(text, add_special_tokens=False).ids for text, after in pairs]
        flat = np.fromiter(chain.from_iterable(ids), np.int32)
        return flat, np.fromiter(map(len, ids), np.int64, len(ids))

    return encode


def _normalize(normalizer: dict[str, Any] | None) -> Callable[[str], str]:
    """What the normalizer does; LLaMA's two steps in Python, where they cost least."""
    if normalizer is None:
        return lambda text: text
    steps = normalizer["normalizers"] if normalizer["type"] == "Sequence" else [normalizer]
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    if steps == [{"type": "Prepend", "prepend": SPACE}, spaces]:
        return lambda text: SPACE + text.replace(" ", SPACE)
    if steps == [spaces]:
        return lambda text: text.replace(" ", SPACE)
    empty: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
    }
    model = {"type": "BPE", "vocab": {}, "merges": []}
    normalize: Callable[[str], str] = _backend(
        empty | {"normalizer": normalizer, "model": model}
    ).normalizer.normalize_str
    return normalize


def _backend(description: dict[str, Any]) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(description | {"truncation": None, "padding": None}))
    tokenizer.encode_special_tokens = True  # written-out special tokens are text
    return tokenizer


def _without_special_pieces(description: dict[str, Any]) -> dict[str, Any]:
    """The same tokenizer's JSON where the model cannot put a special token together from its characters; itself if it cannot anyway."""
    special = {token["content"] for token in description["added_tokens"] if token["special"]}
    model = dict(description["model"])
    if model["type"] == "BPE":
        merges = [merge for merge in model["merges"] if "".join(_pair(merge)) not in special]
        return (
            description if len(merges) == len(model["merges"]) else description | {"model": model | {"merges": merges}}
        )
    secret = token_hex()  # no text can name the pieces that it hides
    hidden = {token: secret + token for token in special}
    if isinstance(model["vocab"], dict):
        model["vocab"] = {hidden.get(piece, piece): index for piece, index in model["vocab"].items()}
    else:
        model["vocab"] = [[hidden.get(piece, piece), score] for piece, score in model["vocab"]]
    if "unk_token" in model:
        model["unk_token"] = hidden.get(model["unk_token"], model["unk_token"])
    ordinary = [token for token in description["added_tokens"] if not token["special"]]
    return description | {"model": model, "added_tokens": ordinary}


def _pair(merge: str | Sequence[str]) -> Sequence[str]:
    """The two sides of a merge, which older files write as one text."""
    return merge.split(" ") if isinstance(merge, str) else merge


def _without_prefix(part: Any) -> Any:
    """The same tokenizer's JSON with nothing that puts a space before a text."""
    if isinstance(part, dict):
        plain = {
            name: value if name in ("model", "added_tokens") else _without_prefix(value) for name, value in part.items()
        }
        match plain.get("type"):
            case "Metaspace":
                plain["prepend_scheme"] = "never"
            case "ByteLevel":
                plain["add_prefix_space"] = False
        return plain
    if isinstance(part, list):
        return [_without_prefix(item) for item in part if not _is_prepend(item)]
    return part


def _is_prepend(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "Prepend"
