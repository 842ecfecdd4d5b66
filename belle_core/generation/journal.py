"""An append-only file of finished answers, so that an interrupted job goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

BLOCK = 1 << 16


class Journal:
    """JSON objects in a file, one a line; what a crash cut off is dropped when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, dict[str, Any]]:
        """All whole records by their ``key``."""
        return {record["key"]: record for _, record in self.records() if "key" in record}

    def records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """All whole records with the byte at which each begins; lines that a bad disk damaged are passed over."""
        if not self.path.is_file():
            return
        self._heal()
        offset = 0
        with self.path.open("rb") as file:
            for line in file:
                if isinstance(record := _parsed(line), dict):
                    yield offset, record
                offset += len(line)

    def append(self, records: Iterable[dict[str, Any]]) -> int:
        """Add records, all or the first of them if the process dies meanwhile; returns the byte at which they begin."""
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        with self.path.open("ab") as file:
            begin = file.tell()
            try:
                file.write(lines.encode("utf-8", "surrogatepass"))
                file.flush()
            except OSError:  # a full disk; half a line would spoil the next one
                file.truncate(begin)
                raise
        return begin

    def _heal(self) -> None:
        """Cut the file behind its last whole line, or the next record would be glued to a torn one."""
        with self.path.open("r+b") as file:
            size = end = file.seek(0, 2)
            while end > 0:
                start = max(0, end - BLOCK)
                file.seek(start)
                if (found := file.read(end - start).rfind(b"\n")) >= 0:
                    end = start + found + 1
                    break
                end = start
            if end < size:
                file.truncate(end)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8", "surrogatepass"))
    except ValueError:
        return None
