"""Times near duplicates beside rensa's and datasketch's bare loops on the same records, one after the other.

usage: python bench/dedup_speed.py FILE.jsonl [RECORDS]

FILE holds records with ``instruction``, ``input`` and ``output``; RECORDS of them are read (all), again and again with changed words if
there are fewer. The loops of the others have all texts in memory and make n-grams of 5 characters, a MinHash of 128 permutations and one query of
the index for each; they neither normalise nor verify. Ours is the cleaning stage with the filter ``near`` alone: it reads the file, normalises,
proposes, verifies and writes. One in a hundred texts is planted: a copy with Jaccard index 0.8 to 0.9 (those that fall below it by normalisation do not count). Prints one JSON line for each: seconds by the
clock and of CPU time, and for ours the recall of the planted, and which share of what is dropped has an index of 0.8 or more with the text that is named (precision). Needs ``pip install rensa datasketch``.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PLANTED = 100


def grams(text: str) -> list[str]:
    """n-grams as the others want them."""
    return [text[at : at + 5] for at in range(max(1, len(text) - 4))]


def index(one: str, other: str) -> float:
    """Jaccard index."""
    a, b = set(grams(one)), set(grams(other))
    return len(a & b) / len(a | b)


def write(source: Path, target: Path, count: int | None) -> tuple[list[str], dict[int, int]]:
    """The texts, and which are planted copies of which."""
    records = [
        record["instruction"] + record["input"] + record["output"]
        for record in map(json.loads, source.open(encoding="utf-8"))
    ]
    choose, planted = random.Random(0), {}
    texts: list[str] = []
    with target.open("w", encoding="utf-8") as file:
        for number in range(count or len(records)):
            copy, place = divmod(number, len(records))
            text = records[place] if not copy else "".join(sorted(records[place], key=lambda _: choose.random()))
            if number % PLANTED == PLANTED - 1:
                for back in range(1, PLANTED):
                    original = texts[number - back]
                    if len(original) > 60 and (changed := plant(original, choose)):
                        text, planted[number] = changed, number - back
                        break
            texts.append(text)
            file.write(json.dumps({"instruction": text, "input": "", "output": "好"}, ensure_ascii=False) + "\n")
    return texts, planted


def plant(text: str, choose: random.Random) -> str | None:
    """A copy with a few characters inserted, at Jaccard index 0.8 to 0.9."""
    changed = text
    for _ in range(len(text)):
        at = choose.randrange(len(changed))
        changed = changed[:at] + choose.choice("天地玄黄宇宙洪荒日月盈昃") + changed[at:]
        if index(text, changed) < 0.88:
            break
    return changed if index(text, changed) >= 0.81 else None


def rensa(texts: list[str]) -> int:
    """Candidates found."""
    from rensa import RMinHash, RMinHashLSH

    lsh, found = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16), 0
    for number, text in enumerate(texts):
        made = RMinHash(num_perm=128, seed=42)
        made.update(grams(text))
        found += bool(lsh.query(made))
        lsh.insert(number, made)
    return found


def datasketch(texts: list[str]) -> int:
    """Candidates found."""
    from datasketch import MinHash, MinHashLSH

    lsh, found = MinHashLSH(threshold=0.8, num_perm=128), 0
    for number, text in enumerate(texts):
        made = MinHash(num_perm=128)
        made.update_batch([gram.encode("utf-8") for gram in grams(text)])
        found += bool(lsh.query(made))
        lsh.insert(number, made)
    return found


def ours(file: Path, folder: Path) -> Path:
    """The folder of the data artifact."""
    from belle_duplicates.config import NearConfig
    from belle_files.config import FilesConfig
    from belle_files.stage import read

    from belle_core import StageContext

    folder.mkdir()
    config = FilesConfig(path=str(file), clean={"near": NearConfig(by="question")})
    read(config, StageContext(folder, {}, {}))
    return folder


def timed(name: str, work: Callable[[], object], count: int) -> object:
    """Runs *work* and prints its times."""
    used = lambda: sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))  # noqa: E731
    start, before = time.monotonic(), used()
    result = work()
    clock, cpu = time.monotonic() - start, used() - before
    found = {
        "name": name,
        "seconds": round(clock, 2),
        "cpu_seconds": round(cpu, 2),
        "records_per_second": round(count / clock),
    }
    print(json.dumps(found | {"records_per_cpu_second": round(count / cpu), "load": os.getloadavg()[0]}), flush=True)
    return result


def main() -> None:
    source, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "records.jsonl"
        texts, planted = write(source, file, count)
        folder = timed("belle", lambda: ours(file, Path(name) / "artifact"), len(texts))
        timed("rensa", lambda: rensa(texts), len(texts))
        timed("datasketch", lambda: datasketch(texts), len(texts))
        assert isinstance(folder, Path)
        rejected = [json.loads(line) for line in (folder / "rejected.jsonl").open(encoding="utf-8")]
    pairs = {
        int(line["where"].rpartition(":")[2]) - 1: int(line["evidence"].split()[1].rstrip(":").rpartition("-")[2])
        for line in rejected
        if line["reason"] == "near"
    }
    dropped = pairs.keys()
    from belle_core.data.questions import normalised

    alike = {copy for copy, of in planted.items() if index(normalised(texts[copy]), normalised(texts[of])) >= 0.8}
    right = sum(index(*map(normalised, (texts[one], texts[other]))) >= 0.8 for one, other in pairs.items())
    recall = round(len(dropped & alike) / len(alike), 4)
    precision = round(right / max(len(dropped), 1), 4)
    print(json.dumps({"planted": len(alike), "dropped": len(dropped), "recall": recall, "precision": precision}))


if __name__ == "__main__":
    main()
