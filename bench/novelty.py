"""Times the novelty check of self-instruct beside comparing with all earlier instructions.

usage: python bench/novelty.py FILE [MOST]; FILE: JSON Lines with ``instruction``. Prints one JSON line: for growing numbers
of kept instructions the milliseconds for a new one, by the tree and by brute force (bit-parallel ROUGE-L with every one).
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from pathlib import Path

from belle_generate.self_instruct.novelty import Novelty, rouge_l, tokens_of

PROBES, BRUTE = 300, 5


def main(path: str, most: str = "100000") -> None:
    """Adds what is new and stops at doublings to take the time."""
    with Path(path).open(encoding="utf-8") as file:
        texts = list(dict.fromkeys(json.loads(line)["instruction"] for line in file))[: int(most)]
    random.Random(0).shuffle(texts)
    probes, novelty, rows, due = texts[-PROBES:], Novelty(0.7), [], 1000
    for number, text in enumerate(texts, 1):
        if novelty.repeated(text) is None:
            novelty.add(text)
        if number in (due, len(texts)):
            due *= 2
            rows.append({"kept": len(novelty.texts), **measure(novelty, probes)})
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"texts": len(texts), "rows": rows, "memory_mb": round(megabytes)}))


def measure(novelty: Novelty, probes: list[str]) -> dict[str, float]:
    """Milliseconds for one text, both ways."""
    started = time.perf_counter()
    for probe in probes:
        novelty.repeated(probe)
    tree = (time.perf_counter() - started) / len(probes)
    earlier = [tokens_of(text) for text in novelty.texts]
    started = time.perf_counter()
    for probe in probes[:BRUTE]:
        tokens = tokens_of(probe)
        max(rouge_l(tokens, other) for other in earlier)
    brute = (time.perf_counter() - started) / BRUTE
    return {"tree_ms": round(tree * 1000, 2), "brute_ms": round(brute * 1000, 1)}


if __name__ == "__main__":
    main(*sys.argv[1:])
