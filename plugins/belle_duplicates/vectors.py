"""The vectors of all examples on disk, 2 bytes a number, made once however often a run is broken off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from belle_core.progress import track
from belle_duplicates.encoder import Encoder

Numbers = np.ndarray[Any, np.dtype[Any]]
TOGETHER = 1 << 10
"""Texts that are encoded, and written, together."""
DIGEST = 16


class Vectors:
    """A matrix in a file, shape (examples, dimension), float16, of which rows are read as float32."""

    def __init__(self, path: Path, shape: tuple[int, int]) -> None:
        self._matrix = np.memmap(path, np.float16, "r", shape=shape)

    def __len__(self) -> int:
        return len(self._matrix)

    def rows(self, numbers: Numbers) -> torch.Tensor:
        """Those with these numbers. Shape (numbers, dimension)."""
        return torch.from_numpy(np.asarray(self._matrix[numbers])).float()

    def blocks(self, size: int) -> Iterator[tuple[int, torch.Tensor]]:
        """All, *size* at a time, each with the number of its first row."""
        for start in range(0, len(self), size):
            yield start, torch.from_numpy(np.array(self._matrix[start : start + size])).float()


def make_vectors(
    texts: Iterable[str], encoder: Encoder, scratch: Path, *, count: int, batch: int, label: str
) -> Vectors:
    """The vectors of *count* texts, in *scratch*. Those that lie there already are kept, up to the first text that is another one."""
    width = 2 * encoder.dimension
    path, notes = scratch / "vectors.bin", scratch / "vectors.digests"
    path.touch()
    notes.touch()
    with path.open("r+b") as file, notes.open("r+b") as digests:
        made, known = path.stat().st_size // width, digests.read()
        left, number = track(texts, total=count, label=label), -1
        while some := list(islice(left, TOGETHER)):
            number += 1
            digest = blake2b("\0".join(some).encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest()
            at, end = DIGEST * number, TOGETHER * number + len(some)
            if end <= made and known[at : at + DIGEST] == digest:
                continue
            made = 0  # nothing behind this one is of use
            digests.seek(at)
            digests.truncate()
            file.seek(width * TOGETHER * number)
            file.write(_encoded(encoder, some, batch).numpy().tobytes())
            file.flush()
            digests.write(digest)
            digests.flush()  # after what it stands for
    return Vectors(path, (count, encoder.dimension))


def _encoded(encoder: Encoder, texts: Sequence[str], batch: int) -> torch.Tensor:
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))  # like lengths together
    vectors = torch.empty(len(texts), encoder.dimension, dtype=torch.float16)
    for at in range(0, len(order), batch):
        some = order[at : at + batch]
        vectors[some] = encoder.encode([texts[number] for number in some]).half()
    return vectors
