"""Property 7: DPO begins with rewards 0 and loss ln 2, and what it is compared with stays what it was."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train as train_full
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_objectives.config import DpoConfig, IpoConfig, KtoConfig, OrpoConfig, SftConfig, SimpoConfig
from belle_objectives.dpo import Dpo
from tiny_training import training_context

from belle_core.artifacts import Examples
from belle_core.data import read_examples
from belle_core.store import Store
from belle_core.training import module as module_file
from belle_core.training.loading import load_start

SETTINGS = {"batch": 8, "epochs": 1, "learning_rate": 5e-3}
METHODS = {
    "full": (train_full, lambda **more: FullConfig(**SETTINGS, **more)),
    "lora": (train_lora, lambda **more: LoraConfig(**SETTINGS | {"learning_rate": 2e-2}, **more)),
    "pissa": (train_lora, lambda **more: LoraConfig(init="pissa", **SETTINGS | {"learning_rate": 2e-2}, **more)),
}


def curve(context) -> list[dict]:
    return [json.loads(line) for line in (context.directory / "curve.jsonl").read_text().splitlines()]


def warm(store: Store):
    """An adapter to go on from."""
    context = training_context(store.root / "Adapter" / "w.partial")
    config = LoraConfig(objective=SftConfig(), **SETTINGS)
    return store.commit(train_lora(config, context), {"recipe": {}})


def start_scores(context) -> list[float]:
    """Log-probabilities of all chosen and rejected answers under the model that the run starts from."""
    loaded, found = load_start(context), []
    for example in read_examples(context.input(Examples), "train"):
        for answer in (example.conversation.answer, *example.rejected):
            talk = example.conversation.answered(answer)
            ids, prompt = loaded.encoder.encode(talk).ids, len(loaded.encoder.prompt(talk))
            with torch.no_grad():
                logits = loaded.model(input_ids=torch.tensor([ids])).logits[0, :-1]
            scores = torch.log_softmax(logits, -1).gather(1, torch.tensor(ids[1:])[:, None])
            found.append(float(scores[prompt - 1 :].sum()))
    return found


@pytest.mark.parametrize("start", ["full", "lora", "warm lora", "pissa"])
def test_step_0_and_a_reference_that_stays(start, tmp_path):
    store = Store(tmp_path / "store")
    begun = warm(store) if start.startswith("warm") else None
    context = training_context(store.root / "Model" / "a", rejected=1, start=begun)
    run, config = METHODS[start.split()[-1]]
    run(config(objective=DpoConfig()), context)
    points = curve(context)
    assert points[0]["dev"] == pytest.approx(math.log(2), abs=1e-6)
    for name in ("dev_margin", "dev_chosen", "dev_rejected"):
        assert points[0][name] == pytest.approx(0, abs=1e-5)
    assert points[1]["loss"] == pytest.approx(math.log(2), abs=1e-6) and abs(points[1]["margin"]) < 1e-5
    assert points[-1]["dev"] < 0.6 and points[-1]["dev_accuracy"] > 0.7 and points[-1]["dev_margin"] > 0.1
    reference = np.load(context.scratch / "reference-train.npy", allow_pickle=False)
    np.testing.assert_allclose(reference, start_scores(context), atol=2e-4)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_resumed_run_is_compared_with_the_same_start(method, tmp_path, monkeypatch):
    run, config = METHODS[method]
    whole = training_context(tmp_path / "whole" / "Model" / "a", rejected=1)
    run(config(objective=DpoConfig()), whole)
    broken = training_context(tmp_path / "broken" / "Model" / "a", rejected=1, checkpoint_seconds=0)
    calls, loss = [], Dpo.loss

    def breaks(self, *arguments):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return loss(self, *arguments)

    monkeypatch.setattr(Dpo, "loss", breaks)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(config(objective=DpoConfig()), broken)
    begun = []
    learn = module_file.InstructionModule.training_step
    monkeypatch.setattr(
        module_file.InstructionModule,
        "training_step",
        lambda self, *more: (begun.append(self.done), learn(self, *more))[1],
    )
    run(config(objective=DpoConfig()), broken)
    assert begun[0] > 0, "began anew"
    for name in ("curve.jsonl", *(p.name for p in whole.directory.glob("*.safetensors"))):
        assert (whole.directory / name).read_bytes() == (broken.directory / name).read_bytes(), name
    reference = [Path(c.scratch, "reference-train.npy").read_bytes() for c in (whole, broken)]
    assert reference[0] == reference[1]


@pytest.mark.parametrize(
    "objective", [IpoConfig(), KtoConfig(), OrpoConfig(), SimpoConfig()], ids=lambda c: type(c).__name__
)
def test_every_preference_is_learned(objective, tmp_path):
    context = training_context(tmp_path / "store" / "Model" / "a", rejected=1)
    metrics = train_full(FullConfig(objective=objective, **SETTINGS), context).metrics
    points = curve(context)
    assert metrics["dev_accuracy"] > 0.7 and points[-1]["dev"] < points[0]["dev"]
    if isinstance(objective, KtoConfig):
        assert points[0]["dev"] == pytest.approx(0.5, abs=1e-6) and points[0]["dev_kl"] == pytest.approx(0, abs=1e-5)
