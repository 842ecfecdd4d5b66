"""LLaMA-Factory's ``dataset_info.json``: names of data sets, where they lie, and what their fields are called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle_core.errors import BelleError
from belle_core.names import unknown
from belle_core.smallfiles import read_object
from belle_files.columns import Columns

INFO = "dataset_info.json"
FIELDS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "history": "history",
    "messages": "conversations",
    "system": "system",
    "chosen": "chosen",
    "rejected": "rejected",
    "kto_tag": "kto_tag",
    **{name: name for name in ("tools", "images", "videos", "audios")},
}
"""Their name of a role → the field that our formats read it from."""
ROLES = {field: role for role, field in FIELDS.items()} | {"text": "prompt"}
SPEAKERS = {
    "user_tag": "human",
    "assistant_tag": "gpt",
    "system_tag": "system",
    "function_tag": "function_call",
    "observation_tag": "observation",
}
TAGS = {"role_tag": "from", "content_tag": "value", **SPEAKERS}
"""Their tags and what these are where nothing is said."""
FORMATTING = ("alpaca", "sharegpt", "openai")
HUBS = {"hf_hub_url": "", "ms_hub_url": "modelscope"}
"""Where a data set lies that is no file, and what our option calls the hub."""


@dataclass(frozen=True)
class DataSet:
    """One entry."""

    path: Path
    columns: Columns
    most: int | None
    """``num_samples``."""
    ranking: bool
    """Whether a list of answers has the better one first."""


def chosen(value: Any, names: list[str]) -> list[DataSet]:
    """The named entries of the file (or of the directory that holds it); raises ``BelleError``."""
    file = info_file(value)
    entries = read_object(file)
    if entries is None:
        raise BelleError(
            f"data.names needs data.path={INFO} or the directory that holds one; there is no {file}",
            f"data.names 需要 data.path={INFO} 或其所在目录；没有文件 {file}",
        )
    sets = []
    for name in names:
        if name not in entries:
            raise unknown("data set", name, list(entries), typed=f"data.names={name}")
        entry = entries[name]
        if not isinstance(entry, dict):
            raise BelleError(f"{file}: {name} is no object with a file_name", f"{file}：{name} 不是带 file_name 的对象")
        if not all(map(_names, (entry.get("columns"), entry.get("tags")))):
            raise BelleError(
                f"{file}: columns and tags of {name} must be objects whose values are names",
                f"{file}：{name} 的 columns 和 tags 必须是值为名称的对象",
            )
        for what, given, known in (("columns", entry.get("columns"), FIELDS), ("tags", entry.get("tags"), TAGS)):
            if wrong := next((key for key in given or () if key not in known), None):
                raise unknown("field", wrong, known, typed=f"{file}: {what} of {name}")
        if (formatting := entry.get("formatting", "alpaca")) not in FORMATTING:
            raise unknown("format", str(formatting), FORMATTING, typed=f"{file}: formatting of {name}")
        sets.append(_entry(file, name, entry))
    return sets


def info_file(value: Any) -> Path:
    """Where the entries stand."""
    path = Path(str(value)).expanduser()
    return path / INFO if path.is_dir() else path


def _names(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict) and all(isinstance(one, (str, type(None))) for one in value.values())
    )


def _entry(file: Path, name: str, entry: dict[str, Any]) -> DataSet:
    if not isinstance(entry.get("file_name"), str):
        options = _on_hub(entry)
        hint, hint_zh = (f"; say +data=hub {options}", f"；请写 +data=hub {options}") if options else ("", "")
        raise BelleError(
            f"{file}: {name} is not a file of this directory{hint}", f"{file}：{name} 不是该目录中的文件{hint_zh}"
        )
    most, split = entry.get("num_samples"), entry.get("split") or "train"
    if most is not None and (not isinstance(most, int) or most < 1):
        raise BelleError(
            f"{file}: num_samples of {name} must be a whole number from 1 on, not {most!r}",
            f"{file}：{name} 的 num_samples 必须是不小于 1 的整数，而不是 {most!r}",
        )
    if split != "train":
        raise BelleError(
            f"{file}: {name} asks for split={split}, and a file has no splits; num_samples takes its first records",
            f"{file}：{name} 指定了 split={split}，而文件没有划分；可用 num_samples 取前若干条",
        )
    return DataSet(file.parent / entry["file_name"], _columns(entry), most, entry.get("ranking") is True)


def _on_hub(entry: dict[str, Any]) -> str:
    """The options of ``+data=hub`` that say the same; empty for an entry that lies nowhere we know."""
    hub = next((key for key in HUBS if key in entry), None)
    if hub is None:
        return ""
    said = {"name": entry[hub], "hub": HUBS[hub]} | {key: entry.get(key) for key in ("revision", "subset", "split")}
    said["files"] = f"'{folder}/*'" if (folder := entry.get("folder")) else ""
    if fields := [f"{ours}: {theirs}" for ours, theirs in _columns(entry).fields.items() if ours != theirs]:
        said["columns"] = "'{" + ", ".join(fields) + "}'"
    return " ".join(f"data.{key}={value}" for key, value in said.items() if value)


def _columns(entry: dict[str, Any]) -> Columns:
    named = {role: name for role, name in (entry.get("columns") or {}).items() if role in FIELDS and name}
    if set(named) == {"prompt"} and entry.get("formatting", "alpaca") == "alpaca":  # their way to name pretraining text
        return Columns({"text": named["prompt"]})
    fields = {FIELDS[role]: name for role, name in named.items()}
    tags = {**TAGS, **(entry.get("tags") or {})}
    if entry.get("formatting", "alpaca") == "alpaca" or tags == TAGS:
        return Columns(fields)
    roles = {tags[tag]: name for tag, name in SPEAKERS.items()}
    return Columns({"conversations": "conversations", **fields}, tags["role_tag"], tags["content_tag"], roles)
