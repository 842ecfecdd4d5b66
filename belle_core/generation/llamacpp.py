"""Opens GGUF models with llama.cpp."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_core.errors import BelleError

if TYPE_CHECKING:
    from llama_cpp import Llama

_opened: weakref.WeakSet[Llama] = weakref.WeakSet()
_lock = threading.Lock()


def open_model(path: str | Path, *, context: int, threads: int, **options: Any) -> Llama:
    """The model, ready to generate; ``close()`` it, or it is closed at exit.

    Args:
        context: tokens that prompt and answer may have together; 0 takes the model's own.
        threads: CPU threads.
        options: further arguments of ``llama_cpp.Llama``.

    Raises:
        BelleError: llama-cpp-python is missing, or the file is no GGUF model that this version can load.
    """
    if not Path(path).is_file():
        raise BelleError(f"no GGUF file at {path}", f"找不到 GGUF 文件 {path}")
    try:
        import llama_cpp
    except ModuleNotFoundError as error:
        if error.name != "llama_cpp":
            raise
        raise BelleError(
            'running GGUF models needs llama-cpp-python: pip install "belle[llamacpp]"',
            '运行 GGUF 模型需要 llama-cpp-python：pip install "belle[llamacpp]"',
        ) from error
    settings = {"n_ctx": context, "n_threads": threads, "n_threads_batch": threads, "verbose": False} | options
    try:
        with _without_extra_buffers(llama_cpp.llama_cpp):
            model = llama_cpp.Llama(str(path), **settings)
    except ValueError as error:
        raise BelleError(f"llama.cpp cannot load {path}: {error}", f"llama.cpp 无法加载 {path}：{error}") from error
    _opened.add(model)
    return model


@contextmanager
def _without_extra_buffers(library: Any) -> Iterator[None]:
    """Models opened within use no repacked weights: that path crashes quantized models on CPUs with AMX.

    ``Llama`` has no argument for it, so the function that makes its defaults is replaced meanwhile.
    """
    default = library.llama_model_default_params

    def parameters() -> Any:
        chosen = default()
        chosen.use_extra_bufts = False
        return chosen

    with _lock:
        library.llama_model_default_params = parameters
        try:
            yield
        finally:
            library.llama_model_default_params = default


@atexit.register
def _close_models() -> None:
    """llama-cpp-python prints a traceback when the interpreter tears down an open model."""
    for model in list(_opened):
        model.close()
