"""What goes along with a run when it is wanted: averages, noise, the best weights, an early end, an alarm."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_objectives.config import IpoConfig, KtoConfig, SftConfig
from belle_objectives.sft import Sft
from safetensors.torch import load_file
from tiny_training import conversation, training_context, write_examples
from torch import nn
from transformers.integrations.neftune import neftune_post_forward_hook

from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example, Turn
from belle_core.errors import BelleError
from belle_core.training import examples
from belle_core.training.loading import load_start
from belle_core.training.module import InstructionModule
from belle_core.training.neftune import Neftune, lengths_of

try:
    import resource
except ImportError:  # Windows
    resource = None

SFT = SftConfig()


def config(**changes) -> FullConfig:
    return FullConfig(**{"objective": SFT, "epochs": 2, "batch": 8, "learning_rate": 3e-3, **changes})


def trained(folder: Path, settings: FullConfig, **trainer):
    """The artifact's weights, its figures, and the points of the curve."""
    context = training_context(folder / "s" / "Model" / "a", **trainer)
    run, name = (train_lora, "adapter_model") if isinstance(settings, LoraConfig) else (train, "model")
    artifact = run(settings, context)
    points = [json.loads(line) for line in (context.directory / "curve.jsonl").read_text().splitlines()]
    return load_file(context.directory / f"{name}.safetensors"), artifact.metrics, points


@pytest.fixture
def history(monkeypatch) -> list[dict[str, torch.Tensor]]:
    """Weights that train: before the first step and after every one."""
    seen: list[dict[str, torch.Tensor]] = []
    step = InstructionModule.training_step

    def recorded(self, batch, number):
        note = lambda: seen.append({n.removeprefix("model."): p.detach().clone() for n, p in self.trainable})  # noqa: E731
        if not seen:
            note()
        step(self, batch, number)
        note()

    monkeypatch.setattr(InstructionModule, "training_step", recorded)
    return seen


def averaged(history: list[dict[str, torch.Tensor]], decay: float) -> list[dict[str, torch.Tensor]]:
    values = [history[0]]
    for number, weights in enumerate(history[1:]):
        d = min(decay, (1 + number) / (10 + number))
        values.append({name: d * values[-1][name] + (1 - d) * weight for name, weight in weights.items()})
    return values


def test_averages_are_kept_and_evaluated_and_change_nothing_in_training(tmp_path, history):
    weights, figures, points = trained(tmp_path, config(ema=0.8))
    expected = averaged(history, 0.8)[-1]
    for name, value in weights.items():
        assert torch.allclose(value, expected[name], atol=1e-6), name
    history.clear()
    plain, _, without = trained(tmp_path / "plain", config())
    assert [p["loss"] for p in points[1:]] == [p["loss"] for p in without[1:]]
    assert points[0]["dev"] == without[0]["dev"] and points[-1]["dev"] != without[-1]["dev"]
    assert figures["dev_loss"] == points[-1]["dev"]
    assert not all(torch.equal(plain[name], weights[name]) for name in plain)


def test_averages_of_an_adapter_hold_the_adapter_alone(tmp_path, history):
    settings = LoraConfig(objective=SFT, epochs=1, batch=8, learning_rate=3e-3, rank=4, ema=0.5)
    weights, _, _ = trained(tmp_path, settings)
    assert all("lora_" in name for name in history[0])
    expected = averaged(history, 0.5)[-1]
    for name, value in weights.items():
        assert torch.allclose(value, expected[name.replace(".weight", ".default.weight")], atol=1e-6), name


def test_noise_is_that_of_neftune():
    ours, theirs = nn.Embedding(50, 16), nn.Embedding(50, 16)
    theirs.load_state_dict(ours.state_dict())
    theirs.neftune_noise_alpha = 5.0
    theirs.register_forward_hook(neftune_post_forward_hook)
    ours.register_forward_hook(Neftune(5.0)._disturb)
    ids = torch.randint(0, 50, (3, 20))
    outputs = []
    for embedding in (ours, theirs):
        torch.manual_seed(1)
        outputs.append(embedding(ids))
    assert torch.allclose(*outputs, atol=1e-6) and not torch.allclose(outputs[0], ours.weight[ids])
    with torch.no_grad():
        assert torch.equal(ours(ids), ours.weight[ids])
    assert torch.equal(ours.eval()(ids), ours.weight[ids])


def test_the_length_that_noise_depends_on_is_that_of_each_packed_sequence():
    positions = torch.tensor([[0, 1, 2, 0, 1, 0, 1, 2]])
    assert lengths_of(torch.zeros(1, 8), positions).tolist() == [[3, 3, 3, 2, 2, 3, 3, 3]]
    assert lengths_of(torch.zeros(2, 4), None).tolist() == [[4] * 4] * 2


