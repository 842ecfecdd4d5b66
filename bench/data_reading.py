"""Reading speed and memory of ``+data=files``, by container and format, beside Hugging Face ``datasets`` in the same run.

Every case is a process of its own: records per second of one core (CPU time), and the largest resident memory. Both write
every record again: belle as an artifact with the turns, datasets as its cache and as JSON Lines after a ``map`` to messages.

    python bench/data_reading.py                  # 200,000 records a case
    python bench/data_reading.py --gigabytes 2    # one large file of JSON Lines, for the memory
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

ANSWER = "保持健康可以从三个方面入手：均衡饮食，多吃蔬菜和水果；坚持锻炼，每周至少三次；保证睡眠，每天不少于七小时。"
PEAK = """
def peak():  # of this program alone: ru_maxrss also knows what its parent had
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return line.split()[1]
"""
READ = """
import sys, tempfile, time
from pathlib import Path
from belle_files.config import FilesConfig
from belle_files.stage import read
from belle_core.stages import StageContext
with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
    begun = time.process_time()
    made = read(FilesConfig(path=sys.argv[1], dev="1000"), StageContext(directory=Path(folder), shared={}, inputs={}))
    print(sum(made.splits.values()), time.process_time() - begun, peak())
"""
OTHER = """
import sys, tempfile, time
import datasets
datasets.disable_progress_bars()
def messages(record):
    question = "\\n".join(text for text in (record["instruction"], record["input"]) if text.strip())
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": record["output"]}]}
with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
    begun = time.process_time()
    data = datasets.load_dataset("json", data_files=sys.argv[1], split="train", cache_dir=folder)
    data = data.map(messages, remove_columns=data.column_names)
    data.to_json(folder + "/out.jsonl", force_ascii=False)
    print(len(data), time.process_time() - begun, peak())
"""


def records(count: int) -> Iterator[dict[str, str]]:
    """Records as long as those of Alpaca in Chinese."""
    for number in range(count):
        yield {"instruction": f"第 {number} 条：请给出保持健康的三个建议。", "input": "", "output": ANSWER}


def chats(count: int) -> Iterator[dict[str, object]]:
    """Conversations of four turns."""
    for one in records(count):
        said = [{"from": "human", "value": one["instruction"]}, {"from": "gpt", "value": one["output"]}]
        yield {"id": "x", "conversations": said * 2}


def lines(items: Iterator[object]) -> Iterator[bytes]:
    return (json.dumps(item, ensure_ascii=False).encode() + b"\n" for item in items)


def make(folder: Path, count: int) -> dict[str, Path]:
    """One file for every case."""
    import pyarrow
    from pyarrow import csv, parquet

    paths = {
        name: folder / name
        for name in ("alpaca.jsonl", "alpaca.json", "alpaca.jsonl.gz", "sharegpt.jsonl", "alpaca.csv", "alpaca.parquet")
    }
    with paths["alpaca.jsonl"].open("wb") as file:
        file.writelines(lines(records(count)))
    with paths["sharegpt.jsonl"].open("wb") as file:
        file.writelines(lines(chats(count)))
    paths["alpaca.json"].write_text(json.dumps(list(records(count)), ensure_ascii=False, indent=1), encoding="utf-8")
    with gzip.open(paths["alpaca.jsonl.gz"], "wb", 5) as packed:
        packed.writelines(lines(records(count)))
    table = pyarrow.Table.from_pylist(list(records(count)))
    csv.write_csv(table, paths["alpaca.csv"])
    parquet.write_table(table, paths["alpaca.parquet"])
    return paths


def measure(code: str, path: Path, folder: Path) -> str:
    """A line of figures."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK + code, str(path), str(folder)], capture_output=True, text=True, check=True
    )
    count, seconds, memory = (float(word) for word in done.stdout.split())
    return f"{count:>12,.0f} {count / seconds:>12,.0f} {memory / 1024:>10,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--gigabytes", type=float, default=0.0)
    options = parser.parse_args()
    print(f"{'':26} {'records':>12} {'per second':>12} {'peak MB':>10}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.gigabytes:
            path = folder / "large.jsonl"
            endless = lines(records(1 << 40))
            with path.open("wb") as file:
                while file.tell() < options.gigabytes * 1e9:
                    file.write(b"".join(islice(endless, 10_000)))
            print(
                f"{'belle, ' + format(path.stat().st_size / 1e9, '.1f') + ' GB':26} {measure(READ, path, folder)}",
                flush=True,
            )
            return
        for case, path in make(folder, options.records).items():
            print(f"{'belle ' + case:26} {measure(READ, path, folder)}", flush=True)
        print(f"{'datasets alpaca.jsonl':26} {measure(OTHER, folder / 'alpaca.jsonl', folder)}", flush=True)


if __name__ == "__main__":
    main()
