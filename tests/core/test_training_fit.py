"""The loop: what it reports, what stops it, and what a third party's objective may do."""

from __future__ import annotations

import json
import resource
import signal

import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train
from belle_objectives.config import SftConfig
from belle_objectives.sft import Sft
from tiny_training import training_context
from torch.nn import functional

from belle_core.encoding import Encoded
from belle_core.errors import BelleError
from belle_core.training import fit as fit_module
from belle_core.training.losses import token_losses
from belle_core.training.module import InstructionModule
from belle_core.training.objective import Objective
from belle_core.training.resuming import AtomicCheckpoints

SFT = SftConfig()


def config(**changes) -> FullConfig:
    return FullConfig(**{"objective": SFT, "epochs": 1, "batch": 8, "learning_rate": 3e-3, **changes})


def test_metrics_reach_the_record_and_the_artifact(tmp_path):
    said = []
    context = training_context(tmp_path / "s" / "Model" / "a", emit=lambda *about: said.append(about), log_every=3)
    model = train(config(epochs=4), context)
    points = [json.loads(line) for line in (context.directory / "curve.jsonl").read_text().splitlines()]
    assert [p["step"] for p in points] == list(range(33))
    dev = [p["dev"] for p in points if "dev" in p]
    assert len(dev) == 6 and dev[-1] < dev[0] - 0.3 and model.metrics["dev_loss"] == dev[-1]
    assert [(step, values["loss"]) for stream, values, step in said if stream == "dev"] == [
        (p["step"], p["dev"]) for p in points if "dev" in p
    ]
    sent = {step: values for stream, values, step in said if stream == "train"}
    assert list(sent) == [3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 32] and set(sent[3]) == {
        "loss",
        "lr",
        "grad_norm",
        "tokens",
        "tokens_per_second",
        "step_seconds",
        "mfu",
        "memory_bytes",
    }
    assert 0 < sent[32]["mfu"] < 1 and sent[32]["memory_bytes"] > 50e6
    assert sent[32]["step_seconds"] * sent[32]["tokens_per_second"] == pytest.approx((sent[32]["tokens"] - sent[30]["tokens"]) / 2)  # fmt: skip
    assert sent[3]["loss"] == pytest.approx(sum(p["loss"] for p in points[1:4]) / 3)
    assert (context.directory / "loss.svg").read_text().count("<text") > 5
    assert model.metrics["tokens"] > 0 and model.parameters > 0


def test_a_loss_that_is_no_number_names_the_step(tmp_path):
    with pytest.raises(
        BelleError, match=r"at optimizer step \d+ the loss is (nan|inf).*try a lower train.learning_rate \(now 1e\+38\)"
    ):
        train(config(learning_rate=1e38, warmup=0, clip=0), training_context(tmp_path / "s" / "Model" / "a"))


def test_a_loss_of_exactly_zero_is_refused(tmp_path, monkeypatch):
    loss = Sft.loss
    monkeypatch.setattr(Sft, "loss", lambda self, model, batch: 0 * loss(self, model, batch))
    with pytest.raises(BelleError, match="at optimizer step 1 the loss is 0 "):
        train(config(), training_context(tmp_path / "s" / "Model" / "a"))


def test_weights_that_would_learn_nothing_stop_the_run(tmp_path, monkeypatch):
    """BELLE#122: LoRA beside recomputation trained nothing, and said nothing."""
    loss = Sft.loss
    monkeypatch.setattr(Sft, "loss", lambda self, model, batch: loss(self, model, batch).detach().requires_grad_())
    with pytest.raises(RuntimeError, match="20 of 20 trainable tensors got no gradient, the first is"):
        train(config(), training_context(tmp_path / "s" / "Model" / "a"))


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"precision": "fp8"}, "trainer.precision=fp8: known are"),
        ({"strategy": "dpd"}, "trainer.strategy=dpd: .*did you mean 'ddp'"),
        ({"devices": 2, "strategy": "single_device"}, "trainer.strategy=single_device is for one device"),
    ],
)
def test_settings_that_cannot_work_are_named(tmp_path, trainer, message):
    with pytest.raises(BelleError, match=message):
        train(config(), training_context(tmp_path / "s" / "Model" / "a", **trainer))


def test_what_is_random_follows_from_the_seed_and_the_step(tmp_path, monkeypatch):
    """Not from how a step came about: so a resumed run needs no random state. No two steps draw the same."""
    seen: list[int] = []
    loss = Sft.loss
    monkeypatch.setattr(Sft, "loss", lambda self, model, batch: (seen.append(torch.initial_seed()), loss(self, model, batch))[1])  # fmt: skip
    found = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        seen.clear()
        context = training_context(tmp_path / name / "Model" / "a", batch=8)
        context.shared["seed"] = seed
        train(config(epochs=0.25), context)
        found.append(list(dict.fromkeys(seen))[1:])  # the first is that of the dev loss before
    assert found[0] == found[1] and len(set(found[0] + found[2])) == 2 * len(found[0]) == 4


