"""The main job on real data and real weights, where they are at hand."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from belle_core import run
from belle_core.api import load

pytestmark = pytest.mark.slow


def curve(directory: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (directory / "curve.jsonl").read_text(encoding="utf-8").splitlines()]


def test_real_chinese_instructions_survive_a_kill_and_the_dev_loss_falls(shared, tmp_path, belle):
    data, tokenizer = shared / "data/alpaca/alpaca_zh_51k.jsonl", shared / "data/tokenizers/llama_tokenizer.model"
    arguments = [
        "+data=files",
        f"data.path={data}",
        "data.dev=100",
        "+tokenizer=pretrained",
        f"tokenizer.path={tokenizer}",
        "+train=full",
        "model=tiny",
        "model.architecture.hidden_size=64",
        "model.architecture.intermediate_size=128",
        "limit=400",
        "train.epochs=2",
        "train.batch=16",
        "train.learning_rate=2e-3",
        "train.max_length=256",
        "trainer.checkpoint_seconds=0.5",
        "name=alpaca",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "belle_core", *arguments], cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    store, waited = tmp_path / "store", time.monotonic() + 240
    while not list(store.glob("Model/*.partial/scratch/state.ckpt")):
        assert process.poll() is None and time.monotonic() < waited, "no state was saved"
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = belle(*arguments, timeout=500)
    assert done.returncode == 0, done.stderr
    assert "data: data=files from the store" in done.stdout  # the finished step was not lost
    model = load("alpaca")
    dev = [point["dev"] for point in curve(model.directory) if point.get("dev") is not None]
    assert dev[-1] < dev[0] - 2  # nats per token; ln(32000) is 10.4
    steps = [point["step"] for point in curve(model.directory)]
    assert steps == sorted(set(steps))  # no step was lost or done twice
    page = (store / "runs/alpaca/report.html").read_text(encoding="utf-8")
    assert "<svg" in page and f"{model.parameters:,}" in page


def test_real_weights_load_write_a_story_take_a_lora_step_and_become_a_gguf_file(shared, tmp_path, belle):
    folder = shared / "data/weights/stories260K"
    assert belle("llama2c", str(folder / "stories260K.bin"), str(folder / "tok512.bin"), "stories").returncode == 0
    story = belle("chat", "stories", "--template", "plain", "--once", "Once upon a time", "--max-tokens", "40")
    assert story.stdout.startswith(", there was a little girl named Lily. She loved to play outside in the park."), (
        story.stderr
    )
    records = [{"instruction": "Tell a story.", "input": "", "output": "Once upon a time, there was a little dog."}] * 8
    (tmp_path / "stories.json").write_text(json.dumps(records))
    result = run(
        [
            "+data=files",
            "data.path=stories.json",
            "+tokenizer=pretrained",
            "model=tiny",
            "model.checkpoint=stories",
            "+train=lora",
            "train.epochs=5",
            "train.batch=8",
            "train.learning_rate=5e-3",
            "+deploy=gguf",
            "deploy.dtype=F32",
        ],
        quiet=True,
    )
    losses = [point["loss"] for point in curve(result.artifacts["train"].directory) if point.get("loss") is not None]
    assert losses[-1] < losses[0]
    assert (result.artifacts["deploy"].directory / "model.gguf").read_bytes()[:4] == b"GGUF"
