"""Data sets by name: finds the files of a split on a hub, fetches them into its cache, and reads them like any files."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.data.splits import held_out
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.notices import tell
from belle_files.config import FilesConfig, ReadingConfig
from belle_files.estimate import estimate as estimate_files
from belle_files.hub_config import HubConfig
from belle_files.repository import Repository, cached_repository, open_repository
from belle_files.repository_splits import files_of, matching, splits_in
from belle_files.stage import read


def check(config: HubConfig, shared: dict[str, Any]) -> None:
    """Raise ``BelleError`` when the repository or one of the wanted splits is not there."""
    if not config.name:
        raise BelleError(
            "data.name has no value; say data.name=<team>/<data set>",
            "data.name 没有取值；请写 data.name=<团队>/<数据集>",
        )
    _wanted(config, open_repository(config.name, config.revision, config.hub))


def fetch(config: HubConfig, context: StageContext) -> Examples:
    """The data set in train, dev and test; what was read stands in ``hub.json``."""
    repository = open_repository(config.name, config.revision, config.hub)
    wanted = _wanted(config, repository)
    if config.revision is None and repository.commit:
        tell(
            f"to read the same again later, say data.revision={repository.commit}",
            f"以后要读取同样的内容，请写 data.revision={repository.commit}",
        )
    examples = read(_as_files(config, repository, wanted), context)
    about = {"name": config.name, "hub": config.hub, "commit": repository.commit, "files": wanted}
    (Path(context.directory) / "hub.json").write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return examples


def estimate(config: HubConfig, known: dict[str, Any]) -> dict[str, Any]:
    """As for files on disk, where an earlier run has fetched them; nothing is asked of the hub.

    ModelScope's client tells no names before it has fetched all files, and the checks before a run do that.
    """
    try:
        if config.hub == "modelscope":
            repository = open_repository(config.name, config.revision, config.hub)
        else:
            repository = cached_repository(config.name, config.revision)
        return estimate_files(_as_files(config, repository, _wanted(config, repository)), known)
    except BelleError:  # not here, or only in part
        why = say("how much it is, is known when it is fetched", "数据尚未下载，下载后才知道有多少")
        return {"licences": [config.licence] if config.licence else [], "time_unknown": why}


def _as_files(config: HubConfig, repository: Repository, wanted: dict[str, list[str]]) -> FilesConfig:
    """The same as ``+data=files``; what is not in the cache is fetched."""
    paths = {option: [str(repository.fetch(name)) for name in names] for option, names in wanted.items()}
    common = {f.name: getattr(config, f.name) for f in fields(ReadingConfig)}
    return FilesConfig(**{**common, "source": config.source or config.name, **paths})


def _wanted(config: HubConfig, repository: Repository) -> dict[str, list[str]]:
    """Files in the repository by option: ``path``, and ``dev`` and ``test`` where they are splits."""
    if config.files:
        names = matching(repository.names, [config.files])
        if not names:
            raise _nothing(config, f"files={config.files}", repository.names)
        return {"path": names}
    splits = splits_in(repository, config.subset)
    wanted = {"path": config.split}
    wanted |= {name: value for name in ("dev", "test") if (value := held_out(name, getattr(config, name)).path)}
    found = {}
    for option, split in wanted.items():
        if option != "path" and Path(split).expanduser().exists():
            continue
        if not (names := files_of(repository, splits, split)):
            raise _nothing(config, f"{'split' if option == 'path' else option}={split}", sorted(splits))
        found[option] = names
    return found


def _nothing(config: HubConfig, asked: str, there: list[str]) -> BelleError:
    known = ", ".join(there[:20]) or "-"
    subset = f" ({config.subset})" if config.subset else ""
    return BelleError(
        f"data.{asked}: {config.name}{subset} has no such files; there are: {known}",
        f"data.{asked}：{config.name}{subset} 中没有对应的文件；现有：{known}",
    )
