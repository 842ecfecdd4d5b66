"""Every objective goes with every method: one optimizer step of each, from the catalogue of what is installed."""

from __future__ import annotations

import math
from importlib.util import find_spec

import pytest
from tiny_training import training_context

from belle_core.config import TrainConfig
from belle_core.plugins import load_catalog

CATALOG = load_catalog()
METHODS = [name for (kind, name), stage in CATALOG.stages.items() if kind == "train" and issubclass(stage.config, TrainConfig)]  # fmt: skip
OBJECTIVES = CATALOG.names("objective")

ANSWERS = {"rewards": {"length": 1.0}, "max_new_tokens": 4, "group": 2}
OPTIONS = {"grpo": ANSWERS, "ppo": ANSWERS}
FAST = ("full", "lora")


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("method", [pytest.param(m, marks=() if m in FAST else pytest.mark.slow) for m in METHODS])
def test_one_step(method, objective, tmp_path):
    stage, part = CATALOG.stages["train", method], CATALOG.part("objective", objective)
    if stage.extra and find_spec("bitsandbytes") is None:
        pytest.skip("needs the extra quantize")
    rejected = int("pair" in part.record)
    context = training_context(tmp_path / "store" / "Model" / "a", rejected=rejected)
    config = stage.config(objective=part.config(**OPTIONS.get(objective, {})), epochs=0.1, batch=6, max_length=64)
    made = stage.load()(config, context)
    assert type(made) is (part.produces or stage.produces)
    assert math.isfinite(made.metrics["train_loss"])
    assert list(context.directory.glob("*.safetensors"))