def test_a_pack_is_disturbed_as_its_sequences_would_be_alone(tmp_path):
    """The longer a sequence, the less; and the model is let go of in the end."""
    model = load_start(training_context(tmp_path / "s" / "Model" / "a")).model.train()
    noise, seen = Neftune(5.0), []
    noise.on_train_start(None, SimpleNamespace(model=model))
    take = model.get_input_embeddings().register_forward_hook(lambda module, ids, out: seen.append(out - module.weight[ids[0]]))  # fmt: skip
    positions = torch.cat([torch.arange(2), torch.arange(40)])[None]
    model(input_ids=torch.full((1, 42), 5), position_ids=positions, use_cache=False)
    for part, length in zip(seen[0][0].split([2, 40]), (2, 40), strict=True):
        most = 5 / (length * 32) ** 0.5
        assert 0.9 * most < part.abs().max() <= most + 1e-6
    take.remove()
    noise.teardown(None, None, "fit")
    assert not model._forward_pre_hooks and not model.get_input_embeddings()._forward_hooks


def test_noise_is_there_in_training_alone(tmp_path):
    _, _, points = trained(tmp_path, config(neftune=20, epochs=1))
    _, _, without = trained(tmp_path / "plain", config(epochs=1))
    assert points[0]["dev"] == without[0]["dev"]
    assert points[1]["loss"] != without[1]["loss"]


SPOILT = {"learning_rate": 0.1, "schedule": "constant", "epochs": 6, "warmup": 0}
"""Gets worse after a while."""


def test_the_best_weights_are_kept(tmp_path, history):
    weights, figures, points = trained(tmp_path, config(**SPOILT, looks=24, keep="best"))
    looks = {p["step"]: p["dev"] for p in points[1:] if "dev" in p}
    best = min(looks, key=looks.get)
    assert best < 48 and figures["best_step"] == best and figures["dev_loss"] == looks[best]
    assert len(looks) == 24 and len(points) == 49
    assert all(torch.equal(weights[name], history[best][name]) for name in weights)


def test_what_is_stated_is_what_was_kept(tmp_path):
    """Beside the dev loss of the best weights stood the accuracy of the last ones."""
    spoilt = {**SPOILT, "objective": IpoConfig(beta=1.0), "epochs": 2, "learning_rate": 1.0}
    _, figures, points = trained(tmp_path, config(**spoilt, keep="best"), rejected=1, spike=0)
    best = min(
        (point for point in points if point.get("dev") is not None and point["step"]), key=lambda point: point["dev"]
    )
    assert figures["best_step"] == best["step"] < points[-1]["step"]
    told = {name: value for name, value in figures.items() if name.startswith("dev_") and name != "dev_loss"}
    assert set(told) == {"dev_accuracy", "dev_margin", "dev_chosen", "dev_rejected"}
    assert all(value == best[name] for name, value in told.items())


def test_patience_ends_the_run_and_keeps_the_best(tmp_path, history):
    weights, figures, points = trained(tmp_path, config(**SPOILT, looks=24, patience=2, ema=0.5))
    looks = {p["step"]: p["dev"] for p in points[1:] if "dev" in p}
    best = min(looks, key=looks.get)
    assert [step for step in looks if step > best] == list(looks)[-2:] and len(points) < 49
    assert figures["best_step"] == best and points[-1]["step"] == max(looks)
    expected = averaged(history, 0.5)[best]
    assert all(torch.allclose(weights[name], expected[name], atol=1e-6) for name in weights)


def test_patience_goes_on_counting_after_an_interruption(tmp_path, monkeypatch):
    settings = config(**SPOILT, looks=24, patience=3)
    weights, figures, points = trained(tmp_path, settings)
    step, left = InstructionModule.training_step, points[-1]["step"] - 2  # after a look that was no better

    def interrupted(self, batch, number):
        nonlocal left
        step(self, batch, number)
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(InstructionModule, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "again", settings)
    again, same, course = trained(tmp_path / "again", settings)
    assert all(torch.equal(weights[name], again[name]) for name in weights) and course == points
    assert same["best_step"] == figures["best_step"] and same["tokens"] == figures["tokens"]


def test_the_best_needs_something_to_judge_by(tmp_path):
    context = training_context(tmp_path / "s" / "Model" / "a")
    context.inputs[Examples] = write_examples(tmp_path / "no-dev", dev=0)
    with pytest.raises(BelleError, match="need dev examples"):
        train(config(keep="best"), context)


