"""Semantic duplicates against plain transformers and all pairs, in one cell and in many, and going on after a crash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from belle_duplicates import greedy, vectors
from belle_duplicates.cells import Cells, divided, one_cell
from belle_duplicates.config import SemanticConfig
from belle_duplicates.encoder import Encoder
from belle_duplicates.greedy import nearest_kept
from belle_duplicates.semantic import Semantic
from belle_duplicates.vectors import Vectors
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
    rows, kept, wanted = Encoder(model, length=512).encode(written).half().float(), [], []
    for number, vector in enumerate(rows):
        cosines = {other: float(rows[other] @ vector) for other in kept}
        nearest = max(cosines, key=cosines.__getitem__, default=None)
        if nearest is not None and cosines[nearest] >= 0.97:
            wanted.append(nearest)
        else:
            kept.append(number)
            wanted.append(None)
    assert 20 < len(kept) < 110
    for block in (1, 50, 1000):
        monkeypatch.setattr(vectors, "TOGETHER", block)
        monkeypatch.setattr(greedy, "BLOCK", block)
        monkeypatch.setattr(greedy, "AT_ONCE", 16)
        found = decisions(tmp_path / str(block), model, written, threshold=0.97)
        assert [text and int(text.split()[1].rstrip(":")) for text in found] == wanted


def clouds(path: Path, count: int, *, centres: int, spread: float, dimension: int = 24) -> Vectors:
    """*count* vectors around *centres* random ones, in a file."""
    random = torch.Generator().manual_seed(2)
    around = torch.randn(centres, dimension, generator=random)
    chosen = around[torch.randint(0, centres, (count,), generator=random)]
    rows = torch.nn.functional.normalize(chosen + spread * torch.randn(count, dimension, generator=random), dim=1)
    path.write_bytes(rows.half().numpy().tobytes())
    return Vectors(path, (count, dimension))


def looks_in(cells: Cells, count: int) -> list[set[int]]:
    """The cells in which each looks."""
    found: list[set[int]] = [set() for _ in range(count)]
    for cell in range(len(cells)):
        for number in cells.looking_in(cell).tolist():
            found[number].add(cell)
    return found


def by_hand(rows: torch.Tensor, threshold: float, homes: list[int], looks: list[set[int]]) -> list[int | None]:
    """One by one: the nearest that stays and lives where one looks."""
    kept: list[int] = []
    found: list[int | None] = []
    for number, vector in enumerate(rows):
        near = {other: float(rows[other] @ vector) for other in kept if homes[other] in looks[number]}
        best = max(near, key=near.__getitem__, default=None)
        found.append(best if best is not None and near[best] >= threshold else None)
        if found[-1] is None:
            kept.append(number)
    return found


@pytest.mark.parametrize("block", [7, 1024])
def test_in_many_cells_those_that_share_one_are_compared_in_order(tmp_path, monkeypatch, block):
    """Chains lead from cell to cell here, so that leaders of a cell are dropped for others, and some who follow them stay."""
    monkeypatch.setattr(greedy, "BLOCK", block)
    monkeypatch.setattr(greedy, "AT_ONCE", 5)
    count, threshold = 1500, 0.8
    found = clouds(tmp_path / "vectors.bin", count, centres=30, spread=0.55)
    cells = divided(found, threshold, tmp_path, label="")
    rows, looks = found.rows(np.arange(count)), looks_in(cells, count)
    assert all(home in some for home, some in zip(cells.homes.tolist(), looks, strict=True))
    wanted = by_hand(rows, threshold, cells.homes.tolist(), looks)
    decided = list(nearest_kept(found, cells, threshold, label=""))
    assert [near and near[1] for near in decided] == wanted
    stays = {number for number, near in enumerate(wanted) if near is None}
    later, leaders, _ = greedy._like_leaders(found, cells, threshold, "")
    followed = {a for a, b in zip(later.tolist(), leaders.tolist()) if cells.homes[a] == cells.homes[b]}
    assert 100 < len(stays) < 1400 and len(stays & followed) > 5


def test_cells_find_nearly_all_that_all_pairs_find(tmp_path):
    """And say which share of pairs at the threshold, the hardest, they find."""
    count, threshold = 6000, 0.95
    found = clouds(tmp_path / "vectors.bin", count, centres=2000, spread=0.2, dimension=48)
    cells = divided(found, threshold, tmp_path, label="")
    exact = [near is not None for near in nearest_kept(found, one_cell(count), threshold, label="")]
    many = [near is not None for near in nearest_kept(found, cells, threshold, label="")]
    both = sum(a and b for a, b in zip(exact, many, strict=True))
    assert sum(exact) > 1000 and both >= 0.98 * sum(exact)
    assert cells.found["certainty"] >= 0.99 and len(cells.looking) < count * len(cells) / 10


def test_threads_change_nothing(tmp_path):
    threads, decided = torch.get_num_threads(), []
    found = clouds(tmp_path / "vectors.bin", 3000, centres=500, spread=0.3)
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            cells = divided(found, 0.9, tmp_path, label="")
            decided.append([near and near[1] for near in nearest_kept(found, cells, 0.9, label="")])
    finally:
        torch.set_num_threads(threads)
    assert decided[0] == decided[1] == decided[2] and any(decided[0])


def test_copies_of_one_text_are_compared_with_one(tmp_path):
    """Else their pairs would fill the memory."""
    found = clouds(tmp_path / "vectors.bin", 5000, centres=3, spread=0.001)
    cells = divided(found, 0.95, tmp_path, label="")
    later, _, _ = greedy._like_leaders(found, cells, 0.95, "")
    assert len(later) < 2 * len(found)
    assert sum(near is None for near in nearest_kept(found, cells, 0.95, label="")) == 3


def test_a_broken_off_run_makes_no_vector_twice(tmp_path, model, monkeypatch):
    monkeypatch.setattr(vectors, "TOGETHER", 10)
    before, calls, most = Encoder.encode, [], [25]

    def encode(self, some):
        calls.append(len(some))
        if sum(calls) > most[0]:
            raise KeyboardInterrupt
        return before(self, some)

    monkeypatch.setattr(Encoder, "encode", encode)
    written = texts(40)
    with pytest.raises(KeyboardInterrupt):
        decisions(tmp_path / "a", model, written, threshold=0.97, all_pairs=20)
    calls.clear()
    most[0] = 1000
    found = decisions(tmp_path / "a", model, written, threshold=0.97, all_pairs=20)
    assert sum(calls) == 20
    assert found == decisions(tmp_path / "b", model, written, threshold=0.97, all_pairs=20)
    changed = [*written[:15], "天地", *written[16:]]
    calls.clear()
    found = decisions(tmp_path / "a", model, changed, threshold=0.97)
    assert sum(calls) == 30  # from the block of the other text on
    assert found == decisions(tmp_path / "c", model, changed, threshold=0.97)


def test_the_artifact_and_the_run_tell_what_share_is_compared(tmp_path, model, capsys):
    """Texts of a random encoder are all alike, so that a low threshold says little."""
    examples = [Example(str(n), Conversation.of(text)) for n, text in enumerate(texts(600))]
    for name, options, told in (("a", {}, False), ("b", {"all_pairs": 100}, True)):
        filter = Semantic(SemanticConfig(model=str(model), threshold=0.3, **options))
        batch = Batch.of(None, [example.id for example in examples], examples, [filter], keys=False)
        list(filter.decide(Stored([batch], 0, tmp_path / name)))
        assert ("certainty" in filter.found()) is told and (filter.found()["cells"] > 1) is told
        assert ("semantic compares" in capsys.readouterr().err) is told


def test_no_encoder_is_told(tmp_path):
    with pytest.raises(BelleError, match="Hugging Face"):
        Semantic(SemanticConfig(model=str(tmp_path)))
