"""Every family, built small, trains, merges and is exported; other programs read back the same model."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train as train_full
from belle_gguf.export import export_gguf
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_objectives.config import SftConfig
from peft import PeftModel
from small_families import FAMILIES, make_checkpoint
from test_models import FAMILIES as STATED
from tiny_training import conversation, training_context
from transformers import AutoModelForCausalLM

from belle_core.artifacts import Tokenizer
from belle_core.config import ModelConfig
from belle_core.store import Store
from belle_core.training.loading import load_runnable
from belle_core.training.merging import merged_directory

UNREAD = {
    "gemma": "transformers reads no GGUF of this family",
    "qwen3": "transformers' reader knows no heads of a width of their own",
}


FAST = {"llama", "qwen3", "bloom", "gemma2"}
"""One of each kind of tensor and tokenizer; the others take as long again."""
PARAMETERS = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]


@pytest.fixture(scope="module", params=PARAMETERS)
def family(request, tmp_path_factory):
    """The family's name, its checkpoint, a fully tuned model, an adapter, and the adapter's merged directory."""
    folder = tmp_path_factory.mktemp(request.param)
    checkpoint, store = make_checkpoint(folder / "checkpoint", request.param), Store(folder / "store")

    def trained(kind, method, config):
        context = training_context(store.root / kind / "x.partial")
        context.shared["model"] = ModelConfig(checkpoint=str(checkpoint))
        context.inputs[Tokenizer] = Tokenizer(directory=checkpoint, vocabulary=0)
        return store.commit(method(config, context), {"recipe": {}})

    options = {"objective": SftConfig(), "epochs": 1, "batch": 8, "learning_rate": 1e-2}
    model = trained("Model", train_full, FullConfig(**options))
    adapter = trained("Adapter", train_lora, LoraConfig(**options, rank=4))
    merged = merged_directory(training_context(store.root / "Bundle" / "b.partial", start=adapter))
    return request.param, checkpoint, model, adapter, merged


def ids_of(model_or_adapter) -> torch.Tensor:
    """A conversation of several windows' length."""
    encoder = load_runnable(model_or_adapter).encoder
    return torch.tensor([encoder.encode(conversation(3, turns=4)).ids])


def log_probabilities(model, ids: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits[0].double().log_softmax(-1).numpy()


def test_the_families_are_those_that_the_models_claim():
    assert {values["model_type"] for values, _ in FAMILIES.values()} >= STATED


def test_both_methods_learn_and_every_weight_moves(family):
    _, checkpoint, model, adapter, _ = family
    for step in (model, adapter):
        dev = [point["dev"] for point in map(json.loads, (step.directory / "curve.jsonl").open()) if "dev" in point]
        assert dev[-1] < dev[0]
    before, after = (AutoModelForCausalLM.from_pretrained(path) for path in (checkpoint, model.directory))
    still = [n for (n, p), q in zip(before.named_parameters(), after.parameters(), strict=True) if torch.equal(p, q)]
    # a bias of keys adds the same to all scores of a query, so it has no gradient
    assert [n for n in still if "k_proj.bias" not in n] == []


def test_merged_and_reloaded_answers_like_base_and_adapter(family):
    _, checkpoint, _, adapter, merged = family
    ids = ids_of(adapter)
    base = AutoModelForCausalLM.from_pretrained(checkpoint)
    alone = log_probabilities(base, ids)
    wanted = log_probabilities(PeftModel.from_pretrained(base, str(adapter.directory)), ids)
    found = log_probabilities(AutoModelForCausalLM.from_pretrained(merged), ids)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert np.abs(found - alone).max() > 1e-2


def exported(merged: Path) -> Path:
    target = merged / "model.gguf"
    if not target.exists():
        facts = export_gguf(merged, target, dtype="f32", name="small")
        assert not facts["token_parity"] or facts["token_parity"]["different"] == 0
    return target


def test_transformers_reads_the_same_weights_from_gguf(family):
    name, _, _, _, merged = family
    path = exported(merged)
    if name in UNREAD:
        pytest.skip(UNREAD[name])
    ours = AutoModelForCausalLM.from_pretrained(merged).state_dict()
    read = AutoModelForCausalLM.from_pretrained(merged, gguf_file=path.name).state_dict()
    assert ours.keys() == read.keys()
    for key, tensor in ours.items():
        torch.testing.assert_close(read[key].float(), tensor, atol=1e-6, rtol=0, msg=key)


@pytest.mark.llamacpp
def test_llama_cpp_gives_the_same_probabilities(family):
    llama_cpp = pytest.importorskip("llama_cpp", reason='not installed: pip install "belle[llamacpp]"')
    from belle_core.generation.llamacpp import open_model

    _, _, _, adapter, merged = family
    ids = ids_of(adapter)
    wanted = log_probabilities(AutoModelForCausalLM.from_pretrained(merged), ids)
    exact = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32, "logits_all": True}
    with closing(open_model(exported(merged), context=256, threads=1, **exact)) as served:
        served.eval(ids[0].tolist())
        found = torch.tensor(np.array(served.scores[: ids.shape[1]])).double().log_softmax(-1).numpy()
    likely = wanted > -12  # what could ever be drawn
    assert wanted.std() > 0.3, "the model must have preferences for the comparison to mean something"
    assert np.abs(found - wanted)[likely].max() < 2e-3
