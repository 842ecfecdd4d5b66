"""Encoding many examples together gives what encoding each alone gives: ids, weights, cuts, pieces, amounts and counts."""

from __future__ import annotations

import gc
import random

import pytest
from belle_objectives.config import PretrainConfig, SftConfig
from belle_objectives.pretrain import Pretrain
from belle_objectives.sft import Sft
from belle_templates import table

from belle_core.conversation import Conversation, Example, Turn
from belle_core.encoding import Encoded, Encoder
from belle_core.errors import BelleError
from belle_core.tokenization import tokenizer_from_sentencepiece, train_sentencepiece
from belle_core.tokenization.probes import probe_texts
from belle_core.training import examples as examples_module
from belle_core.training.examples import encode_all, encode_examples
from belle_core.training.objective import Objective

TEXTS = probe_texts(400, seed=5)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "m.model"
    path.write_bytes(train_sentencepiece(TEXTS, vocab_size=600))
    return tokenizer_from_sentencepiece(path)


def talks(count: int) -> list[Example]:
    """Conversations of one to three rounds, some with a system text, an empty answer or weights; texts hold anything."""
    chance, found = random.Random(1), []
    for number in range(count):
        turns = [
            Turn("assistant" if i % 2 else "user", chance.choice([*TEXTS, ""]), chance.choice([1.0, 0.5, 0.1, 0.0]) if i % 2 else 1.0)
            for i in range(2 * chance.randint(1, 3))
        ]  # fmt: skip
        found.append(Example(str(number), Conversation(tuple(turns), chance.choice(["", "系统"]))))
    return found


def alone(example: Example, encoder: Encoder) -> tuple[list[int], list[float]]:
    """Ids and weights of one conversation, segment by segment."""
    ids, weights, after = [], [], False
    for segment in encoder.template.segments(example.conversation):
        if segment.special:
            new = [encoder.special_id(segment.special)]
        else:
            new = encoder._segments.encode(segment.text, after_text=after)
        after = not segment.special and (after or bool(segment.text))
        ids, weights = ids + new, weights + [segment.weight] * len(new)
    return ids, [0.0, *weights[1:]]


def expected(sequences, length: int, *, divides: bool):
    """(ids, weights, ends, amounts, dropped, truncated) of examples with one sequence each, by lists."""
    ids, weights, ends, amounts, dropped, truncated = [], [], [0], [], 0, 0
    for whole in sequences:
        begins = range(0, max(1, len(whole[0]) - 1), length - 1) if divides else [0]
        kept = 0
        for begin in begins:
            piece = whole[0][begin : begin + length], [0.0, *whole[1][begin + 1 : begin + length]]
            if any(piece[1]):
                ids, weights, kept = ids + piece[0], weights + piece[1], kept + 1
                ends.append(len(ids))
                amounts.append(sum(piece[1]))
        dropped += not kept and not divides
        truncated += not divides and len(whole[0]) > length
    return ids, weights, ends, amounts, dropped, truncated


def check(data, wanted) -> None:
    ids, weights, ends, amounts, dropped, truncated = wanted
    assert (list(data.ids), list(data.ends)) == (ids, ends)
    assert list(data.weights) == pytest.approx(weights, rel=1e-7)
    assert list(data.amounts) == pytest.approx(amounts, rel=1e-12)
    assert (data.dropped, data.truncated) == (dropped, truncated)


@pytest.mark.parametrize("at_once", [1, 7, 1000])
@pytest.mark.parametrize("template", ["BELLE", "VICUNA"])
@pytest.mark.parametrize("length", [24, 100_000])
def test_together_as_alone(tokenizer, monkeypatch, at_once, template, length):
    monkeypatch.setattr(examples_module, "AT_ONCE", at_once)
    encoder, some = Encoder(tokenizer, getattr(table, template)), talks(60)
    whole = [alone(example, encoder) for example in some]
    assert [(e.ids, e.weights) for e in (encoder.encode(one.conversation) for one in some)] == whole
    learned = encode_all(some, encoder, Sft(SftConfig()), max_length=length)
    check(learned, expected(whole, length, divides=False))
    read = encode_all(some, encoder, Pretrain(PretrainConfig()), max_length=length)
    check(read, expected([(ids, [0.0, *[1.0] * (len(ids) - 1)]) for ids, _ in whole], length, divides=True))


class Invented(Objective):
    """Two sequences an example, whose ids are given."""

    def encode(self, example, encoder):
        return example.meta["sequences"]

    def amount(self, learned):
        return learned[0] - learned[1]

    def loss(self, model, batch):
        raise NotImplementedError


def test_an_example_goes_when_one_of_its_sequences_has_nothing_to_learn():
    def example(*cut_off: int) -> Example:
        sequences = [Encoded([1, 2, 3, 4, 5], [0.0] * n + [1.0, 0.5, 0.5, 0.5, 0.5][: 5 - n], mark=n) for n in cut_off]
        return Example(str(cut_off), meta={"sequences": sequences})

    data = encode_all([example(1, 2), example(1, 4), example(2, 0)], None, Invented(), max_length=4)
    assert (data.width, data.dropped, data.truncated) == (2, 1, 3)
    assert list(data.amounts) == [2.0 - 1.5, 1.5 - 1.5] and list(data.marks) == [1.0, 2.0, 2.0, 0.0]
    assert list(data.ends) == [0, 4, 8, 12, 16]


def test_a_weight_that_is_no_number_names_its_example(tokenizer):
    bad = Conversation((Turn("user", "a"), Turn("assistant", "b", float("nan"))))
    with pytest.raises(BelleError, match="example bad has a label weight that is no number"):
        some = [*talks(9), Example("bad", bad)]
        encode_examples(some, Encoder(tokenizer, table.BELLE), Sft(SftConfig()), max_length=99, split="train")


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_afterwards_as_before(tokenizer, collects):
    def some():
        yield from talks(3)
        assert not gc.isenabled()
        raise OSError

    was = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        with pytest.raises(OSError):
            encode_all(some(), Encoder(tokenizer, table.BELLE), Sft(SftConfig()), max_length=99)
        assert gc.isenabled() == collects
    finally:
        (gc.enable if was else gc.disable)()
