"""Reads what the quickstart left in its store and fails unless the model learned what it should."""

import json
import sys
from pathlib import Path

store = Path(sys.argv[1])
(record,) = [json.loads(path.read_text(encoding="utf-8")) for path in store.glob("runs/*/run.json")]
assert record["status"] == "done", record
scores = {}
for step in record["steps"]:
    if step["type"] == "Evaluation":
        manifest = json.loads(
            (store / "Evaluation" / step["fingerprint"] / "artifact.json").read_text(encoding="utf-8")
        )
        scores[step["name"]] = manifest["facts"]["scores"]["exact"]
first, *_, last = scores.values()
print(f"exact match by step: {scores}; {sum(step['seconds'] for step in record['steps']):.0f} s of steps")
assert first < 0.05 and last >= 0.9, "the quickstart must rise from 0 to at least 90 %"
assert list(store.glob("Bundle/*/model.gguf")), "no GGUF file"
