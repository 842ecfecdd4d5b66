"""Encodes text segment by segment, so that the ids of a conversation are the ids of its segments put together."""

from __future__ import annotations

import json
from collections.abc import Callable
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from belle_core.tokenization.chunks import ChunkEncoder, divisible

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast


class SegmentEncoder:
    """Turns text segments into ids, without special tokens.

    Some tokenizers put a space before a text (LLaMA's dummy prefix). It belongs at the start and after a special token,
    as SentencePiece and llama.cpp have it, and not between two segments of text; so there are two backends. In neither
    does a special token written out in the text (``</s>``) become that token: users cannot inject one.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        description = _without_special_pieces(json.loads(tokenizer.backend_tokenizer.to_str()))
        self._first = _encode(description)
        self._later = _encode(_without_prefix(description))

    def encode(self, text: str, *, after_text: bool) -> list[int]:
        """Ids of ``text``; ``after_text`` says that other text, not a special token or nothing, comes before it."""
        return (self._later if after_text else self._first)(text)


def _encode(description: dict[str, Any]) -> Callable[[str], list[int]]:
    """From a text to its ids; in pieces where these give the same."""
    backend = _backend(description)
    if divisible(description):
        return ChunkEncoder(backend, description).encode
    return lambda text: backend.encode(text, add_special_tokens=False).ids


def _backend(description: dict[str, Any]) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(description | {"truncation": None, "padding": None}))
    tokenizer.encode_special_tokens = True  # written-out special tokens are text
    return tokenizer


def _without_special_pieces(description: dict[str, Any]) -> dict[str, Any]:
    """The same tokenizer's JSON where the model cannot put a special token together from its characters."""
    special = {token["content"] for token in description["added_tokens"] if token["special"]}
    model = dict(description["model"])
    if model["type"] == "BPE":
        pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"])
        model["merges"] = [[left, right] for left, right in pairs if left + right not in special]
        return description | {"model": model}
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
