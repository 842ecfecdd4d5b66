"""Texts are normalised together as one by one."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from belle_core.data import normalising
from belle_core.data.normalising import all_normalised, all_normalised_in
from belle_core.data.questions import normalised

MARKS = "0123456789aAßéｅ３②½㎡…。，、·-－_ ‗\u3000\0\n\u200d\u0301\u3099\u1161\uac00𝟘\U00010100\ud800😀"


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(normalising, "FEW", 1)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.one_of(st.sampled_from(MARKS), st.characters()), max_size=20), max_size=6))
@example(["3--2", "3 -2", "3…2", "a-2", "", "\0", "。", "ｶﾞ", "３－２", "3", "-2"])
@example(["3-"])
@example(["-2", "3--"])
def test_together_as_one_by_one(texts):
    assert all_normalised(texts) == [normalised(text) for text in texts]


def test_every_character_alone_and_between_others():
    """All of the first two planes, in a random order of texts."""
    characters = [chr(code) for code in range(0x20000)]
    random.Random(0).shuffle(characters)
    for start in range(0, len(characters), 1 << 14):
        some = characters[start : start + (1 << 14)]
        texts = [text for c in some[::7] for text in (f"3{c}2", f"a{c}b{c}")] + some
        assert all_normalised(texts) == [normalised(text) for text in texts]


def test_groups_keep_their_texts():
    groups = [["一，", "二"], [], ["Ｔ", "", "三"]]
    assert list(all_normalised_in(groups)) == [["一", "二"], [], ["t", "", "三"]]
