"""Where a record stands, and what reading a place can give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from belle_core.data.archives import decoded, members_of

ENDINGS = (".zip", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".tar", ".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet", ".arrow")  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A file and what its records call it."""

    path: Path
    name: str
    """File name, with as much of the directory as tells it from the others."""
    stem: str
    """The same without endings that say how it is packed; no two files share it."""
    alone: bool = True
    """Whether it is the only file; otherwise its stem goes into the ids of its records."""
    member: str = ""
    """Which file of an archive it is."""


class Place(NamedTuple):
    """Where a record begins."""

    source: Source
    line: int
    """From 1."""
    number: int
    """Position among the records of the file, from 0."""

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}"

    def id_of(self, own: Any = None) -> str:
        """The id of the record: its *own* if it has one, else file and number; unique over several files."""
        if isinstance(own, bool) or not isinstance(own, (int, str)) or own == "":
            return f"{self.source.stem}-{self.number}"
        return str(own) if self.source.alone else f"{self.source.stem}-{own}"


@dataclass(frozen=True)
class Record:
    """One JSON value of a file."""

    place: Place
    value: Any


Unparsed = tuple[tuple[int, int], str]
"""A line that holds a JSON value, if :func:`belle_core.data.lines.parsed` says so: ``line`` and ``number`` of its place, and its text."""


@dataclass(frozen=True)
class Broken:
    """A record that could not be read, or the rest of a file."""

    place: Place
    reason: str
    why: str
    """What is wrong, in words."""
    lost: int = 1
    """Records that cannot be read because of it; estimated when the rest of a file is lost."""
    stops: bool = False
    """Whether the rest of the file was given up."""


def sources_of(paths: list[Path]) -> list[Source]:
    """The files under names that differ: bare names, or paths below the directory that all have in common.

    A zip or tar archive stands for the files in it; raises ``BelleError`` for one that cannot be opened.
    """
    members = list(map(members_of, paths))
    pairs = [(path, member) for path, inside in zip(paths, members, strict=True) for member in inside]
    names = [f"{name}/{decoded(member)}" if len(inside) > 1 else name
             for name, inside in zip(_names(paths), members, strict=True) for member in inside]  # fmt: skip
    stems = [_stem(name) for name in names]
    if len(set(stems)) < len(stems):  # a.json and a.jsonl, or one file given twice
        stems = list(_numbered(names))
    return [Source(path, name, stem, len(pairs) == 1, member)
            for (path, member), name, stem in zip(pairs, names, stems, strict=True)]  # fmt: skip


def _numbered(names: list[str]) -> Iterator[str]:
    """The names; from the second time on with how often it has come."""
    times: Counter[str] = Counter()
    for name in names:
        times[name] += 1
        yield f"{name}#{times[name]}" if times[name] > 1 else name


def _names(paths: list[Path]) -> list[str]:
    names = [path.name for path in paths]
    if len(set(map(_stem, names))) < len(names):
        names = _below_common(paths)
    return [name.encode("utf-8", "replace").decode() for name in names]  # names of files may be any bytes


def _stem(name: str) -> str:
    bare = name
    for ending in ENDINGS:
        bare = bare.removesuffix(ending)
    return bare or name


def _below_common(paths: list[Path]) -> list[str]:
    folders = [path.absolute().parent.parts for path in paths]
    common = 0
    while all(len(parts) > common for parts in folders) and len({parts[common] for parts in folders}) == 1:
        common += 1
    return ["/".join((*parts[common:], path.name)) for parts, path in zip(folders, paths, strict=True)]
