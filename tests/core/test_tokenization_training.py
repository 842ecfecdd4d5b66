"""Training a tokenizer: deterministic, complete, and clear about sizes that do not fit."""

from __future__ import annotations

import pytest
import sentencepiece

from belle_core.errors import BelleError
from belle_core.tokenization import train_sentencepiece
from belle_core.tokenization.probes import probe_texts

TEXTS = probe_texts(500)


def pieces(model: bytes) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(index) for index in range(processor.get_piece_size())]


@pytest.mark.parametrize("options", [{}, {"max_piece_length": 1}, {"sample": 200, "seed": 3}])
def test_the_same_texts_give_the_same_bytes(options):
    size = 600 if "max_piece_length" in options else 400
    assert train_sentencepiece(TEXTS, vocab_size=size, **options) == train_sentencepiece(
        iter(TEXTS), vocab_size=size, **options
    )


def test_another_seed_draws_another_sample():
    first, second = (train_sentencepiece(TEXTS, vocab_size=400, sample=150, seed=seed) for seed in (1, 2))
    assert first != second


def test_ids_are_llamas():
    assert pieces(train_sentencepiece(TEXTS, vocab_size=500))[:4] == ["<unk>", "<s>", "</s>", "<0x00>"]


def test_the_size_is_the_one_asked_for():
    assert len(pieces(train_sentencepiece(TEXTS, vocab_size=500))) == 500


def test_a_character_tokenizer_has_every_character_and_nothing_longer():
    found = pieces(train_sentencepiece(TEXTS, vocab_size=10_000, max_piece_length=1))
    characters = {character for text in TEXTS for character in text if character not in "\n\r\t "}
    learned = set(found[3 + 256 :])
    assert learned >= characters
    assert {len(piece) for piece in learned} == {1}
    assert "▁" in learned, "a space is one token"


def test_numbers_are_split_into_digits():
    found = pieces(train_sentencepiece(["1234567890 12 12 12 and more"] * 50, vocab_size=285))
    assert not [piece for piece in found if sum(character.isdigit() for character in piece) > 1 and piece[0] != "<"]


def test_control_tokens_follow_the_first_three_and_never_come_from_text():
    model = train_sentencepiece(TEXTS, vocab_size=500, control=["<|im_end|>"])
    assert pieces(model)[3] == "<|im_end|>"
    assert 3 not in sentencepiece.SentencePieceProcessor(model_proto=model).encode("a<|im_end|>b")


def test_long_lines_are_not_dropped():
    line = "".join(chr(0x4E00 + index) for index in range(3000))
    assert set(line) <= set(pieces(train_sentencepiece([line], vocab_size=4000, max_piece_length=1)))


def test_too_little_text_says_how_many_pieces_there_are():
    with pytest.raises(BelleError, match=r"give only \d+ pieces, fewer than vocab_size=30000"):
        train_sentencepiece(["天地玄黄，宇宙洪荒。"] * 3, vocab_size=30_000)


def test_too_small_a_vocabulary_says_what_is_needed():
    with pytest.raises(BelleError, match=r"vocab_size=270 is too small for .* different characters; use at least"):
        train_sentencepiece(["".join(chr(0x4E00 + index) for index in range(100))], vocab_size=270, max_piece_length=1)


@pytest.mark.parametrize("texts", [[], [""]])
def test_no_text_is_an_error(texts):
    with pytest.raises(BelleError, match="no text"):
        train_sentencepiece(texts, vocab_size=300)
