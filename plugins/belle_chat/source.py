"""What a user may name as a model: a run, an artifact, a directory, a GGUF file, or nothing at all."""

from __future__ import annotations

from pathlib import Path

from belle_core.artifacts import Artifact
from belle_core.errors import BelleError
from belle_core.generation import Engine, open_engine

MODELS = ("Model", "Adapter", "QuantizedModel")


def find_source(reference: str | None) -> Artifact | Path:
    """The artifact or path behind *reference*; without one, the last model of the latest run that has one.

    Raises ``BelleError`` when there is none.
    """
    if reference is None:
        return _latest()
    path = Path(reference).expanduser()
    if path.suffix.lower() == ".gguf" or (path / "config.json").is_file():
        return path
    from belle_core.api import default_store, load

    try:
        return load(reference)
    except BelleError as error:
        store = default_store().root
        if path.is_dir():
            raise BelleError(
                f"{reference}: the directory holds no config.json, so it is no model, and the store {store} has no run or artifact of that name",
                f"{reference}：目录中没有 config.json，不是模型；存储 {store} 中也没有同名的运行或产物",
            ) from error
        raise


def _latest() -> Artifact:
    from belle_core.api import default_store
    from belle_core.runs import read_runs

    store = default_store()
    for run in reversed(list(read_runs(store.root))):
        made = [step["fingerprint"] for step in run.steps if step["type"] in MODELS]
        if made:
            return store.load(made[-1])
    raise BelleError(
        f"no run in {store.root} has a model; train one (belle +recipe=quickstart), or name a directory or a .gguf file",
        f"{store.root} 中没有任何运行产生过模型；请先训练（belle +recipe=quickstart），或指定目录或 .gguf 文件",
    )


def open_source(source: Artifact | Path, template: str | None) -> Engine:
    """The engine of *source*; an artifact's files are compared with their checksums first."""
    if isinstance(source, Artifact):
        from belle_core.api import default_store

        default_store().verify(source)
    return open_engine(source, template=template)


def name_of(source: Artifact | Path) -> str:
    """How to call it in messages and records."""
    return f"{type(source).__name__}/{source.fingerprint}" if isinstance(source, Artifact) else str(source)
