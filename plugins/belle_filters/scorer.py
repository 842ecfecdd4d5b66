"""Mean losses of many examples under one model, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from belle_core.conversation import Example
from belle_core.data.storage import text_of
from belle_core.encoding import Encoded
from belle_core.tokenization import load_tokenizer
from belle_core.tokenization.segments import SegmentEncoder
from belle_core.training.batches import collate
from belle_core.training.examples import EncodedExamples
from belle_core.training.losses import token_losses


class Scorer:
    """A model in a directory of Hugging Face layout; ``of`` and ``length`` as in the options of the filter."""

    def __init__(self, directory: Path, *, of: str, length: int, batch: int) -> None:
        from belle_core.generation.checkpoint import on_accelerator, open_directory
        from belle_core.training.initial import check_vocabulary, load_weights

        self.length, self.batch, self.encoder = length, batch, None
        if of == "answer":
            engine = open_directory(directory)
            self.model, self.encoder = engine.model, engine.encoder
        else:
            self.tokenizer = load_tokenizer(directory)
            self._segments = SegmentEncoder(self.tokenizer)
            self.model = on_accelerator(load_weights(directory, "auto"))
            check_vocabulary(self.model, self.tokenizer)
        self.model.eval()

    def batches(self, examples: Sequence[Example]) -> Iterator[list[int]]:
        """Numbers of the examples in batches of like length; :meth:`losses` then scores them."""
        self._encoded = EncodedExamples()
        for example in examples:
            encoded = self._encode(example)
            self._encoded.add([Encoded(encoded.ids[: self.length], encoded.weights[: self.length])], 1.0)
        order = sorted(range(len(examples)), key=lambda number: self._encoded.lengths[number])
        yield from (order[at : at + self.batch] for at in range(0, len(order), self.batch))

    @torch.inference_mode()
    def losses(self, numbers: list[int]) -> list[float | None]:
        """Mean loss in nats of each of these examples; ``None`` where there is no token to predict."""
        batch = collate(self._encoded, numbers).to(self.model.device)
        if not len(batch.keep):
            return [None] * len(numbers)
        losses = token_losses(self.model, batch).double()
        sums = torch.zeros(len(numbers), dtype=torch.float64, device=losses.device).index_add_(0, batch.rows, losses)
        counts = torch.bincount(batch.rows, minlength=len(numbers))
        return [total / count if count else None for total, count in zip(sums.tolist(), counts.tolist())]

    def _encode(self, example: Example) -> Encoded:
        if self.encoder is not None and example.conversation is not None:
            ids = self.encoder.encode(example.conversation).ids
            given = self.encoder.prompt(example.conversation) if example.conversation.answer else ids
            common = next(
                (at for at, pair in enumerate(zip(ids, given)) if pair[0] != pair[1]), min(len(ids), len(given))
            )
            return Encoded(
                ids, [0.0] * common + [1.0] * (len(ids) - common)
            )  # a checkpoint's own template marks no answers
        return self._encode_text(text_of(example))

    def _encode_text(self, text: str) -> Encoded:
        tokenizer: Any = self.tokenizer if self.encoder is None else self.encoder.tokenizer
        segments = self._segments if self.encoder is None else SegmentEncoder(tokenizer)
        ids = segments.encode(text, after_text=False)
        bos = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        return Encoded([*bos, *ids], [0.0] * len(bos) + [1.0] * len(ids))
