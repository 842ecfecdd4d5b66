"""Merging several adapters: the sum is peft's own, and what is reloaded from disk answers like the unmerged model."""

from __future__ import annotations

import json

import pytest
import torch
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_merge.config import MergeConfig
from belle_merge.stage import merge
from belle_objectives.config import SftConfig
from peft import PeftModel
from safetensors.torch import load_file
from tiny_training import training_context
from transformers import AutoModelForCausalLM

from belle_core import prepare, run
from belle_core.artifacts import Model
from belle_core.errors import BelleError, Invalid
from belle_core.lineage import ancestors
from belle_core.stages import StageContext
from belle_core.store import Store
from belle_core.testing import check_plugin
from belle_core.training.loading import load_base, load_runnable

SFT = SftConfig()
IDS = torch.arange(3, 40)[None]
VARIANTS = {
    "lora": {},
    "dora": {"dora": True},
    "pissa": {"init": "pissa"},
    "embeddings whole": {"whole": ["embed_tokens", "lm_head"]},
}


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits[0]


def adapter(store: Store, name: str, tied: bool = True, **options):
    config = LoraConfig(**{"objective": SFT, "epochs": 0.5, "batch": 8, "learning_rate": 2e-2, "rank": 4, **options})
    context = training_context(store.root / "Adapter" / f"{name}.partial", architecture={"tie_word_embeddings": tied})
    return store.commit(train_lora(config, context), {"recipe": {}, "type": "Adapter"})


def merged(store: Store, adapters: dict[str, float]):
    directory = store.partial(Model, "merged")
    model = merge(MergeConfig(adapters=adapters), StageContext(directory=directory, shared={}, inputs={}))
    return AutoModelForCausalLM.from_pretrained(model.directory)


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def pair(request, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("merge") / "store")
    return store, adapter(store, "a", request.param), adapter(store, "b", request.param, rank=2, learning_rate=3e-2)


def test_the_weighted_sum_is_that_of_peft(pair):
    store, a, b = pair
    model = PeftModel.from_pretrained(load_base(a).model, str(a.directory), adapter_name="a")
    model.load_adapter(str(b.directory), adapter_name="b")
    model.add_weighted_adapter(["a", "b"], [0.7, 0.5], "sum", combination_type="cat")
    model.set_adapter("sum")
    wanted, found = logits(model), merged(store, {"a": 0.7, "b": 0.5})
    torch.testing.assert_close(logits(found), wanted, atol=1e-4, rtol=1e-4)
    assert (wanted - logits(load_base(a).model)).abs().max() > 1e-2
    assert found.config.tie_word_embeddings == load_base(a).model.config.tie_word_embeddings


def test_weights_of_one_and_nothing(pair):
    store, a, _ = pair
    torch.testing.assert_close(logits(merged(store, {"a": 1})), logits(load_runnable(a).model), atol=1e-5, rtol=1e-5)
    nothing, base = merged(store, {"a": 0, "b": 0}), load_base(a).model
    assert all(torch.equal(p, q) for p, q in zip(nothing.parameters(), base.parameters(), strict=True))


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_every_kind_of_adapter_adds_its_change(tmp_path, variant):
    """Reloaded from disk it is the base and half of each change; the unmerged model of peft says what the change is."""
    store = Store(tmp_path / "store")
    a, b = (adapter(store, name, False, **variant, learning_rate=rate) for name, rate in (("a", 2e-2), ("b", 3e-2)))
    base, first, second = (
        dict(m.named_parameters()) for m in (load_base(a).model, *(load_runnable(x).model for x in (a, b)))
    )
    found = merged(store, {"a": 0.5, "b": 0.5})
    for name, tensor in found.named_parameters():
        wanted = base[name] + 0.5 * (first[name] - base[name]) + 0.5 * (second[name] - base[name])
        torch.testing.assert_close(tensor, wanted, atol=1e-5, rtol=1e-4, msg=name)
    unmerged = logits(PeftModel.from_pretrained(load_base(a).model, str(a.directory)))
    torch.testing.assert_close(logits(merged(store, {"a": 1})), unmerged, atol=1e-4, rtol=1e-4)
    if "whole" in variant:
        assert not torch.equal(found.model.embed_tokens.weight, base["model.embed_tokens.weight"])


