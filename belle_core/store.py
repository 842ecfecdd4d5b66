"""The content-addressed store: ``<root>/<Type>/<fingerprint>/`` appears in full or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from belle_core.artifacts import MANIFEST, TYPES, A, Artifact
from belle_core.digest import Digests
from belle_core.errors import BelleError
from belle_core.language import say


def store_root(configured: str) -> Path:
    """Absolute directory of the store; raises ``BelleError`` where something else is called so."""
    if not configured.strip():
        raise BelleError(
            "the store has no name; say store=<directory> or BELLE_STORE, or leave both out",
            "没有指明存储目录；请写 store=<目录> 或设置 BELLE_STORE，也可两者都不写",
        )
    root = Path(configured).expanduser().resolve()
    if root.exists() and not root.is_dir():
        raise BelleError(
            f"the store {root} is no directory; choose another with store=<directory> or BELLE_STORE",
            f"存储目录 {root} 不是目录；用 store=<目录> 或环境变量 BELLE_STORE 换一个",
        )
    return root


class Store:
    """Artifacts on disk. Reading never writes; writing is atomic."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.digests = Digests(root / "digests.json")

    def find(self, kind: type[A], key: str) -> A | None:
        """The finished artifact, or ``None``; raises ``BelleError`` when files are missing or changed their size."""
        directory = self.root / kind.__name__ / key
        manifest = self.manifest(directory)
        if manifest is None:
            return None
        for name, about in manifest["files"].items():
            path = directory / name
            if not path.is_file() or path.stat().st_size != about["size"]:
                raise damaged(directory, name)
        known = {f.name for f in fields(kind)}
        return kind(directory=directory, **{k: v for k, v in manifest["facts"].items() if k in known})

    def manifest(self, directory: Path) -> dict[str, Any] | None:
        """The parsed ``artifact.json``, ``None`` when there is no such artifact."""
        try:
            manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
            return manifest if {"files", "facts", "recipe"} <= manifest.keys() else _refuse(directory)
        except FileNotFoundError:
            return None if not directory.exists() else _refuse(directory)
        except ValueError:
            return _refuse(directory)

    def load(self, key: str) -> Artifact:
        """The artifact whose fingerprint begins with *key*; raises ``BelleError`` for none or several."""
        found = [d for d in self.directories() if d.name.startswith(key)]
        if len(found) != 1:
            many = ", ".join(f"{d.parent.name}/{d.name}" for d in found[:5])
            raise BelleError(
                f"{key}: several artifacts begin so: {many}"
                if found
                else f"{key}: no such artifact in {self.root}; `belle runs` lists them",
                f"{key}：有多个产物以此开头：{many}"
                if found
                else f"{key}：{self.root} 中没有这个产物；用 `belle runs` 查看",
            )
        artifact = self.find(TYPES[found[0].parent.name], found[0].name)
        assert artifact is not None
        return artifact

    def directories(self) -> Iterator[Path]:
        """Every finished artifact's directory."""
        for name in TYPES:
            for directory in sorted((self.root / name).glob("*")):
                if directory.is_dir() and not directory.name.endswith(".partial"):
                    yield directory

    def verify(self, artifact: Artifact) -> None:
        """Compare every file with its checksum; raises ``BelleError`` naming the first that differs."""
        manifest = self.manifest(artifact.directory) or {"files": {}}
        for name, about in manifest["files"].items():
            path = artifact.directory / name
            if not path.is_file() or self.digests.of(path) != about["sha256"]:
                raise damaged(artifact.directory, name)

    def partial(self, kind: type[Artifact], key: str) -> Path:
        """Where a stage writes until it succeeds; kept after a crash so that it can resume."""
        directory = self.root / kind.__name__ / f"{key}.partial"
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def commit(self, artifact: A, manifest: dict[str, Any]) -> A:
        """Publish the artifact: checksums, then the manifest, then one rename."""
        partial = artifact.directory
        shutil.rmtree(partial / "scratch", ignore_errors=True)
        (partial / MANIFEST).unlink(missing_ok=True)
        files: dict[str, dict[str, Any]] = {}
        for path in sorted(p for p in partial.rglob("*") if p.is_file()):
            files[path.relative_to(partial).as_posix()] = {"size": path.stat().st_size, "sha256": self.digests.of(path)}
            _sync(path)
        text = json.dumps(manifest | {"facts": artifact.facts(), "files": files}, indent=1, ensure_ascii=False)
        (partial / MANIFEST).write_text(text, encoding="utf-8")
        _sync(partial / MANIFEST)
        final = partial.with_name(artifact.fingerprint)
        os.replace(partial, final)
        _sync(final.parent)
        self.digests.moved(partial, final)
        self.digests.save()
        return replace(artifact, directory=final)

    @contextmanager
    def lock(self, kind: type[Artifact], key: str) -> Iterator[None]:
        """Let one process at a time make an artifact; others wait and then find it."""
        from filelock import FileLock, Timeout

        folder = self.root / kind.__name__
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{key}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(say(f"belle: another process is making {kind.__name__} {key}; waiting for it",
                      f"belle：另一个进程正在生成 {kind.__name__} {key}，等待中"), flush=True)  # fmt: skip
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def remove(self, directory: Path) -> int:
        """Delete one artifact directory; returns the bytes freed. A crash in between leaves a partial one, never a wrong one."""
        size = sum(p.stat().st_size for p in directory.rglob("*") if p.is_file())
        doomed = (
            directory
            if directory.name.endswith(".partial")
            else directory.with_name(f"{directory.name}.removed.partial")
        )
        os.replace(directory, doomed)
        shutil.rmtree(doomed)
        directory.with_name(f"{directory.name.removesuffix('.partial')}.lock").unlink(missing_ok=True)
        return size


def damaged(directory: Path, name: str) -> BelleError:
    """The error for an artifact whose bytes are not what they were."""
    which = f"{directory.parent.name}/{directory.name}"
    return BelleError(
        f"artifact {which} is damaged ({name} is missing or changed); `belle runs remove {directory.name}` lets the next run make it again",
        f"产物 {which} 已损坏（{name} 缺失或被改动）；执行 `belle runs remove {directory.name}` 后下次运行会重新生成",
    )


def _refuse(directory: Path) -> Any:
    raise damaged(directory, MANIFEST)


def _sync(path: Path) -> None:
    """Force a file or a directory entry to disk (directories: where the system can)."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return  # Windows does not open directories
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
