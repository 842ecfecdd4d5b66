"""Runs in processes of their own: to the end, or killed in the middle of a step."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle_core.testing.light import environment, last_line


@dataclass(frozen=True)
class Child:
    """A run of *overrides* in *folder*, whose step *step* is looked at."""

    folder: Path
    step: str
    overrides: tuple[str, ...]
    timeout: float

    def run(self, *more: str, hash_seed: int = 1) -> dict[str, Any]:
        """Run to the end; returns what the process answers. Raises ``ChildProcessError`` with its last line."""
        process = self._start(more, hash_seed)
        try:
            _, errors = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise ChildProcessError(f"> {self.timeout:.0f} s") from None
        if process.returncode:
            raise ChildProcessError(last_line(errors) or f"exit status {process.returncode}")
        answer: dict[str, Any] = json.loads((self.folder / "answer.json").read_text(encoding="utf-8"))
        return answer

    def kill(self, artifact: Path, delay: float) -> bool:
        """Start, wait until *artifact* is begun and *delay* seconds more, kill; whether that was before its end."""
        process = self._start((), 1)
        partial = artifact.with_name(f"{artifact.name}.partial")
        deadline = time.monotonic() + self.timeout
        while not partial.is_dir() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
        process.communicate()
        return partial.is_dir() and not artifact.is_dir()

    def _start(self, more: tuple[str, ...], hash_seed: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "belle_core.testing.child", self.step, str(self.folder / "answer.json")]
        return subprocess.Popen(
            [*command, *self.overrides, *more, f"store={self.folder / 'store'}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment(PYTHONHASHSEED=str(hash_seed)),
        )
