"""Shows whether a filter's work or memory grows faster than the data: each alone on 10,000, 40,000 and 160,000 records.

usage: python bench/filter_growth.py FILE.jsonl [FILTER[:OPTION=VALUE] …]

FILE holds records with ``instruction``, ``input`` and ``output``, from which the records are made as in ``clean_speed.py``. FILTER is a filter's name, with options
of it if need be (``sample:count=5000``); without any it is all that need no option. Every run is a process of its own, with reading and writing. Prints one JSON
line for each filter: by number of records the microseconds of CPU time a record, and the bytes by which the process grew beyond what it held before
(mapped files included). Linux only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clean_speed import write_records

SIZES = (10_000, 40_000, 160_000)
FILTERS = (
    "html repair language untranslated assistant refusal impossible truncated repetition personal length pieces "
    "exact near sample:count=5000 diversity diversity:words=jieba"
)


def measure(path: str, chain: list[str]) -> None:
    """In this process: one run, after a short one that pays for imports."""
    from belle_core import run

    overrides = ["+data=files", f"data.path={path}", "data.workers=1", *chain]
    run([*overrides, "limit=1"], quiet=True)
    started, held = time.process_time(), peak()
    run(overrides, quiet=True)
    print(json.dumps({"seconds": time.process_time() - started, "grown": peak() - held}))


def peak() -> int:
    """Bytes that this process held at most (``ru_maxrss`` would begin with what its parent held)."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) * 1024


def main() -> None:
    source, *filters = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        for size in SIZES:
            write_records(Path(source), Path(name, f"{size}.jsonl"), size)
        for filter in ["", *(filters or FILTERS.split())]:
            kind, *options = filter.split(":")
            chain = [f"+filter@data.clean.x={kind}", *(f"data.clean.x.{option}" for option in options)]
            found: dict[str, object] = {"filter": filter or "none"}
            for size in SIZES:
                path = str(Path(name, f"{size}.jsonl"))
                command = [sys.executable, __file__, "--one", path, *(chain if filter else ["data/clean=none"])]
                with tempfile.TemporaryDirectory() as store:
                    environment = os.environ | {"BELLE_STORE": store}
                    one = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
                found[str(size)] = {"us": round(one["seconds"] / size * 1e6, 1), "grown": one["grown"]}
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    measure(sys.argv[2], sys.argv[3:]) if sys.argv[1] == "--one" else main()
