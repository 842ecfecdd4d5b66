"""``+data=files`` through the real pipeline: conservation, splits, bad input, limits."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from belle_files.check import check
from belle_files.config import FilesConfig
from belle_files.estimate import estimate
from belle_files.intake import Intake
from belle_files.stage import read
from hypothesis import example, given, settings
from hypothesis import strategies as st

from belle_core import run
from belle_core.api import prepare
from belle_core.conversation import Conversation, Example
from belle_core.data import Dropped, read_examples
from belle_core.data.formats import choose_format
from belle_core.data.questions import normalised, question_of
from belle_core.digest import Digests, expand
from belle_core.errors import BelleError
from belle_core.plugins import Catalog
from belle_core.stages import Part, StageContext
from belle_core.testing import check_plugin, check_stage


def record(number, question=None, answer="好的"):
    return {"instruction": question or f"问题 {number} 号", "input": "", "output": answer}


def write(path, records, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode(encoding))
    return path


def files(*options):
    return run(["+data=files", *options], quiet=True).artifacts["data"]


def read_directly(directory, *, limit=None, **options):
    """The stage without the pipeline around it, for tests with many cases."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return read(FilesConfig(**options), StageContext(directory=directory, shared={}, inputs={}, limit=limit))


def questions(artifact, split):
    return [question_of(example) for example in read_examples(artifact, split)]


def rejected(artifact):
    path = artifact.directory / "rejected.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


# ---- the common way ----


def test_json_lines_become_an_artifact(tmp_path):
    write(tmp_path / "my data.jsonl", [record(i) | {"id": i, "category": "math"} for i in range(20)])
    artifact = files("data.path='my data.jsonl'", "data.dev=3", "data.test=2", "data.licence=MIT")
    assert artifact.splits == {"train": 15, "dev": 3, "test": 2} and artifact.record == "conversation"
    assert [example.id for split in ("train", "dev", "test") for example in read_examples(artifact, split)] == [
        str(i) for i in range(20)
    ]
    first = next(read_examples(artifact, "train"))
    assert first == Example("0", Conversation.of("问题 0 号", "好的"), category="math", source="my data")
    assert artifact.characters == sum(len(f"问题 {i} 号好的") for i in range(15)) and artifact.licences == ["MIT"]


def test_directories_globs_lists_links_and_gzip(tmp_path):
    write(tmp_path / "d" / "a.jsonl", [record(1), record(2)])
    (tmp_path / "d" / "b.json").write_text(json.dumps([record(3)]), encoding="utf-8")
    (tmp_path / "d" / "deep").mkdir()
    (tmp_path / "d" / "deep" / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(record(4)).encode()))
    (tmp_path / "d" / ".hidden").write_text("not data")
    (tmp_path / "d" / ".git" / "refs").mkdir(parents=True)
    (tmp_path / "d" / ".git" / "refs" / "main").write_text("not data either")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "d" / "a.jsonl")
    whole = files("data.path=d")
    assert questions(whole, "train") == [f"问题 {i} 号" for i in (1, 2, 3, 4)]
    assert [e.id for e in read_examples(whole, "train")] == ["a-0", "a-1", "b-0", "deep/a-0"]
    assert questions(files("data.path='d/*.json*'"), "train") == [f"问题 {i} 号" for i in (1, 2, 3)]
    assert questions(files("data.path=[d/b.json,link.jsonl]"), "train") == [f"问题 {i} 号" for i in (3, 1, 2)]
    assert questions(files("data.path=link.jsonl"), "train") == ["问题 1 号", "问题 2 号"]


def test_links_are_followed_and_never_in_a_circle(tmp_path):
    write(tmp_path / "elsewhere" / "far.jsonl", [record(2)])
    write(tmp_path / "d" / "near.jsonl", [record(1)])
    (tmp_path / "d" / "disk").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "d")
    (tmp_path / "d" / "up").symlink_to("..")
    assert questions(files("data.path=d"), "train") == ["问题 2 号", "问题 1 号"]


