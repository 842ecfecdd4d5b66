"""The reward model: its loss, its directory as plain transformers loads it, and what it may not be used for."""

from __future__ import annotations

import json
import math

import pytest
import torch
from belle_freeze.config import FreezeConfig
from belle_freeze.stage import train as train_freeze
from belle_full.config import FullConfig
from belle_full.stage import train as train_full
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_objectives.config import RewardConfig, SftConfig
from tiny_training import conversation, training_context
from torch.nn.functional import logsigmoid
from transformers import AutoModelForSequenceClassification

from belle_core.artifacts import Adapter, Examples, Model, RewardModel, Tokenizer
from belle_core.compose import compose_run
from belle_core.conversation import Example
from belle_core.data import read_examples
from belle_core.errors import BelleError
from belle_core.generation import open_engine
from belle_core.plugins import load_catalog
from belle_core.store import Store
from belle_core.training.batches import Passes, collate_all
from belle_core.training.examples import encode_examples
from belle_core.training.heads import new_head, padding
from belle_core.training.loading import load_start
from belle_core.training.objective import build_objective
from belle_core.wiring import wire

SETTINGS = {"objective": RewardConfig(), "batch": 8, "epochs": 1, "learning_rate": 5e-3}
METHODS = {
    "full": (train_full, FullConfig(**SETTINGS)),
    "freeze": (train_freeze, FreezeConfig(**SETTINGS, layers=1)),
    "lora": (train_lora, LoraConfig(**SETTINGS | {"learning_rate": 2e-2})),
    "pissa": (train_lora, LoraConfig(init="pissa", **SETTINGS | {"learning_rate": 2e-2})),
}


def plain_scores(directory, context, split="dev") -> torch.Tensor:
    """(examples, 2): what transformers alone says of chosen and rejected answers, a padded batch of two."""
    model, encoder = AutoModelForSequenceClassification.from_pretrained(directory).eval(), load_start(context).encoder
    found = []
    for example in read_examples(context.input(Examples), split):
        answers = (example.conversation.answer, *example.rejected)
        ids = [encoder.encode(example.conversation.answered(a)).ids for a in answers]
        longest, pad = max(map(len, ids)), model.config.pad_token_id
        with torch.no_grad():
            padded = torch.tensor([one + [pad] * (longest - len(one)) for one in ids])
            found.append(model(input_ids=padded, attention_mask=(padded != pad).long()).logits[:, 0])
    return torch.stack(found)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_transformers_scores_as_training_did(method, tied, tmp_path, recwarn):
    run, config = METHODS[method]
    architecture = {"tie_word_embeddings": tied}
    context = training_context(tmp_path / "s" / "RewardModel" / "a", rejected=1, architecture=architecture)
    made = run(config, context)
    assert [str(one.message) for one in recwarn] == [], "libraries' advice is not for the user"
    assert type(made) is RewardModel and made.metrics["dev_accuracy"] > 0.7
    scores = plain_scores(context.directory, context)
    margin = scores[:, 0] - scores[:, 1]
    assert made.metrics["dev_loss"] == pytest.approx(-logsigmoid(margin).mean().item(), abs=1e-4)
    assert made.metrics["dev_accuracy"] == pytest.approx((margin > 0).float().mean().item())
    config = json.loads((context.directory / "config.json").read_text())
    assert config["architectures"] == ["LlamaForSequenceClassification"] and len(config["id2label"]) == 1
    assert not list(context.directory.glob("adapter*")) and (context.directory / "tokenizer.json").is_file()


def test_a_warm_adapter_is_part_of_it(tmp_path):
    store = Store(tmp_path / "store")
    warm = training_context(store.root / "Adapter" / "w.partial")
    start = train_lora(LoraConfig(objective=SftConfig(), epochs=1, batch=8, learning_rate=2e-2), warm)
    start = store.commit(start, {"recipe": {}})
    context = training_context(store.root / "RewardModel" / "a", start=start, rejected=1)
    made = METHODS["lora"][0](METHODS["lora"][1], context)
    margin = torch.sub(*plain_scores(context.directory, context).T)
    assert made.metrics["dev_loss"] == pytest.approx(-logsigmoid(margin).mean().item(), abs=1e-4)


def test_the_loss_is_its_equation_and_accumulates(tmp_path):
    context = training_context(tmp_path / "s" / "Model" / "a")
    loaded, objective = load_start(context), build_objective(RewardConfig())
    loaded.model.score = new_head(loaded.model, seed=1)
    pairs = [Example(str(i), conversation(i), rejected=(conversation(50 + i).answer,)) for i in range(6)]
    data = encode_examples(pairs, loaded.encoder, objective, max_length=128, split="train")
    total = 0.0
    for example in pairs:
        told = []
        for answer in (example.conversation.answer, *example.rejected):
            ids = torch.tensor([loaded.encoder.encode(example.conversation.answered(answer)).ids])
            hidden = loaded.model(input_ids=ids, output_hidden_states=True).hidden_states[-1][0, -1]
            told.append(hidden @ loaded.model.score.weight[0])
        total = total - torch.log(torch.sigmoid(told[0] - told[1]))
    weights = [p for n, p in loaded.model.named_parameters() if "embed" not in n]
    wanted = torch.autograd.grad(total, weights)
    for size in (2, 100):
        loss = sum(objective.loss(loaded.model, batch) for batch in collate_all(data, Passes(size)))
        assert loss.item() == pytest.approx(total.item(), abs=1e-4)
        for mine, other in zip(torch.autograd.grad(loss, weights), wanted, strict=True):
            torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-3)


def test_padding_is_no_token_that_a_sequence_ends_with(tmp_path):
    loaded = load_start(training_context(tmp_path / "s" / "Model" / "a"))
    eos = loaded.tokenizer.eos_token_id
    loaded.tokenizer.pad_token_id = eos
    assert padding(loaded) != eos


def wired(*overrides):
    return {step.name: step for step in wire(compose_run(list(overrides)).config, load_catalog())}


def test_it_is_an_artifact_of_its_own_that_nothing_answers_with(tmp_path):
    assert wired("+train=lora", "train/objective=reward")["train"].produces is RewardModel
    assert wired("+train=lora")["train"].produces is Adapter
    with pytest.raises(BelleError, match=r"eval .* cannot start from the RewardModel of step train"):
        wired("+train=full", "train/objective=reward", "+eval=reference")
    after = wired("+train@steps.sft=full", "+train@steps.rm=full", "train/objective@steps.rm.objective=reward")
    assert after["rm"].sources == {Examples: "data", Model: "sft"}
    first = wired("+train@steps.rm=full", "train/objective@steps.rm.objective=reward")
    assert first["rm"].sources == {Examples: "data", Tokenizer: "tokenizer"}
    with pytest.raises(BelleError, match="is of type RewardModel and cannot answer"):
        open_engine(RewardModel(directory=tmp_path, parameters=1))


def test_it_begins_undecided(tmp_path):
    context = training_context(tmp_path / "s" / "RewardModel" / "a", rejected=1)
    METHODS["full"][0](METHODS["full"][1], context)
    begin = json.loads((context.directory / "curve.jsonl").read_text().splitlines()[0])
    assert begin["dev"] == pytest.approx(math.log(2), abs=0.2)
