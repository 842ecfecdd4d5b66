"""What a data format is, how it refuses a record, and how the format of a file is told from its first records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from belle_core.conversation import Example
from belle_core.data.places import Place
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.names import unknown
from belle_core.plugins import Catalog


class Refused(Exception):
    """A record that gives no example: a short *reason* to count by, and the *evidence*."""

    kind = "refused"
    """What those who count tell them by."""

    def __init__(self, reason: str, evidence: str = "") -> None:
        super().__init__(reason, evidence)
        self.reason, self.evidence = reason, evidence


class Unreadable(Refused):
    """The record is not what the format says; too many of them stop a run (``data.max_unreadable``)."""

    kind = "unreadable"


class Dropped(Refused):
    """The record is well-formed but of no use, an empty answer for instance."""


class Format(Protocol):
    """A part of kind ``format``: turns a record of one layout into examples."""

    refines: tuple[str, ...]
    """Names of more general formats that also match its records; it goes before them."""

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether *record* has this layout; looks at keys and types only."""

    def examples(self, record: dict[str, Any], place: Place) -> Iterable[Example | Refused]:
        """The examples in *record*, and a :class:`Refused` for every turn left out of them; raises it for the whole record."""


def known_format(catalog: Catalog, name: str) -> None:
    """Raise ``BelleError`` with the nearest right name when there is no such format."""
    if name not in catalog.names("format"):
        raise unknown("format", name, ["auto", *catalog.names("format")], typed=f"data.format={name}")


def load_format(catalog: Catalog, name: str) -> Format:
    """The format of that name; raises ``BelleError`` with the nearest right one."""
    known_format(catalog, name)
    format: Format = catalog.part("format", name).load()
    return format


def choose_format(records: list[Any], catalog: Catalog, *, where: str) -> str:
    """The name of the format that most of the first *records* have.

    Raises ``BelleError`` with the keys and the known formats when there is none or more than one.
    """
    objects = [record for record in records if isinstance(record, dict)]
    formats = {name: load_format(catalog, name) for name in catalog.names("format")}
    best = _fitting(objects, formats, len(records))
    if len(best) == 1:
        return best[0]
    keys, known = _keys(objects), ", ".join(formats) or "-"
    if best:
        several = ", ".join(best)
        raise BelleError(
            f"{where}: the records ({keys}) fit several formats: {several}; choose one with data.format=<name>",
            f"{where}：这些记录（{keys}）符合多种格式：{several}；请用 data.format=<名称> 指定",
        )
    if renamed := _renamed(objects, formats, len(records)) or _messages(objects, formats, len(records)):
        raise BelleError(
            f"{where}: no known format fits the records ({keys}); say data.columns={renamed}",
            f"{where}：没有格式适合这些记录（{keys}）；请写 data.columns={renamed}",
        )
    if lists := _lists(objects, formats):
        raise BelleError(
            f"{where}: the file is one object, and its records stand in lists ({lists}); save each list as a file of its own",
            f"{where}：整个文件是一个对象，记录在其中的列表里（{lists}）；请把每个列表存为单独的文件",
        )
    columns = _columns(objects)
    raise BelleError(
        f"{where}: no known format fits the records ({keys}); known: {known}; data.format=<name> forces one, data.columns={{name: theirs}} renames fields{columns[0]}",
        f"{where}：没有格式适合这些记录（{keys}）；已知格式：{known}；可用 data.format=<名称> 强制指定，用 data.columns={{名称: 原名}} 改字段名{columns[1]}",
    )


