"""What became of chunks, on disk: a run that was broken off takes it from there, and does only the work that is left.

An outcome depends on its chunk, on the recipe of the work and on the code that does it. The file begins with a digest of the last two, and
before every outcome stands the digest of its chunk: what does not fit, or is torn, is made again with all that follows.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from hashlib import blake2b
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any
from zlib import crc32

from belle_core.data.chunks import DIGEST, ENTRY, Chunk
from belle_core.notices import tell
from belle_core.plugins import load_catalog

Packed = Generator[tuple[Chunk, bytes]]
"""Chunks with their packed outcomes."""


def resumed(
    chunks: Iterator[Chunk],
    recipe: tuple[Any, ...],
    work: Callable[[Iterator[Chunk]], Packed],
    *,
    path: Path,
    ahead: int,
) -> Packed:
    """Every chunk with its outcome, in order: the first ones from the file *path*, the others from *work*, which are added to it.

    While the file lasts, as many chunks are read *ahead* as *work* reads.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    about, records = _about(recipe), 0
    waiting = deque(islice(chunks, ahead - 1))
    with path.open("r+b") as file:
        end = len(about) if file.read(len(about)) == about else 0
        for digest, entry in _entries(file) if end else ():
            waiting.extend(islice(chunks, 1))
            if not waiting or digest != waiting[0].digest():
                break
            end = file.tell()
            records += len(waiting[0].records)
            yield waiting.popleft(), entry
        file.seek(end)
        file.truncate()
        file.write(b"" if end else about)
        if records:
            _tell(records)
        if not waiting and not (waiting := deque(islice(chunks, 1))):
            return
        with closing(work(chain(waiting, chunks))) as left:
            for chunk, entry in left:
                file.write(entry)
                file.flush()  # what was finished before a kill stays
                yield chunk, entry


def _entries(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Digests of chunks and whole entries, up to the first one that is torn."""
    length = os.fstat(file.fileno()).st_size
    while len(head := file.read(ENTRY.size)) == ENTRY.size:
        digest, size, checksum = ENTRY.unpack(head)
        if size > length - file.tell() or crc32(data := file.read(size)) != checksum:
            return
        yield digest, head + data


def _about(recipe: tuple[Any, ...]) -> bytes:
    plain = json.dumps([recipe, _code(recipe)], default=str)
    return blake2b(plain.encode(), digest_size=DIGEST).digest()


def _code(recipe: tuple[Any, ...]) -> list[Any]:
    """What tells one state of the code from another: the files of the core and of all plugins, and when packages were installed last."""
    reader, filters, corpora, _ = recipe
    runs = [item.run for item in load_catalog()] + [run for run, *_ in (reader, *filters, *corpora)]
    states: list[Any] = [Path(place).stat().st_mtime_ns for place in sys.path if place.endswith("site-packages")]
    for package in sorted({"belle_core", *(run.split(":")[0].split(".")[0] for run in runs)}):
        spec = find_spec(package)
        places = spec.submodule_search_locations or [spec.origin or ""] if spec else []
        for path in (found for place in places for found in sorted(Path(place).rglob("*.py")) or [Path(place)]):
            states.append([str(path), path.stat().st_size, path.stat().st_mtime_ns])
    return states


def _tell(records: int) -> None:
    tell(
        f"{records:,} records were worked on before; it goes on behind them",
        f"此前已处理 {records:,} 条记录，从其后继续",
    )
