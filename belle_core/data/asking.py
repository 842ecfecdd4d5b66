"""Reads questions from a file: one a line as text, or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from belle_core.conversation import Conversation
from belle_core.errors import BelleError
from belle_core.smallfiles import no_utf8, readable


def read_questions(path: Path) -> Iterator[tuple[dict[str, Any], Conversation]]:
    """Every record (``{"question": …}`` for a line of text) with the conversation to be answered, one after the other.

    A ``.json`` or ``.jsonl`` file holds an object a line with ``question``, or ``instruction`` and ``input``, or
    ``messages``, and perhaps ``system``. Raises ``BelleError`` with file and line for what cannot be read.
    """
    objects = path.suffix.lower() in (".json", ".jsonl")
    empty = True
    for number, line in lines_of(path):
        empty = False
        where = f"{path}:{number}"
        record = _record(line, where) if objects else {"question": line.strip()}
        yield record, _conversation(record, where)
    if empty:
        raise BelleError(f"{path} holds no question", f"{path} 中没有问题")


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """The lines in *path* that are not empty, with their numbers; raises ``BelleError`` when it cannot be read."""
    offset = 0
    with readable(path), path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise no_utf8(path, offset + error.start) from error
            offset += len(raw)
            if line.strip():
                yield number, line


def _record(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise BelleError(
            f"{where}: no valid JSON ({error}); one object a line is expected",
            f"{where}：不是有效的 JSON（{error}）；应每行一个对象",
        ) from error
    if not isinstance(record, dict):
        raise BelleError(
            f"{where}: {type(record).__name__} instead of an object",
            f"{where}：应为对象，而不是 {type(record).__name__}",
        )
    return record


def _conversation(record: dict[str, Any], where: str) -> Conversation:
    """What is asked; an answer at the end of ``messages`` is taken away."""
    try:
        found = _asked(record)
    except (KeyError, TypeError, AttributeError) as error:
        raise BelleError(
            f"{where}: messages must be a list of role and content",
            f"{where}：messages 应是由 role 和 content 组成的列表",
        ) from error
    if found is None or not found.question.strip():
        raise BelleError(
            f"{where}: no question; one of question, instruction and messages is needed",
            f"{where}：没有问题；需要 question、instruction 或 messages 之一",
        )
    return found


def _asked(record: dict[str, Any]) -> Conversation | None:
    if "messages" in record:
        conversation = Conversation.of_messages(
            [{"role": str(m["role"]), "content": str(m["content"])} for m in record["messages"]]
        )
        roles = [turn.role for turn in conversation.prompt().turns]
        if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
            raise KeyError("role")
        return conversation.prompt()
    question = record.get("question", record.get("instruction"))
    if not isinstance(question, str):
        return None
    more = record.get("input")
    text = f"{question}\n{more}" if isinstance(more, str) and more else question
    return Conversation.of(text, system=str(record.get("system") or ""))
