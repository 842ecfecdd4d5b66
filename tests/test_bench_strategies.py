"""The bench of strategies works where there is no GPU, and asks for runs that exist."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from belle_core.api import prepare

SCRIPT = Path(__file__).parent.parent / "bench" / "gpu" / "strategies.py"


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_run_for_several_gpus_is_one(method, tmp_path):
    spec = spec_from_file_location("strategies", SCRIPT)
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    options = Namespace(data=None, tiny=False, model="llama7b", method=method, devices=8, steps=12)
    prepared = prepare(script.overrides(options, "fsdp", str(tmp_path)))
    assert [step.name for step in prepared.steps] == ["data", "tokenizer", "train"]
    assert prepared.config.model.checkpoint is None and prepared.config.trainer.strategy == "fsdp"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
def test_strategies_are_measured_side_by_side(tmp_path):
    other = "deepspeed_zero2" if find_spec("deepspeed") else "fsdp"
    command = [sys.executable, str(SCRIPT), "--tiny", "--strategies", f"ddp,{other},unknown"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    ddp, divided, unknown = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert ddp["loss"] == pytest.approx(divided["loss"], abs=1e-3)
    for figures in (ddp, divided):
        assert (
            figures["tok_per_s"] > 0
            and figures["mfu"] > 0
            and len(figures["peak_bytes"]) == 2
            and all(figures["peak_bytes"])
        )
    assert "there is no trainer.strategy 'unknown'" in unknown["error"]