def test_a_sequence_is_no_longer_than_the_context_of_the_model(tmp_path, monkeypatch):
    longest = []
    loss = Sft.loss
    monkeypatch.setattr(Sft, "loss", lambda self, model, batch: (longest.append(max(batch.lengths)), loss(self, model, batch))[1])  # fmt: skip
    context = training_context(tmp_path / "s" / "Model" / "a")
    context.shared["model"].context_length = 32
    made = train(config(epochs=0.5, max_length=1024), context)
    assert max(longest) == 32 and made.metrics["truncated"] > 0
    context.shared["model"].context_length = 16
    with pytest.raises(BelleError, match="within 16 tokens; the model's context is no longer: shorten the examples"):
        train(config(max_length=1024), context)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_device_that_is_not_there_is_named(tmp_path):
    context = training_context(tmp_path / "s" / "Model" / "a")
    context.shared["trainer"].accelerator = "cuda"
    with pytest.raises(BelleError, match=r"trainer\.accelerator=cuda"):
        train(config(), context)
    context.shared["trainer"].accelerator = "tpu"  # Lightning raises something else for each of them
    with pytest.raises(BelleError, match=r"trainer\.accelerator=tpu .*torch_xla"):
        train(config(), context)


def test_a_second_interruption_is_one_too(tmp_path, monkeypatch):
    """Lightning makes an exit with 1 of it, and the run would end without a word."""
    loss = Sft.loss

    def twice(self, model, batch):
        if model.training:
            signal.raise_signal(signal.SIGINT)
        return loss(self, model, batch)

    monkeypatch.setattr(Sft, "loss", twice)
    with pytest.raises(KeyboardInterrupt):
        train(config(batch=16), training_context(tmp_path / "s" / "Model" / "a", batch=3))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("number", "end"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)], ids=["interrupted", "told"]
)
def test_a_run_ends_at_once_before_its_first_step(number, end, tmp_path, monkeypatch):
    """What the model says as it starts may take hours."""
    monkeypatch.setattr(InstructionModule, "_look", lambda self: signal.raise_signal(number) or {})
    context = training_context(tmp_path / "s" / "Model" / "a")
    with pytest.raises(end) as caught:
        train(config(), context)
    assert end is KeyboardInterrupt or caught.value.code == 143
    assert not (context.scratch / "state.ckpt").exists()


def test_a_full_disk_leaves_the_last_state_whole(tmp_path):
    states, path = AtomicCheckpoints(), tmp_path / "state.ckpt"
    states.save_checkpoint({"step": 1}, path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            states.save_checkpoint({"step": 2, "weights": torch.zeros(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert states.load_checkpoint(path) == {"step": 1} and [p.name for p in tmp_path.iterdir()] == ["state.ckpt"]


def test_a_damaged_state_is_named(tmp_path):
    context = training_context(tmp_path / "s" / "Model" / "a")
    (context.scratch / fit_module.STATE).write_bytes(b"PK\x03\x04 not a state")
    with pytest.raises(BelleError, match=r"the saved state .*state.ckpt is damaged; delete it"):
        train(config(), context)


class Preference(Objective):
    """A loss on pairs, as a third party would write it: the answer against the answer of nonsense."""

    def encode(self, example, encoder):
        chosen = encoder.encode(example.conversation)
        ids = [3 + (i * 7) % 20 if w else i for i, w in zip(chosen.ids, chosen.weights, strict=True)]
        return chosen, Encoded(ids, chosen.weights)

    def amount(self, learned):
        return 1.0

    def loss(self, model, batch):
        scores = torch.zeros(batch.sequences).index_add(0, batch.rows, -token_losses(model, batch))
        chosen, rejected = scores[0::2], scores[1::2]
        return -functional.logsigmoid(chosen - rejected).sum()


def test_an_objective_may_learn_from_pairs(tmp_path, monkeypatch):
    monkeypatch.setattr(fit_module, "build_objective", lambda _: Preference())
    weights, losses = [], []
    for size in (2, 6):
        context = training_context(tmp_path / str(size) / "Model" / "a", batch=size)
        losses.append(train(config(epochs=2), context).metrics["dev_loss"])
        weights.append(fit_module.torch.tensor(losses[-1]))
    assert losses[0] < 0.3 and losses[1] == pytest.approx(losses[0], rel=1e-3)
