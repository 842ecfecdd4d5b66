"""The whole way with a model of a few thousand weights: every stage after training takes what training made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belle_core import run
from belle_core.artifacts import Adapter, Bundle, Evaluation, Model, QuantizedModel

SMALL = [
    "+data=demo",
    "data.size=64",
    "model.architecture.hidden_size=64",
    "model.architecture.intermediate_size=120",  # no multiple of what kernels for few bits take together
    "model.architecture.num_hidden_layers=2",
    "model.architecture.num_attention_heads=4",
    "model.architecture.num_key_value_heads=2",
    "limit=24",
    "+train@steps.sft=full",
    "steps.sft.epochs=4",
    "steps.sft.batch=8",
    "steps.sft.learning_rate=5e-3",
    "+train@steps.skill=lora",
    "steps.skill.epochs=2",
    "steps.skill.batch=8",
    "steps.skill.learning_rate=5e-3",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("pipeline")


@pytest.fixture
def go(store):
    return lambda *more: run([*SMALL, *more, f"store={store}"], quiet=True)


def test_training_leaves_a_model_and_an_adapter_on_it(go):
    made = go().artifacts
    assert isinstance(made["sft"], Model) and isinstance(made["skill"], Adapter)
    assert made["skill"].base == {"artifact": made["sft"].fingerprint}
    assert made["sft"].metrics["dev_loss"] < 6.5  # ln(vocabulary) is about 6.6


def test_the_merged_directory_loads_in_plain_transformers_and_says_what_it_is(go):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    bundle = go("+deploy=merged").artifacts["deploy"]
    assert isinstance(bundle, Bundle)
    directory = bundle.directory / bundle.main
    model, tokenizer = AutoModelForCausalLM.from_pretrained(directory), AutoTokenizer.from_pretrained(directory)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "你好"}], add_generation_prompt=True, return_tensors="pt"
    )
    prompt = prompt["input_ids"] if hasattr(prompt, "keys") else prompt
    assert model.generate(prompt, max_new_tokens=3).shape[1] > prompt.shape[1]
    assert model.generation_config.eos_token_id in (tokenizer.eos_token_id, [tokenizer.eos_token_id])
    card = (directory / "README.md").read_text(encoding="utf-8")
    assert "train/full" in card and "train/lora" in card and "Apache-2.0" in card


def test_the_gguf_file_leads_back_to_the_data(go, store):
    from belle_core.lineage import ancestors

    bundle = go("+deploy=gguf").artifacts["deploy"]
    assert (bundle.directory / "model.gguf").read_bytes()[:4] == b"GGUF"
    stages = [manifest["recipe"]["stage"] for manifest in ancestors(bundle.directory)]
    assert stages[0] == "deploy/gguf" and {"train/lora", "train/full", "data/demo", "tokenizer/bpe"} <= set(stages)


@pytest.mark.parametrize(("form", "bits"), [("nf4", 32), ("int8", 32)])
def test_a_quantized_model_answers_nearly_like_its_source(go, form, bits):
    pytest.importorskip("bitsandbytes")
    import torch

    from belle_core.training.loading import load_runnable

    made = go("+quantize=bnb", f"quantize.format={form}").artifacts
    quantized = made["quantize"]
    assert isinstance(quantized, QuantizedModel) and quantized.method == form and 4 < quantized.bits_per_weight < bits
    full, small = load_runnable(made["skill"]), load_runnable(quantized)
    ids = torch.tensor([full.encoder.encode(_question()).ids])
    with torch.no_grad():
        reference, approximate = (m.model.eval()(ids).logits.float().log_softmax(-1) for m in (full, small))
    divergence = (reference.exp() * (reference - approximate)).sum(-1).mean()
    assert 0 < divergence < 0.2  # nats per token
    assert not torch.equal(reference, approximate)


def _question():
    from belle_core.conversation import Conversation

    return Conversation.of("把“小明吃了苹果”改成被字句。")


def test_a_quantized_model_is_evaluated_and_refused_by_what_cannot_take_it(go):
    pytest.importorskip("bitsandbytes")
    from belle_core.errors import BelleError

    made = go("+quantize=bnb", "+eval=reference", "eval.max_new_tokens=8").artifacts
    assert isinstance(made["eval"], Evaluation) and made["eval"].count == 24
    with pytest.raises(BelleError, match=r"inputs\.deploy\.model=skill"):
        go("+quantize=bnb", "+deploy=gguf")


def test_an_evaluation_of_the_initial_model_comes_before_any_training(store):
    made = run(
        [
            *SMALL,
            "+eval@steps.before=reference",
            "steps.before.max_new_tokens=8",
            "+inputs.before.model=initial",
            f"store={store}",
        ],
        quiet=True,
    )
    assert made.artifacts["before"].scores["exact"] == 0
    record = json.loads((made.directory / "run.json").read_text(encoding="utf-8"))
    assert [s["name"] for s in record["steps"]] == ["data", "tokenizer", "sft", "skill", "before"]


@pytest.mark.llamacpp
def test_the_gguf_file_says_the_same_in_llama_cpp(go):
    pytest.importorskip("llama_cpp")
    from belle_core.conversation import Conversation
    from belle_core.generation.engine import Sampling
    from belle_core.generation.opening import open_engine

    made = go("+deploy=gguf", "deploy.dtype=F32").artifacts
    question = [Conversation.of("请列出三种水果。")]
    ours, theirs = (
        open_engine(made[step]).answer(question, Sampling(max_new_tokens=12)) for step in ("skill", "deploy")
    )
    assert ours == theirs
