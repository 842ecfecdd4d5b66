"""What a file is packed in, told by its first bytes: gzip, bzip2, xz, zstd; archives are in :mod:`belle_core.data.archives`."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

ZIP = b"PK\x03\x04"
OPENERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": lambda raw: _zstd(raw),
}
DAMAGE = (
    *(EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
    *(ValueError, KeyError, RuntimeError, struct.error),  # what zipfile makes of names, sizes and methods that are none
)
"""What a packed file raises that is damaged or cut off."""


def head_of(path: Path) -> bytes:
    """The first bytes of a file; none when it cannot be read, which is told where it is opened."""
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError:
        return b""


def is_packed(head: bytes) -> bool:
    """Whether these first bytes are of a packed file."""
    return head.startswith((ZIP, *OPENERS))


def unpacked(raw: IO[bytes]) -> Any:
    """The bytes inside *raw*, as a file to read; *raw* itself when it is not packed."""
    raw.seek(0)
    head = raw.read(8)
    raw.seek(0)
    opener = next((opener for magic, opener in OPENERS.items() if head.startswith(magic)), None)
    return opener(raw) if opener else raw


def _zstd(raw: IO[bytes]) -> Any:
    from belle_core.data.tables import pyarrow

    own = os.fdopen(os.dup(raw.fileno()), "rb")  # pyarrow closes what it is given; the place in the file is shared
    own.seek(0)
    return pyarrow("zstd").CompressedInputStream(own, "zstd")
