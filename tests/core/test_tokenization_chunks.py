"""A text encoded in pieces has the ids of the whole, whatever the merges are; other tokenizers are left as they are."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from belle_core.tokenization import SegmentEncoder, chunks, tokenizer_from_sentencepiece
from belle_core.tokenization.chunks import SPACE, ChunkEncoder, divisible
from belle_core.tokenization.probes import probe_texts

LETTERS = ["a", "b", "c", "]", "^", "-", "\\", SPACE, "春", "天", "\n"]
TEXTS = st.text(alphabet=st.sampled_from([*LETTERS, " ", "诗", "é", "😀", "．"]), max_size=40)


def invented(seed: int, *, merges: int, prefix: bool = True) -> Tokenizer:
    """A BPE with random merges of a few letters, also across spaces."""
    chance = random.Random(seed)
    pieces, pairs = list(LETTERS), []
    for _ in range(merges):
        pair = chance.choice(pieces), chance.choice(pieces)
        if "".join(pair) not in pieces:
            pieces.append("".join(pair))
            pairs.append(pair)
    vocabulary = {
        piece: number for number, piece in enumerate(["<unk>", *(f"<0x{n:02X}>" for n in range(256)), *pieces])
    }
    backend = Tokenizer(
        models.BPE(vocab=vocabulary, merges=pairs, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    steps = [normalizers.Replace(" ", SPACE)]
    backend.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), *steps] if prefix else steps)
    return backend


@pytest.mark.parametrize("seed", range(12))
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, max_size=4))
def test_pieces_have_the_ids_of_the_whole(seed, texts):
    backend = invented(seed, merges=(0, 2, 6, 25)[seed % 4], prefix=seed % 3 > 0)
    description = json.loads(backend.to_str())
    assert divisible(description)
    encoder = ChunkEncoder(backend.model, description["model"]["merges"])
    texts = [*texts, "", *texts]  # the second time from memory
    wanted = [backend.encode(text, add_special_tokens=False).ids for text in texts]
    ids, counts = encoder.encode([backend.normalizer.normalize_str(text) for text in texts])
    assert ids.tolist() == [token for each in wanted for token in each]
    assert counts.tolist() == list(map(len, wanted))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(SentencePiece, our tokenizer) of LLaMA's kind."""
    folder = tmp_path_factory.mktemp("model")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.replace("\n", " ") for text in probe_texts(300)), model_prefix=str(folder / "m"),
        model_type="bpe", vocab_size=600, byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, minloglevel=2,
    )  # fmt: skip
    model = sentencepiece.SentencePieceProcessor(str(folder / "m.model"))
    return model, tokenizer_from_sentencepiece(folder / "m.model")


def test_ids_are_those_of_sentencepiece(trained):
    model, tokenizer = trained
    encoder = SegmentEncoder(tokenizer)
    for text in probe_texts(500):
        assert encoder.encode(text, after_text=False) == model.encode(text)


def test_real_text_has_the_ids_of_sentencepiece(shared):
    path = shared / "data" / "tokenizers" / "llama_tokenizer.model"
    model, encoder = sentencepiece.SentencePieceProcessor(str(path)), SegmentEncoder(tokenizer_from_sentencepiece(path))
    with (shared / "data" / "alpaca" / "alpaca_zh_51k.jsonl").open(encoding="utf-8") as file:
        texts = [json.loads(line)["output"] for line, _ in zip(file, range(3000))]
    assert [encoder.encode(text, after_text=False) for text in texts] == model.encode(texts)


def test_what_was_forgotten_is_learned_again(monkeypatch):
    monkeypatch.setattr(chunks, "MOST", 20)
    backend = invented(3, merges=25)
    encoder = ChunkEncoder(backend.model, json.loads(backend.to_str())["model"]["merges"])
    chance = random.Random(0)
    for _ in range(50):
        text = "".join(chance.choice([*LETTERS, "诗"]) for _ in range(12))
        wanted = [token.id for token in backend.model.tokenize(text)]
        assert encoder.encode([text])[0].tolist() == wanted


def test_threads_share_what_is_remembered():
    backend = invented(6, merges=25)
    encoder = ChunkEncoder(backend.model, json.loads(backend.to_str())["model"]["merges"])
    chance = random.Random(0)
    texts = ["".join(chance.choice([*LETTERS, chr(0x4E00 + n % 999)]) for _ in range(30)) for n in range(2000)]
    wanted = [[token.id for token in backend.model.tokenize(text)] for text in texts]
    with ThreadPoolExecutor(4) as threads:
        assert [ids.tolist() for ids, _ in threads.map(encoder.encode, [[text] for text in texts])] == wanted


def test_what_does_not_work_by_merges_alone_is_left_whole():
    backend = invented(1, merges=5)
    assert divisible(json.loads(backend.to_str()))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    assert not divisible(json.loads(backend.to_str()))
    with_word = invented(1, merges=5)
    with_word.add_tokens([AddedToken("ab", special=False)])
    assert not divisible(json.loads(with_word.to_str()))
    for change in ({"byte_fallback": False}, {"dropout": 0.1}, {"ignore_merges": True}):
        description = json.loads(invented(1, merges=5).to_str())
        description["model"] |= change
        assert not divisible(description)