def test_the_sum_is_rounded_once_to_the_format_of_the_base(tmp_path):
    store, made = Store(tmp_path / "store"), []
    for name, rate in (("a", 2e-2), ("b", 3e-2)):
        context = training_context(store.root / "Adapter" / f"{name}.partial")
        context.shared["model"].dtype = "bfloat16"
        config = LoraConfig(objective=SFT, epochs=0.3, batch=8, learning_rate=rate, rank=4)
        made.append(store.commit(train_lora(config, context), {"recipe": {}, "type": "Adapter"}))
    found, name = merged(store, {"a": 0.5, "b": 0.7}), "model.layers.0.self_attn.q_proj"
    base = wanted = load_base(made[0]).model.get_submodule(name).weight.float()
    for one, weight in zip(made, (0.5, 0.7), strict=True):
        low = load_file(one.directory / "adapter_model.safetensors")
        a, b = (low[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
        wanted = wanted + weight * 4 * b @ a  # alpha 16, rank 4
    weight = found.get_submodule(name).weight
    assert weight.dtype == torch.bfloat16 and not torch.equal(base.bfloat16(), weight)
    assert (weight != wanted.bfloat16()).float().mean() < 0.01, "but for sums that lie between two numbers"


def test_adapters_that_do_not_belong_together_are_refused(pair, tmp_path):
    store, a, _ = pair
    other = adapter(Store(tmp_path / "store"), "c", not load_base(a).model.config.tie_word_embeddings)
    with pytest.raises(BelleError, match=r"c is for another base than a, so their changes cannot be added up"):
        merged(store, {"a": 1, str(other.directory): 1})
    twin = adapter(Store(tmp_path / "twin"), "d", load_base(a).model.config.tie_word_embeddings)
    vocabulary = json.loads((twin.directory / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary["model"]["vocab"]["新"] = vocabulary["model"]["vocab"].pop("天")
    (twin.directory / "tokenizer.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    manifest = json.loads((twin.directory / "artifact.json").read_text(encoding="utf-8"))
    manifest["files"].pop("tokenizer.json")
    (twin.directory / "artifact.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(BelleError, match=r"d is for another vocabulary than a"):
        merged(store, {"a": 1, str(twin.directory): 1})


def test_whole_layers_that_share_their_weights_are_refused(tmp_path):
    with pytest.raises(BelleError, match=r"train.whole=.*embed_tokens.*share their weights"):
        adapter(Store(tmp_path / "store"), "a", True, whole=["embed_tokens"])


@pytest.mark.parametrize(
    ("adapters", "message"),
    [
        (None, "must be a mapping"),
        ({}, "must be a mapping"),
        ({"a": "x"}, "has the weight x"),
        ({"a": float("nan")}, "nan"),
    ],
)
def test_what_is_no_mapping_of_weights_is_refused(adapters, message):
    with pytest.raises(Invalid, match=message):
        MergeConfig(adapters=adapters)


def test_an_adapter_has_one_identity_however_it_is_named(pair, monkeypatch):
    store, a, _ = pair
    monkeypatch.setenv("BELLE_STORE", str(store.root))
    keys = {
        prepare(["+train=merge", f"train.adapters={{{name}: 0.5, b: 0.5}}"]).recipes["train"].key
        for name in ("a", str(a.directory))
    }
    assert len(keys) == 1
    with pytest.raises(BelleError, match=r"train.adapters names one artifact twice"):
        prepare(["+train=merge", f"train.adapters={{a: 0.5, {a.directory}: 0.5}}"])
    with pytest.raises(BelleError, match=r"train.adapters: nothing: no such artifact in"):
        prepare(["+train=merge", "train.adapters={nothing: 0.5}"])


@pytest.mark.slow
def test_the_command_line_merges_what_two_runs_made_and_the_data_can_be_told(store):
    small = ["+data=demo", "data.size=40", "+train=lora", "train.epochs=0.5", "trainer.accelerator=cpu"]
    for name, rate in (("one", 1e-3), ("two", 1e-2)):
        run([*small, f"train.learning_rate={rate}", f"name={name}"], quiet=True)
    made = run(["+train=merge", "train.adapters={one: 0.7, two/train: 0.3}", "+deploy=merged"], quiet=True).artifacts
    stages = [manifest["recipe"]["stage"] for manifest in ancestors(made["deploy"].directory)]
    assert stages[:2] == ["deploy/merged", "train/merge"] and stages.count("train/lora") == 2
    assert {"data/demo", "tokenizer/bpe"} <= set(stages)
    assert "| train/merge |" in (made["deploy"].directory / "model" / "README.md").read_text(encoding="utf-8")


def test_the_plugin_keeps_the_rules():
    assert check_plugin("merge") == []
