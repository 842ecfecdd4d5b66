"""What explains an artifact without deciding it: versions, machine, times, lineage, licences."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from belle_core.artifacts import Artifact, Examples
from belle_core.identity import Recipe
from belle_core.stages import Stage, distribution_of

LIBRARIES = (
    "torch",
    "transformers",
    "pytorch-lightning",
    "peft",
    "tokenizers",
    "sentencepiece",
    "bitsandbytes",
    "gguf",
    "deepspeed",
)


def provenance(stage: Stage, inputs: Iterable[Artifact], recipe: Recipe, started: float) -> dict[str, Any]:
    """Facts recorded beside a recipe; ``seconds`` is the time the stage itself took."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(time.time() - started, 3),
        "machine": {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()},
        "versions": _versions(stage),
        "inputs": [f"{artifact.directory.parent.name}/{artifact.fingerprint}" for artifact in inputs],
        "files": [*recipe.files, *recipe.compared],
        "compared": recipe.compared,
        "licences": sorted({licence for artifact in inputs for licence in _licences(artifact)}),
    }


def _licences(artifact: Artifact) -> list[str]:
    return artifact.licences if isinstance(artifact, Examples) else []


def _versions(stage: Stage) -> dict[str, str]:
    """Versions of this project, of the plugin's own distribution, and of the heavy libraries that were loaded."""
    names = {"belle", distribution_of(stage.run.split(":")[0])}
    names |= {name for name in LIBRARIES if name.replace("-", "_") in sys.modules}
    found = {}
    for name in sorted(names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
