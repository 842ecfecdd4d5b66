"""Text that comes piece by piece is never broken, and cannot steer a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle_core.generation.text import BROKEN, TextStream
from belle_core.terminal import printable
from belle_core.tokenization import SegmentEncoder, tokenizer_from_sentencepiece, train_sentencepiece


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """Pieces for a few characters; everything else is spelt in bytes."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    path.write_bytes(train_sentencepiece(["你好世界 hello"] * 3, vocab_size=400, max_piece_length=1))
    return tokenizer_from_sentencepiece(path)


def decoder(tokenizer):
    return lambda ids: tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def pieces(decode, ids: list[int]) -> list[str]:
    stream = TextStream(decode)
    return [*(stream.push(token) for token in ids), stream.finish()]


@given(
    text=st.text(
        alphabet=st.one_of(st.sampled_from("你好世界 hello\n"), st.characters(exclude_categories=["Cs"])), max_size=30
    )
)
def test_pieces_make_the_whole_and_never_hold_half_a_character(tokenizer, text):
    decode = decoder(tokenizer)
    ids = SegmentEncoder(tokenizer).encode(text, after_text=True)
    found = pieces(decode, ids)
    assert "".join(found) == decode(ids)
    assert all(BROKEN not in piece or BROKEN in text for piece in found)


def test_a_character_appears_with_its_last_byte(tokenizer):
    ids = SegmentEncoder(tokenizer).encode("你😀好", after_text=True)
    assert len(ids) == 6
    assert pieces(decoder(tokenizer), ids) == ["你", "", "", "", "😀", "好", ""]


def test_what_is_cut_off_is_marked_at_the_end_only(tokenizer):
    ids = SegmentEncoder(tokenizer).encode("好😀", after_text=True)[:-1]
    found = pieces(decoder(tokenizer), ids)
    assert found[0] == "好"
    assert found[1:-1] == ["", "", ""]
    assert set(found[-1]) == {BROKEN}


def test_bytes_that_spell_nothing_are_not_held_back_for_ever(tokenizer):
    lonely = tokenizer.convert_tokens_to_ids("<0xFF>")
    found = pieces(decoder(tokenizer), [lonely] * 12)
    assert found[-1] == ""
    assert "".join(found) == BROKEN * 12


def test_special_tokens_give_no_text(tokenizer):
    assert "".join(pieces(decoder(tokenizer), [1, *SegmentEncoder(tokenizer).encode("好", after_text=True), 2])) == "好"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07", "]0;title"),
        ("\x9b2Jgone\x7f", "2Jgone"),
        ("over\rwritten\b\b", "overwritten"),
        ("abc\u202edcba\u2066", "abcdcba"),
        ("多行\n\t文本，👩‍👩‍👧 é ﷺ\u3000。", "多行\n\t文本，👩‍👩‍👧 é ﷺ\u3000。"),
        ("\x00\ud800", ""),
    ],
)
def test_nothing_steers_the_terminal(text, shown):
    assert printable(text) == shown
    assert "".join(map(printable, text)) == shown
