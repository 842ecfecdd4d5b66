"""A tokenizer as llama.cpp stores it: tokens, scores or merges, types, special tokens and the chat template."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_core.errors import BelleError
from belle_gguf.byte_level import pre_tokenizer_name

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from transformers import PreTrainedTokenizerFast

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED = 1, 2, 3, 4, 5  # gguf.TokenType
STOPS = ("eos", "eot", "eom")  # the names GGUF has for tokens that end a generation


@dataclass
class Vocabulary:
    """The tokens in order of their ids, and how text becomes tokens."""

    model: str
    """``llama`` (SentencePiece) or ``gpt2`` (byte-level BPE)."""
    pre: str
    """llama.cpp's name of the pre-tokenizer."""
    tokens: list[str]
    types: list[int]
    scores: list[float] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    space_prefix: bool = False
    """Whether a space is put before a text."""

    def pad_to(self, rows: int) -> int:
        """Adds unused tokens up to the number of embedding rows; returns how many."""
        missing = rows - len(self.tokens)
        self.tokens += [f"[PAD{index}]" for index in range(len(self.tokens), rows)]
        self.types += [UNUSED] * missing
        self.scores += [-10000.0] * missing if self.scores else []
        return missing


def read_vocabulary(directory: Path, tokenizer: PreTrainedTokenizerFast) -> Vocabulary:
    """The vocabulary of a Hugging Face directory.

    Raises:
        BelleError: the tokenizer is of a kind that llama.cpp would encode otherwise.
    """
    if (directory / "tokenizer.model").is_file():
        vocabulary = _sentencepiece(directory / "tokenizer.model")
    else:
        vocabulary = _byte_level(directory, tokenizer)
    pieces = {token: index for index, token in enumerate(vocabulary.tokens)}
    added = tokenizer.added_tokens_decoder
    for index, token in sorted(added.items()):
        _add(vocabulary, index, token.content, special=token.special)
    ids = {token: index for token, index in tokenizer.get_vocab().items() if index not in added}
    if any(pieces.get(token) != index for token, index in ids.items()):
        raise BelleError(
            f"tokenizer.json and tokenizer.model in {directory} give tokens other ids",
            f"{directory} 中 tokenizer.json 与 tokenizer.model 的词元编号不一致",
        )
    return vocabulary


def add_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary) -> None:
    """Writes the tokens."""
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_add_space_prefix(vocabulary.space_prefix)
    if vocabulary.scores:
        writer.add_token_scores(vocabulary.scores)
    if vocabulary.merges:
        writer.add_token_merges(vocabulary.merges)


def add_special_tokens(writer: GGUFWriter, tokenizer: PreTrainedTokenizerFast, generation: dict[str, Any]) -> None:
    """Writes the special tokens, every token that ends a generation, and the chat template.

    ``generation`` is the content of ``generation_config.json``; its ``eos_token_id`` may name several.
    """
    for name in ("bos", "unk", "pad"):
        index = getattr(tokenizer, f"{name}_token_id")
        if index is not None:
            getattr(writer, f"add_{name}_token_id")(index)
    for name, index in zip(STOPS, stop_ids(tokenizer, generation), strict=False):
        getattr(writer, f"add_{name}_token_id")(index)
    first = tokenizer("").input_ids[:1]
    writer.add_add_bos_token(tokenizer.bos_token_id is not None and first == [tokenizer.bos_token_id])
    writer.add_add_eos_token(False)
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)


def stop_ids(tokenizer: PreTrainedTokenizerFast, generation: dict[str, Any]) -> list[int]:
    """Ids that end a generation, the tokenizer's own first.

    Raises:
        BelleError: there are more than GGUF can name.
    """
    stated = generation.get("eos_token_id")
    stated = stated if isinstance(stated, list) else [stated]
    ids = list(dict.fromkeys(index for index in [tokenizer.eos_token_id, *stated] if index is not None))
    if len(ids) > len(STOPS):
        raise BelleError(
            f"generation_config.json has {len(ids)} stop tokens {ids}; GGUF can name {len(STOPS)}",
            f"generation_config.json 中有 {len(ids)} 个停止词元 {ids}；GGUF 最多只能记录 {len(STOPS)} 个",
        )
    return ids


def _sentencepiece(path: Path) -> Vocabulary:
    from belle_core.tokenization.exact import SPACE, exact_backend, read_proto

    proto = read_proto(path)
    exact_backend(proto, path)  # refuses what is not encoded exactly
    texts = [piece.piece.replace(SPACE, " ") if piece.type == USER_DEFINED else piece.piece for piece in proto.pieces]
    types, scores = [piece.type for piece in proto.pieces], [piece.score for piece in proto.pieces]
    prefix = proto.normalizer_spec.add_dummy_prefix
    return Vocabulary("llama", "default", texts, types, scores=scores, space_prefix=prefix)


def _byte_level(directory: Path, tokenizer: PreTrainedTokenizerFast) -> Vocabulary:
    description = json.loads(tokenizer.backend_tokenizer.to_str())
    pre = pre_tokenizer_name(description, directory)
    model = description["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    if sorted(model["vocab"].values()) != list(range(len(tokens))):
        raise BelleError(f"the token ids in {directory} have gaps", f"{directory} 中的词元编号不连续")
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    special = {token["content"] for token in description["added_tokens"] if token["special"]}
    merges = [merge for merge in merges if merge.replace(" ", "") not in special]  # no text may spell one
    return Vocabulary("gpt2", pre, tokens, [NORMAL] * len(tokens), merges=merges)


def _add(vocabulary: Vocabulary, index: int, text: str, *, special: bool) -> None:
    """An added token: a new one, or one of the model's own with another type."""
    if index > len(vocabulary.tokens):
        vocabulary.pad_to(index)  # ids that no token has
    if index == len(vocabulary.tokens):
        vocabulary.tokens.append(text)
        vocabulary.types.append(CONTROL if special else USER_DEFINED)
        vocabulary.scores += [-1000.0] if vocabulary.scores else []
    elif vocabulary.types[index] == NORMAL:
        vocabulary.types[index] = CONTROL if special else USER_DEFINED
