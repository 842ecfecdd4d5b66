"""Files of a checkpoint or an adapter that are cut off, wrong or missing: one line in both languages, before anything is loaded."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import pytest
from test_training_loading import CONFIG, foreign_adapter
from tiny_training import tokenizer_files
from transformers import AutoModelForCausalLM

from belle_core.checkpoint import check_checkpoint
from belle_core.config import ModelConfig
from belle_core.errors import BelleError
from belle_core.generation.opening import open_engine
from belle_core.tokenization import load_tokenizer
from belle_core.training.loading import load_initial
from belle_core.training.saving import save_model

HAN = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A checkpoint in two shards, and an adapter for it."""
    directory = tmp_path_factory.mktemp("originals")
    foreign_adapter(directory)
    base = directory / "base"
    model = AutoModelForCausalLM.from_pretrained(base)
    (base / "model.safetensors").unlink()
    model.save_pretrained(base, max_shard_size="60KB")
    assert len(list(base.glob("model-*.safetensors"))) > 1
    return directory


@pytest.fixture
def model(originals, tmp_path):
    """A copy to break."""
    for name in ("base", "adapter"):
        shutil.copytree(originals / name, tmp_path / name)
    return ModelConfig(checkpoint=str(tmp_path / "base"), adapter=str(tmp_path / "adapter"))


def one_line(call, message):
    """*call* fails with one line that says *message*, and one in Chinese."""
    with pytest.raises(BelleError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value) and HAN.search(caught.value.chinese) and "\n" not in caught.value.chinese


def change(path, **values):
    """Other values in a JSON file; ``...`` takes one out."""
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))


def test_whole_files_pass(model):
    check_checkpoint(model)
    load_initial(model, 1, tokenizer_files())


JSON_FILES = [
    "adapter/adapter_config.json",
    "base/config.json",
    "base/tokenizer_config.json",
    "base/generation_config.json",
    "base/model.safetensors.index.json",
]


@pytest.mark.parametrize("name", JSON_FILES)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[: len(whole) // 2], "is not JSON"),
        (lambda whole: b"", "is not JSON"),
        (lambda whole: b"\xff\xfe\x00{", "is not JSON"),
        (lambda whole: b"[" * 100_000, "is not JSON"),
        (lambda whole: b"[1]", "holds a list instead of a JSON object"),
        (lambda whole: b"null", "holds a NoneType instead of a JSON object"),
    ],
)
def test_a_file_that_is_no_json_object(model, tmp_path, name, damage, message):
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    one_line(lambda: check_checkpoint(model), re.escape(str(path)) + f": {message}")
    if "tokenizer" not in name:
        one_line(lambda: load_initial(model, 1, tokenizer_files()), message)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("adapter/adapter_config.json", {"peft_type": ...}, "peft_type is missing; it should be a kind such as LORA"),
        ("adapter/adapter_config.json", {"peft_type": ["LORA"]}, r"peft_type is \['LORA'\] and not a kind"),
        ("base/config.json", {"model_type": ...}, "model_type is missing"),
        ("base/config.json", {"model_type": 7}, "model_type is 7 and not the name of an architecture"),
        ("base/generation_config.json", {"eos_token_id": "</s>"}, "eos_token_id is '</s>' and not an id"),
        ("base/model.safetensors.index.json", {"weight_map": ...}, "weight_map is missing"),
        ("base/model.safetensors.index.json", {"weight_map": {"a": [1]}}, "weight_map is .* and not a mapping"),
        ("base/model.safetensors.index.json", {"weight_map": {}}, "weight_map is .* and not a mapping"),
    ],
)
def test_values_that_are_missing_or_of_another_type(model, tmp_path, name, values, message):
    change(tmp_path / name, **values)
    one_line(lambda: check_checkpoint(model), re.escape(str(tmp_path / name)) + f": {message}")


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("adapter/adapter_config.json", {"peft_type": "LORRA"}, "cannot merge this adapter, of kind LORRA"),
        (
            "adapter/adapter_config.json",
            {"peft_type": "PROMPT_TUNING"},
            "cannot merge this adapter, of kind PROMPT_TUN",
        ),
        ("adapter/adapter_config.json", {"r": None}, "peft cannot merge this adapter.*adapter_config.json"),
        ("adapter/adapter_config.json", {"target_modules": -1}, "peft cannot merge this adapter"),
        ("base/config.json", {"intermediate_size": -1}, "no model can be loaded: .*negative dimension"),
        ("base/config.json", {"hidden_act": "nope"}, "no model can be loaded: .*nope"),
    ],
)
def test_values_that_only_the_libraries_know_to_be_wrong(model, tmp_path, name, values, message):
    change(tmp_path / name, **values)
    check_checkpoint(model)
    one_line(lambda: load_initial(model, 1, tokenizer_files()), message)


