"""What is tested on a pretended GPU, in a process of its own: PyTorch counts the devices before the first backward pass, once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FILES = [str(Path(__file__).parent.parent / name) for name in ("gpu_training.py", "gpu_planning.py")]


@pytest.mark.slow
def test_training_and_its_plan():
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *FILES]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
