"""Measures the filter ``semantic`` in many cells against all pairs: CPU time, memory, and what it finds, for growing numbers of texts.

usage: python bench/semantic_speed.py FILE.jsonl ENCODER DIR [SIZE…]

FILE holds records with ``instruction``, ``input`` and ``output``: their questions and the sentences of their answers are the texts, in an order drawn by chance; one in ten
is an earlier one with every twelfth word left out, put in or exchanged, and when they run out all are. ENCODER is a directory in Hugging Face layout; the
vectors of 40 tokens each are kept in DIR (with ``-`` for it ``vectors.bin`` and ``width.json`` lie there already). For every SIZE (25,000 to 400,000), in a process of its own, one JSON line: CPU seconds of making the vectors (once, with the largest
size), of the cells and of comparing in them; bytes of memory that the process held at most; the share of pairs at the threshold or
above, of 5,000 texts with all earlier ones, that share a cell; and up to 100,000 texts the CPU seconds of all pairs, and which
share of what these drop is dropped. Linux only.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from belle_duplicates.cells import CELL, Cells, divided, one_cell
from belle_duplicates.encoder import Encoder
from belle_duplicates.greedy import nearest_kept
from belle_duplicates.vectors import Vectors, make_vectors

SIZES = (25_000, 50_000, 100_000, 200_000, 400_000)
EXACT = 100_000
SAMPLE = 5_000
THRESHOLD = 0.95
SENTENCE = re.compile(r"(?<=[.!?。！？])\s*|\n+")


def texts(path: Path, count: int) -> Iterator[str]:
    """*count* texts."""
    records = [json.loads(line) for line in path.open(encoding="utf-8")]
    questions = [f"{record['instruction']}\n{record['input']}".strip() for record in records]
    sentences = [part.strip() for record in records for part in SENTENCE.split(record["output"])]
    real = list(dict.fromkeys([*questions, *(part for part in sentences if len(part) > 20)]))
    draw, made = random.Random(0), list[str]()
    draw.shuffle(real)
    real = real[:count][::-1]
    for _ in range(count):
        changes = made and (not real or draw.random() < 0.1)
        made.append(changed(draw.choice(made), draw) if changes else real.pop())
    yield from made


def changed(text: str, draw: random.Random) -> str:
    """*text* with one word in twelve changed, one at least."""
    words = text.split()
    for _ in range(max(1, len(words) // 12)):
        at, other = draw.randrange(len(words)), draw.randrange(len(words))
        way = draw.choice(["out", "in", "exchange"])
        if way == "out" and len(words) > 3:
            del words[at]
        elif way == "in":
            words.insert(at, words[other])
        else:
            words[at], words[other] = words[other], words[at]
    return " ".join(words)


def shared(vectors: Vectors, cells: Cells) -> tuple[int, float]:
    """Pairs of the sample with earlier texts at the threshold or above, and which share of them is compared."""
    numbers = np.sort(np.random.default_rng(1).choice(len(vectors), min(SAMPLE, len(vectors)), replace=False))
    rows, together, count = vectors.rows(numbers), 0, 0
    for start, block in vectors.blocks(1 << 13):
        places, columns = torch.nonzero(rows @ block.T >= THRESHOLD, as_tuple=True)
        later, earlier = numbers[places.numpy()], columns.numpy() + start
        later, earlier = later[earlier < later], earlier[earlier < later]
        looking = cells.homes[earlier].astype(np.uint64) << CELL | later.astype(np.uint64)
        found = np.minimum(np.searchsorted(cells.looking, looking), len(cells.looking) - 1)
        together += int((cells.looking[found] == looking).sum())
        count += len(later)
    return count, together / max(count, 1)


def peak() -> int:
    """Bytes that this process held at most (``ru_maxrss`` would begin with what its parent held)."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) * 1024


def one(folder: Path, size: int) -> dict[str, object]:
    """What is printed for *size* texts whose vectors lie in *folder*."""
    width = json.loads((folder / "width.json").read_text())
    vectors = Vectors(folder / "vectors.bin", (size, width))
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        started = time.process_time()
        cells = divided(vectors, THRESHOLD, Path(scratch), label="cells")
        divided_at = time.process_time()
        near = list(nearest_kept(vectors, cells, THRESHOLD, label="comparing"))
        found: dict[str, object] = {
            "texts": size,
            **cells.found,
            "cpu_cells": round(divided_at - started, 2),
            "cpu_comparing": round(time.process_time() - divided_at, 2),
            "peak_bytes": peak(),
            "dropped": sum(pair is not None for pair in near),
        }
        found["pairs"], share = shared(vectors, cells)
    found["pairs_compared"] = round(share, 4)
    if size <= EXACT:
        started = time.process_time()
        exact = list(nearest_kept(vectors, one_cell(size), THRESHOLD, label="all pairs"))
        found["cpu_all_pairs"] = round(time.process_time() - started, 2)
        both = sum(a is not None and b is not None for a, b in zip(near, exact))
        found["dropped_by_all_pairs"] = sum(pair is not None for pair in exact)
        found["of_these"] = round(both / max(1, sum(pair is not None for pair in exact)), 4)
    return found


def encode(source: Path, model: Path, folder: Path, count: int) -> None:
    """Makes the vectors that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder, started = Encoder(model, length=40), time.process_time()
    make_vectors(texts(source, count), encoder, folder, count=count, batch=32, label="vectors")
    Path(folder, "width.json").write_text(str(encoder.dimension))
    print(json.dumps({"texts": count, "cpu_vectors": round(time.process_time() - started, 1)}), flush=True)


def main() -> None:
    source, model, folder, *more = sys.argv[1:]
    sizes = [int(size) for size in more] or list(SIZES)
    if model != "-":
        encode(Path(source), Path(model), Path(folder), max(sizes))
    for size in sizes:
        subprocess.run([sys.executable, __file__, "--one", folder, str(size)], check=True)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        print(json.dumps(one(Path(sys.argv[2]), int(sys.argv[3]))), flush=True)
    else:
        main()
