"""A stored tokenizer gives the same ids to whoever loads it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sentencepiece
from tokenizers import AddedToken
from transformers import AutoTokenizer, LlamaConfig, LlamaTokenizer

from belle_core.errors import BelleError
from belle_core.tokenization import load_tokenizer, save_tokenizer, tokenizer_from_sentencepiece
from belle_core.tokenization.probes import probe_texts

TEXTS = probe_texts(600)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A SentencePiece model with LLaMA's dummy prefix, where transformers' own conversion goes wrong."""
    path = tmp_path_factory.mktemp("model") / "tokenizer.model"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.replace("\n", " ") for text in TEXTS), model_prefix=str(path.with_suffix("")),
        model_type="bpe", vocab_size=600, byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, minloglevel=2,
    )  # fmt: skip
    return path


def ids(tokenizer) -> list[list[int]]:
    return [tokenizer(text).input_ids for text in TEXTS]


@pytest.mark.parametrize("beside_a_model", [False, True])
def test_plain_auto_tokenizer_gives_the_same_ids(model, tmp_path, beside_a_model):
    tokenizer = tokenizer_from_sentencepiece(model)
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    save_tokenizer(tokenizer, tmp_path, model)
    if beside_a_model:  # its type would make AutoTokenizer choose a class that encodes otherwise
        LlamaConfig(vocab_size=600).save_pretrained(tmp_path)
    for loaded in (AutoTokenizer.from_pretrained(tmp_path), load_tokenizer(tmp_path)):
        assert ids(loaded) == ids(tokenizer)
        assert loaded.chat_template == tokenizer.chat_template
        assert loaded.special_tokens_map == tokenizer.special_tokens_map
        assert len(loaded) == 600


def test_the_directory_holds_what_other_tools_read(model, tmp_path):
    save_tokenizer(tokenizer_from_sentencepiece(model), tmp_path, model)
    assert (tmp_path / "tokenizer.model").read_bytes() == model.read_bytes()
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert {index: token["content"] for index, token in config["added_tokens_decoder"].items()} == {
        "0": "<unk>",
        "1": "<s>",
        "2": "</s>",
    }
    assert config["add_bos_token"] is True
    special = json.loads((tmp_path / "special_tokens_map.json").read_text())
    assert special == {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}


def test_a_directory_with_the_model_alone_is_exact(model, tmp_path):
    shutil.copy(model, tmp_path)
    assert ids(load_tokenizer(tmp_path)) == ids(tokenizer_from_sentencepiece(model))


def test_transformers_own_conversion_is_not_trusted(model, tmp_path):
    """What transformers saves for LLaMA encodes otherwise than the tokenizer.model beside it."""
    inexact_directory = tmp_path / "inexact"
    shutil.copytree(model.parent, inexact_directory)
    inexact = LlamaTokenizer.from_pretrained(inexact_directory)
    inexact.save_pretrained(inexact_directory)
    exact = tokenizer_from_sentencepiece(model)
    assert ids(inexact) != ids(exact)
    assert ids(load_tokenizer(inexact_directory)) == ids(exact)


def test_saving_again_changes_nothing(model, tmp_path):
    save_tokenizer(tokenizer_from_sentencepiece(model), tmp_path / "one", model)
    save_tokenizer(load_tokenizer(tmp_path / "one"), tmp_path / "two", tmp_path / "one/tokenizer.model")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.model"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_added_tokens_survive_with_and_without_tokenizer_json(model, tmp_path):
    tokenizer = tokenizer_from_sentencepiece(model)
    tokenizer.add_tokens([AddedToken("<|user|>", special=True), AddedToken("<tool>", special=False, normalized=False)])
    save_tokenizer(tokenizer, tmp_path, model)
    wanted = tokenizer("你好<|user|> the<tool>x").input_ids
    assert {600, 601} <= set(wanted)
    assert load_tokenizer(tmp_path)("你好<|user|> the<tool>x").input_ids == wanted
    (tmp_path / "tokenizer.json").unlink()
    assert load_tokenizer(tmp_path)("你好<|user|> the<tool>x").input_ids == wanted


def test_added_tokens_that_leave_a_gap_are_refused(model, tmp_path):
    shutil.copy(model, tmp_path)
    (tmp_path / "added_tokens.json").write_text('{"<|user|>": 700}')
    with pytest.raises(BelleError, match="do not follow the 600 pieces"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_without_a_pad_token_gets_one_without_a_new_row(model, tmp_path):
    save_tokenizer(tokenizer_from_sentencepiece(model), tmp_path, model)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    del config["pad_token"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.pad_token == "<unk>"
    assert len(tokenizer) == 600


def test_what_is_missing_or_broken_is_named(tmp_path):
    with pytest.raises(BelleError, match=r"no tokenizer directory at .*absent"):
        load_tokenizer(tmp_path / "absent")
    with pytest.raises(BelleError, match=r"holds no tokenizer: expected tokenizer.json or tokenizer.model"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(BelleError, match=r"tokenizer_config.json: is not JSON"):
        load_tokenizer(tmp_path)
