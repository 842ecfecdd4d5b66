"""Examples on disk: what was written is read back, whatever was held out in between."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_core.conversation import Conversation, Example, Turn
from belle_core.data import ExamplesWriter, read_examples
from belle_core.data.chunks import Lines
from belle_core.data.storage import parse_line, text_of
from belle_core.data.supply import Given
from belle_core.errors import BelleError


def example(number):
    return Example(f"n{number}", Conversation.of(f"问题{number}\u2028二", "答" * (number % 7 + 1)), meta={"n": number})


def test_what_is_written_is_read_back(tmp_path):
    examples = [
        Example("a", Conversation.of("q", "a", system="s"), category="c", source="x", meta={"k": [1, None]}),
        Example("b", Conversation.of("q\n\u2028\x85q", "a")),
        Example("c", text="正文"),
        Example("d", Conversation.of("q", "good"), rejected=("bad",)),
        Example("e", Conversation.of("q", "a"), meta={"large": 2**70, "small": -(2**64) - 1}),
        Example("f", Conversation((Turn("user", "q"), Turn("assistant", "a", 0.5), Turn("user", "q"))), category="c"),
    ]
    with ExamplesWriter(tmp_path) as writer:
        for one in examples:
            writer.write("train", one)
        artifact = writer.finish(licences=["MIT", "MIT"])
    assert list(read_examples(artifact, "train")) == examples and list(read_examples(artifact, "dev")) == []
    assert artifact.splits == {"train": 6} and artifact.licences == ["MIT"]
    assert artifact.characters == sum(len(text_of(one)) for one in examples)


def test_a_file_that_somebody_removes_is_told(tmp_path):
    """Else the artifact would be published without it: the folder is made again for the scratch of a later filter."""
    with ExamplesWriter(tmp_path) as writer:
        writer.write("train", example(1))
        writer.write("dev", example(2))
        (tmp_path / "train.jsonl").unlink()
        with pytest.raises(BelleError, match=r"train\.jsonl was removed"):
            writer.finish(licences=[])


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=30, deadline=None)
@given(
    asked=TEXT,
    text=st.none() | TEXT.filter(bool),
    weight=st.sampled_from([0.0, 0.5, 1.0]),
    meta=st.dictionaries(
        TEXT, st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT, max_size=3
    ),
)
def test_examples_at_hand_reach_the_filters_as_they_are(asked, text, weight, meta):
    turns = (Turn("user", asked), Turn("assistant", "答", weight))
    given = [Example(str(n), Conversation(turns), text=text, meta=meta, rejected=("差",) * n) for n in range(3)]
    chunks = Given((one.id, one) for one in given).chunks(2)
    assert [found for chunk in chunks for _, _, found in Lines()(chunk)] == given


def test_halves_of_characters_in_a_line_are_read():
    line = b'{"id": "a", "messages": [{"role": "user", "content": "\\ud83d"}, {"role": "assistant", "content": "x"}]}'
    assert parse_line(line) == Example("a", Conversation.of("\ud83d", "x"))


def test_rejected_records_keep_place_reason_and_evidence(tmp_path):
    with ExamplesWriter(tmp_path) as writer:
        writer.reject("a.json:3", "broken_json", "x" * 9000)
        writer.reject("a.json:4", "empty_answer")
        artifact = writer.finish(licences=[])
    lines = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["where"] for line in lines] == ["a.json:3", "a.json:4"] and len(lines[0]["evidence"]) == 500
    assert artifact.rejected == {"broken_json": 1, "empty_answer": 1}


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 60),
    chosen=st.dictionaries(st.integers(0, 59), st.sampled_from(["dev", "test"]), max_size=30),
    limit=st.none() | st.integers(1, 20),
)
def test_holding_out_moves_examples_and_nothing_else(tmp_path_factory, count, chosen, limit):
    chosen = {number: name for number, name in chosen.items() if number < count}
    with ExamplesWriter(tmp_path_factory.mktemp("x"), limit=limit, gather=True) as writer:
        for number in range(count):
            writer.write("train", example(number))
        writer.hold_out(chosen)
        artifact = writer.finish(licences=[])
    for split in ("train", "dev", "test"):
        expected = [example(n) for n in range(count) if chosen.get(n, "train") == split][:limit]
        assert list(read_examples(artifact, split)) == expected
        assert artifact.splits.get(split, 0) == len(expected)
        if split == "train":
            assert artifact.characters == sum(len(text_of(one)) for one in expected)


def test_the_limit_caps_every_split(tmp_path):
    with ExamplesWriter(tmp_path, limit=2) as writer:
        for number in range(5):
            writer.write("train", example(number))
            writer.write("dev", replace(example(number), id=f"d{number}"))
        assert writer.full("train") and writer.full("dev") and not writer.full("test")
        assert writer.finish(licences=[]).splits == {"train": 2, "dev": 2}


def test_what_a_broken_attempt_left_is_removed(tmp_path):
    (tmp_path / "test.jsonl").write_text("old\n", encoding="utf-8")
    with ExamplesWriter(tmp_path) as writer:
        writer.write("train", example(1))
        writer.finish(licences=[])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.jsonl"]
