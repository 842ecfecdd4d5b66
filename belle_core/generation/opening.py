"""Opens whatever can answer: an artifact, a Hugging Face directory or a GGUF file."""

from __future__ import annotations

from pathlib import Path

from belle_core.artifacts import Artifact, Bundle, Runnable
from belle_core.errors import BelleError
from belle_core.generation.engine import Engine


def open_engine(source: Artifact | Path | str, *, template: str | None = None) -> Engine:
    """An engine for *source*; ``template`` overrides the chat template that travels with it.

    Raises:
        BelleError: *source* cannot answer, does not load, or needs a package that is missing.
    """
    if isinstance(source, Bundle):
        return open_engine(source.directory / source.main, template=template)
    if isinstance(source, Runnable):
        return _open_runnable(source, template)
    if isinstance(source, Artifact):
        kind = type(source).__name__
        raise BelleError(
            f"{source.fingerprint} is of type {kind} and cannot answer; name a model, an adapter or a bundle",
            f"{source.fingerprint} 的类型是 {kind}，不能回答问题；请指定模型、适配器或导出产物",
        )
    return _open_path(Path(source).expanduser(), template)


def _open_runnable(artifact: Runnable, template: str | None) -> Engine:
    from belle_core.generation.checkpoint import CheckpointEngine
    from belle_core.generation.templates import template_of
    from belle_core.training.loading import load_runnable

    loaded = load_runnable(artifact)
    chosen = template_of(loaded.files, loaded.tokenizer, template) if template else loaded.template
    return CheckpointEngine(loaded.model, loaded.tokenizer, chosen)


def _open_path(path: Path, template: str | None) -> Engine:
    if path.suffix.lower() == ".gguf":
        from belle_core.generation.gguf import GgufEngine

        return GgufEngine(path, template=template)
    from belle_core.generation.checkpoint import is_checkpoint, open_directory

    if is_checkpoint(path):
        return open_directory(path, template=template)
    raise BelleError(
        f"{path} is neither a .gguf file nor a directory with a config.json",
        f"{path} 既不是 .gguf 文件，也不是含有 config.json 的目录",
    )
