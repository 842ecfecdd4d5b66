"""SHA-256 of files, remembered as long as path, size, modification time and inode stay the same."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from belle_core.errors import BelleError
from belle_core.smallfiles import readable, write_text


class Digests:
    """Digests of files; ``memory`` is the JSON file that keeps them between runs."""

    def __init__(self, memory: Path) -> None:
        self.memory = memory
        self._known: dict[str, Any] = {}
        self._changed = False
        try:
            self._known = json.loads(memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            pass  # nothing remembered, or a damaged memory: digest again

    def of(self, path: Path) -> str:
        """SHA-256 in hexadecimal of the file's bytes; raises ``BelleError`` for a file that cannot be read."""
        with readable(path):
            status = path.stat()
            state = [status.st_size, status.st_mtime_ns, status.st_ino]
            known = self._known.get(str(path.resolve()))
            if known and known[:3] == state:
                return str(known[3])
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._note(path, [*state, digest])  # as it was before: what was written meanwhile makes it another file
        return digest

    def _note(self, path: Path, known: list[Any]) -> None:
        self._known[str(path.resolve())] = known
        self._changed = True

    def moved(self, old: Path, new: Path) -> None:
        """The directory *old* is now called *new*."""
        before, after = (f"{path.resolve()}{os.sep}" for path in (old, new))
        for name in [name for name in self._known if name.startswith(before)]:
            self._known[after + name.removeprefix(before)] = self._known.pop(name)
        self._changed = True

    def prune(self) -> None:
        """Forget files that are gone, and keep the rest."""
        self._known = {name: known for name, known in self._known.items() if os.path.exists(name)}
        self._changed = True
        self.save()

    def save(self) -> None:
        """Keep what was learned; a memory that cannot be written is only slower."""
        if not self._changed:
            return
        with suppress(OSError):
            self.memory.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.memory, json.dumps(self._known))
        self._changed = False


def expand(value: Any, *, option: str) -> list[Path]:
    """The files that a path option names: a file, a directory (all files in it), a glob, or a list of these; sorted.

    Raises ``BelleError`` naming *option* when something is not there or no file, or naming a file or directory that cannot be read.
    """
    if value is None:
        return []
    files: list[Path] = []
    for item in value if isinstance(value, (list, tuple)) else [value]:
        found = _expand_one(str(item))
        if not found:
            raise BelleError(
                f"{option}={item}: there is no such file or directory", f"{option}={item}：没有这个文件或目录"
            )
        if not all(path.is_file() for path in found):
            raise BelleError(
                f"{option}={item}: is a pipe or a device, and what it holds is read more than once; save it to a file first",
                f"{option}={item}：是管道或设备，而内容需要读取多次；请先存为文件",
            )
        files += found
    return files


def files_in(folder: Path) -> list[Path]:
    """All files in it and below, sorted; without hidden ones, and what lies in hidden directories such as ``.git``.

    Links are followed, to each directory once. Raises ``BelleError`` for a directory that cannot be read, and a link to nothing.
    """
    found: list[Path] = []
    seen: set[str] = set(map(str, Path(os.path.realpath(folder)).parents))
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_refuse):
        if (real := os.path.realpath(place)) in seen:  # a link led back here
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += _there(Path(place, name) for name in names if not name.startswith("."))
    return sorted(found)


def _refuse(error: OSError) -> None:
    with readable(Path(error.filename)):
        raise error


def _there(paths: Iterable[Path]) -> list[Path]:
    """Those that are files; raises ``BelleError`` for a link to nothing, behind which data is missed."""
    found = []
    for path in paths:
        if path.is_file():
            found.append(path)
        elif path.is_symlink() and not path.exists():
            raise BelleError(
                f"{path}: is a link to {os.readlink(path)}, which is not there",
                f"{path}：链接指向的 {os.readlink(path)} 不存在",
            )
    return found


def _expand_one(item: str) -> list[Path]:
    path = Path(item).expanduser()
    with readable(path):
        if path.is_dir():
            return files_in(path)
        if path.exists():
            return [path]
    return sorted(_there(map(Path, glob.glob(str(path), recursive=True))))
