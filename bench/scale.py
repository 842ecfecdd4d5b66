"""What each step of cleaning costs, in the process that is started and in its workers, for conversations of a given length.

usage: python bench/scale.py FILE.jsonl [RECORDS] [CHARACTERS] [OVERRIDE…]

FILE holds records with ``instruction``, ``input`` and ``output``; RECORDS (40,000) conversations of about CHARACTERS (3,300) are made from
them, one in ten an exact duplicate, one in fifty nearly one. Each chain of filters is run in a process of its own. Prints one JSON line for each: microseconds
of CPU time a record here (``own``: reading, decisions, writing) and in all workers together, their start included (``workers``; another runner than ``local`` has its own), the peak of this process's
memory and of the files in its scratch folder, in bytes. Linux only.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from random import Random

CHAINS = {
    "read and write": ["data/clean=none"],
    "filters of records": ["data/clean=belle_clean", "~data.clean.exact", "~data.clean.near"],
    "with exact": ["data/clean=belle_clean", "~data.clean.near"],
    "with exact and near": ["data/clean=belle_clean"],
}


def write_records(source: Path, target: Path, count: int, characters: int) -> int:
    """Writes the conversations; returns their bytes."""
    turns, random = [json.loads(line) for line in source.open(encoding="utf-8")], Random(1)
    last: list[dict[str, str]] = []
    with target.open("w", encoding="utf-8") as file:
        for number in range(count):
            if number % 10 != 9:
                messages: list[dict[str, str]] = []
                while sum(len(m["content"]) for m in messages) < characters:
                    turn = random.choice(turns)
                    question = f"（{number}）{turn['instruction']}\n{turn['input']}".strip()
                    messages += [
                        {"role": "user", "content": question},
                        {"role": "assistant", "content": turn["output"] or "无。"},
                    ]
                last = (
                    [*last[:-1], {**last[-1], "content": last[-1]["content"] + f"（{number}）"}]
                    if number % 50 == 8
                    else messages
                )
            file.write(json.dumps({"messages": last}, ensure_ascii=False) + "\n")
    return target.stat().st_size


def bytes_below(folder: Path) -> int:
    """What the files below *folder* take; some may go meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            pass
    return total


def measure(overrides: list[str]) -> None:
    """The inner process: one run."""
    from belle_core.api import run

    store = Path(os.environ["BELLE_STORE"])
    done, scratch = threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.2):
            scratch[0] = max(
                [scratch[0], *(bytes_below(folder) for folder in store.glob("Examples/*.partial/scratch"))]
            )

    threading.Thread(target=watch, daemon=True).start()
    run([*overrides, "limit=1"], quiet=True)  # imports are no part of it
    before = resource.getrusage(resource.RUSAGE_SELF)
    artifact = run(overrides, quiet=True).artifacts["data"]
    done.set()
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    facts = artifact.facts()
    print(
        json.dumps(
            {
                "own": own.ru_utime + own.ru_stime - before.ru_utime - before.ru_stime,
                "workers": workers.ru_utime + workers.ru_stime,
                "peak": own.ru_maxrss * 1024,
                "scratch": scratch[0],
                "kept": sum(facts["splits"].values()),
            }
        )
    )


def main() -> None:
    source, *more = sys.argv[1:]
    count, characters = (int(more[0]) if more else 40_000), (int(more[1]) if len(more) > 1 else 3_300)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "records.jsonl")
        size = write_records(Path(source), path, count, characters)
        for chain, overrides in CHAINS.items():
            store = Path(name, chain)
            command = [sys.executable, __file__, "--one", "+data=files", f"data.path={path}", *overrides, *more[2:]]
            environment = os.environ | {"BELLE_STORE": str(store)}
            found = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
            for who in ("own", "workers"):
                found[who] = round(found[who] / count * 1e6, 1)
            print(
                json.dumps({"chain": chain, "records": count, "bytes": size, **found, "load": os.getloadavg()}),
                flush=True,
            )


if __name__ == "__main__":
    measure(sys.argv[2:]) if sys.argv[1] == "--one" else main()