@pytest.mark.parametrize("target", ["nowhere.jsonl", "gone.jsonl"])  # gone.jsonl points to itself
def test_a_link_to_nothing_is_no_missing_data(tmp_path, target):
    write(tmp_path / "d" / "a.jsonl", [record(1)])
    (tmp_path / "d" / "gone.jsonl").symlink_to(target)
    for path in ("d", "d/*.jsonl"):
        with pytest.raises(BelleError, match=rf"d/gone.jsonl: is a link to {target}, which is not there"):
            files(f"data.path='{path}'")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX")
@pytest.mark.parametrize(
    ("path", "locked"),
    [("d", "d/inner"), ("d/inner/b.jsonl", "d/inner/b.jsonl"), ("d/a.jsonl", "d/a.jsonl"), ("d/*.jsonl", "d/a.jsonl")],
)
def test_what_may_not_be_read_is_named(tmp_path, path, locked):
    for name in ("a.jsonl", "inner/b.jsonl"):
        write(tmp_path / "d" / name, [record(1)])
    forbidden = tmp_path / "d" / ("a.jsonl" if locked == "d/a.jsonl" else "inner")
    forbidden.chmod(0)
    tmp_path.chmod(0o755)
    was = os.geteuid()
    if not was:
        os.seteuid(65534)  # nothing is forbidden to root
    try:
        with pytest.raises(BelleError, match=rf"^{locked}: cannot be read \(Permission denied\)$"):
            check(FilesConfig(path=path), {})
            Digests(tmp_path / "digests.json").of(expand(path, option="data.path")[0])
    finally:
        os.seteuid(was)
        forbidden.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BelleError, match=r"data.path=pipe: is a pipe or a device"):
        files("data.path=pipe")


