"""Times ``data/clean=belle_clean`` on records made from real ones, with the memory of all its processes.

usage: python bench/clean_speed.py FILE.jsonl [RECORDS] [OVERRIDE…]

FILE holds records with ``instruction``, ``input`` and ``output``. RECORDS (2,300,000) are made from their questions and the sentences of their
answers; one in ten is an exact duplicate, one in fifty a near one. Prints one JSON line: records per second by the clock and by CPU time of all processes,
peak of the proportional memory (PSS) of all processes in bytes, and what was kept and dropped. Linux only.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

EXACT, NEAR = 10, 50
"""Of so many records one repeats an earlier one, exactly or with a few characters changed."""
SENTENCE = re.compile(r"[^。！？\n]+[。！？\n]*")


def write_records(source: Path, target: Path, count: int) -> int:
    """Writes *count* records to *target*; returns its bytes. The first are those of *source*, in the others the sentences of answers are
    drawn anew, so that there are no more duplicates than are planted."""
    records = [json.loads(line) for line in source.open(encoding="utf-8")]
    pieces = [SENTENCE.findall(record["output"]) for record in records]
    sentences = [sentence for some in pieces for sentence in some]
    draw, last = random.Random(0), ""
    with target.open("w", encoding="utf-8") as file:
        for number in range(count):
            copy, place = divmod(number, len(records))
            record, answer = records[place], records[place]["output"]
            if number % EXACT == EXACT - 1:
                file.write(last)
                continue
            if number % NEAR == NEAR - 2:
                record = json.loads(last)
                answer = record["output"].replace("的", "地", 2) + "！"
            elif copy:
                answer = "".join(draw.choices(sentences, k=len(pieces[place])))
            changed = {"instruction": record["instruction"], "input": record["input"], "output": answer}
            last = json.dumps(changed, ensure_ascii=False) + "\n"
            file.write(last)
    return target.stat().st_size


def proportional(pid: int) -> int:
    """Memory of a process and its children in bytes, shared pages divided among those who share them."""
    total = 0
    for process in [pid, *children(pid)]:
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) * 1024
        except (OSError, ValueError):
            pass  # it has just ended
    return total


def children(pid: int) -> list[int]:
    """Processes that *pid* started, by any of its threads."""
    found = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in tasks.read_text().split()]
        except OSError:
            pass
    return found


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds of all processes, and the peak of their memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, proportional(process.pid))
            time.sleep(0.5)

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    wall = time.perf_counter() - started
    watcher.join()
    if status:
        sys.exit(status)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


def main() -> None:
    source, *more = sys.argv[1:]
    count = int(more[0]) if more else 2_300_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = write_records(Path(source), folder / "records.jsonl", count)
        command = [sys.executable, "-m", "belle_core", "+data=files", f"data.path={folder / 'records.jsonl'}"]
        store = {"BELLE_STORE": str(folder / "store")}
        wall, cpu, peak = timed([*command, "data/clean=belle_clean", *more[1:]], os.environ | store)
        (manifest,) = (folder / "store" / "Examples").glob("*/artifact.json")
        facts = json.loads(manifest.read_text(encoding="utf-8"))
    facts = facts.get("facts", facts)
    print(
        json.dumps(
            {
                "records": count,
                "bytes": size,
                "seconds": round(wall, 1),
                "records_per_second": round(count / wall),
                "records_per_cpu_second": round(count / cpu),
                "peak_bytes": peak,
                "kept": facts["splits"],
                "rejected": facts["rejected"],
                "load": os.getloadavg(),
            },
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()