@pytest.mark.parametrize("name", ["base/model-00002-of-", "adapter/adapter_model."])
@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-10],
        lambda whole: whole[:20],
        lambda whole: b"",
        lambda whole: b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1\n",
    ],
)
def test_weights_that_are_cut_off_or_something_else(model, tmp_path, name, damage):
    (path,) = tmp_path.glob(f"{name}*safetensors")
    path.write_bytes(damage(path.read_bytes()))
    for call in (lambda: check_checkpoint(model), lambda: load_initial(model, 1, tokenizer_files())):
        one_line(call, re.escape(str(path)) + ": is damaged, cut off or no safetensors file")


def test_weights_that_are_missing(model, tmp_path):
    base = tmp_path / "base"
    (base / "model-00002-of-00002.safetensors").unlink()
    for call in (lambda: check_checkpoint(model), lambda: load_initial(model, 1, tokenizer_files())):
        one_line(call, r"model-00002-of-00002.safetensors of model.safetensors.index.json is missing; fetch the rest")
    for path in base.glob("model*"):
        path.unlink()
    one_line(lambda: check_checkpoint(model), "there are no weights in it")
    check_checkpoint(replace(model, adapter=None), weights=False)


def test_an_adapter_that_names_no_base(model, tmp_path):
    for base, message in (
        (..., "<its base>"),
        (None, "<its base>"),
        (3, "<its base>"),
        ("a/b", "<its base, here a/b>"),
    ):
        change(tmp_path / "adapter" / "adapter_config.json", base_model_name_or_path=base)
        one_line(lambda: check_checkpoint(ModelConfig(checkpoint=model.adapter)), rf"is an adapter; .*={message}")
    load_initial(model, 1, tokenizer_files())  # the base is said by model.checkpoint


BROKEN_BESIDE = [
    ("tokenizer_config.json", b"[1]", "tokenizer_config.json: holds a list"),
    ("tokenizer_config.json", b'{"added_tokens_decoder": {"3": [1]}}', "no tokenizer can be loaded"),
    ("chat_template.jinja", b"\xff\xfe", "no tokenizer can be loaded"),
]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        *BROKEN_BESIDE,
        ("tokenizer.json", b'{"version": "1.0", ', "no tokenizer can be loaded: Exception: EOF"),
        ("tokenizer.json", b"{}", "no tokenizer can be loaded"),
    ],
)
def test_a_broken_tokenizer(model, tmp_path, name, content, message):
    (tmp_path / "base" / name).write_bytes(content)
    one_line(lambda: load_tokenizer(tmp_path / "base"), message)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        *BROKEN_BESIDE,
        ("tokenizer.model", b"\x00\x01nothing", "tokenizer.model"),
        ("tokenizer_config.json", b'{"bos_token": 3}', "no tokenizer can be loaded: TypeError: a token is 3"),
        ("added_tokens.json", b'{"<x>": "last"}', "no tokenizer can be loaded: ValueError"),
        ("special_tokens_map.json", b'{"eos_token": {"text": "</s>"}}', "no tokenizer can be loaded: KeyError"),
    ],
)
def test_a_broken_tokenizer_of_a_sentencepiece_model_alone(model, tmp_path, name, content, message):
    (tmp_path / "base" / "tokenizer.json").unlink()
    if name == "special_tokens_map.json":
        change(tmp_path / "base" / "tokenizer_config.json", eos_token=...)
    (tmp_path / "base" / name).write_bytes(content)
    one_line(lambda: load_tokenizer(tmp_path / "base"), message)


def test_a_tokenizer_without_the_token_that_its_template_needs(tmp_path):
    save_model(load_initial(CONFIG, 1, tokenizer_files()), tmp_path)
    change(tmp_path / "tokenizer_config.json", eos_token=None)
    one_line(lambda: open_engine(tmp_path), "template .* needs the token eos, which the tokenizer lacks")
