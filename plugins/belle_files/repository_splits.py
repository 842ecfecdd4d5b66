"""Which files of a repository make up a split: what its card says, else what their names say."""

from __future__ import annotations

import re
from typing import Any

import yaml

from belle_core.errors import BelleError
from belle_files.repository import Repository

DATA = re.compile(r"\.(parquet|arrow|jsonl?|csv|tsv|txt|zip|tar|tgz)(\.(gz|bz2|xz|zst|zip))?$")
ABOUT = re.compile(
    r"(^|/)(dataset_infos?|dataset_dict|state|config)\.json$|(^|/)(requirements|licen[cs]e|readme)[^/]*$", re.I
)
SHARD = re.compile(r"data/([\w.]+)-\d{5}-of-\d{5}[^/]*\.[^/]+")
WORDS = {
    "test": ("test", "testing", "eval", "evaluation"),
    "validation": ("validation", "valid", "dev", "val"),
    "train": ("train", "training"),
}
"""Words in names by which the hub tells splits."""


def splits_in(repository: Repository, subset: str) -> dict[str, list[str]]:
    """Patterns or names of files by split; raises ``BelleError`` for a subset that is not there."""
    config = _chosen(_configs(repository), subset)
    folder = str(config.get("data_dir") or "").removeprefix("./").strip("/")
    within = f"{folder}/" if folder else ""
    if (files := config.get("data_files")) is not None:
        return {split: [within + pattern for pattern in patterns] for split, patterns in _declared(files).items()}
    names = [name for name in repository.names if DATA.search(name) and not ABOUT.search(name)]
    names = [name for name in names if name.startswith(within)]
    if subset and not within:
        names = [name for name in names if subset in name.split("/")[:-1]] or [name for name in names if subset in name]
    return _by_shards(names) or _by_words(names)


def _chosen(configs: list[dict[str, Any]], subset: str) -> dict[str, Any]:
    """The card's entry for *subset*, or for its default; empty where the card says nothing."""
    named = {str(one.get("config_name", "default")): one for one in configs}
    if not configs:
        return {}
    if not subset:
        marked = next((one for one in configs if one.get("default")), None)
        return marked or named.get("default") or configs[0]
    if subset not in named:
        known = ", ".join(named)
        raise BelleError(
            f"data.subset={subset}: there is none; known: {known}", f"data.subset={subset}：没有；现有：{known}"
        )
    return named[subset]


def files_of(repository: Repository, splits: dict[str, list[str]], split: str) -> list[str]:
    """The files of a split, in order; ``dev`` is also called ``validation``."""
    patterns = splits.get(split) or splits.get({"dev": "validation", "val": "validation"}.get(split, split), [])
    return matching(repository.names, patterns)


def matching(names: list[str], patterns: list[str]) -> list[str]:
    """The *names* that are meant by *patterns*, as the hub understands them: ``*`` stays within a folder, ``**`` goes below."""
    from fsspec.utils import glob_translate  # what datasets itself asks

    known = [re.compile(glob_translate(pattern.removeprefix("./"))) for pattern in patterns]
    return [name for name in names if name in patterns or any(one.match(name) for one in known)]


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


def _by_shards(names: list[str]) -> dict[str, list[str]]:
    """Splits as ``push_to_hub`` names their files; what it did not write is then no data."""
    splits: dict[str, list[str]] = {}
    for name in names:
        if found := SHARD.fullmatch(name):
            splits.setdefault(found[1], []).append(name)
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
