"""Which files of a repository make up a split: what its card says, else what their names say."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import Any

import yaml

from belle_core.errors import BelleError
from belle_files.repository import Repository

DATA = re.compile(r"\.(parquet|arrow|jsonl?|csv|tsv|txt|zip|tar|tgz)(\.(gz|bz2|xz|zst|zip))?$")
ABOUT = re.compile(
    r"(^|/)(dataset_infos?|dataset_dict|state|config)\.json$|(^|/)(requirements|licen[cs]e|readme)[^/]*$", re.I
)
WORDS = {
    "test": ("test", "testing", "eval", "evaluation"),
    "validation": ("validation", "valid", "dev", "val"),
    "train": ("train", "training"),
}
"""Words in names by which the hub tells splits."""


def splits_in(repository: Repository, subset: str) -> dict[str, list[str]]:
    """Patterns or names of files by split; raises ``BelleError`` for a subset that is not there."""
    configs = _configs(repository)
    if configs:
        chosen = [one for one in configs if str(one.get("config_name", "default")) == subset] if subset else \
            [one for one in configs if one.get("default") or one.get("config_name", "default") == "default"] or configs[:1]  # fmt: skip
        if not chosen:
            known = ", ".join(str(one.get("config_name", "default")) for one in configs)
            raise BelleError(
                f"data.subset={subset}: there is none; known: {known}", f"data.subset={subset}：没有；现有：{known}"
            )
        if (files := chosen[0].get("data_files")) is not None:
            return _declared(files)
    names = [name for name in repository.names if DATA.search(name) and not ABOUT.search(name)]
    if subset:
        names = [name for name in names if subset in name.split("/")[:-1]] or [name for name in names if subset in name]
    return _by_words(names)


def files_of(repository: Repository, splits: dict[str, list[str]], split: str) -> list[str]:
    """The files of a split, in order; ``dev`` is also called ``validation``."""
    patterns = splits.get(split) or splits.get({"dev": "validation", "val": "validation"}.get(split, split), [])
    return [name for name in repository.names if any(name == one or fnmatch(name, one) for one in patterns)]


def _configs(repository: Repository) -> list[dict[str, Any]]:
    """``configs`` at the head of the card."""
    if "README.md" not in repository.names:
        return []
    head = re.match(r"---\s*\n(.*?)\n---", repository.fetch("README.md").read_text("utf-8", "replace"), re.DOTALL)
    try:
        card = yaml.safe_load(head[1]) if head else {}
    except yaml.YAMLError:
        return []
    found = card.get("configs") if isinstance(card, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _declared(files: Any) -> dict[str, list[str]]:
    """``data_files`` in any of its forms: a pattern, several, or by split."""
    if isinstance(files, str):
        return {"train": [files]}
    if isinstance(files, dict):
        return {str(split): [paths] if isinstance(paths, str) else list(paths) for split, paths in files.items()}
    splits: dict[str, list[str]] = {}
    for one in files:
        path = one["path"] if isinstance(one, dict) else one
        split = str(one.get("split", "train")) if isinstance(one, dict) else "train"
        splits.setdefault(split, []).extend([path] if isinstance(path, str) else path)
    return splits


def _by_words(names: list[str]) -> dict[str, list[str]]:
    """Splits by words in names; files that name none are for training, unless others are."""
    splits: dict[str, list[str]] = {}
    for name in names:
        words = re.split(r"[^a-z]+", name.lower())
        split = next((split for split, known in WORDS.items() if any(word in words for word in known)), "")
        splits.setdefault(split, []).append(name)
    unnamed = splits.pop("", [])
    return splits if "train" in splits or not unnamed else {**splits, "train": unnamed}
