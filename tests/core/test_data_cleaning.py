"""Cleaning: nothing is lost, the result does not depend on the workers, and errors of filters are told."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from belle_core import StageContext
from belle_core.api import prepare
from belle_core.config import CleaningConfig
from belle_core.conversation import Conversation, Example
from belle_core.data import ExamplesWriter, Given, clean, cleaning, read_examples
from belle_core.data.chunks import LINES, Chunk, Outcome, Work
from belle_core.data.filters import Drop, Named, build_filters
from belle_core.data.runner import processes
from belle_core.data.storage import line_of
from belle_core.data.workers import Pool
from belle_core.errors import BelleError

FILTERS = '''
"""Filters of the tests, in a module that worker processes can import."""

import os
from dataclasses import dataclass, replace

from belle_core.conversation import Conversation
from belle_core.data.filters import Drop
from belle_core.errors import BelleError


@dataclass
class Options:
    word: str = ""


class Short:
    repairs = False

    def __init__(self, options):
        self.word = options.word

    def __call__(self, example):
        return Drop("short", example.conversation.answer) if len(example.conversation.answer) < 3 else example


class Upper:
    repairs = True

    def __init__(self, options):
        pass

    def __call__(self, example):
        turns = tuple(turn._replace(text=turn.text.upper()) for turn in example.conversation.turns)
        return replace(example, conversation=Conversation(turns)) if turns != example.conversation.turns else example


class Pieces:
    """Every conversation of more than one exchange in pieces of one."""

    repairs = False

    def __init__(self, options):
        pass

    def __call__(self, example):
        turns = example.conversation.turns
        if len(turns) == 2:
            return example
        return [
            replace(example, id=f"{example.id}/{at // 2}", conversation=Conversation(turns[at : at + 2]))
            for at in range(0, len(turns), 2)
        ]


class First:
    """The first example of every answer."""

    whole = False

    def __init__(self, options):
        pass

    def summaries(self, examples):
        return [example.conversation.answer.encode() for example in examples]

    def decide(self, corpus):
        seen = set()
        for answer in corpus.summaries():
            yield Drop(evidence=answer.decode()) if answer in seen else None
            seen.add(answer)


class AboveMean:
    """Answers at least as long as the mean; also checks what a stored corpus offers."""

    whole = True

    def __init__(self, options):
        pass

    def summaries(self, examples):
        return [len(example.conversation.answer).to_bytes(4, "little") for example in examples]

    def decide(self, corpus):
        lengths = [int.from_bytes(summary, "little") for summary in corpus.summaries()]
        mean = sum(lengths) / len(corpus)
        assert corpus.summary_file.stat().st_size == 4 * len(corpus)
        for number, example in enumerate(corpus.examples()):
            assert corpus[number] == example and len(example.conversation.answer) == lengths[number]
            yield None if lengths[number] >= mean else Drop("below_mean", str(lengths[number]))


class Bug:
    repairs = False

    def __init__(self, options):
        self.word = options.word

    def __call__(self, example):
        if example.conversation.question == self.word:
            raise ZeroDivisionError("a bug")
        return example


class Missing:
    repairs = False

    def __init__(self, options):
        pass

    def __call__(self, example):
        raise BelleError("install it", "请安装")


class Slow:
    repairs = False

    def __init__(self, options):
        self.folder = options.word

    def __call__(self, example):
        import time

        open(f"{self.folder}/{os.getpid()}", "w").close()
        time.sleep(0.05)
        return example
'''


@pytest.fixture
def filters(tmp_path, monkeypatch):
    """Makes named filters of the module above; small chunks bring worker processes in early."""
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "belle_test_filters.py").write_text(FILTERS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    sys.modules.pop("belle_test_filters", None)
    monkeypatch.setattr(cleaning, "CHUNK", 7)
    monkeypatch.setattr(cleaning, "AHEAD", 4)
    import belle_test_filters

    def named(*names: str, word: str = "") -> list[Named]:
        return [
            Named(
                name.lower(),
                getattr(belle_test_filters, name)(belle_test_filters.Options(word)),
                (f"belle_test_filters:{name}", "belle_test_filters:Options", {"word": word}),
            )
            for name in names
        ]

    monkeypatch.setattr(cleaning, "build_filters", lambda chosen: chosen)
    return named


def conversations(count: int) -> list[Example]:
    """Answers of 1 to 6 characters, every third one of two exchanges, many repeated."""
    found = []
    for number in range(count):
        texts = [f"问{number}", "答" * (1 + number % 6)]
        if number % 3 == 0:
            texts += ["再问", f"abc{number % 10}"]
        messages = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]
        found.append(Example(str(number), Conversation.of_messages(messages)))
    return found


def cleaned(folder: Path, examples, chosen, *, workers: int = 1, limit: int | None = None, held_out: bool = False):
    """Runs cleaning into an artifact."""
    folder.mkdir(exist_ok=True)
    context = StageContext(folder, {}, {}, limit)
    with ExamplesWriter(folder, limit=limit) as writer:
        config = CleaningConfig(clean=chosen, workers=workers)
        for batch in clean(Given((e.id, e) for e in examples), config, context, writer, held_out=held_out):
            batch.write(writer, "train")
        return writer.finish(licences=[])


ALL = ("Short", "Pieces", "Upper", "First", "AboveMean", "Upper")


def test_the_bytes_do_not_depend_on_the_workers(tmp_path, filters):
    """One process or three, and each file the same."""
    found = []
    for workers in (1, 3):
        artifact = cleaned(tmp_path / str(workers), conversations(500), filters(*ALL), workers=workers)
        found.append(
            (artifact.facts(), *((tmp_path / str(workers) / f"{n}.jsonl").read_bytes() for n in ("train", "rejected")))
        )
    assert found[0] == found[1]
    assert found[0][0]["splits"]["train"] > 0


def test_the_bytes_do_not_depend_on_how_much_is_read_ahead(tmp_path, filters, monkeypatch):
    """A cluster reads more than this machine does, also of what a filter of all has decided on and said."""
    found = []
    for ahead in (2, 5, 60):
        monkeypatch.setattr(cleaning, "AHEAD", ahead)
        folder = tmp_path / str(ahead)
        cleaned(folder, conversations(500), filters("AboveMean", "Pieces", "First", "Upper"))
        found.append([(folder / f"{name}.jsonl").read_bytes() for name in ("train", "rejected")])
    assert found[0] == found[1] == found[2]
    reasons = [line.split(b'"reason":"')[1].split(b'"')[0] for line in found[0][1].splitlines()]
    assert {b"first", b"abovemean:below_mean"} == set(reasons)
    assert sum(one != other for one, other in pairwise(reasons)) > 50  # batch by batch


def test_nothing_is_lost(tmp_path, filters):
    """What enters a filter is what it keeps, minus what it adds by dividing; the reasons add up to what was dropped."""
    artifact = cleaned(tmp_path / "a", conversations(500), filters(*ALL[:-1]), workers=2)
    entering = 500
    for counts in artifact.cleaned.values():
        assert counts["in"] == entering
        entering += counts["added"] - counts["dropped"]
    assert entering == artifact.splits["train"]
    assert sum(artifact.rejected.values()) == sum(counts["dropped"] for counts in artifact.cleaned.values())
    assert artifact.cleaned["pieces"]["added"] > 0
    assert set(artifact.rejected) == {"short:short", "first", "abovemean:below_mean"}
    assert len((tmp_path / "a" / "rejected.jsonl").read_text(encoding="utf-8").splitlines()) == sum(
        artifact.rejected.values()
    )


def test_filters_apply_in_order(tmp_path, filters):
    """Equal to applying them one after the other to a list."""
    short, pieces, upper = (named.filter for named in filters("Short", "Pieces", "Upper"))
    expected = []
    for example in conversations(60):
        if not isinstance(short(example), Drop):
            result = pieces(example)
            expected += [upper(piece) for piece in (result if isinstance(result, list) else [result])]
    artifact = cleaned(tmp_path / "a", conversations(60), filters("Short", "Pieces", "Upper"), workers=2)
    assert list(read_examples(artifact, "train")) == expected


def test_held_out_data_is_only_repaired(tmp_path, filters):
    artifact = cleaned(tmp_path / "a", conversations(60), filters(*ALL), held_out=True)
    assert artifact.splits == {"train": 60} and artifact.rejected == {}
    assert "ABC0" in (tmp_path / "a" / "train.jsonl").read_text(encoding="utf-8")


def test_a_smoke_run_reads_a_little(tmp_path, filters):
    """With a limit of 3 the source is not read to its end, not even by a filter that wants to see everything."""
    read = []
    endless = (read.append(e) or e for e in conversations(5000))
    artifact = cleaned(tmp_path / "a", endless, filters("Short", "AboveMean"), limit=3)
    assert artifact.splits["train"] == 3 and len(read) < 100


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_of_a_filter_is_shown_with_its_record(tmp_path, filters, workers):
    with pytest.raises(Exception) as caught:
        cleaned(tmp_path / "a", conversations(200), filters("Bug", word="问124"), workers=workers)
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert "问124" in text
    assert "ZeroDivisionError" in text or isinstance(caught.value, ZeroDivisionError)
    assert not isinstance(caught.value, BelleError)


def test_what_a_user_can_fix_stays_one_line(tmp_path, filters):
    with pytest.raises(BelleError, match="install it"):
        cleaned(tmp_path / "a", conversations(200), filters("Missing"), workers=2)


def test_a_filter_that_forgets_examples_is_told(tmp_path, filters):
    chosen = filters("First")
    chosen[0].filter.decide = lambda corpus: (None for _, _ in zip(range(3), corpus.summaries()))
    with pytest.raises(RuntimeError, match="without a decision"):
        cleaned(tmp_path / "a", conversations(50), chosen)


def test_no_process_is_left_when_somebody_stops_early(tmp_path, filters):
    pool = Pool(("belle_core.data.chunks:answering", [LINES, [], [], False]), 2)
    lines = [line_of(example) for example in conversations(40)]
    lines[::3] = [
        line_of(Example("long", Conversation.of("问", "答" * 100_000))) for _ in lines[::3]
    ]  # no pipe holds it
    answers = [pool.submit((None, ["a:1"], [line])) for line in lines]
    assert [Outcome.unpacked(answer.result()).kept.lines for answer in answers] == [[line] for line in lines]
    pool.close()
    assert pool.processes() and all(process.poll() is not None for process in pool.processes())


def test_an_error_further_on_ends_the_processes_at_once(tmp_path, filters):
    """Not when the garbage is collected, which may happen in one of the threads that wait for them."""
    context, children = StageContext(tmp_path, {}, {}), psutil.Process().children
    with pytest.raises(OSError), ExamplesWriter(tmp_path) as writer:
        config = CleaningConfig(clean=filters("Short"), workers=2)
        batches = clean(Given((e.id, e) for e in conversations(500)), config, context, writer)
        assert next(batches) and children()
        raise OSError("no space left")
    assert not children()


@pytest.mark.parametrize(
    ("recipe", "words"),
    [(("signal:raise_signal", [9]), "ended with SIGKILL"), (("builtins:bytearray", [1 << 60]), "ran out of memory")],
)
def test_a_worker_that_runs_out_of_memory_is_one_line(recipe, words):
    """Whether the system kills it or it is told that there is no more."""
    with pytest.raises(BelleError, match=words):
        list(processes(iter([(1,)] * 10), recipe, workers=2, ahead=4))


INTERRUPTED = '''
import sys
from pathlib import Path
sys.path[:0] = [{module!r}, {tests!r}]
from belle_core.data import cleaning
import belle_test_filters as module
from belle_core.data.filters import Named
from test_data_cleaning import cleaned, conversations
cleaning.CHUNK, cleaning.AHEAD = 7, 4
cleaning.build_filters = lambda chosen: chosen
options = module.Options({pids!r})
chosen = [Named("slow", module.Slow(options), ("belle_test_filters:Slow", "belle_test_filters:Options", vars(options)))]
cleaned(Path({out!r}), conversations(5000), chosen, workers=2)
'''  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent(tmp_path, filters, how):
    """Ctrl-C reaches the whole group of processes, SIGKILL only the parent; no worker is left either way."""
    pids = tmp_path / "pids"
    pids.mkdir()
    code = INTERRUPTED.format(
        module=str(tmp_path / "module"), tests=str(Path(__file__).parent), pids=str(pids), out=str(tmp_path / "out")
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    _wait(lambda: len(list(pids.iterdir())) >= 2)
    os.killpg(parent.pid, how) if how == signal.SIGINT else os.kill(parent.pid, how)
    _, errors = parent.communicate(timeout=120)
    _wait(lambda: not any(Path(f"/proc/{path.name}").exists() for path in pids.iterdir()))
    assert how == signal.SIGKILL or errors.decode().strip().endswith("KeyboardInterrupt")
    assert errors.decode().count("Traceback") <= 1


def _wait(done, seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.05)


# --- the configuration


def key(*overrides: str) -> str:
    prepared = prepare(["+data=demo", *overrides])
    return prepared.recipes["data"].key


def test_options_and_order_count_and_workers_do_not():
    two = ("+filter@data.clean.a=length", "+filter@data.clean.b=exact")
    keys = [
        key(),
        key(two[0]),
        key(*two),
        key(*reversed(two)),
        key(*two, "data.clean.a.min=2"),
        key(*two, "data.clean.b.by=question"),
        key("+filter@data.clean.c=length"),
    ]
    assert len(set(keys)) == len(keys)
    assert key(*two, "data.workers=3") == key(*two)


def test_presets_are_changed_filter_by_filter():
    """``data/clean`` chooses a preset; options, ``~`` and ``+filter@`` change it."""
    section = prepare(
        ["+data=demo", "data/clean=belle_clean", "data.clean.length.min=8", "~data.clean.exact",
         "+filter@data.clean.len2=length", "data.clean.len2.max=9"]
    ).config.data  # fmt: skip
    assert section.clean["length"].min == 8 and section.clean["len2"].max == 9
    assert "exact" not in section.clean and list(section.clean)[-1] == "len2"
    assert [named.name for named in build_filters(section.clean | {"len2": None})][-1] != "len2"


def test_cleaning_brings_the_data_in():
    """As other options of data do."""
    section = prepare(["data/clean=belle_clean", "+tokenizer=bpe"]).config.data
    assert "length" in section.clean


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["+data.clean.lenght.min=4"], ["data.clean.lenght", "no filter", "+filter@data.clean.lenght"]),
        (["data/clean=belle_clean", "data.clean.length.min=-4"], ["data.clean.length.min must be at least 0"]),
        (["+filter@data.clean.a=lenght"], ["did you mean 'length'"]),
        (["data/clean=belle_claen"], ["did you mean 'belle_clean'"]),
    ],
)
def test_mistakes_are_told_before_anything_runs(overrides, words):
    with pytest.raises(BelleError) as caught:
        from belle_core.api import run

        run(["+data=demo", *overrides], quiet=True)
    assert all(word in str(caught.value) for word in words)


def test_worker_invariance_of_the_command(belle, tmp_path):
    """Through the command line, with data large enough for worker processes: same files, one artifact."""
    lines = [f'{{"instruction": "问题{n}", "input": "", "output": "{"答" * (n % 7)}案"}}' for n in range(9000)]
    (tmp_path / "my.jsonl").write_text("\n".join(lines), encoding="utf-8")
    arguments = ["+data=files", "data.path=my.jsonl", "data/clean=belle_clean", "data.clean.length.min=3"]
    found = []
    for workers in (1, 2):
        done = belle(*arguments, f"data.workers={workers}", f"store={tmp_path}/{workers}")
        assert done.returncode == 0, done.stderr
        (artifact,) = (tmp_path / str(workers) / "Examples").glob("*/artifact.json")
        found.append({path.name: path.read_bytes() for path in artifact.parent.glob("*.jsonl")})
    assert found[0] == found[1] and found[0]["rejected.jsonl"]


def test_the_work_travels_and_says_on_which_record_it_broke(filters):
    """Pickled and loaded again it does the same; an error of a filter names place and record."""
    (bug,) = filters("Bug", word="问1")
    work = pickle.loads(pickle.dumps(Work(LINES, [bug.recipe], [], True)))
    lines = [line_of(example) for example in conversations(2)]
    assert work(Chunk(None, ["a:1"], lines[:1])).kept.lines == lines[:1]
    with pytest.raises(ZeroDivisionError) as caught:
        work(Chunk(None, ["a:1", "a:2"], lines))
    assert "a:2" in caught.value.__notes__[0] and "问1" in caught.value.__notes__[0]