def test_own_ids_stay_unique_over_files(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.jsonl", [record(i) | {"id": i} for i in range(3)])
    ids = [example.id for example in read_examples(files("data.path=[a.jsonl,b.jsonl]"), "train")]
    assert ids == ["a-0", "a-1", "a-2", "b-0", "b-1", "b-2"]


@pytest.mark.skipif(os.name != "posix", reason="file names of any bytes exist on POSIX only")
def test_a_file_name_that_is_no_text(tmp_path):
    name = os.fsdecode(b"\xff\xfe.jsonl")
    write(tmp_path / "d" / name, [record(1), record(2, answer="")])
    artifact = read_directly(tmp_path / "out", path="d")
    assert artifact.splits == {"train": 1} and rejected(artifact)[0]["where"] == "??.jsonl:2"


def test_the_same_bytes_come_out_every_time_and_from_everywhere(tmp_path):
    records = [record(i, question=f"问 {i % 37}") for i in range(100)] + [record(0, answer=""), {"x": 1}]
    write(tmp_path / "one" / "data.jsonl", records)
    write(tmp_path / "two" / "data.jsonl", records)
    first = files("data.path=one/data.jsonl", "data.dev=0.1", "data.test=5", "store=a", "data.max_unreadable=0.05")
    second = files("data.path=two/data.jsonl", "data.dev=0.1", "data.test=5", "store=b", "data.max_unreadable=0.05")
    assert first.fingerprint == second.fingerprint
    for name in ("train.jsonl", "dev.jsonl", "test.jsonl", "rejected.jsonl"):
        assert (first.directory / name).read_bytes() == (second.directory / name).read_bytes()


def test_bytes_count_and_so_does_every_option(tmp_path):
    path = write(tmp_path / "a.jsonl", [record(i) for i in range(9)])
    write(tmp_path / "dev.jsonl", [record(100)])
    seen = {
        files("data.path=a.jsonl", *more).fingerprint
        for more in ((), ("data.dev=2",), ("data.dev=dev.jsonl",), ("data.source=x",))
    }
    write(tmp_path / "dev.jsonl", [record(101)])
    seen.add(files("data.path=a.jsonl", "data.dev=dev.jsonl").fingerprint)
    write(path, [record(i) for i in range(10)])
    seen.add(files("data.path=a.jsonl").fingerprint)
    assert len(seen) == 6


def test_a_licence_that_is_stated_later_makes_nothing_anew_but_is_not_lost_in_silence(tmp_path, capsys):
    write(tmp_path / "a.jsonl", [record(i) for i in range(9)])
    first = files("data.path=a.jsonl")
    assert "licence" not in capsys.readouterr().err
    again = files("data.path=a.jsonl", "data.licence=MIT")
    assert again.fingerprint == first.fingerprint and again.licences == []
    assert (
        f"no licence stated, so MIT does not stand in it; to have it noted, remove {first.directory}"
        in capsys.readouterr().err
    )
    shutil.rmtree(first.directory)
    noted = files("data.path=a.jsonl", "data.licence=MIT")
    assert noted.fingerprint == first.fingerprint and noted.licences == ["MIT"]
    assert files("data.path=a.jsonl", "data.licence=MIT") and "licence" not in capsys.readouterr().err


# ---- conservation ----

GOOD = st.builds(record, st.integers(0, 9))
EMPTY = st.just(record(0, answer=" "))
ODD = st.sampled_from([{"x": 1}, {"instruction": "q"}, {"instruction": 1, "output": "a"}, [1], "text", 3, None])
BROKEN = st.sampled_from(['{"a": NaN}', '{"a": 1', "oh", '{"a": "\\ud800"}', '{"a": 1, "a": 2}'])


@settings(max_examples=60, deadline=None)
@example(lines=[[1], ("raw", '{"a": 1'), [1]], dev="0", array=False)
@given(
    lines=st.lists(GOOD | EMPTY | ODD | BROKEN.map(lambda text: ("raw", text)), min_size=1, max_size=40),
    dev=st.sampled_from(["0", "1", "3", "0.2"]),
    array=st.booleans(),
)
def test_records_in_are_examples_kept_plus_records_rejected(tmp_path_factory, lines, dev, array):
    folder = tmp_path_factory.mktemp("x")
    texts = [
        item[1] if isinstance(item, tuple) else json.dumps(item, ensure_ascii=False) for item in [*lines, record(77)]
    ]
    path = folder / "data.json"
    path.write_text("[\n" + ",\n".join(texts) + "\n]" if array else "\n".join(texts), encoding="utf-8")
    if array and any(not text.startswith("{") for text in texts):
        return  # where the next element begins is known for objects only
    try:
        options = {"path": str(path), "dev": dev, "max_unreadable": 1.0, "format": "alpaca"}
        artifact = read_directly(folder / "out", **options)
    except BelleError as error:
        assert "train" in str(error) or "same question" in str(error)
        return
    assert sum(artifact.splits.values()) + sum(artifact.rejected.values()) == len(texts)
    assert Counter(r["reason"] for r in rejected(artifact)) == artifact.rejected
    for split, count in artifact.splits.items():
        assert len(questions(artifact, split)) == count
    good = [
        t
        for t, item in zip(texts, [*lines, record(77)])
        if isinstance(item, dict) and str(item.get("output", "")).strip() and len(item) == 3
    ]
    kept = [question_of(e) for e in read_examples(artifact, "train")] + [
        question_of(e) for e in read_examples(artifact, "dev")
    ]
    assert Counter(kept) == Counter(json.loads(text)["instruction"] for text in good)
    numbers = {e.id: int(e.id.rsplit("-", 1)[1]) for s in artifact.splits for e in read_examples(artifact, s)}
    assert len(numbers) == sum(artifact.splits.values())
    for split in artifact.splits:
        order = [numbers[example.id] for example in read_examples(artifact, split)]
        assert order == sorted(order)


@settings(max_examples=60, deadline=None)
@given(
    train=st.lists(st.integers(0, 25), min_size=12, max_size=40),
    dev=st.lists(st.integers(0, 25), max_size=6),
    test=st.lists(st.integers(0, 25), max_size=6),
    numbers=st.tuples(st.sampled_from(["0", "1", "2", "0.1"]), st.sampled_from(["0", "2"])),
)
def test_no_question_stands_in_two_splits(tmp_path_factory, train, dev, test, numbers):
    folder = tmp_path_factory.mktemp("x")
    options = {
        "path": str(write(folder / "train.jsonl", [record(i, f"问{i}") for i in train])),
        "dev": numbers[0],
        "test": numbers[1],
    }
    if dev:
        options["dev"] = str(write(folder / "dev.jsonl", [record(i, f"问 {i}？") for i in dev]))
    if test:
        options["test"] = str(write(folder / "test.jsonl", [record(i, f"“问{i}”") for i in test]))
    try:
        artifact = read_directly(folder / "out", **options)
    except BelleError as error:
        assert "left" in str(error) or "same question" in str(error)
        return
    sides = {split: {normalised(q) for q in questions(artifact, split)} for split in ("train", "dev", "test")}
    assert not sides["train"] & sides["dev"] and not sides["train"] & sides["test"] and not sides["dev"] & sides["test"]
    assert sum(artifact.splits.values()) + sum(artifact.rejected.values()) == len(train) + len(dev) + len(test)
    assert set(artifact.rejected) <= {"in_dev", "in_test"}


# ---- held-out files ----


def test_questions_of_a_held_out_file_leave_the_training_data(tmp_path):
    write(tmp_path / "train.jsonl", [record(i) for i in range(10)])
    write(tmp_path / "dev.jsonl", [record(3, "问题3号？"), record(50)])
    write(tmp_path / "test.jsonl", [record(4), record(50)])
    artifact = files("data.path=train.jsonl", "data.dev=dev.jsonl", "data.test=test.jsonl")
    assert artifact.splits == {"train": 8, "dev": 1, "test": 2} and artifact.rejected == {"in_dev": 1, "in_test": 2}
    assert [(r["where"], r["reason"]) for r in rejected(artifact)] == [
        ("dev.jsonl:2", "in_test"),
        ("train.jsonl:4", "in_dev"),
        ("train.jsonl:5", "in_test"),
    ]


def test_a_file_and_a_number_together(tmp_path):
    write(tmp_path / "train.jsonl", [record(i) for i in range(10)])
    write(tmp_path / "test.jsonl", [record(9)])
    artifact = files("data.path=train.jsonl", "data.dev=2", "data.test=test.jsonl")
    assert questions(artifact, "dev") == ["问题 7 号", "问题 8 号"] and artifact.rejected == {"in_test": 1}


# ---- smoke runs ----


@pytest.mark.parametrize("limit", [1, 3])
def test_a_smoke_run_fills_every_split_and_reads_no_more_than_it_needs(tmp_path, limit):
    path = write(tmp_path / "a.jsonl", [record(i) for i in range(5000)])
    with path.open("a", encoding="utf-8") as file:
        file.write("broken\n" * 5000)
    artifact = files("data.path=a.jsonl", "data.dev=1000", "data.test=0.1", f"limit={limit}")
    assert artifact.splits["train"] == artifact.splits["dev"] == limit and 1 <= artifact.splits["test"] <= limit
    assert artifact.rejected == {}


def test_a_smoke_run_is_not_judged_by_a_handful_of_records(tmp_path):
    write(tmp_path / "a.jsonl", [record(0), {"oh": 1}, *[record(i) for i in range(1, 300)]])
    assert files("data.path=a.jsonl", "limit=3").rejected == {"missing_key:instruction": 1}
    with pytest.raises(BelleError, match="1 of 50 records"):
        read_directly(
            tmp_path / "out",
            path=str(write(tmp_path / "b.jsonl", [{"oh": 1}, *[record(i) for i in range(49)]])),
            limit=100,
        )


# ---- bad input ----


def test_too_many_unreadable_records_stop_the_run(tmp_path):
    good = [record(i) for i in range(97)]
    write(tmp_path / "a.jsonl", [*good[:5], {"instruction": "q"}, *good[5:], [1], record(0, answer="")])
    message = (
        r"data.path: 2 of 100 records \(2.00%\) cannot be read, more than data.max_unreadable=0.01 allows; "
        r"the first: a.jsonl:6: missing_key:output"
    )
    with pytest.raises(BelleError, match=message):
        files("data.path=a.jsonl")
    artifact = files("data.path=a.jsonl", "data.max_unreadable=0.02")
    assert artifact.rejected == {
        "empty_answer": 1,
        "missing_key:output": 1,
        "not_an_object": 1,
    } and artifact.splits == {"train": 97}


def test_what_is_dropped_on_purpose_does_not_count(tmp_path):
    write(tmp_path / "a.jsonl", [record(1), *[record(i, answer="") for i in range(50)]])
    assert files("data.path=a.jsonl", "data.max_unreadable=0").rejected == {"empty_answer": 50}


def test_a_file_that_breaks_off_says_where_and_how_much_was_good(tmp_path, capsys):
    elements = [json.dumps(record(i)) for i in range(400)]
    (tmp_path / "a.json").write_text("[\n" + ",\n".join(elements) + ",\n]", encoding="utf-8")
    artifact = files("data.path=a.json")
    said = "a.json:402: a comma stands before the closing ] (400 good records before it)"
    assert (
        artifact.splits == {"train": 400}
        and artifact.rejected == {"broken_json": 1}
        and said in capsys.readouterr().err
    )
    elements[300] = elements[300][:-1]
    (tmp_path / "a.json").write_text("[" + ", ".join(elements) + "]", encoding="utf-8")
    with pytest.raises(
        BelleError,
        match=r"a.json:1: .* \(300 good records before it; the rest of the file, about \d+ records, is lost\)",
    ):
        files("data.path=a.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.jsonl: the file is empty"),
        (b"[]", "a.jsonl: the file holds no record"),
        (b"\n \n", "a.jsonl: the file is empty"),
        (b"hello", "neither JSON nor JSON Lines; it begins with 'hello'"),
        (b'{"words": "x", "n": 1}\n', "no known format fits the records (words: str, n: int); known: "),
        (b'{"instruction": "q", "output": {}}\n', "(instruction: str, output: dict)"),
        (
            b'{"train": [{"text": "a"}], "n": 1, "test": [{"text": "b"}]}',
            "lists (train, test); save each list as a file of its own",
        ),
        (b'{"messages": [{"role": "visitor", "content": "q"}]}', "(messages: list of {role: 'visitor', content: 'q'})"),
        (b"[1, 2]", "no known format fits the records (no object among them)"),
        (b'{"a": 1,,}\n', "1 of 1 records (100.00%) cannot be read"),
        (b'{"instruction": "q", "output": " "}', "no example is left (empty_answer 1)"),
        ('{"instruction": "q", "output": "café"}'.encode("cp1252"), "byte offset 35"),
    ],
)
def test_input_that_gives_nothing(tmp_path, content, message):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(BelleError) as caught:
        files("data.path=a.jsonl")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_whose_beginning_is_broken_is_no_crash(tmp_path):
    write(tmp_path / "a.jsonl", [record(i) for i in range(10)])
    path = tmp_path / "b.jsonl"
    path.write_text('{"a": 1,,}\n' * 30 + json.dumps(record(99)), encoding="utf-8")
    artifact = files("data.path=[a.jsonl,b.jsonl]", "data.max_unreadable=1")
    assert artifact.splits == {"train": 10} and artifact.rejected == {"broken_json": 30, "unknown_format": 1}


