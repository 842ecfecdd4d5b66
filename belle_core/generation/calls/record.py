"""The journal of calls: what is begun, what was answered, and what a call that never ended may have cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from belle_core.errors import BelleError
from belle_core.generation.calls.ledger import Amount
from belle_core.generation.calls.request import Reply
from belle_core.generation.journal import Journal

FIRST = b'{"begin": "'
"""How a journal begins."""


class Record:
    """Replies by key, kept on disk. A failure is never kept as a reply; a call is noted before it begins.

    Lines are ``{"begin": key, "most": [calls, prompt, completion]}``, then ``{"key": key, "reply": …}``, or ``{"void": key}``
    for a call that cost nothing. A ``begin`` that nothing follows may have been paid: it counts at its most. Other lines are passed
    over. Raises ``BelleError`` when a file that the user *named* is something else: it would be written into.
    """

    def __init__(self, path: Path, *, named: bool = False) -> None:
        self.path = path
        if named:
            _check(path)
        self.spent = Amount()
        """Everything that the file records."""
        self._journal = Journal(path)
        self._places: dict[str, int] = {}
        self._read()

    def _read(self) -> None:
        begun: dict[str, list[Amount]] = {}
        for place, line in self._journal.records():
            try:
                self._add(place, line, begun)
            except (KeyError, TypeError):
                continue
        self.spent = sum((most for left in begun.values() for most in left), self.spent)

    def _add(self, place: int, line: dict[str, Any], begun: dict[str, list[Amount]]) -> None:
        """Reckon with one line; raises ``KeyError`` or ``TypeError`` for one that is none of ours."""
        if "begin" in line:
            begun.setdefault(line["begin"], []).append(Amount(*line["most"]))
        elif "void" in line:
            _ended(line["void"], begun)
        elif "reply" in line:
            key, reply = line["key"], Reply(**line["reply"])
            self._places[key] = place
            self.spent += amount_of(reply)
            _ended(key, begun)

    def get(self, key: str) -> Reply | None:
        """The reply, if it was paid for already."""
        if key not in self._places:
            return None
        with self.path.open("rb") as file:
            file.seek(self._places[key])
            return Reply(**json.loads(file.readline())["reply"])

    def begin(self, key: str, most: Amount) -> None:
        """Note a call that is about to be made."""
        self._journal.append([{"begin": key, "most": [most.calls, most.prompt_tokens, most.completion_tokens]}])

    def void(self, key: str) -> None:
        """The call cost nothing."""
        self._journal.append([{"void": key}])

    def keep(self, key: str, reply: Reply) -> None:
        """The call was answered."""
        self._places[key] = self._journal.append([{"key": key, "reply": asdict(reply)}])


def _ended(key: str, begun: dict[str, list[Amount]]) -> None:
    """One of the calls that are begun has ended; only those that have not are kept in memory."""
    if begun.get(key):
        begun[key].pop()
        if not begun[key]:
            del begun[key]


def _check(path: Path) -> None:
    """Raise ``BelleError`` unless the file is absent, empty or begins as a journal does, perhaps with half a line."""
    if not path.exists():
        return
    start = b""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(len(FIRST))
    if not path.is_file() or not FIRST.startswith(start):
        raise BelleError(
            f"journal={path} is something else than a journal of calls; name a new file",
            f"journal={path} 不是调用日志；请换一个新文件名",
        )


def amount_of(reply: Reply) -> Amount:
    """What a reply cost."""
    return Amount(1, reply.prompt_tokens, reply.completion_tokens)
