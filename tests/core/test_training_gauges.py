"""What is told about a run's cost: operations as PyTorch counts them, answers on the way, one picture."""

from __future__ import annotations

import json

import pytest
import torch
from belle_freeze.config import FreezeConfig
from belle_freeze.stage import train as train_freeze
from belle_full.config import FullConfig
from belle_full.stage import train
from belle_lora.adapters import add_adapter
from belle_lora.config import LoraConfig
from belle_objectives.config import SftConfig
from safetensors.torch import load_file
from tiny_training import training_context
from torch.utils.flop_counter import FlopCounterMode

from belle_core.artifacts import Examples
from belle_core.data import read_examples
from belle_core.generation.checkpoint import open_directory
from belle_core.generation.engine import Sampling
from belle_core.planning.rate import measure_matmul
from belle_core.report import write_report
from belle_core.training.gauges import operations
from belle_core.training.loading import load_start


def model_for(method: str, tmp_path):
    untied = {"tie_word_embeddings": False, "num_hidden_layers": 3}
    model = load_start(training_context(tmp_path / "s" / "Model" / "a", architecture=untied)).model
    if method == "lora":
        return add_adapter(model, LoraConfig(rank=4), seed=0)
    if method == "freeze":
        model.requires_grad_(False)
        model.model.layers[-1].requires_grad_(True)
    return model


@pytest.mark.parametrize("method", ["full", "lora", "freeze"])
def test_operations_are_those_of_the_matrix_products(method, tmp_path):
    model = model_for(method, tmp_path).train()
    ids = torch.randint(3, 200, (2, 16))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids).logits.square().mean().backward()
    counted = sum(n for op, n in counter.get_flop_counts()["Global"].items() if str(op) in ("aten.mm", "aten.addmm"))
    body, head = operations(model)
    first = (
        4 * 32 * 32 + 6 * 4 * 32 if method == "lora" else 0
    )  # what stands beside the first adapter needs no gradient
    assert ids.numel() * (body + head - first) == counted
    assert head == model.config.vocab_size * 32 * (6 if method == "full" else 4)


def test_measuring_draws_no_random_numbers():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert measure_matmul("float32", 0.01) > 1e8
    assert torch.equal(before, torch.get_rng_state())


def test_answers_on_the_way_are_those_of_the_model_and_change_nothing(tmp_path):
    settings = FullConfig(objective=SftConfig(), epochs=2, batch=8, learning_rate=3e-3, ema=0.5, neftune=5)
    shown = []
    context = training_context(tmp_path / "s" / "Model" / "a", sample_every=5, samples=3)
    context.__dict__["show"] = lambda answers, step: shown.append((step, answers))
    artifact = train(settings, context)
    plain = training_context(tmp_path / "t" / "Model" / "a")
    train(settings, plain)
    weights, same = (load_file(one.directory / "model.safetensors") for one in (context, plain))
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    records = [json.loads(line) for line in (context.directory / "samples.jsonl").read_text().splitlines()]
    assert [step for step, _ in shown] == [0, 5, 10, 15, 16] and len(records) == 15
    assert records == [{"step": step, **answer} for step, answers in shown for answer in answers]
    assert not (plain.directory / "samples.jsonl").exists()

    asked = list(read_examples(context.input(Examples), "dev"))[:3]
    engine = open_directory(artifact.directory)
    answers = engine.answer([e.conversation.prompt() for e in asked], Sampling(max_new_tokens=128))
    assert [r["answer"] for r in records[-3:]] == answers
    assert [(r["id"], r["reference"]) for r in records[-3:]] == [(e.id, e.conversation.answer) for e in asked]


def test_answers_are_on_the_page_and_stay_text(tmp_path):
    context = training_context(tmp_path / "s" / "Model" / "a", sample_every=2)
    artifact = train_freeze(FreezeConfig(objective=SftConfig(), epochs=1, batch=8, layers=1), context)
    path = context.directory / "samples.jsonl"
    path.write_text(path.read_text().replace('"answer": "', '"answer": "<b onclick=x>\\u202e'))
    write_report(tmp_path, {"train": artifact})
    page = (tmp_path / "report.html").read_text()
    assert "&lt;b onclick=x&gt;" in page and "<b onclick" not in page and "\u202e" not in page
    assert page.count("step 0") == 4 and "gradient norm" in page and "learning rate" in page
    picture = (context.directory / "loss.svg").read_text()
    assert "gradient norm" in picture and picture in page
