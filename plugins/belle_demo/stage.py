"""Writes the made examples as an artifact."""

from __future__ import annotations

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.data import ExamplesWriter, Given, clean
from belle_demo.config import DemoConfig
from belle_demo.generate import generate


def make(config: DemoConfig, context: StageContext) -> Examples:
    """All splits; needs no file and no network."""
    splits = generate(seed=context.shared["seed"], size=config.size, skills=tuple(config.skills), replay=config.replay)
    with ExamplesWriter(context.directory, limit=context.limit) as writer:
        for split, examples in splits.items():
            placed = ((example.id, example) for example in examples)
            for batch in clean(Given(placed), config, context, writer, held_out=split != "train"):
                batch.write(writer, split)
        return writer.finish(licences=["Apache-2.0"])
