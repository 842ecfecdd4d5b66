"""Which step takes what."""

from __future__ import annotations

import pytest

from belle_core.api import prepare
from belle_core.artifacts import Adapter, Examples, Model, Tokenizer
from belle_core.compose import compose_run
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog
from belle_core.wiring import wire


def steps(*overrides: str):
    return {step.name: step for step in wire(compose_run(list(overrides)).config, load_catalog())}


def test_data_and_tokenizer_come_in_by_themselves():
    made = steps("+train=lora")
    assert list(made) == ["data", "tokenizer", "train"]
    assert made["data"].stage.name == "demo" and made["tokenizer"].stage.name == "bpe"
    assert made["train"].sources == {Examples: "data", Tokenizer: "tokenizer"} and made["train"].initial


def test_options_of_an_implicit_step_select_it():
    made = steps("+train=lora", "data.size=7")
    assert made["data"].section.size == 7


def test_the_order_is_data_tokenizer_steps_then_the_rest():
    made = steps("+train@steps.sft=full", "+train@steps.math=lora", "+deploy=gguf", "+eval=reference")
    assert list(made) == ["data", "tokenizer", "sft", "math", "eval", "deploy"]
    assert made["sft"].initial and made["math"].sources == {Examples: "data", Model: "sft"}
    assert made["eval"].sources[Adapter] == "math" and made["deploy"].sources == {Adapter: "math"}


def test_evaluation_before_and_after():
    made = steps("+eval@steps.before=reference", "+train@steps.sft=full", "+eval@steps.after=reference")
    assert made["before"].initial and made["before"].sources[Tokenizer] == "tokenizer"
    assert made["after"].sources == {Examples: "data", Model: "sft"}


def test_inputs_choose_another_source():
    made = steps("+data=demo", "+data@steps.sums=demo", "+train=lora", "+inputs.train.examples=data")
    assert made["train"].sources[Examples] == "data"
    made = steps("+train@steps.a=full", "+train@steps.b=full", "+eval=reference", "+inputs.eval.model=a")
    assert made["eval"].sources[Model] == "a"
    assert steps("+train@steps.a=full", "+eval=reference", "+inputs.eval.model=initial")["eval"].initial


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ([], "nothing to do"),
        (["+train=lora", "+inputs.train.examples=dta"], "did you mean 'data'"),
        (["+train=lora", "+inputs.trian.examples=data"], "did you mean 'train'"),
        (["+train=lora", "+inputs.train.exampels=data"], "did you mean 'examples'"),
        (["+quantize@steps.q=bnb", "+train=lora"], "cannot start from the QuantizedModel of step q"),
    ],
)
def test_what_cannot_be_connected_is_told(overrides, says):
    with pytest.raises(BelleError, match=says):
        steps(*overrides)


def test_a_refused_model_names_the_way_that_works():
    with pytest.raises(BelleError, match=r"inputs\.deploy\.model=sft"):
        steps("+train@steps.sft=full", "+quantize@steps.q=bnb", "+deploy=gguf")


def keys(*overrides: str) -> dict[str, str]:
    return {name: recipe.key for name, recipe in prepare(list(overrides)).recipes.items()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


PIPELINE = ("+data=demo", "+train=lora", "+eval=reference", "+deploy=gguf")


@pytest.mark.parametrize(
    ("override", "remade"),
    [
        ("data.size=99", {"data", "tokenizer", "train", "eval", "deploy"}),
        ("train.rank=3", {"train", "eval", "deploy"}),
        ("train.objective={}", set()),
        ("seed=1", {"data", "tokenizer", "train", "eval", "deploy"}),
        ("model.context_length=300", {"train", "eval", "deploy"}),
        ("trainer.precision=bf16-true", {"train", "eval", "deploy"}),
        ("deploy.dtype=Q8_0", {"deploy"}),
        ("limit=5", {"data", "tokenizer", "train", "eval", "deploy"}),
        ("trainer.batch=1", set()),
        ("trainer.devices=2", set()),
        ("trainer.log_every=1", set()),
        ("tracker=wandb", set()),
        ("note=hi", set()),
        ("name=hi", set()),
        ("model.licence=MIT", set()),
    ],
)
def test_an_option_remakes_its_step_and_those_after_it_and_nothing_else(override, remade):
    assert changed(keys(*PIPELINE), keys(*PIPELINE, override)) == remade


def test_names_of_steps_do_not_decide_identity():
    assert keys("+train@steps.a=lora")["a"] == keys("+train@steps.b=lora")["b"] == keys("+train=lora")["train"]


def test_an_optional_input_is_taken_where_an_earlier_step_makes_it():
    endpoint = ["steps.more.endpoint.model=m", "+data@steps.more=distill"]
    alone, after = prepare(endpoint), prepare(["+data=demo", *endpoint])
    assert [step.sources for step in alone.steps] == [{}]
    assert after.steps[1].sources == {Examples: "data"}
    assert alone.recipes["more"].key != after.recipes["more"].key
