"""A data set's repository on a hub: its file names, and its files when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from belle_core.errors import BelleError


@dataclass(frozen=True)
class Repository:
    """File names, the commit they belong to (empty where the hub does not say), and a way to get a file."""

    names: list[str]
    commit: str
    fetch: Callable[[str], Path]


def open_repository(name: str, revision: str | None, hub: str) -> Repository:
    """The repository of that name; raises ``BelleError`` when it is neither in the cache nor on a hub that answers."""
    try:
        return _modelscope(name, revision) if hub == "modelscope" else _huggingface(name, revision)
    except BelleError:
        raise
    except Exception as error:  # the hub clients raise dozens of types for no network, no such name, no access
        raise _not_found(name, revision, hub, type(error).__name__) from error


def cached_repository(name: str, revision: str | None) -> Repository:
    """The same of Hugging Face without asking the hub; raises ``BelleError`` when no earlier run fetched any of it."""
    try:
        return _cached(name, revision)
    except Exception as error:
        raise _not_found(name, revision, "huggingface", type(error).__name__) from error


def _huggingface(name: str, revision: str | None) -> Repository:
    from huggingface_hub import HfApi, hf_hub_download

    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return _cached(name, revision)
    try:
        info = HfApi().dataset_info(name, revision=revision, timeout=10)
    except Exception:
        return _cached(name, revision)
    commit = info.sha or revision or "main"
    return Repository(
        sorted(one.rfilename for one in info.siblings or []),
        commit,
        lambda file: Path(hf_hub_download(name, file, repo_type="dataset", revision=commit)),
    )


def _cached(name: str, revision: str | None) -> Repository:
    """What an earlier run fetched; of several commits the one that came last, where none is asked for."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.file_download import repo_folder_name

    commits = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=name, repo_type="dataset"), "snapshots")
    fetched = sorted(commits.glob("*"), key=lambda folder: folder.stat().st_mtime)
    if revision is None and fetched:
        return _directory(fetched[-1], fetched[-1].name)
    folder = Path(snapshot_download(name, repo_type="dataset", revision=revision, local_files_only=True))
    return _directory(folder, folder.name)


def _modelscope(name: str, revision: str | None) -> Repository:
    if find_spec("modelscope") is None:
        raise BelleError(
            'data.hub=modelscope needs the package modelscope: pip install "belle[modelscope]"',
            'data.hub=modelscope 需要软件包 modelscope：pip install "belle[modelscope]"',
        )
    from modelscope.hub.snapshot_download import dataset_snapshot_download

    more = {"revision": revision} if revision else {}
    return _directory(Path(dataset_snapshot_download(name, **more)), revision or "")


def _directory(folder: Path, commit: str) -> Repository:
    files = (path for path in folder.rglob("*") if path.is_file())
    names = sorted(path.relative_to(folder).as_posix() for path in files)
    return Repository([name for name in names if not name.startswith(".")], commit, lambda name: folder / name)


def _not_found(name: str, revision: str | None, hub: str, why: str) -> BelleError:
    where = "modelscope" if hub == "modelscope" else os.environ.get("HF_ENDPOINT", "huggingface.co")
    at = f" at {revision[:12]}" if revision else ""
    return BelleError(
        f"data.name={name}: not in the local hub cache, and {where} does not hand it out{at} ({why}); "
        "for files on disk say +data=files data.path=…",
        f"data.name={name}：本地 hub 缓存中没有，{where} 也无法提供{at}（{why}）；本地文件请用 +data=files data.path=…",
    )
