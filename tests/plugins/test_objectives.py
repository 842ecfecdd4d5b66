"""Objectives: what they take and what they refuse."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from belle_objectives.config import PretrainConfig, SftConfig
from belle_objectives.pretrain import Pretrain
from belle_objectives.sft import Sft
from tiny_training import conversation, training_context
from torch.nn import functional

from belle_core.conversation import Example
from belle_core.encoding import Encoded
from belle_core.errors import BelleError
from belle_core.training.batches import Passes, collate_all
from belle_core.training.examples import divided, encode_examples
from belle_core.training.loading import load_start


class Given(Sft):
    """The same sequence of every example."""

    def encode(self, example, encoder):
        return (Encoded([1, 2, 3, 4], [1.0, 0.0, 1.0, 0.5]),)


def test_sft_counts_label_weights_but_not_the_first_token():
    data = encode_examples([Example("a")], None, Given(SftConfig()), max_length=8, split="train")
    assert list(data.amounts) == [1.5]


def test_sft_refuses_plain_text():
    with pytest.raises(BelleError, match="example a1 is no conversation"):
        Sft(SftConfig()).encode(Example("a1", text="天地"), encoder=None)


# --- pretrain


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load_start(training_context(tmp_path_factory.mktemp("start") / "store" / "Model" / "a"))


@pytest.mark.parametrize("length", [8, 9, 13, 128])
def test_pieces_of_a_document_hold_every_label_once(length):
    sizes = np.arange(2, 40)
    owners, begins, ends = divided(sizes, length)
    for number, size in enumerate(sizes.tolist()):
        pieces = [range(b, e) for o, b, e in zip(owners, begins.tolist(), ends.tolist(), strict=True) if o == number]
        assert all(2 <= len(piece) <= length for piece in pieces)
        assert [place for piece in pieces for place in piece[1:]] == list(range(1, size))
        assert all(before[-1] == after[0] for before, after in pairwise(pieces))


class AnswerLast(Pretrain):
    """Learns the last five tokens of twenty."""

    def encode(self, example, encoder):
        return (Encoded(list(range(20)), [0.0] * 15 + [1.0] * 5),)


def test_pieces_without_a_label_are_left_out():
    data = encode_examples([Example("a")] * 2, None, AnswerLast(), max_length=8, split="train")
    assert (data.ids.tolist(), list(data.ends)) == ([*range(14, 20)] * 2, [0, 6, 12])
    assert list(data.amounts) == [5.0, 5.0] and data.dropped == 0


def test_a_document_begins_and_ends_with_its_tokens(loaded):
    tokenizer = loaded.tokenizer
    (whole,) = Pretrain(PretrainConfig()).encode(Example("a", text="天地</s>玄黄"), loaded.encoder)
    assert whole.ids[0] == tokenizer.bos_token_id and whole.ids[-1] == tokenizer.eos_token_id
    assert whole.ids[1:-1] == tokenizer(  # what is written in the text is text
        "天地", add_special_tokens=False
    ).input_ids + loaded.encoder._segments.encode("</s>玄黄", after_text=True)
    assert tokenizer.eos_token_id not in whole.ids[1:-1] and sum(whole.weights) == len(whole.ids) - 1


def test_a_conversation_is_learned_whole(loaded):
    talk = conversation(1, 2)
    (whole,) = Pretrain(PretrainConfig()).encode(Example("a", talk), loaded.encoder)
    assert whole.ids == loaded.encoder.encode(talk).ids and whole.weights == [0.0] + [1.0] * (len(whole.ids) - 1)


def test_nothing_is_lost_and_the_loss_is_that_of_transformers(loaded):
    documents = [Example(str(i), text=conversation(i).question * (1 + i % 4)) for i in range(12)]
    objective = Pretrain(PretrainConfig())
    data = encode_examples(documents, loaded.encoder, objective, max_length=16, split="train")
    total = sum(len(objective.encode(d, loaded.encoder)[0].ids) - 1 for d in documents)
    assert sum(data.amounts) == total and (data.truncated, data.dropped) == (0, 0) and data.lengths.max() <= 16
    assert len(data) > len(documents)
    model = loaded.model.eval()
    with torch.no_grad():
        ours = sum(objective.loss(model, batch) for batch in collate_all(data, Passes(5))) / total
        theirs = 0.0
        for document in documents:
            ids = objective.encode(document, loaded.encoder)[0].ids
            for begin in range(0, len(ids) - 1, 15):
                piece = torch.tensor(ids[begin : begin + 16])
                logits = model(input_ids=piece[None, :-1]).logits[0]
                theirs += functional.cross_entropy(logits, piece[1:], reduction="sum").item()
    assert float(ours) == pytest.approx(theirs / total, abs=1e-5)