@pytest.mark.skipif(resource is None, reason="the size of files cannot be limited")
def test_a_disk_that_is_full_leaves_no_half_weights_and_the_run_goes_on_later(tmp_path):
    context = training_context(tmp_path / "s" / "Model" / "a")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            train(config(keep="best"), context)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in context.scratch.rglob("best*")] == []
    assert train(config(keep="best"), context).metrics["best_step"] > 0


def spoiled(monkeypatch, from_call: int, change) -> None:
    loss, calls = Sft.loss, 0

    def spoil(self, model, batch):
        nonlocal calls
        calls += model.training
        return change(loss(self, model, batch)) if model.training and calls >= from_call else loss(self, model, batch)

    monkeypatch.setattr(Sft, "loss", spoil)


def found(error: BelleError) -> dict:
    return json.loads(Path(re.search(r"(\S+step-\d+\.json)", str(error)).group(1)).read_text())


def test_a_step_without_a_sound_loss_leaves_its_sequences(tmp_path, monkeypatch):
    spoiled(monkeypatch, 2, lambda loss: loss * float("nan"))
    with pytest.raises(BelleError, match=r"at optimizer step 2 the loss is nan .*scratch/step-2\.json") as caught:
        train(config(), training_context(tmp_path / "s" / "Model" / "a"))
    saved = found(caught.value)
    known = {conversation(i).question: conversation(i).answer for i in range(60)}
    assert saved["step"] == 2 and len(saved["sequences"]) == 8
    for sequence in saved["sequences"]:
        assert any(question in sequence["text"] and answer in sequence["learned"] for question, answer in known.items())
        assert all(sequence["ids"][place + 1] == token for place, token, _ in sequence["labels"])


def test_a_gradient_that_is_no_number_stops_the_run_though_the_loss_is_one(tmp_path, monkeypatch):
    spoiled(
        monkeypatch, 2, lambda loss: loss + (loss - loss.detach()).abs().sqrt()
    )  # 0, with a slope of 0 times infinity
    with pytest.raises(
        BelleError, match=r"at optimizer step 2 the loss is \d.* and the gradient's norm nan, so nothing"
    ):
        train(config(), training_context(tmp_path / "s" / "Model" / "a"))


def test_a_leap_of_the_loss_stops_the_run_unless_it_is_allowed(tmp_path, monkeypatch):
    settings = config(epochs=5, learning_rate=1e-4)
    spoiled(monkeypatch, 36, lambda loss: 3 * loss)
    with pytest.raises(BelleError, match=r"the loss leaps to .* say trainer\.spike=0") as caught:
        train(settings, training_context(tmp_path / "s" / "Model" / "a"))
    assert found(caught.value)["step"] > 32
    monkeypatch.undo()
    monkeypatch.setenv("BELLE_LANG", "en")
    spoiled(monkeypatch, 36, lambda loss: 3 * loss)
    train(settings, training_context(tmp_path / "t" / "Model" / "a", spike=0))


def test_a_loss_that_goes_up_and_down_by_hundreds_does_not_leap(tmp_path, monkeypatch):
    """As that of IPO with a small beta does."""
    spoiled(monkeypatch, 1, lambda loss: 1000 * loss)
    train(config(epochs=5, learning_rate=1e-5), training_context(tmp_path / "s" / "Model" / "a"))


def test_a_preference_that_is_learned_for_sure_is_no_fault(tmp_path):
    """The sigmoid of a large reward is 1, and the loss is 0."""
    context = training_context(tmp_path / "s" / "Model" / "a", rejected=1)
    train(config(objective=KtoConfig(undesirable=0), batch=1, epochs=0.5), context)
    rows = [json.loads(line) for line in (context.directory / "curve.jsonl").read_text().splitlines()]
    assert 0.0 in [row.get("loss") for row in rows]


def test_a_label_weight_that_is_no_number_names_the_example(tmp_path):
    loaded = load_start(training_context(tmp_path / "s" / "Model" / "a"))
    bad = Example("x7", Conversation((Turn("user", "天"), Turn("assistant", "地", float("nan")))))
    with pytest.raises(BelleError, match="example x7 has a label weight that is no number"):
        examples.encode_examples([bad], loaded.encoder, Sft(SFT), max_length=64, split="train")


@pytest.mark.parametrize("wrong", [{"ema": 1.0}, {"neftune": -1}, {"keep": "first"}, {"looks": 0}, {"patience": -1}, {"floor": 2}])  # fmt: skip
def test_wrong_options_are_told(wrong):
    with pytest.raises(BelleError, match=next(iter(wrong))):
        config(**wrong)
