"""Reads how long a context a GGUF file was trained for, before llama.cpp opens it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

STRING, ARRAY = 8, 9
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Value types by number (ggml-org/ggml, docs/gguf.md), as :mod:`struct` writes them."""


def trained_context(path: Path) -> int | None:
    """The value of ``<architecture>.context_length`` in tokens; ``None`` when the file does not say or is no GGUF."""
    try:
        with path.open("rb") as file:
            return _search(file)
    except (OSError, struct.error, KeyError, OverflowError, MemoryError):
        return None  # llama.cpp says what is wrong with the file


def _search(file: BinaryIO) -> int | None:
    if file.read(4) != b"GGUF":
        return None
    _, _, entries = _unpack(file, "IQQ")
    for _ in range(entries):
        key, kind = _string(file), _unpack(file, "I")[0]
        if key.endswith(b".context_length") and kind in NUMBERS:
            return int(_unpack(file, NUMBERS[kind])[0])
        _skip(file, kind)
    return None


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == STRING:
        _string(file)
    elif kind == ARRAY:
        inner, count = _unpack(file, "IQ")
        if inner in NUMBERS:
            file.seek(count * struct.calcsize(NUMBERS[inner]), 1)
        else:
            for _ in range(count):
                _skip(file, inner)
    else:
        _unpack(file, NUMBERS[kind])


def _string(file: BinaryIO) -> bytes:
    return file.read(_unpack(file, "Q")[0])


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    """Little-endian values; raises ``struct.error`` where the file ends."""
    size = struct.calcsize("<" + form)
    return struct.unpack("<" + form, file.read(size))
