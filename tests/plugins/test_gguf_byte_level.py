"""Only byte-level tokenizers whose splitting llama.cpp knows are exported."""

from __future__ import annotations

import json

import pytest
from belle_gguf.byte_level import NAMES, pre_tokenizer_name
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from belle_core.errors import BelleError


def description(pre_tokenizer, **options) -> dict:
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre_tokenizer
    return json.loads(tokenizer.to_str())


def split(pattern: str, **options) -> dict:
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return description(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), last]), **options)


def test_known_patterns_have_their_names():
    assert pre_tokenizer_name(description(pre_tokenizers.ByteLevel(add_prefix_space=False)), "m") == "gpt-2"
    for pattern, name in list(NAMES.items())[1:]:
        assert pre_tokenizer_name(split(pattern, ignore_merges=name == "llama-bpe"), "m") == name


@pytest.mark.parametrize(
    "unknown",
    [
        description(pre_tokenizers.ByteLevel(add_prefix_space=True)),
        description(pre_tokenizers.Whitespace()),
        split(r"\w+"),
        split(list(NAMES)[1], ignore_merges=True),
    ],
    ids=["prefix space", "not byte level", "another pattern", "merges ignored"],
)
def test_others_are_refused(unknown):
    with pytest.raises(BelleError, match="is not known"):
        pre_tokenizer_name(unknown, "m")


def test_a_sentencepiece_tokenizer_needs_its_model_file():
    with pytest.raises(BelleError, match=r"needs tokenizer.model"):
        pre_tokenizer_name(description(None, byte_fallback=True), "m")
