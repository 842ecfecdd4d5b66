"""The Alpaca format."""

from __future__ import annotations

import pytest
from belle_alpaca.format import FORMAT

from belle_core.conversation import Conversation, Turn
from belle_core.data import Dropped, Place, Source, Unreadable
from belle_core.plugins import load_catalog


@pytest.fixture
def place(tmp_path):
    return Place(Source(tmp_path / "math.jsonl.gz", "math.jsonl.gz", "math"), line=8, number=7)


def one(record, place):
    (example,) = FORMAT.examples(record, place)
    return example


def test_it_is_in_the_catalog():
    assert "alpaca" in load_catalog().names("format") and load_catalog().part("format", "alpaca").load() is FORMAT


def test_instruction_and_input_are_joined_by_a_newline(place):
    record = {"instruction": "翻译", "input": "你好\n世界", "output": "\nhello"}
    example = one(record, place)
    assert (
        example.conversation == Conversation.of("翻译\n你好\n世界", "\nhello")
        and example.id == "math-7"
        and not example.meta
    )
    for blank in ("", "  ", None):
        assert one(record | {"input": blank}, place).conversation == Conversation.of("翻译", "\nhello")
    assert one(record | {"instruction": ""}, place).conversation == Conversation.of("你好\n世界", "\nhello")
    assert one({"instruction": "翻译", "output": "x"}, place).conversation == Conversation.of("翻译", "x")


def test_everything_else_is_kept(place):
    record = {"id": 5, "instruction": "q", "output": "a", "class": "closed\u00a0qa", "score": 3, "tags": ["x", None]}
    example = one(record, place)
    assert example.id == "5" and example.category == "closed qa" and example.meta == {"score": 3, "tags": ["x", None]}
    both = one(record | {"category": "math"}, place)
    assert both.category == "math" and both.meta["class"] == "closed\u00a0qa"
    assert one(record | {"class": 3}, place).meta["class"] == 3


@pytest.mark.parametrize("own", [None, "", True, [1], {"a": 1}, 1.5])
def test_an_id_that_is_none_is_made(place, own):
    assert one({"id": own, "instruction": "q", "output": "a"}, place).id == "math-7"


def test_system_and_history(place):
    record = {"instruction": "三", "input": "", "output": "四", "system": "你是助手", "history": [["一", "二"]]}
    turns = (Turn("user", "一"), Turn("assistant", "二"), Turn("user", "三"), Turn("assistant", "四"))
    assert one(record, place).conversation == Conversation(turns, "你是助手")
    for none in ("", None, []):
        assert len(one(record | {"history": none}, place).conversation.turns) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"output": None}, "empty_answer"),
        ({"output": " \n"}, "empty_answer"),
        ({"instruction": "", "input": " "}, "empty_question"),
        ({"history": [["", "x"]]}, "empty_turn"),
    ],
)
def test_what_is_of_no_use_is_dropped(place, change, reason):
    with pytest.raises(Dropped) as caught:
        FORMAT.examples({"instruction": "q", "input": "i", "output": "a"} | change, place)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"output": ["a"]}, "wrong_type:output"),
        ({"instruction": 3}, "wrong_type:instruction"),
        ({"input": {}}, "wrong_type:input"),
        ({"system": 1}, "wrong_type:system"),
        ({"history": "一二"}, "wrong_type:history"),
        ({"history": [["一"]]}, "wrong_type:history"),
        ({"history": [["一", 2]]}, "wrong_type:history"),
        ({"history": 7}, "wrong_type:history"),
    ],
)
def test_wrong_types_are_unreadable(place, change, reason):
    with pytest.raises(Unreadable) as caught:
        FORMAT.examples({"instruction": "q", "input": "", "output": "a"} | change, place)
    assert caught.value.reason == reason


@pytest.mark.parametrize("key", ["instruction", "output"])
def test_missing_keys_are_named(place, key):
    record = {"instruction": "q", "output": "a", "x": 1}
    del record[key]
    with pytest.raises(Unreadable) as caught:
        FORMAT.examples(record, place)
    assert caught.value.reason == f"missing_key:{key}" and "x" in caught.value.evidence
    assert not FORMAT.matches(record)


def test_what_it_recognises():
    assert FORMAT.matches({"instruction": "q", "output": ""}) and FORMAT.matches(
        {"instruction": "q", "input": None, "output": None}
    )
    assert FORMAT.matches({"instruction": "q", "output": ["one", "two"]})  # and refuses it
    assert not FORMAT.matches({"conversations": []})
