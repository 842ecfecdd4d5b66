"""A cleaning that was broken off at any moment goes on behind the last finished work, and ends in the same bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from belle_core import StageContext
from belle_core.config import CleaningConfig
from belle_core.conversation import Conversation, Example
from belle_core.data import ExamplesWriter, Given, clean, cleaning
from belle_core.data.filters import Named

FILTERS = '''
"""Filters of the tests, in a module that worker processes can import."""

from dataclasses import dataclass, replace

from belle_core.conversation import Conversation
from belle_core.data.filters import Drop

MARK = "!"


@dataclass
class Options:
    calls: str


class Marked:
    """Marks answers, drops every seventh, and takes down each call."""

    repairs = False

    def __init__(self, options):
        self.calls = options.calls

    def __call__(self, example):
        with open(self.calls, "a") as file:
            file.write(example.id + "\\n")
        if example.id.endswith("7"):
            return Drop("seven", example.id)
        turns = tuple(turn._replace(text=turn.text + MARK) for turn in example.conversation.turns)
        return replace(example, conversation=Conversation(turns))


class Few:
    """Drops what is longer than the mean; has to see everything first."""

    whole = True

    def __init__(self, options):
        pass

    def summaries(self, examples):
        return [len(example.conversation.answer).to_bytes(4, "little") for example in examples]

    def decide(self, corpus):
        lengths = [int.from_bytes(summary, "little") for summary in corpus.summaries()]
        for length in lengths:
            yield Drop("long", str(length)) if length * len(lengths) > sum(lengths) else None
'''
COUNT, CHUNK, AHEAD = 200, 5, 4
EXAMPLES = [Example(str(n), Conversation.of(f"问{n}", "答" * (n % 9 + 1))) for n in range(COUNT)]


class Cleaner:
    """Cleans the same examples with the same filters, in whatever state their module is."""

    def __init__(self, folder: Path) -> None:
        self.module = folder / "belle_test_resuming.py"
        self.module.write_text(FILTERS, encoding="utf-8")
        self.calls = folder / "calls"

    def __call__(self, folder: Path, *, stop: int | None = None, workers: int = 1) -> dict[str, bytes]:
        """The files; with *stop* it is broken off after so many batches."""
        sys.modules.pop("belle_test_resuming", None)
        import belle_test_resuming as module

        options = module.Options(str(self.calls))
        filters = [
            Named(name, getattr(module, name)(options), (f"{module.__name__}:{name}", f"{module.__name__}:Options", vars(options)))
            for name in ("Marked", "Few", "Marked")
        ]  # fmt: skip
        self.calls.write_text("")
        folder.mkdir(exist_ok=True)
        context = StageContext(folder, {}, {})
        with ExamplesWriter(folder) as writer:
            supply = Given((example.id, example) for example in EXAMPLES)
            batches = clean(supply, CleaningConfig(clean=filters, workers=workers), context, writer)
            for number, batch in enumerate(batches):
                if number == stop:
                    batches.close()
                    return {}
                batch.write(writer, "train")
            writer.finish(licences=[])
        return {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}

    @property
    def done(self) -> list[str]:
        """Ids of the examples that the last run had filters look at."""
        return self.calls.read_text().split()


@pytest.fixture
def cleaner(tmp_path, monkeypatch):
    folder = tmp_path / "module"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(cleaning, "CHUNK", CHUNK)
    monkeypatch.setattr(cleaning, "AHEAD", AHEAD)
    monkeypatch.setattr(cleaning, "build_filters", lambda chosen: chosen)
    return Cleaner(folder)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("stop", [0, 1, 7])
def test_work_that_is_done_is_not_done_again(tmp_path, cleaner, stop, workers):
    """After a break behind the filter that has to see everything, only chunks that were under way are worked on again."""
    whole = cleaner(tmp_path / "whole")
    assert len(whole) == 2 and all(whole.values())
    everything = len(cleaner.done)
    cleaner(tmp_path / "broken", stop=stop, workers=workers)
    before = len(cleaner.done)
    assert cleaner(tmp_path / "broken", workers=workers) == whole
    again = before + len(cleaner.done) - everything
    assert COUNT <= before < everything and 0 <= again <= AHEAD * CHUNK
    assert cleaner(tmp_path / "broken") == whole and not cleaner.done  # before it is committed nothing is lost either


def test_what_a_kill_tore_or_a_disk_damaged_is_made_again(tmp_path, cleaner):
    """Cut off at any byte, or with any byte changed, the file gives the same result."""
    whole = cleaner(tmp_path / "broken")
    (first, *_) = sorted((tmp_path / "broken" / "scratch" / "outcomes").iterdir())
    data = first.read_bytes()
    for at in {*range(0, 50, 2), *range(0, len(data), len(data) // 20)}:
        for torn in (data[:at], data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]):
            first.write_bytes(torn)
            assert cleaner(tmp_path / "broken") == whole
            assert first.read_bytes() == data
    assert cleaner(tmp_path / "broken") == whole and not cleaner.done


def test_work_of_another_state_of_the_code_is_not_used(tmp_path, cleaner):
    """Who repairs a filter and repeats the command gets nothing that the old one made."""
    cleaner(tmp_path / "broken", stop=3)
    cleaner.module.write_text(FILTERS.replace('MARK = "!"', 'MARK = "?!"'), encoding="utf-8")
    repaired = cleaner(tmp_path / "broken")
    assert set(map(str, range(COUNT))) <= set(cleaner.done)
    assert repaired == cleaner(tmp_path / "whole")


def test_work_on_other_records_is_not_used(tmp_path, cleaner, monkeypatch):
    """As when answers that were under way are asked for again and are others."""
    cleaner(tmp_path / "broken", stop=3)
    monkeypatch.setitem(globals(), "EXAMPLES", [*EXAMPLES[:50], *EXAMPLES[60:]])
    other = cleaner(tmp_path / "broken")
    assert 0 < len(cleaner.done) < len(EXAMPLES) + COUNT
    assert other == cleaner(tmp_path / "whole")


FULL = """
import errno
import numpy as np
from pathlib import Path
from belle_core.data.neighbours import Neighbours
from belle_core.data.shingles import Shingles

keys, scratch = Path({keys!r}), Path({scratch!r})
shingles = Shingles(threshold=0.7)
count = 2_000_000 // (4 * shingles.bands)
keys.write_bytes(bytes(4 * shingles.bands * count))
try:
    Neighbours(keys, count, shingles=shingles, texts=list, scratch=scratch)
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def test_a_disk_that_is_full_is_an_error_and_no_signal(tmp_path):
    """Pages of a mapped file that find no room kill a process (SIGBUS), so their room is taken before."""
    small = tmp_path / "small"
    small.mkdir()
    code = tmp_path / "code.py"
    code.write_text(FULL.format(keys=str(tmp_path / "keys"), scratch=str(small)), encoding="utf-8")
    inside = f"mount -t tmpfs -o size=1m tmpfs {small} || exit 77; exec {sys.executable} {code}"
    try:
        done = subprocess.run(
            ["unshare", "--mount", "--map-root-user", "sh", "-c", inside], capture_output=True, text=True, timeout=120
        )
    except FileNotFoundError:
        pytest.skip("no unshare")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no mount here: {done.stderr.strip()}")
    assert (done.returncode, done.stdout.strip()) == (0, "ENOSPC"), done.stderr
