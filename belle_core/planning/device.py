"""What this machine offers to a training run: the kind of its devices, their memory, their number. Needs no torch."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup/memory.max")
SHARE = {"cuda": 0.9, "mps": 0.7, "cpu": 0.7}
"""Of a device's memory what a run may plan with; main memory is needed by others too, and of a GPU's PyTorch keeps some in reserve."""
CONTEXT = 700 << 20
"""Bytes of a GPU that CUDA's context takes (about 500 MB), and the workspaces of cuBLAS for the forward and the backward thread."""
PROGRAM = 460 << 20
"""Bytes that Python with torch, transformers, Lightning and peft takes in main memory, as measured on Linux."""
IMPORTED = {"triton": 80 << 20, "scipy": 60 << 20}
"""What those take beside it that torch and bitsandbytes import where they are installed."""


@dataclass(frozen=True)
class Device:
    """Devices of one kind."""

    kind: str
    """``cuda``, ``mps`` or ``cpu``."""
    memory: int
    """Bytes of each; of a CPU the machine's."""
    count: int = 1

    @property
    def program(self) -> int:
        """What the program itself takes of it."""
        if self.kind == "cuda":
            return CONTEXT
        return PROGRAM + sum(size for name, size in IMPORTED.items() if find_spec(name))

    def room(self, processes: int = 1) -> int:
        """Bytes for each of so many *processes* on this machine; main memory is shared by them."""
        return int(SHARE[self.kind] * self.memory / (1 if self.kind == "cuda" else processes))


def device_of(accelerator: str) -> Device | None:
    """What ``trainer.accelerator`` would take here; ``None`` when it is not there, or its memory is not told."""
    from belle_core.commands.machine import gpus

    if accelerator in ("auto", "cuda", "gpu") and (found := gpus()):
        return Device("cuda", min(gpu["memory"] for gpu in found), len(found))
    if accelerator in ("cuda", "gpu"):
        return None
    memory = main_memory()
    apple = platform.system() == "Darwin" and platform.machine() == "arm64" and accelerator in ("auto", "mps")
    return Device("mps" if apple else "cpu", memory) if memory else None


def main_memory() -> int | None:
    """Bytes of main memory, or of what a container may take of it."""
    from belle_core.commands.machine import describe

    memory = describe()["memory"]
    try:
        return min(memory or 1 << 62, int(CGROUP.read_text()))
    except (OSError, ValueError):  # not in a container, or no limit: "max"
        return int(memory) if memory else None
