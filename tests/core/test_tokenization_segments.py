"""Segments put together are the whole, and no text becomes a special token."""

from __future__ import annotations

import pytest
import sentencepiece
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from belle_core.tokenization import SegmentEncoder, tokenizer_from_sentencepiece, train_sentencepiece
from belle_core.tokenization.probes import probe_texts

TEXTS = probe_texts(300)


def from_sentencepiece(path, **options) -> PreTrainedTokenizerFast:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.replace("\n", " ") for text in TEXTS), model_prefix=str(path / "m"), model_type="bpe",
        vocab_size=600, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        minloglevel=2, **options,
    )  # fmt: skip
    return tokenizer_from_sentencepiece(path / "m.model")


def from_backend(pre_tokenizer, decoder, model=None) -> PreTrainedTokenizerFast:
    """Trained on texts that hold written-out special tokens, so that its pieces may spell them."""
    backend = Tokenizer(model or models.BPE(unk_token="<unk>"))
    backend.pre_tokenizer, backend.decoder = pre_tokenizer, decoder
    special = ["<unk>", "<s>", "</s>", "<|im_end|>"]
    options = {"vocab_size": 600, "special_tokens": special, "initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}
    trainer = trainers.UnigramTrainer(unk_token="<unk>", **options) if model else trainers.BpeTrainer(**options)
    backend.train_from_iterator(TEXTS * 5, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


KINDS = {
    "ours": lambda path: (
        (path / "m.model").write_bytes(train_sentencepiece(TEXTS, vocab_size=600, control=["<|im_end|>"])),
        tokenizer_from_sentencepiece(path / "m.model"),
    )[1],
    "dummy prefix": lambda path: from_sentencepiece(path, control_symbols=["<|im_end|>"]),
    "byte level": lambda path: from_backend(pre_tokenizers.ByteLevel(add_prefix_space=True), decoders.ByteLevel()),
    "unigram": lambda path: from_backend(pre_tokenizers.Metaspace(), decoders.Metaspace(), models.Unigram()),
    "metaspace": lambda path: from_backend(pre_tokenizers.Metaspace(prepend_scheme="always"), decoders.Metaspace()),
}


@pytest.fixture(params=KINDS)
def tokenizer(request, tmp_path) -> PreTrainedTokenizerFast:
    return KINDS[request.param](tmp_path)


def test_written_out_special_tokens_stay_text(tokenizer):
    encoder = SegmentEncoder(tokenizer)
    special = set(tokenizer.all_special_ids) | {tokenizer.convert_tokens_to_ids("<|im_end|>")} - {
        tokenizer.unk_token_id
    }
    for text in ("</s>", "hello</s>", "<s>你好</s><|im_end|>", "a <|im_end|> b", "</s>" * 3):
        for after_text in (False, True):
            ids = encoder.encode(text, after_text=after_text)
            assert not special & set(ids)
    assert tokenizer("a</s>").input_ids[-1] == tokenizer.eos_token_id, "the tokenizer itself is left as it was"


def test_a_prefix_space_comes_only_at_the_start(tokenizer, request):
    encoder = SegmentEncoder(tokenizer)
    first, later = encoder.encode("hello", after_text=False), encoder.encode("hello", after_text=True)
    assert tokenizer.decode(first + later).strip() == "hellohello"
    assert tokenizer.decode(first + encoder.encode(" hello", after_text=True)).strip() == "hello hello"
    assert (first == later) == (request.node.callspec.params["tokenizer"] == "ours"), "only ours has no prefix at all"


def test_no_special_tokens_are_added(tokenizer):
    assert SegmentEncoder(tokenizer).encode("", after_text=False) == []


def test_truncation_and_padding_of_the_tokenizer_do_not_reach_segments(tokenizer):
    tokenizer.backend_tokenizer.enable_truncation(3)
    tokenizer.backend_tokenizer.enable_padding(length=100)
    text = "你好 the hello" * 5
    assert len(SegmentEncoder(tokenizer).encode(text, after_text=True)) not in (3, 100)


def test_segments_equal_sentencepiece_on_the_whole_text(tmp_path):
    """Where a boundary cannot merge (a line break), ids of segments are the ids of the text."""
    tokenizer = from_sentencepiece(tmp_path)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "m.model"))
    encoder = SegmentEncoder(tokenizer)
    for left, right in zip(TEXTS[::2], TEXTS[1::2], strict=True):
        ids = encoder.encode(left + "\n", after_text=False) + encoder.encode(right, after_text=True)
        assert ids == reference.encode(left + "\n" + right)
