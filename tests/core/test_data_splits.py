"""Splitting keeps equal questions together and takes the end of the data."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from belle_core.conversation import Conversation, Example
from belle_core.data import questions
from belle_core.data.questions import DIGEST, normalised, question_key, question_of
from belle_core.data.splits import HeldOut, choose, held_out
from belle_core.errors import BelleError, Invalid


def keys_of(questions):
    return b"".join(question_key(Example(str(i), Conversation.of(q, "a"))) for i, q in enumerate(questions))


def choose_slowly(questions, sizes):
    """The documented rule, written the plain way."""
    first = {}
    for number, question in enumerate(questions):
        first.setdefault(question, number)
    room, chosen = dict(sizes), {}
    for question in sorted(first, key=first.get, reverse=True):
        members = [number for number, other in enumerate(questions) if other == question]
        for name in room:
            if len(members) <= room[name]:
                room[name] -= len(members)
                chosen |= dict.fromkeys(members, name)
                break
    return chosen


@given(
    st.lists(st.text("甲乙丙丁戊", min_size=1, max_size=3), min_size=2, max_size=40),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_the_choice_follows_its_rule(questions, test, dev):
    sizes = {name: size for name, size in (("test", test), ("dev", dev)) if size}
    assume(sizes)
    try:
        chosen = choose(keys_of(questions), sizes)
    except BelleError:
        slow = choose_slowly(questions, sizes)
        assert test + dev >= len(questions) or len(set(slow.values())) < len(sizes) or len(slow) == len(questions)
        return
    assert chosen == choose_slowly(questions, sizes)
    where = {number: chosen.get(number, "train") for number in range(len(questions))}
    for name in sizes:
        assert 0 < list(where.values()).count(name) <= sizes[name]
    sides = {(questions[number], side) for number, side in where.items()}
    assert len(sides) == len(set(questions)), "a question stands on two sides"


@given(st.integers(3, 400), st.integers(1, 60), st.integers(1, 60))
def test_without_repeated_questions_test_is_the_end_and_dev_lies_before_it(total, test, dev):
    assume(test + dev < total)
    chosen = choose(keys_of([f"q{i}" for i in range(total)]), {"test": test, "dev": dev})
    assert {n for n, name in chosen.items() if name == "test"} == set(range(total - test, total))
    assert {n for n, name in chosen.items() if name == "dev"} == set(range(total - test - dev, total - test))


def test_a_flood_of_one_question_never_fills_a_split():
    chosen = choose(keys_of(["你好"] * 5 + [f"q{i}" for i in range(5)] + ["你好！"] * 90), {"dev": 3})
    assert chosen == {7: "dev", 8: "dev", 9: "dev"}


@pytest.mark.parametrize(
    ("questions", "sizes", "message"),
    [
        (["a", "b"], {"dev": 2}, "ask for 2 of 2"),
        (["a"] * 5, {"dev": 2}, "data.dev: too many examples ask the same"),
        (["a", "a", "b", "b", "c"], {"test": 1, "dev": 1}, "data.dev: too many"),
    ],
)
def test_what_cannot_be_split_is_an_error(questions, sizes, message):
    with pytest.raises(BelleError, match=message):
        choose(keys_of(questions), sizes)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("0", HeldOut()),
        ("0.0", HeldOut()),
        ("1002", HeldOut(count=1002)),
        ("1", HeldOut(count=1)),
        ("0.02", HeldOut(share=0.02)),
        (".5", HeldOut(share=0.5)),
        ("1e-3", HeldOut(share=0.001)),
        ("dev.jsonl", HeldOut(path="dev.jsonl")),
        ("2024", HeldOut(count=2024)),
        ("data/2024", HeldOut(path="data/2024")),
    ],
)
def test_counts_fractions_and_files(text, part):
    assert held_out("dev", text) == part


@pytest.mark.parametrize("text", ["-1", "1.0", "1.5", "-0.2", "2e3", " ", ""])
def test_impossible_numbers(text):
    with pytest.raises(Invalid, match=r"^dev "):
        held_out("dev", text)


def test_a_share_is_at_least_one():
    assert HeldOut(share=0.02).size(1000) == 20 and HeldOut(share=0.02).size(3) == 1 and HeldOut(count=7).size(3) == 7


# ---- equal questions ----


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("天气怎么样？", "天气怎么样?"),
        ("天气 怎么样\n", "　天气怎么样。"),
        ("What is AI?", "what  is ai"),
        ("ＡＢＣ１２３", "abc123"),
        ("“引号”、书名号《三国》", "引号书名号三国"),
        ("零\u200b宽", "零宽"),
        ("(3)答案", "3答案"),
    ],
)
def test_questions_that_are_equal(one, other):
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3-2", "32"),
        ("12/3=", "123="),
        ("1.5 * 2", "15 * 2"),
        ("3 - 2 = ?", "3 2 = ?"),
        ("？", "！"),
        ("a+b", "a=b"),
        ("男", "女"),
        ("🙂", "🙃"),
    ],
)
def test_questions_that_differ(one, other):
    assert normalised(one) != normalised(other)


@given(st.text("天气abcＡ", min_size=1), st.text("，。！？… \n\u3000\u200b", max_size=5))
def test_marks_between_words_make_no_difference(text, marks):
    assert normalised(marks.join(text)) == normalised(text) == normalised(marks + text + marks)


@given(st.text())
def test_no_text_becomes_nothing(text):
    assert bool(normalised(text)) == bool(text) and len(question_key(Example("x", text=text))) == DIGEST


def test_the_question_of_a_conversation_is_its_first():
    conversation = Conversation.of_messages(
        [{"role": r, "content": c} for r, c in (("system", "s"), ("user", "一"), ("assistant", "二"), ("user", "三"))]
    )
    assert question_of(Example("x", conversation)) == "一" and question_of(Example("x", text="正文")) == "正文"


def test_the_short_way_of_normalising_is_the_long_one():
    """Every character of the first plane by itself, between letters and between digits."""

    def long_way(text: str) -> str:
        folded = unicodedata.normalize("NFKC", text).casefold()
        return questions._dispensable().sub("", questions._blank().sub("", folded)) or folded

    for character in map(chr, [*range(0xD800), *range(0xE000, 0x10000)]):
        for text in (character, f"a{character}b", f"3{character}2", f"e{character}\u0301"):
            assert normalised(text) == long_way(text), hex(ord(character))
