"""Encoding, cutting, the order of examples and the batches made of them."""

from __future__ import annotations

import numpy as np
import pytest
from belle_objectives.config import SftConfig
from belle_objectives.sft import Sft
from tiny_training import conversation, tokenizer_files

from belle_core.conversation import Conversation, Example
from belle_core.encoding import Encoder
from belle_core.errors import BelleError
from belle_core.tokenization import load_tokenizer
from belle_core.training.batches import Passes, Steps, collate, collate_all
from belle_core.training.examples import encode_examples
from belle_core.training.loading import template_named
from belle_core.training.order import BUCKET, epoch_order

SFT = Sft(SftConfig())


@pytest.fixture(scope="module")
def encoder():
    return Encoder(load_tokenizer(tokenizer_files()), template_named("belle"))


def encode(encoder, conversations, max_length=128):
    examples = [Example(str(i), c) for i, c in enumerate(conversations)]
    return encode_examples(examples, encoder, SFT, max_length=max_length, split="train")


def test_long_examples_are_cut_and_counted(encoder):
    whole = encoder.encode(conversation(1)).ids
    data = encode(encoder, [conversation(1)], max_length=len(whole) - 1)
    assert list(data.ids) == whole[:-1] and (data.truncated, data.dropped) == (1, 0)


def test_examples_without_a_label_left_are_dropped_and_counted(encoder):
    long = Conversation.of("天" * 60, "地")
    data = encode(encoder, [conversation(1), conversation(2), long], max_length=48)
    assert (len(data), data.truncated, data.dropped) == (2, 1, 1)
    assert [data.amounts[i] for i in range(2)] == [len(conversation(i).answer) + 1 for i in (1, 2)]


def test_too_many_lost_examples_stop_the_run(encoder):
    long = [Conversation.of("天" * 60, "地")] * 3
    with pytest.raises(
        BelleError, match=r"3 of 4 train examples lose all answer tokens when cut at 48 tokens; raise train\.max_length"
    ):
        encode(encoder, [conversation(1), *long], max_length=48)
    with pytest.raises(BelleError, match="none of the 3 train examples has a token to learn within 48 tokens"):
        encode(encoder, long, max_length=48)
    with pytest.raises(BelleError, match="no train examples"):
        encode(encoder, [])


def test_a_batch_holds_every_sequence_and_every_label(encoder):
    talks = [conversation(i, 1 + i % 2) for i in range(5)]
    batch = collate(encode(encoder, talks), range(5))
    results = [encoder.encode(talk) for talk in talks]
    assert batch.ids.shape == (5, max(len(r.ids) for r in results)) and batch.tokens == sum(len(r.ids) for r in results)
    for row, result in enumerate(results):
        assert batch.ids[row, : len(result.ids)].tolist() == result.ids
        labels = [token for token, weight in zip(result.ids, result.weights, strict=True) if weight]
        assert batch.targets[batch.rows == row].tolist() == labels
        assert batch.ids.flatten()[batch.keep + 1][batch.rows == row].tolist() == labels


@pytest.mark.parametrize("epochs", [0.3, 1, 1.5, 3])
def test_an_epoch_shows_every_example_once(encoder, epochs):
    data = encode(encoder, [conversation(i) for i in range(43)])
    steps = Steps(data, batch=8, passes=Passes(3), epochs=epochs, seed=1)
    assert steps.per_epoch == 6 and len(steps) == int(np.ceil(6 * epochs))
    seen = [step.amount for step in steps]
    if epochs >= 1:
        assert sum(seen[:6]) == pytest.approx(sum(data.amounts))
        sizes = [sum(len(b.ids) for b in step.batches) for step in list(steps)[:6]]
        assert sorted(sizes) == [3, 8, 8, 8, 8, 8] and sizes[-1] == 3


def test_steps_do_not_depend_on_the_micro_batch_and_begin_anywhere(encoder):
    data = encode(encoder, [conversation(i) for i in range(43)])

    def content(step):
        return sorted(row.tolist()[: int((row > 0).sum())] for batch in step.batches for row in batch.ids)

    whole = [content(step) for step in Steps(data, batch=8, passes=Passes(8), epochs=2, seed=1)]
    assert [content(step) for step in Steps(data, batch=8, passes=Passes(3), epochs=2, seed=1)] == whole
    later = Steps(data, batch=8, passes=Passes(3), epochs=2, seed=1)
    for start in (5, 6, 7, 11):
        later.start = start
        assert [content(step) for step in later] == whole[start:]
    assert [content(later.at(number)) for number in range(12)] == whole
    assert [content(step) for step in Steps(data, batch=8, passes=Passes(3), epochs=2, seed=2)] != whole
    assert whole[:6] != whole[6:]


def test_processes_share_a_step_and_make_as_many_passes_though_one_has_no_example(encoder):
    data = encode(encoder, [conversation(i) for i in range(9)])
    for examples in ([0, 1, 2, 3, 4], [5]):
        numbers = np.array(examples)
        parts = [Passes(1, rank=rank, ranks=3).step(data, numbers, data.lengths[numbers]) for rank in range(3)]
        assert len({len(step.batches) for step in parts}) == 1
        counted = [batch for step in parts for batch, weight in step.weighted if weight]
        assert sorted(e for batch in counted for e in batch.examples) == examples
        assert {step.amount for step in parts} == {sum(data.amounts[e] for e in examples)}
        assert sum(step.tokens for step in parts) == sum(data.lengths[numbers])


def test_order_is_random_and_wastes_little_padding():
    lengths = np.random.Generator(np.random.PCG64(0)).integers(10, 500, 5000)
    order = epoch_order(lengths, seed=3, epoch=0)
    assert sorted(order.tolist()) == list(range(5000))
    assert not np.array_equal(order, epoch_order(lengths, seed=3, epoch=1))
    rows = lengths[order][: 5000 // BUCKET * BUCKET].reshape(-1, BUCKET)
    assert 1 - rows.sum() / (rows.max(1) * BUCKET).sum() < 0.03
    means = rows.mean(1)
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2, "steps would go from short to long"


def test_dev_batches_hold_every_example_once(encoder):
    data = encode(encoder, [conversation(i) for i in range(10)])
    batches = collate_all(data, Passes(4))
    assert [len(b.ids) for b in batches] == [4, 4, 2]
    assert sum(float(b.weights.sum()) for b in batches) == pytest.approx(sum(data.amounts))