def test_mistakes_are_told_before_any_work_and_all_at_once(tmp_path):
    with pytest.raises(BelleError) as caught:
        files("data.path=nope.jsonl", "data.format=alpca", "data.dev=dev.jsonl")
    text = str(caught.value)
    assert (
        "data.path=nope.jsonl: there is no such file" in text
        and "did you mean 'alpaca'" in text
        and "data.dev=dev.jsonl" in text
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(BelleError, match=r"data.path=empty: there is no file in this directory"):
        files("data.path=empty")
    with pytest.raises(BelleError, match=r"data.path has no value"):
        files()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("data.dev=1.5", "data.dev must be a count"),
        ("data.test=-3", "data.test must be a count"),
        ("data.max_unreadable=2", "data.max_unreadable must be from 0 to 1"),
        ("data.encoding=klingon", "data.encoding is no text encoding"),
        ("data.encoding=base64", "data.encoding is no text encoding"),
        ("data.encoding=utf-7", "data.encoding is no text encoding"),
    ],
)
def test_values_that_are_refused(tmp_path, option, message):
    write(tmp_path / "a.jsonl", [record(1)])
    with pytest.raises(BelleError, match=message):
        files("data.path=a.jsonl", option)


def test_messages_exist_in_chinese(tmp_path, monkeypatch):
    from belle_core import language

    monkeypatch.setenv("BELLE_LANG", "zh")
    language.chinese.cache_clear()
    try:
        write(tmp_path / "a.jsonl", [record(1), {"instruction": "q"}])
        with pytest.raises(BelleError, match=r"2 条记录中有 1 条.*无法读取"):
            files("data.path=a.jsonl")
    finally:
        language.chinese.cache_clear()


