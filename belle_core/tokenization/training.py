"""Trains a SentencePiece BPE tokenizer that loses nothing: identity normalisation, byte fallback, no added spaces."""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from belle_core.errors import BelleError

FIXED = 3 + 256  # <unk>, <s>, </s> and one piece per byte
LONGEST = 1000  # characters a piece of training text may have; SentencePiece drops longer lines without a word


def train_sentencepiece(
    texts: Iterable[str],
    *,
    vocab_size: int,
    max_piece_length: int | None = None,
    control: Sequence[str] = (),
    coverage: float = 0.9995,
    sample: int = 0,
    seed: int = 0,
) -> bytes:
    """The bytes of a ``tokenizer.model`` with ids 0, 1, 2 = ``<unk>``, ``<s>``, ``</s>`` as LLaMA has them.

    White space is kept as it is; line breaks and tabs are byte pieces; numbers are split into digits. The same texts
    give the same bytes.

    Args:
        texts: training texts; read once.
        vocab_size: number of pieces. An upper bound where ``max_piece_length`` is 1.
        max_piece_length: characters per piece; 1 makes a character tokenizer with every character of the texts.
        control: special tokens that get ids from 3 on and can never come from text.
        coverage: fraction of all characters of the texts whose kind is a piece; the rest are written in bytes.
        sample: number of lines drawn for training with ``seed``; 0 takes all.

    Raises:
        BelleError: the texts have too few different pieces, or too many characters, for ``vocab_size``.
    """
    import sentencepiece

    characters: set[str] = set()
    model = io.BytesIO()
    options: dict[str, Any] = {"max_sentencepiece_length": max_piece_length} if max_piece_length else {}
    lines = _lines(texts, ["<unk>", "<s>", "</s>", *control], characters)
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_drawn(lines, sample, seed) if sample else lines,
            model_writer=model,
            vocab_size=vocab_size,
            control_symbols=list(control),
            character_coverage=1.0 if max_piece_length == 1 else coverage,
            **LLAMA_LIKE,
            **options,
        )
    except (RuntimeError, OSError) as error:
        raise _untrainable(characters, vocab_size, error) from error
    if max_piece_length != 1:
        _check_size(model.getvalue(), vocab_size)
    return model.getvalue()


LLAMA_LIKE: dict[str, Any] = {
    "model_type": "bpe",
    "normalization_rule_name": "identity",
    "add_dummy_prefix": False,
    "remove_extra_whitespaces": False,
    "allow_whitespace_only_pieces": True,
    "byte_fallback": True,
    "split_digits": True,
    "hard_vocab_limit": False,
    "required_chars": "▁",  # a space; else it falls back to the bytes of its placeholder and decodes to that
    "unk_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "pad_id": -1,
    "num_threads": 1,
    "minloglevel": 2,
}


def _lines(texts: Iterable[str], special: list[str], characters: set[str]) -> Iterator[str]:
    """Lines short enough for SentencePiece, without line breaks and tabs; notes which characters occur.

    Written-out special tokens are cut in two: SentencePiece would not learn the characters in them.
    """
    for text in texts:
        characters.update(text)
        for token in special:
            text = text.replace(token, f"{token[0]}\n{token[1:]}")
        for line in text.replace("\t", "\n").replace("\r", "\n").split("\n"):
            for start in range(0, len(line), LONGEST):
                yield line[start : start + LONGEST]


def _drawn(lines: Iterator[str], count: int, seed: int) -> Iterator[str]:
    """``count`` lines, each as likely as any other (reservoir sampling, Vitter's algorithm R)."""
    draw, kept = random.Random(seed), list(islice(lines, count))
    for seen, line in enumerate(lines, start=count + 1):
        place = draw.randrange(seen)
        if place < count:
            kept[place] = line
    return iter(kept)


def _check_size(model: bytes, asked: int) -> None:
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model_proto=model).get_piece_size()
    if pieces < asked:
        raise BelleError(
            f"the texts give only {pieces} pieces, fewer than vocab_size={asked}; add text or set vocab_size={pieces}",
            f"这些文本只能得到 {pieces} 个词片，少于 vocab_size={asked}；请提供更多文本，或设 vocab_size={pieces}",
        )


def _untrainable(characters: set[str], asked: int, error: Exception) -> BelleError | Exception:
    if not characters:
        return BelleError("there is no text to train the tokenizer on", "没有可用于训练分词器的文本")
    needed = len(characters) + FIXED
    if needed > asked:
        return BelleError(
            f"vocab_size={asked} is too small for {len(characters)} different characters; use at least {needed}",
            f"vocab_size={asked} 太小：文本中有 {len(characters)} 个不同的字符；请至少设为 {needed}",
        )
    return error
