"""Training speed and memory beside a bare PyTorch loop and a peer, one after the other in one run.

usage: python bench/train_compare.py DIR lora|full [ROUNDS]

DIR holds ``model`` and ``train.json`` as for ``train_speed.py``. The others are named by the environment:
``BARE_LOOP``, a script called as ``python SCRIPT DIR METHOD`` that prints a JSON line with ``tok_per_s``;
``PEER``, a script called as ``PEER_PYTHON SCRIPT DIR METHOD 1 OUT`` that prints a JSON line with ``train_s``.
What is not named is left out. They run in turn, ROUNDS times (3), since a shared machine is noisy; prints each result and, last,
one JSON line with the medians of the rounds' ratios. Memory is the most that each process held (resident, as the system counts it
when the process has ended, imports included), computing time that of all its threads.
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
    """The JSON that a program prints last, with ``process_bytes`` at its peak and ``cpu_s``; its own error ends this one."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        for file in (out, errors):
            file.seek(0)
        lines = [line for line in out.read().splitlines() if line.startswith("{")]
        if status or not lines:
            sys.exit(f"{' '.join(command)} failed:\n{errors.read()[-2000:]}")
    result: dict[str, Any] = json.loads(lines[-1])
    result |= {"process_bytes": used.ru_maxrss * 1024, "cpu_s": round(used.ru_utime + used.ru_stime, 1)}
    print(json.dumps(result), flush=True)
    return result


def one_round(folder: str, method: str) -> dict[str, float]:
    """Our figures, and ours over those of each of the others: tokens per second, bytes at the peak."""
    ours = last_line([sys.executable, str(OURS), folder, method])
    found = {name: ours[name] for name in ("tok_per_s", "mfu", "process_bytes")}
    if bare := os.environ.get("BARE_LOOP"):
        loop = last_line([sys.executable, bare, folder, method])
        found["to_bare"] = ours["tok_per_s"] / loop["tok_per_s"]
        found["memory_to_bare"] = ours["process_bytes"] / loop["process_bytes"]
    if peer := os.environ.get("PEER"):
        with tempfile.TemporaryDirectory() as out:
            other = last_line([os.environ.get("PEER_PYTHON", sys.executable), peer, folder, method, "1", out])
        found["to_peer"] = ours["tok_per_s"] * other["train_s"] / ours["tokens"]
        found["memory_to_peer"] = ours["process_bytes"] / other["process_bytes"]
    return found


def main() -> None:
    folder, method = sys.argv[1:3]
    rounds = [one_round(folder, method) for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 3)]
    medians = {name: round(statistics.median(r[name] for r in rounds), 3) for name in rounds[0]}
    print(json.dumps({"method": method, "rounds": len(rounds)} | medians))


if __name__ == "__main__":
    main()
