"""What ``belle plan`` can say beforehand: everything, since making the examples takes half a second."""

from __future__ import annotations

import json
from typing import Any

from belle_core.data.storage import text_of
from belle_demo.config import DemoConfig
from belle_demo.generate import generate


def estimate(config: DemoConfig, known: dict[str, Any]) -> dict[str, Any]:
    """Exact numbers of examples, characters and bytes."""
    seed, limit = known["shared"]["seed"], known["limit"]
    splits = generate(seed=seed, size=config.size, skills=tuple(config.skills), replay=config.replay)
    splits = {split: examples[:limit] for split, examples in splits.items()}
    texts = [text_of(example) for example in splits["train"]]
    lines = (json.dumps(e.to_json(), ensure_ascii=False) for examples in splits.values() for e in examples)
    return {
        "examples": len(texts),
        "splits": {split: len(examples) for split, examples in splits.items()},
        "characters": sum(map(len, texts)),
        "alphabet": len(set("".join(texts))),
        "bytes": sum(len(line.encode()) + 1 for line in lines),
        "licences": ["Apache-2.0"],
    }
