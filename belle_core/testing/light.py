"""The start-up rule: a plugin's own module is imported at every start, so it must cost next to nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

from belle_core.language import say
from belle_core.stages import Stage
from belle_core.testing.declaration import Offer, title

HEAVY = ("torch", "transformers", "numpy", "pandas", "matplotlib", "pytorch_lightning", "tokenizers", "peft")
"""Packages that start-up must not import."""
SECONDS = 0.3
"""Longest import of a plugin, beyond what the core imports itself."""

_PROBE = """
import importlib, json, sys, time
for name in ("artifacts", "config", "conversation", "errors", "events", "plugins", "stages"):
    importlib.import_module("belle_core." + name)
started = time.process_time()
importlib.import_module(sys.argv[1])
seconds = time.process_time() - started
print()
print(json.dumps([seconds, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def environment(**more: str) -> dict[str, str]:
    """Environment of a fresh interpreter that finds the same packages as this one."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | more


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def brief(error: Exception) -> str:
    """An error on one line, without OmegaConf's appendix."""
    return f"{type(error).__name__}: {' '.join(str(error).split('full_key')[0].split())[:300]}"


def probe(module: str) -> tuple[float, list[str]]:
    """Seconds to import *module* in a fresh interpreter, and the heavy packages it brings; raises ``ImportError``."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, module], capture_output=True, text=True, encoding="utf-8", env=environment()
    )
    if done.returncode:
        raise ImportError(last_line(done.stderr))
    seconds, modules = json.loads(last_line(done.stdout))
    return seconds, [name for name in HEAVY if name in modules]


def check_light(module: str, offers: Sequence[Offer]) -> Iterator[str]:
    """Heavy packages and seconds of the plugin's module; heavy packages of its checks, which run before any work."""
    try:
        seconds, heavy = probe(module)
        for _ in range(4):  # a busy machine must not make a plugin look slow
            seconds = min(seconds, probe(module)[0]) if seconds > SECONDS else seconds
    except ImportError as error:
        yield say(
            f"{module} cannot be imported in a fresh interpreter: {error}", f"{module} 无法在新的解释器中导入：{error}"
        )
        return
    if heavy:
        yield say(
            f"importing {module} imports {', '.join(heavy)}; name heavy code by 'module:function' instead",
            f"导入 {module} 时会导入 {', '.join(heavy)}；请改用 '模块:函数' 的形式引用重型代码",
        )
    if seconds > SECONDS:
        yield say(
            f"importing {module} takes {seconds:.2f} s; at most {SECONDS} s are allowed",
            f"导入 {module} 需要 {seconds:.2f} 秒；最多允许 {SECONDS} 秒",
        )
    for offer in offers:
        if isinstance(offer, Stage) and offer.check:
            yield from _check_of(offer, offer.check.split(":")[0], heavy)


def _check_of(stage: Stage, module: str, before: list[str]) -> Iterator[str]:
    try:
        heavy = [name for name in probe(module)[1] if name not in before]
    except ImportError:
        return  # told with the other targets
    if heavy:
        yield say(
            f"{title(stage)}: its check ({module}) imports {', '.join(heavy)}; a check must be light",
            f"{title(stage)}：其检查（{module}）会导入 {', '.join(heavy)}；检查必须轻量",
        )
