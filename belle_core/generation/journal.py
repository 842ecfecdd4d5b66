"""An append-only file of finished answers, so that an interrupted job goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Journal:
    """JSON objects in a file, one a line, each under a ``key``; what a crash cut off is dropped when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, dict[str, Any]]:
        """All whole records by key."""
        if not self.path.is_file():
            return {}
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # else the next record would be glued to the torn one
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        return {record["key"]: record for record in map(json.loads, whole.splitlines())}

    def append(self, records: Iterable[dict[str, Any]]) -> None:
        """Add records, all or the first of them if the process dies meanwhile."""
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(lines)
