"""Our tokenizers against SentencePiece itself: the same ids, the same text back."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from belle_core.errors import BelleError
from belle_core.tokenization import SegmentEncoder, tokenizer_from_sentencepiece, train_sentencepiece
from belle_core.tokenization.probes import FRAGMENTS, probe_texts

COUNT = 3000
SHARED = Path(os.environ.get("BELLE_SHARED", Path(__file__).parents[3] / "shared"))


def llama_like(**options) -> bytes:
    """Trained by SentencePiece alone, with LLaMA's options: a space is put before every text."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.replace("\n", " ") for text in probe_texts(800, seed=7)),
        model_writer=model,
        **{"model_type": "bpe", "vocab_size": 700, "normalization_rule_name": "identity", "byte_fallback": True}
        | {"remove_extra_whitespaces": False, "split_digits": True, "minloglevel": 2}
        | options,
    )
    return model.getvalue()


MODELS = {
    "bpe": lambda: train_sentencepiece(probe_texts(800, seed=7), vocab_size=700),
    "characters": lambda: train_sentencepiece(probe_texts(800, seed=7), vocab_size=5000, max_piece_length=1),
    "dummy prefix": llama_like,
    "extra spaces removed": lambda: llama_like(remove_extra_whitespaces=True),
    "user-defined pieces": lambda: llama_like(user_defined_symbols=["<|im_end|>", "你好"], add_dummy_prefix=False),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sentencepiece") / "tokenizer.model"
    path.write_bytes(MODELS[request.param]())
    return path


def assert_same_ids_and_text(path: Path) -> None:
    reference = sentencepiece.SentencePieceProcessor(model_file=str(path))
    tokenizer = tokenizer_from_sentencepiece(path)
    encoder = SegmentEncoder(tokenizer)
    texts = probe_texts(COUNT)
    ours = [encoder.encode(text, after_text=False) for text in texts]
    theirs = [reference.encode(text) for text in texts]
    assert [text for text, a, b in zip(texts, ours, theirs, strict=True) if a != b] == []
    assert [tokenizer.decode(ids) for ids in theirs] == [reference.decode(ids) for ids in theirs]


def test_ids_and_text_equal_sentencepiece(model):
    assert_same_ids_and_text(model)


def test_ids_and_text_equal_sentencepiece_for_llama():
    path = SHARED / "data/tokenizers/llama_tokenizer.model"
    if not path.is_file():
        pytest.skip(f"LLaMA's tokenizer is not at {path}; set BELLE_SHARED")
    assert_same_ids_and_text(path)


@pytest.mark.parametrize("kind", ["bpe", "characters"])
def test_our_tokenizers_lose_nothing(kind, tmp_path):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(MODELS[kind]())
    tokenizer = tokenizer_from_sentencepiece(path)
    encoder = SegmentEncoder(tokenizer)
    unseen = [
        "𪚥𪚥 𠮷野家",
        "🧑🏿‍🤝‍🧑🏻",
        "\u200b\u2028零",
        "￥％＃",
        " leading",
        "trailing ",
        "",
        "\x00\x7f",
        "\n\t \n",
    ]
    for text in [*probe_texts(COUNT, seed=1), *FRAGMENTS, *unseen]:
        for after_text in (False, True):
            assert tokenizer.decode(encoder.encode(text, after_text=after_text)) == text


def test_special_tokens_are_the_models_own(model):
    tokenizer = tokenizer_from_sentencepiece(model)
    assert (tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert tokenizer.pad_token_id == 0
    assert len(tokenizer) == sentencepiece.SentencePieceProcessor(model_file=str(model)).get_piece_size()
    assert tokenizer("你好").input_ids[0] == 1, "other tools get the BOS token that LLaMA's family expects"


def test_models_that_cannot_be_exact_are_refused(tmp_path):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(llama_like(model_type="unigram", vocab_size=420, hard_vocab_limit=False))
    with pytest.raises(BelleError, match="unigram"):
        tokenizer_from_sentencepiece(path)
    proto = sentencepiece_model_pb2.ModelProto.FromString(llama_like())
    proto.pieces[-1].type = 5  # unused
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(BelleError, match="unused pieces"):
        tokenizer_from_sentencepiece(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\xff" * 100])
def test_a_damaged_model_is_one_line(content, tmp_path):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    with pytest.raises(BelleError, match="is not a SentencePiece model") as error:
        tokenizer_from_sentencepiece(path)
    assert "\n" not in error.value.english + error.value.chinese


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(BelleError, match=r"absent.model: cannot be read"):
        tokenizer_from_sentencepiece(tmp_path / "absent.model")
