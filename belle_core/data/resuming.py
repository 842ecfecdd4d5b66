"""What became of chunks, on disk: a run that was broken off takes it from there, and does only the work that is left.

An outcome depends on its chunk, on the recipe of the work and on the code that does it. The file begins with a digest of the last two, and
before every outcome stands the digest of its chunk: what does not fit, or is torn, is made again with all that follows.
"""

from __future__ import annotations

import json
import marshal
import os
import struct
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

from belle_core.data.chunks import Chunk, Outcome
from belle_core.language import say
from belle_core.plugins import load_catalog

DIGEST = 16
ENTRY = struct.Struct(f"<{DIGEST}sQI")
"""Digest of the chunk; length and checksum of its outcome, which follows."""
Done = Generator[tuple[Chunk, Outcome]]


def resumed(
    chunks: Iterator[Chunk], recipe: tuple[Any, ...], work: Callable[[Iterator[Chunk]], Done], *, path: Path, ahead: int
) -> Done:
    """Every chunk with its outcome, in order: the first ones from the file *path*, the others from *work*, which are added to it.

    While the file lasts, as many chunks are read *ahead* as *work* reads.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    about, records = _digest([recipe, _code(recipe)]), 0
    waiting = deque(islice(chunks, ahead - 1))
    with path.open("r+b") as file:
        end = len(about) if file.read(len(about)) == about else 0
        for digest, data in _entries(file) if end else ():
            waiting.extend(islice(chunks, 1))
            if not waiting or digest != _digest(waiting[0]):
                break
            end = file.tell()
            records += len(waiting[0].records)
            yield waiting.popleft(), Outcome.of(marshal.loads(data))
        file.seek(end)
        file.truncate()
        file.write(b"" if end else about)
        if records:
            _tell(records)
        if not waiting and not (waiting := deque(islice(chunks, 1))):
            return
        with closing(work(chain(waiting, chunks))) as left:
            for chunk, outcome in left:
                data = marshal.dumps(outcome.plain())
                file.write(ENTRY.pack(_digest(chunk), len(data), crc32(data)) + data)
                file.flush()  # what was finished before a kill stays
                yield chunk, outcome


def _entries(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Digests and outcomes up to the first one that is torn."""
    length = os.fstat(file.fileno()).st_size
    while len(head := file.read(ENTRY.size)) == ENTRY.size:
        digest, size, checksum = ENTRY.unpack(head)
        if size > length - file.tell() or crc32(data := file.read(size)) != checksum:
            return
        yield digest, data


def _digest(value: Any) -> bytes:
    """Of plain values."""
    plain = tuple(value) if isinstance(value, Chunk) else json.dumps(value, default=str)
    return blake2b(
        marshal.dumps(plain, 2), digest_size=DIGEST
    ).digest()  # later versions depend on who else holds a value


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
    print(
        say(
            f"belle: {records:,} records were worked on before; it goes on behind them",
            f"belle：此前已处理 {records:,} 条记录，从其后继续",
        ),
        file=sys.stderr,
        flush=True,
    )