def _columns(objects: list[dict[str, Any]]) -> tuple[str, str]:
    """What ``data.columns`` would be if the longest texts were question and answer, or the longest a document; empty where that is surely wrong."""
    longest: dict[str, int] = {}
    for record in objects:
        for key, value in record.items():
            if isinstance(value, str):
                longest[key] = max(longest.get(key, 0), len(value))
    if not longest or not longest.keys().isdisjoint(("question", "answer", "text")):
        return "", ""
    names = sorted(longest, key=lambda key: -longest[key])[:2]
    text = f"{{text: {_quoted(names[0])}}}"
    first, *others = map(_quoted, sorted(names, key=list(longest).index))
    if not others:
        return f", for instance data.columns={text} of documents", f"，例如文档写 data.columns={text}"
    pair = f"{{question: {first}, answer: {others[0]}}}"
    return (
        f", for instance data.columns={pair} of questions and answers, data.columns={text} of documents",
        f"，例如问答写 data.columns={pair}，文档写 data.columns={text}",
    )


def _quoted(key: str) -> str:
    """*key* as a value of ``data.columns``."""
    return key if key.isidentifier() else f"'{key}'"


def _fitting(objects: list[dict[str, Any]], formats: dict[str, Format], total: int) -> list[str]:
    """Names of the formats that half of *total* records have, without those that another one refines."""
    votes = {name: sum(map(format.matches, objects)) for name, format in formats.items()}
    fitting = [name for name, count in votes.items() if count and count * 2 >= total]
    general = {name for one in fitting for name in formats[one].refines}
    return [name for name in fitting if name not in general]


CHINESE = {
    "问题": "question", "提问": "question", "问": "question", "答案": "answer", "回答": "answer", "回复": "answer", "答": "answer",
    "指令": "instruction", "输入": "input", "输出": "output", "文本": "text", "正文": "text", "对话": "conversations", "消息": "messages",
}  # fmt: skip
"""What fields of published formats are called in files that people make by hand."""


def _renamed(objects: list[dict[str, Any]], formats: dict[str, Format], total: int) -> str:
    """What ``data.columns`` must be where the names of fields are known but for capitals, spaces or language; else empty."""
    plain = {key: key.strip().lower() for record in objects for key in record}
    bare = {key: CHINESE.get(name, name) for key, name in plain.items()}
    others = {key: name for key, name in bare.items() if key != name not in bare and len(name) > 1}  # A, B: choices
    lowered = [{others.get(key, key): value for key, value in record.items()} for record in objects]
    if not others or len(_fitting(lowered, formats, total)) != 1:
        return ""
    return "{" + ", ".join(f"{name}: '{key}'" for key, name in others.items()) + "}"


def _messages(objects: list[dict[str, Any]], formats: dict[str, Format], total: int) -> str:
    """The same where messages stand under a name of their own."""
    for key, value in objects[0].items() if objects else ():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            renamed = [{"messages" if name == key else name: item for name, item in one.items()} for one in objects]
            if len(_fitting(renamed, formats, total)) == 1:
                return f"{{messages: {_quoted(key)}}}"
    return ""


def _lists(objects: list[dict[str, Any]], formats: dict[str, Format]) -> str:
    """Names of the lists of records in the only object of a file."""
    only = objects[0] if len(objects) == 1 else {}
    first = {key: value[:1] for key, value in only.items() if isinstance(value, list)}
    return ", ".join(
        key for key, one in first.items() if one and isinstance(one[0], dict) and _fitting(one, formats, 1)
    )


def _keys(objects: list[dict[str, Any]]) -> str:
    """Keys with the type of their first value, so that near misses show."""
    seen: dict[str, str] = {}
    for record in objects:
        for key, value in record.items():
            seen.setdefault(str(key)[:40], _kind(value))
    return ", ".join(f"{key}: {kind}" for key, kind in list(seen.items())[:12]) or say(
        "no object among them", "其中没有 JSON 对象"
    )


def _kind(value: Any) -> str:
    """The type of a value; of a list of objects what its first one holds, since a speaker may have an unknown name."""
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return type(value).__name__
    inner = ", ".join(f"{key}: {item!r:.20}" for key, item in list(value[0].items())[:4])
    return f"list of {{{inner}}}"
