"""Properties of training that fail silently elsewhere: masks, batches, accumulation, trainability, repeatability."""

from __future__ import annotations

import copy

import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train as train_full
from belle_lora.adapters import add_adapter
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_objectives.config import SftConfig
from belle_objectives.sft import Sft
from safetensors.torch import load_file
from tiny_training import conversation, tokenizer_files, training_context
from torch.nn import functional

from belle_core.config import TrainerConfig
from belle_core.conversation import Conversation, Example, Turn
from belle_core.encoding import IGNORE, Encoded
from belle_core.training.batches import collate
from belle_core.training.examples import encode_examples
from belle_core.training.loading import load_runnable, load_start
from belle_core.training.losses import label_logits
from belle_core.training.preparing import prepare

SFT = SftConfig()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A freshly built model with its tokenizer and template."""
    return load_start(training_context(tmp_path_factory.mktemp("start") / "store" / "Model" / "a"))


def encoded(loaded, conversations, max_length=128):
    examples = [Example(str(i), c) for i, c in enumerate(conversations)]
    return encode_examples(examples, loaded.encoder, Sft(SFT), max_length=max_length, split="train")


def gradients(model, batches, amount) -> dict[str, torch.Tensor]:
    model = copy.deepcopy(model).train()
    for batch in batches:
        (Sft(SFT).loss(model, batch) / amount).backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def reference_loss(model, sequences: list[Encoded], *, left: bool, pad: int) -> torch.Tensor:
    """Mean over all labels by transformers' own means: whole logits, an attention mask, padding on either side."""
    longest = max(len(s.ids) for s in sequences)
    rows = {"ids": [], "labels": [], "mask": []}
    for s in sequences:
        gap = longest - len(s.ids)
        for name, values, filler in (("ids", s.ids, pad), ("labels", s.labels, IGNORE), ("mask", [1] * len(s.ids), 0)):
            rows[name].append([filler] * gap + values if left else values + [filler] * gap)
    ids, labels, mask = (torch.tensor(rows[name]) for name in rows)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    logits = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORE)


@pytest.mark.parametrize("system", ["", "天地玄黄"])
@pytest.mark.parametrize("turns", [1, 2, 3, 4, 5])
def test_labels_are_the_answers_and_their_end_tokens(loaded, turns, system):
    talk = conversation(turns, turns, system)
    result = loaded.encoder.encode(talk)
    runs: list[list[int]] = []
    for before, label in zip([IGNORE, *result.labels], result.labels, strict=False):
        if label != IGNORE:
            runs = [*runs, [label]] if before == IGNORE else [*runs[:-1], [*runs[-1], label]]
    eos = loaded.tokenizer.eos_token_id
    assert [run[-1] for run in runs] == [eos] * turns
    assert [loaded.encoder.decode(run[:-1]) for run in runs] == [t.text for t in talk.turns if t.role == "assistant"]
    assert eos in loaded.encoder.stop_ids
    read = [token for token, label in zip(result.ids, result.labels, strict=True) if label == IGNORE]
    assert all(t.text in loaded.encoder.decode(read) for t in talk.turns if t.role == "user")


def test_one_token_answers_and_answers_after_a_space_are_learned(loaded):
    """BELLE#337: searching for the boundary in re-tokenised text lost both."""
    for answer in ("天", " 天", "\n天"):
        result = loaded.encoder.encode(Conversation.of("地 ", answer))
        label = [token for token in result.labels if token != IGNORE]
        assert loaded.encoder.decode(label[:-1]).strip() == "天" and len(label) >= 2


def test_turns_count_with_their_weights(loaded):
    talk = Conversation(
        (Turn("user", "天"), Turn("assistant", "地玄", 0.0), Turn("user", "黄"), Turn("assistant", "宇宙", 0.5))
    )
    data = encoded(loaded, [talk])
    batch = collate(data, [0])
    assert loaded.encoder.decode(batch.targets.tolist()) == "宇宙"
    assert batch.weights.tolist() == [0.5] * 3 and data.amounts[0] == 1.5
    with torch.no_grad():
        plain = copy.copy(data)
        plain.weights = type(data.weights)("f", [1.0 if weight else 0.0 for weight in data.weights])
        assert Sft(SFT).loss(loaded.model, batch) == pytest.approx(
            0.5 * Sft(SFT).loss(loaded.model, collate(plain, [0])).item()
        )


@pytest.mark.parametrize("left", [True, False])
def test_loss_is_that_of_transformers_whatever_the_padding(loaded, left):
    """Padding side, a pad id that equals the end token, and the mix of the batch do not matter."""
    talks = [conversation(i, 1 + i % 3) for i in range(6)]
    data = encoded(loaded, talks)
    sequences = [loaded.encoder.encode(talk) for talk in talks]
    loaded.model.eval()
    with torch.no_grad():
        wanted = reference_loss(loaded.model, sequences, left=left, pad=loaded.tokenizer.eos_token_id)
        total = sum(data.amounts)
        whole = Sft(SFT).loss(loaded.model, collate(data, range(6))) / total
        single = sum(Sft(SFT).loss(loaded.model, collate(data, [i])) for i in range(6)) / total
    assert whole == pytest.approx(wanted.item(), abs=1e-5)
    assert single == pytest.approx(wanted.item(), abs=1e-5)