def test_a_forced_encoding(tmp_path):
    write(tmp_path / "a.jsonl", [record(1, "naïve café?", "oui")], "cp1252")
    assert questions(files("data.path=a.jsonl", "data.encoding=cp1252"), "train") == ["naïve café?"]


# ---- formats ----


class Wide:
    refines = ()

    def matches(self, record):
        return "instruction" in record

    def examples(self, record, place):
        if record["instruction"] == "drop":
            raise Dropped("said_so")
        return [Example(place.id_of(), text=record["instruction"]), Example(place.id_of() + "b", text="two")]


class Narrow(Wide):
    refines = ("wide",)

    def matches(self, record):
        return "special" in record


class Rival(Wide):
    pass


WIDE, NARROW, RIVAL = Wide(), Narrow(), Rival()


def catalog_of(*names):
    import pluggy

    class Plugin:
        def belle_parts(self):
            return [Part(kind="format", name=name, run=f"{__name__}:{name.upper()}") for name in names]

    manager = pluggy.PluginManager("belle")
    manager.register(Plugin(), name="test")
    return Catalog(manager)


def test_the_format_is_chosen_by_most_of_the_first_records():
    catalog = catalog_of("wide", "narrow")
    plain, special = {"instruction": "q"}, {"instruction": "q", "special": 1}
    assert choose_format([plain, plain, {"x": 1}], catalog, where="f") == "wide"
    assert choose_format([special, special], catalog, where="f") == "narrow"
    with pytest.raises(
        BelleError, match=r"f: no known format fits the records \(x: int\); known: wide, narrow|narrow, wide"
    ):
        choose_format([{"x": 1}, {"x": 2}, plain], catalog, where="f")
    with pytest.raises(BelleError, match=r"fit several formats: rival, wide; choose one with data.format"):
        choose_format([plain], catalog_of("wide", "rival"), where="f")


