"""More training of the same kind: what goes on from a kept state ends as if it had been one run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_objectives.config import DpoConfig, KtoConfig, SftConfig
from belle_optimizers.config import LionConfig
from safetensors.torch import load_file
from tiny_training import training_context

from belle_core.compose import compose_run
from belle_core.errors import BelleError

SAME = {"objective": SftConfig(), "batch": 8, "learning_rate": 3e-3, "schedule": "constant", "warmup": 3}


def trained(folder: Path, method: str = "full", **changes):
    """The artifact's directory and its weights."""
    run, kind, name = (train, FullConfig, "model") if method == "full" else (train_lora, LoraConfig, "adapter_model")
    pairs = int(isinstance(changes.get("objective"), (DpoConfig, KtoConfig)))
    context = training_context(folder / "Model" / "a", rejected=pairs)
    run(kind(**SAME | changes), context)
    return context.directory, load_file(context.directory / f"{name}.safetensors")


@pytest.mark.parametrize(
    ("method", "objective"), [("full", SftConfig()), ("lora", SftConfig()), ("lora", DpoConfig())], ids=str
)
def test_one_epoch_and_another_are_two(method, objective, tmp_path):
    """For a preference, too, which is compared with what the model was before the first of them."""
    pace = {"ema": 0.5, "objective": objective}
    one, _ = trained(tmp_path / "one", method, epochs=1, keep_state=True, **pace)
    _, whole = trained(tmp_path / "whole", method, epochs=2, **pace)
    directory, two = trained(tmp_path / "two", method, epochs=2, resume_from=str(one), **pace)
    assert whole.keys() == two.keys() and all(torch.equal(whole[name], two[name]) for name in whole)
    points = [json.loads(line)["step"] for line in (directory / "curve.jsonl").read_text().splitlines()]
    assert points == list(range(17)) and not (directory / "state").exists()


def test_best_weights_are_judged_anew(tmp_path):
    one, _ = trained(tmp_path / "one", epochs=1, keep_state=True, keep="best")
    directory, _ = trained(tmp_path / "two", epochs=2, resume_from=str(one), keep="best")
    assert (directory / "model.safetensors").is_file()
    _, before = trained(tmp_path / "last", epochs=1, keep_state=True)
    _, same = trained(tmp_path / "nothing", epochs=1, resume_from=str(tmp_path / "last" / "Model" / "a"), keep="best")
    assert all(
        torch.equal(before[name], same[name]) for name in before
    )  # nothing was left to do, nothing to choose from


def test_what_cannot_go_on_says_why(tmp_path):
    one, _ = trained(tmp_path / "one", epochs=1, keep_state=True)
    with pytest.raises(BelleError, match=r"that run had another batch \(8, here 4\)"):
        trained(tmp_path / "batch", epochs=2, batch=4, resume_from=str(one))
    with pytest.raises(BelleError, match=r"did 8 optimizer steps, and this one has 4; raise train\.epochs"):
        trained(tmp_path / "short", epochs=0.5, resume_from=str(one))
    with pytest.raises(BelleError, match=r"there is no state/state\.ckpt in it"):
        trained(tmp_path / "none", epochs=2, resume_from=str(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rank": 4}, r"another rank \(8, here 4\)"),
        ({"b_ratio": 4.0}, r"another b_ratio \(1\.0, here 4\.0\)"),
        ({"max_length": 64}, r"another max_length \(1024, here 64\)"),
        ({"objective": KtoConfig()}, r"another objective \(DpoConfig, here KtoConfig\)"),
        ({"optimizer": LionConfig()}, r"another optimizer \(NoneType, here LionConfig\)"),
    ],
    ids=str,
)
def test_what_a_state_does_not_fit_is_told(change, message, tmp_path):
    """Each of these ended in a traceback, or went on from numbers that meant something else."""
    same = {"objective": DpoConfig(), "epochs": 1}
    one, _ = trained(tmp_path / "one", "lora", keep_state=True, **same)
    with pytest.raises(BelleError, match=message):
        trained(tmp_path / "two", "lora", resume_from=str(one), **same | {"epochs": 2} | change)


def test_another_weight_decay_is_that_of_what_follows(tmp_path):
    one, before = trained(tmp_path / "one", epochs=1, keep_state=True)
    more = {"epochs": 2, "resume_from": str(one)}
    _, without = trained(tmp_path / "without", **more)
    _, decayed = trained(tmp_path / "with", **more, weight_decay=20.0)
    name = next(n for n in before if n.endswith("gate_proj.weight"))
    assert decayed[name].norm() < 0.8 * without[name].norm()
    assert decayed["model.norm.weight"].norm() > 0.9 * without["model.norm.weight"].norm()


def test_the_state_counts_by_its_bytes(tmp_path):
    from belle_core.digest import Digests
    from belle_core.identity import Identities
    from belle_core.plugins import load_catalog

    keys = set()
    for content in ("a", "b"):
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / "state").write_text(content)
        config = compose_run(["+train=full", f"train.resume_from={tmp_path / 'x'}"]).config
        identities = Identities(config, load_catalog(), Digests(tmp_path / f"digests-{content}"))
        keys.add(json.dumps(identities.plain(config.train, "train", [])))
    assert len(keys) == 2
