"""Semantic duplicates against plain transformers and all pairs, and going on after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from belle_duplicates import semantic
from belle_duplicates.config import SemanticConfig
from belle_duplicates.encoder import Encoder
from belle_duplicates.semantic import Semantic
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModel, BertConfig, BertModel, PreTrainedTokenizerFast

from belle_core.conversation import Conversation, Example
from belle_core.data.batches import Batch
from belle_core.data.corpus import Stored
from belle_core.errors import BelleError

SIGNS = "天地玄黄宇宙洪荒日月盈昃"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A random encoder with one token a character."""
    directory = tmp_path_factory.mktemp("encoder")
    words = {"[PAD]": 0, "[UNK]": 1} | {sign: number for number, sign in enumerate(SIGNS, 2)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(directory)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(directory)
    return directory


def texts(count: int) -> list[str]:
    """Random texts of 1 to 9 characters."""
    random = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, 10, (count,), generator=random).tolist()
    return ["".join(SIGNS[n] for n in torch.randint(0, len(SIGNS), (length,), generator=random)) for length in lengths]


def decisions(folder: Path, model: Path, written: list[str], **options) -> list[str | None]:
    """The evidence of every drop."""
    examples = [Example(str(n), Conversation.of(text)) for n, text in enumerate(written)]
    filter = Semantic(SemanticConfig(model=str(model), **options))
    batch = Batch.of(None, [example.id for example in examples], examples, [filter], keys=False)
    return [drop and drop.evidence for drop in filter.decide(Stored([batch], 0, folder))]


def test_vectors_are_the_means_that_transformers_gives(model):
    """Text by text, without padding."""
    reference, encoder = AutoModel.from_pretrained(model).eval(), Encoder(model, length=8)
    written = [*texts(12), ""]
    for text, vector in zip(written, encoder.encode(written)):
        ids = torch.tensor([encoder.tokenizer(text)["input_ids"][:8]], dtype=torch.long)
        if not ids.numel():
            assert not vector.any()
            continue
        mean = reference(ids).last_hidden_state[0].mean(dim=0)
        torch.testing.assert_close(vector, mean / mean.norm(), atol=1e-5, rtol=0)


def test_what_is_dropped_is_what_all_pairs_say(tmp_path, model, monkeypatch):
    """For blocks of any size: an example goes when an earlier one that stays is near enough, and the nearest is named."""
    written = texts(120)
    vectors, kept, wanted = Encoder(model, length=512).encode(written).half().float(), [], []
    for number, vector in enumerate(vectors):
        cosines = {other: float(vectors[other] @ vector) for other in kept}
        nearest = max(cosines, key=cosines.__getitem__, default=None)
        if nearest is not None and cosines[nearest] >= 0.97:
            wanted.append(nearest)
        else:
            kept.append(number)
            wanted.append(None)
    assert 20 < len(kept) < 110
    for block in (1, 50, 1000):
        monkeypatch.setattr(semantic, "BLOCK", block)
        monkeypatch.setattr(semantic, "AT_ONCE", 16)
        found = decisions(tmp_path / str(block), model, written, threshold=0.97)
        assert [text and int(text.split()[1].rstrip(":")) for text in found] == wanted


def test_a_broken_off_run_makes_no_vector_twice(tmp_path, model, monkeypatch):
    monkeypatch.setattr(semantic, "BLOCK", 10)
    before, calls, most = Encoder.encode, [], [25]

    def encode(self, some):
        calls.append(len(some))
        if sum(calls) > most[0]:
            raise KeyboardInterrupt
        return before(self, some)

    monkeypatch.setattr(Encoder, "encode", encode)
    written = texts(40)
    with pytest.raises(KeyboardInterrupt):
        decisions(tmp_path / "a", model, written, threshold=0.97)
    calls.clear()
    most[0] = 1000
    found = decisions(tmp_path / "a", model, written, threshold=0.97)
    assert sum(calls) == 20
    assert found == decisions(tmp_path / "b", model, written, threshold=0.97)


def test_no_encoder_is_told(tmp_path):
    with pytest.raises(BelleError, match="Hugging Face"):
        Semantic(SemanticConfig(model=str(tmp_path)))