def test_a_record_may_hold_several_examples(tmp_path, monkeypatch):
    monkeypatch.setattr("belle_files.intake.load_catalog", lambda: catalog_of("wide"))
    write(tmp_path / "a.jsonl", [{"instruction": "one"}, {"instruction": "drop"}])
    artifact = read_directly(tmp_path / "out", path=str(tmp_path / "a.jsonl"))
    assert artifact.splits == {"train": 2} and artifact.record == "text" and artifact.rejected == {"said_so": 1}


def test_a_file_that_changes_while_it_is_read_gives_no_artifact(tmp_path, store, monkeypatch):
    write(tmp_path / "a.jsonl", [record(number) for number in range(9)])
    taken = Intake.taken

    def meanwhile(self, *args):
        (tmp_path / "a.jsonl").write_text(json.dumps(record(0)) + "\n")
        taken(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "taken", meanwhile)
        with pytest.raises(BelleError, match=r"a.jsonl changed while it was read; repeat the command"):
            files("data.path=a.jsonl")
    assert not list((store / "Examples").glob("*/artifact.json"))
    assert files("data.path=a.jsonl").splits == {"train": 1}


def test_what_is_wrong_is_told_in_chinese(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("belle_core.language.chinese", lambda: True)
    (tmp_path / "a.jsonl").write_text(json.dumps(record(0)) + '\n{"instruction": "q"\n')
    with pytest.raises(BelleError) as caught:
        files("data.path=a.jsonl")
    told = "a.jsonl:2：此处应为 ','（该行第 20 个字符）（此前有 1 条完好）"
    assert told in caught.value.chinese and told in capsys.readouterr().err


def test_a_held_out_part_that_is_too_large_is_told_with_its_size(tmp_path):
    write(tmp_path / "a.jsonl", [record(number) for number in range(9)])
    with pytest.raises(BelleError, match="ask for 40 of 9 examples"):
        files("data.path=a.jsonl", "data.dev=40")


def test_what_is_wrong_is_told_the_same_by_any_number_of_workers(tmp_path, monkeypatch, capsys):
    """Blank lines, broken JSON, keys that stand twice, NaN and undecodable bytes: line, reason and byte offset, wherever they are read."""
    monkeypatch.setattr("belle_core.data.cleaning.CHUNK", 16)
    monkeypatch.setattr("belle_core.data.cleaning.AHEAD", 8)
    lines = [json.dumps(record(number), ensure_ascii=False).encode() for number in range(1000)]
    lines[100:100] = [b"", b" \r"]
    wrong = {
        300: (b'{"instruction": "q"', "broken_json", "Expecting"),
        301: (b'{"instruction": "q", "instruction": "r", "output": "a"}', "broken_json", "'instruction' stands twice"),
        500: (b'{"instruction": "q", "input": NaN, "output": "a"}', "broken_json", "NaN is not JSON"),
        700: (b'{"instruction": "\xff\xfe", "output": "a"}', "broken_encoding", "byte offset"),
        701: (b'[{"instruction": "q"}]', "not_an_object", "list"),
        702: (b'{"instruction": "q", "output": ""}', "empty_answer", "q"),
    }
    for number, (line, _, _) in wrong.items():
        lines[number] = line
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    offset = sum(len(line) + 1 for line in lines[:700]) + lines[700].index(b"\xff")
    found = []
    for workers in (1, 3):
        path = tmp_path / str(workers)
        artifact = read_directly(path, path=str(tmp_path / "a.jsonl"), workers=workers, max_unreadable=0.1)
        told = {line["where"]: line for line in rejected(artifact)}
        assert list(told) == [f"a.jsonl:{number + 1}" for number in wrong] and artifact.splits == {"train": 994}
        for (_, reason, evidence), line in zip(wrong.values(), told.values()):
            assert line["reason"] == reason and evidence in line["evidence"]
        assert f"byte offset {offset}" in told["a.jsonl:701"]["evidence"]
        assert "(299 good records before it" not in told["a.jsonl:302"]["evidence"]
        assert "(298 good records before it" in told["a.jsonl:302"]["evidence"]
        found.append([(path / f"{name}.jsonl").read_bytes() for name in ("train", "rejected")])
    assert found[0] == found[1] and "a.jsonl:301" in capsys.readouterr().err
    with pytest.raises(BelleError, match=r"5 of 1,000 records .*; the first: a.jsonl:301: "):
        read_directly(tmp_path / "b", path=str(tmp_path / "a.jsonl"), workers=2, max_unreadable=0.001)


def test_the_stage_imports_nothing_heavy(tmp_path):
    write(tmp_path / "a.jsonl", [record(1)])
    code = "import sys; from belle_core import run; run(['+data=files', 'data.path=a.jsonl']); print([m for m in ('torch', 'numpy', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.strip().endswith("[]"), done.stderr


def test_the_plan_knows_how_much_there_is(tmp_path):
    small = write(tmp_path / "a.jsonl", [record(i) for i in range(40)])
    known = {"shared": {}, "inputs": {}, "limit": None}
    figures = estimate(FilesConfig(path=str(small), dev="4", licence="MIT"), known)
    assert figures["splits"] == {"dev": 4, "train": 36} and figures["licences"] == ["MIT"]
    assert figures["characters"] == pytest.approx(files("data.path=a.jsonl", "data.dev=4").characters, rel=0.02)
    large = write(tmp_path / "b.jsonl", [record(i, answer="好的" if i % 9 else "") for i in range(20_000)])
    assert estimate(FilesConfig(path=str(large)), known)["examples"] == pytest.approx(20_000 * 8 / 9, rel=0.1)
    assert estimate(FilesConfig(path=str(large), dev="0.1"), known | {"limit": 7})["splits"] == {"dev": 7, "train": 7}


def test_the_plan_tries_filters_on_the_first_records(tmp_path):
    """So it knows what those of single records leave, and does not claim to know what others do."""
    path = write(tmp_path / "a.jsonl", [record(i, answer="好" if i % 3 else "够长的回答") for i in range(300)])
    chosen = ["+filter@data.clean.length=length", "data.clean.length.min=4", "+filter@data.clean.exact=exact"]
    known = {"shared": {}, "inputs": {}, "limit": None}

    def figures(*more):
        (step,) = prepare(["+data=files", f"data.path={path}", *chosen, *more]).steps
        return estimate(step.section, known)

    artifact = files(f"data.path={path}", *chosen[:2])
    assert figures()["splits"] == artifact.splits == {"train": 100}
    assert figures()["undecided"] == ["exact"] and not figures()["about"]
    size = (artifact.directory / "train.jsonl").stat().st_size
    assert figures()["characters"] == artifact.characters and figures()["bytes"] == size
    assert figures()["seconds"] > 0 and "seconds" not in (elsewhere := figures("data.runner=ray"))
    assert "data.runner=ray" in elsewhere["time_unknown"]


@pytest.mark.parametrize("plugin", ["files", "alpaca"])
def test_the_plugins_keep_the_rules(plugin):
    assert check_plugin(plugin) == []


def test_the_stage_keeps_the_rules(tmp_path):
    path = write(tmp_path / "a.jsonl", [record(i) for i in range(100)])
    assert check_stage("data=files", [f"data.path={path}", "data.dev=3"]) == []


# ---- real data ----


def test_the_large_chinese_set(shared):
    artifact = files(f"data.path={shared}/data/alpaca/alpaca_zh_51k.jsonl", "data.dev=1002")
    assert (
        artifact.splits["dev"] == 1002 and 40 <= artifact.rejected["empty_answer"] <= 60 and len(artifact.rejected) == 1
    )
    assert sum(artifact.splits.values()) + artifact.rejected["empty_answer"] == 51_002
    numbers = [int(example.id) for example in read_examples(artifact, "dev")]
    assert numbers == sorted(numbers) and numbers[-1] == 51_001 and numbers[0] > 49_950
    assert not {normalised(q) for q in questions(artifact, "dev")} & {
        normalised(q) for q in questions(artifact, "train")
    }


def test_the_really_broken_file(shared, capsys):
    (path,) = (shared / "data" / "dirty_zh").glob("*9407-12345*")
    artifact = files(f"data.path='{path}'")
    assert artifact.rejected["broken_json"] == 1
    assert (
        f"{path.name}:14007: a comma stands before the closing ] (2,801 good records before it)"
        in capsys.readouterr().err
    )
    with pytest.raises(BelleError, match=r"1 of 2,802 records .*:14007: .*2,801 good records before it"):
        files(f"data.path='{path}'", "data.max_unreadable=0")


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("hikariming_zh_extra", 10_281),
        ("ruozhiba/ruozhiba_qa2449_gpt4t.json", 2449),
        ("llama_factory/alpaca_zh_demo.json", 1000),
        ("llama_factory/identity.json", 91),
        ("belle/school_math_dev1K.jsonl", 1000),
        ("huatuo/llama_data.json", 2000),
        ("dirty_zh/carbonz0_zh-data-part-00.json", 10_021),
        ("oasst_zh/oaast_sft_zh.json", 689),
        ("alpaca/alpaca_data.json.gz", 52_002),
    ],
)
def test_real_files_load_with_the_right_count(shared, path, count):
    artifact = files(f"data.path='{shared}/data/{path}'")
    assert sum(artifact.splits.values()) + sum(artifact.rejected.values()) == count
    assert set(artifact.rejected) <= {"empty_answer", "empty_question"}
