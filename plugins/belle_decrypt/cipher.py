"""The format of BELLE's encrypted files: the SHA-256 of the content, then the content XOR the original weights.

Source: ``models/decrypt.py`` of github.com/LianjiaTech/BELLE.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.progress import track

CHUNK = 10 * 2**20
"""Bytes that are combined at a time. It is part of the format: at the end of the original, what is left of it repeats
until the chunk is full, and the next chunk begins with the original's first byte."""
SUFFIX = ".enc"


def plain_name(path: Path) -> str:
    """The name of the content: that of the file without ``.<checksum>.enc``."""
    name = path.name.removesuffix(SUFFIX)
    return name.rpartition(".")[0] or name


def decrypt(source: Path, original: Path, target: Path) -> None:
    """Write the content of *source* to *target*; raises ``BelleError`` when it is not what was encrypted."""
    content, key = (np.memmap(path, dtype=np.uint8, mode="r") for path in (source, original))
    size = hashlib.sha256().digest_size
    if len(content) <= size:
        raise BelleError(f"{source} is too short to be an encrypted file", f"{source} 太短，不是加密文件")
    expected, content = content[:size].tobytes(), content[size:]
    digest = hashlib.sha256()
    with target.open("wb") as file:
        keys = _keys(key)
        label = say(f"decrypting {source.name}", f"解密 {source.name}")
        starts = range(0, len(content), CHUNK)
        for start in track(starts, total=len(content), label=label, position=file.tell):
            chunk = content[start : start + CHUNK]
            plain = np.bitwise_xor(chunk, np.resize(next(keys), len(chunk))).tobytes()
            digest.update(plain)
            file.write(plain)
    if digest.digest() != expected:
        raise BelleError(
            f"{source.name} does not decrypt with {original}: it is not the original file that this was encrypted with, or one of them is damaged",
            f"用 {original} 无法解密 {source.name}：它不是加密所用的原始文件，或其中一个文件已损坏",
        )


def _keys(key: np.ndarray) -> Iterator[np.ndarray]:
    while True:
        for start in range(0, len(key), CHUNK):
            yield key[start : start + CHUNK]
