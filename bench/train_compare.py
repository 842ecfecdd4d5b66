"""Training speed beside a bare PyTorch loop and a peer, one after the other in one run.

usage: python bench/train_compare.py DIR lora|full [ROUNDS]

DIR holds ``model`` and ``train.json`` as for ``train_speed.py``. The others are named by the environment:
``BARE_LOOP``, a script called as ``python SCRIPT DIR METHOD`` that prints a JSON line with ``tok_per_s``;
``PEER``, a script called as ``PEER_PYTHON SCRIPT DIR METHOD 1 OUT`` that prints a JSON line with ``train_s``.
What is not named is left out. They run in turn, ROUNDS times (3), since a shared machine is noisy; prints each result and, last,
one JSON line with the medians of the rounds' ratios.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

OURS = Path(__file__).with_name("train_speed.py")


def last_line(command: list[str]) -> dict[str, Any]:
    """The JSON that a program prints last; its own error ends this one."""
    done = subprocess.run(command, text=True, capture_output=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    print(lines[-1], flush=True)
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def one_round(folder: str, method: str) -> dict[str, float]:
    """Tokens per second of ours over those of each of the others, and our figures."""
    ours = last_line([sys.executable, str(OURS), folder, method])
    found = {"tok_per_s": ours["tok_per_s"], "mfu": ours["mfu"]}
    if bare := os.environ.get("BARE_LOOP"):
        found["to_bare"] = ours["tok_per_s"] / last_line([sys.executable, bare, folder, method])["tok_per_s"]
    if peer := os.environ.get("PEER"):
        with tempfile.TemporaryDirectory() as out:
            python = os.environ.get("PEER_PYTHON", sys.executable)
            seconds = last_line([python, peer, folder, method, "1", out])["train_s"]
        found["to_peer"] = ours["tok_per_s"] * seconds / ours["tokens"]
    return found


def main() -> None:
    folder, method = sys.argv[1:3]
    rounds = [one_round(folder, method) for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 3)]
    medians = {name: round(statistics.median(r[name] for r in rounds), 3) for name in rounds[0]}
    print(json.dumps({"method": method, "rounds": len(rounds)} | medians))


if __name__ == "__main__":
    main()