def test_accumulated_gradient_is_that_of_the_whole_batch(loaded):
    data = encoded(loaded, [conversation(i, 1 + i % 3) for i in range(8)])
    amount = sum(data.amounts)
    whole = gradients(loaded.model, [collate(data, range(8))], amount)
    parts = gradients(loaded.model, [collate(data, part) for part in ([0, 7], [1], [2, 3, 4], [5, 6])], amount)
    model = copy.deepcopy(loaded.model).train()
    reference_loss(
        model, [loaded.encoder.encode(conversation(i, 1 + i % 3)) for i in range(8)], left=False, pad=0
    ).backward()
    assert whole.keys() == parts.keys()
    for name, p in model.named_parameters():
        torch.testing.assert_close(parts[name], whole[name], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(whole[name], p.grad, atol=1e-5, rtol=1e-4)


def test_the_loss_is_summed_in_float32_whatever_computes_the_logits(loaded):
    batch = collate(encoded(loaded, [conversation(i) for i in range(6)]), range(6))
    with torch.autocast("cpu", torch.bfloat16):
        loss = Sft(SFT).loss(loaded.model, batch)
        wanted = functional.cross_entropy(label_logits(loaded.model, batch).float(), batch.targets, reduction="sum")
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(wanted.item(), rel=1e-6)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_what_is_trainable_moves_and_the_rest_is_untouched(method, recompute, tmp_path):
    context = training_context(tmp_path / "store" / "Model" / "a", gradient_checkpointing=recompute)
    start = load_start(context)
    before = {name: p.detach().clone() for name, p in start.model.named_parameters()}
    if method == "full":
        config = FullConfig(objective=SFT, epochs=0.25, batch=8, learning_rate=1e-2)
        train_full(config, context)
        after = dict(load_runnable_at(context).named_parameters())
        assert before.keys() == after.keys()
        assert not [name for name, tensor in before.items() if torch.equal(after[name], tensor)]
    else:
        fresh = add_adapter(start.model, LoraConfig(rank=4), seed=context.shared["seed"])
        config = LoraConfig(objective=SFT, epochs=0.25, batch=8, learning_rate=1e-2, rank=4)
        train_lora(config, context)
        after = load_file(context.directory / "adapter_model.safetensors")
        names = [name.replace(".default", "") for name, p in fresh.named_parameters() if p.requires_grad]
        assert sorted(after) == sorted(names)
        for name, p in fresh.named_parameters():
            if p.requires_grad:
                assert not torch.equal(after[name.replace(".default", "")], p), name


def load_runnable_at(context):
    from belle_core.artifacts import Model

    return load_runnable(Model(directory=context.directory, parameters=0)).model


@pytest.mark.parametrize("method", ["full", "lora"])
def test_gradient_checkpointing_changes_no_gradient(method, loaded, recwarn):
    data = encoded(loaded, [conversation(i) for i in range(4)])
    results = []
    for recompute in (False, True):
        model = copy.deepcopy(loaded.model)
        if method == "lora":
            model = add_adapter(model, LoraConfig(rank=4), seed=1)
        recwarn.clear()
        prepare(model, TrainerConfig(gradient_checkpointing=recompute), "32-true")
        assert [str(one.message) for one in recwarn] == [], "libraries' advice is not for the user"
        (Sft(SFT).loss(model, collate(data, range(4))) / sum(data.amounts)).backward()
        results.append({name: p.grad for name, p in model.named_parameters() if p.requires_grad})
    for name, gradient in results[0].items():
        torch.testing.assert_close(gradient, results[1][name])
    assert any(gradient.abs().max() > 0 for gradient in results[0].values())


def test_frozen_weights_stay_bit_equal_while_an_adapter_trains(tmp_path, monkeypatch):
    """The base is compared in memory, after the last step."""
    import belle_lora.stage as stage

    seen = {}

    def fit_and_look(model, loaded, config, context, fit=stage.fit):
        frozen = {name: p.detach().clone() for name, p in model.named_parameters() if not p.requires_grad}
        metrics = fit(model, loaded, config, context)
        seen.update({name: torch.equal(p, frozen[name]) for name, p in model.named_parameters() if name in frozen})
        return metrics

    monkeypatch.setattr(stage, "fit", fit_and_look)
    train_lora(
        LoraConfig(objective=SFT, epochs=0.5, batch=8, learning_rate=1e-2),
        training_context(tmp_path / "store" / "Adapter" / "a"),
    )
    assert len(seen) > 10 and all(seen.values())


@pytest.mark.parametrize("method", ["full", "lora"])
def test_two_runs_give_the_same_bytes(method, tmp_path):
    run, config = {
        "full": (train_full, FullConfig(objective=SFT, epochs=0.5, batch=8)),
        "lora": (train_lora, LoraConfig(objective=SFT, epochs=0.5, batch=8, dropout=0.1)),
    }[method]
    contents = []
    for name in ("a", "b"):
        context = training_context(tmp_path / name / "Model" / name)
        run(config, context)
        contents.append({p.name: p.read_bytes() for p in context.directory.iterdir() if p.is_file()})
    assert contents[0].keys() == contents[1].keys()
    assert [name for name in contents[0] if contents[0][name] != contents[1][name]] == []


def test_micro_batches_do_not_change_the_result(tmp_path):
    """``trainer.batch`` is outside the fingerprint, so it must not matter beyond rounding."""
    weights = []
    for size in (1, 3, 60):
        context = training_context(tmp_path / str(size) / "Model" / "a", batch=size)
        train_full(FullConfig(objective=SFT, epochs=1, batch=8, learning_rate=1e-3), context)
        weights.append(load_file(context.directory / "model.safetensors"))
    for name, tensor in weights[0].items():
        for other in weights[1:]:
            torch.testing.assert_close(other[name], tensor, atol=1e-4, rtol=1e-3)


def test_tokenizer_travels_byte_for_byte(tmp_path):
    context = training_context(tmp_path / "store" / "Model" / "a")
    train_full(FullConfig(objective=SFT, epochs=0.2), context)
    for path in tokenizer_files().iterdir():
        assert (context.directory / path.name).read_bytes() == path.read_bytes()
