"""Runs a GGUF file with llama.cpp, with prompts encoded segment by segment as in training."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from belle_core.encoding import Encoder
from belle_core.errors import BelleError
from belle_core.generation.engine import Engine, Sampling
from belle_core.generation.header import trained_context
from belle_core.generation.llamacpp import open_model
from belle_core.generation.templates import template_for

if TYPE_CHECKING:
    from llama_cpp import Llama

CONTEXT = 4096
"""Tokens of context that are held in memory, where the model was trained for more."""
SMALL = 40_000_000
"""Bytes of a file below which one thread is faster on cores that are busy."""
UNTOUCHED = {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}
"""Switches off what llama.cpp does to probabilities by default."""
CONTROL = 1 << 3  # llama.h, LLAMA_TOKEN_ATTR_CONTROL


class GgufEngine(Engine):
    """Answers with llama.cpp, one conversation at a time."""

    def __init__(self, path: Path, *, template: str | None = None, threads: int | None = None) -> None:
        context = min(CONTEXT, trained_context(path) or CONTEXT)
        self.model = open_model(path, context=context, threads=threads or _threads(path))
        vocabulary = GgufVocabulary(self.model)
        chosen = template_for(
            self.model.metadata.get("tokenizer.chat_template"),
            vocabulary.special,
            bos=vocabulary.piece_of(vocabulary.bos_token_id),
            eos=vocabulary.piece_of(vocabulary.eos_token_id),
            name=template,
            where=str(path),
        )
        encoder = Encoder(vocabulary, chosen, segments=vocabulary)
        super().__init__(encoder, context_length=context, stop_ids=[*encoder.stop_ids, *vocabulary.ends])

    def _generate(
        self,
        prompts: list[list[int]],
        sampling: Sampling,
        batch: int,
        report: Callable[[list[int], list[list[int]]], None],
    ) -> None:
        for index, prompt in enumerate(prompts):
            report([index], [list(self._stream(prompt, sampling))])

    def _stream(self, prompt: list[int], sampling: Sampling) -> Iterator[int]:
        room = self.room(len(prompt), sampling.max_new_tokens)
        if not room:
            return
        self.model.set_seed(sampling.seed)
        options: dict[str, Any] = {"temp": sampling.temperature, "top_p": sampling.top_p, **UNTOUCHED}
        for token in self.model.generate(prompt, **options):
            if token in self.stop_ids:
                return
            yield token
            room -= 1
            if not room:
                return

    def close(self) -> None:
        self.model.close()


def _threads(path: Path) -> int:
    """One for a small file, whose threads would wait for one another longer than they work, else one per core."""
    return 1 if path.is_file() and path.stat().st_size < SMALL else os.cpu_count() or 1


class GgufVocabulary:
    """The tokenizer inside a GGUF file, under the names that :class:`Encoder` knows from Hugging Face."""

    unk_token_id = None

    def __init__(self, model: Llama) -> None:
        import llama_cpp

        self._llama, self._library = model, llama_cpp.llama_cpp
        self._vocabulary = self._library.llama_model_get_vocab(model._model.model)
        self.bos_token_id, self.eos_token_id = _known(model.token_bos()), _known(model.token_eos())
        control = [
            i for i in range(model.n_vocab()) if self._library.llama_token_get_attr(self._vocabulary, i) & CONTROL
        ]
        self._special = {self.piece_of(index): index for index in control}
        self.special = sorted(self._special)
        self.ends = [index for index in control if self._library.llama_vocab_is_eog(self._vocabulary, index)]

    def convert_tokens_to_ids(self, token: str) -> int | None:
        """Id of a special token by content."""
        return self._special.get(token)

    def piece_of(self, index: int | None) -> str:
        """The token as the file spells it; empty for ``None``."""
        return "" if index is None else str(self._library.llama_token_get_text(self._vocabulary, index).decode())

    def encode(self, text: str, *, after_text: bool) -> list[int]:
        """Ids without special tokens; the dummy prefix only where no text comes before."""
        ids = self._tokens(text)
        if not after_text or not self._prefixed(ids, text):
            return ids
        lead = self._tokens("\n")
        whole = self._tokens("\n" + text)
        if whole[: len(lead)] != lead:
            raise BelleError(
                "this GGUF file's tokenizer cannot go on within a text", "该 GGUF 文件的分词器无法接着前文编码"
            )
        return whole[len(lead) :]

    def encode_many(self, texts: Sequence[str], after_text: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
        """Of many texts, as :class:`belle_core.tokenization.segments.SegmentEncoder` gives them."""
        ids = [self.encode(text, after_text=after) for text, after in zip(texts, after_text, strict=True)]
        return np.fromiter(chain.from_iterable(ids), np.int32), np.fromiter(map(len, ids), np.int64, len(ids))

    def decode(self, ids: list[int], **_: Any) -> str:
        """Text of *ids*, control tokens left out."""
        return b"".join(map(self._bytes, ids)).decode("utf-8", errors="replace")

    def _prefixed(self, ids: list[int], text: str) -> bool:
        return not text.startswith(" ") and self.decode(ids).startswith(" ")

    def _tokens(self, text: str) -> list[int]:
        return list(self._llama.tokenize(text.encode(), add_bos=False, special=False))

    def _bytes(self, token: int) -> bytes:
        import ctypes

        size = 256
        while True:
            buffer = (ctypes.c_char * size)()
            count = self._library.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            size = -count


def _known(index: int) -> int | None:
    return index if index >= 0 else None
