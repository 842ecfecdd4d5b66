"""Near duplicates: what is dropped against a brute-force Jaccard index, and what must survive."""

from __future__ import annotations

import json
import random
from pathlib import Path

import networkx
import pytest
from belle_duplicates.config import NearConfig
from belle_files.config import FilesConfig
from belle_files.stage import read
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_core import StageContext
from belle_core.config import CleaningConfig
from belle_core.conversation import Conversation, Example, Turn
from belle_core.data import ExamplesWriter, Given, clean, neighbours, read_examples
from belle_core.data.groups import _Groups
from belle_core.data.shingles import Shingles, jaccard, rows_for
from belle_core.testing import check_plugin

SIGNS = (
    "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈剑号巨阙珠称夜光"
)


def written(count: int, length: int, seed: int) -> list[str]:
    """Random texts, no two of which are alike."""
    choose = random.Random(seed)
    return ["".join(choose.choices(SIGNS, k=length)) for _ in range(count)]


def cleaned(folder: Path, texts: list[str], config: NearConfig, **more):
    """Texts that are left, by number, and the lines of rejected.jsonl."""
    folder.mkdir(exist_ok=True)
    examples = [
        (n, Example(str(n), Conversation((Turn("user", text), Turn("assistant", "好")))))
        for n, text in enumerate(texts)
    ]
    with ExamplesWriter(folder) as writer:
        for batch in clean(
            Given(examples), CleaningConfig(clean={"near": config}, **more), StageContext(folder, {}, {}), writer
        ):
            batch.write(writer, "train")
        artifact = writer.finish(licences=[])
    path = folder / "rejected.jsonl"
    rejected = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return [int(example.id) for example in read_examples(artifact, "train")], rejected


def changed(text: str, share: float, choose: random.Random) -> str:
    """*text* with about that share of its characters replaced."""
    return "".join(choose.choice(SIGNS) if choose.random() < share else sign for sign in text)


def exactly(one: str, other: str, size: int = 5) -> float:
    """The Jaccard index by its definition."""
    a, b = ({text[n : n + size] for n in range(len(text) - size + 1)} for text in (one, other))
    return len(a & b) / len(a | b)


def test_the_plugin_keeps_the_rules():
    assert check_plugin("duplicates") == []


def test_planted_duplicates_are_found_and_nothing_else(tmp_path):
    """Against all pairs: recall at 0.8 and above is 0.97 or more, every drop has an earlier kept text at 0.8 or more."""
    choose, texts = random.Random(1), []
    for text in written(200, 150, seed=2):
        texts += [text, changed(text, choose.choice((0.01, 0.015, 0.02, 0.03, 0.05)), choose)]
    kept, rejected = cleaned(tmp_path, texts, NearConfig(by="question"))
    gone = {int(line["id"]) for line in rejected}
    pairs = {n + 1: exactly(texts[n], texts[n + 1]) for n in range(0, len(texts), 2)}
    alike = {n for n, likeness in pairs.items() if likeness >= 0.8}
    assert 60 < len(alike) < 180  # some on either side of the threshold
    assert len(alike & gone) >= 0.97 * len(alike)
    assert gone <= alike
    assert sorted([*kept, *gone]) == list(range(len(texts)))
    for line in rejected:
        likeness, other = line["evidence"].split()[:2]
        assert other.removesuffix(":") == str(int(line["id"]) - 1)
        assert abs(float(likeness) - pairs[int(line["id"])]) < 0.006


def test_every_drop_has_its_like_in_what_is_left(tmp_path):
    """Also where each text is like the one before it and the first is not like the last."""
    choose, chain = random.Random(3), written(1, 200, seed=4)
    for _ in range(30):
        chain.append(changed(chain[-1], 0.012, choose))
    kept, rejected = cleaned(tmp_path, chain, NearConfig(by="question"))
    assert kept[0] == 0 and len(kept) > 1 and rejected
    for line in rejected:
        assert max(exactly(chain[int(line["id"])], chain[n]) for n in kept if n < int(line["id"])) >= 0.8
    for place, one in enumerate(kept):
        assert all(exactly(chain[one], chain[other]) < 0.8 for other in kept[:place])


def test_distinct_short_texts_survive(tmp_path):
    """One character makes another question; the same one with other punctuation does not."""
    texts = [
        "今天天气怎么样",
        "今天天气怎么样呢",
        "写一首关于春天的诗",
        "写一首关于秋天的诗",
        "3加4等于几",
        "3加5等于几",
        "写一首关于春天的诗！",
        "Ｗｈａｔ",
        "what?",
    ]
    kept, _ = cleaned(tmp_path, texts, NearConfig(by="question"))
    assert kept == [0, 1, 2, 3, 4, 5, 7]


def test_the_result_depends_on_neither_workers_nor_memory(tmp_path, monkeypatch):
    """Blocks, the cache and worker processes change nothing."""
    choose, texts = random.Random(5), []
    for text in written(60, 80, seed=6):
        texts += [changed(text, 0.02, choose) for _ in range(4)]
    choose.shuffle(texts)
    one = cleaned(tmp_path / "one", texts, NearConfig(), workers=1)
    monkeypatch.setattr(neighbours, "BLOCK", 7)
    monkeypatch.setattr(neighbours, "KEPT", 2)
    monkeypatch.setattr(neighbours, "GRAMS", 40)
    monkeypatch.setattr(neighbours, "TOGETHER", 3)
    monkeypatch.setattr("belle_core.data.cleaning.CHUNK", 16)
    monkeypatch.setattr("belle_core.data.cleaning.AHEAD", 4)
    assert cleaned(tmp_path / "two", texts, NearConfig(), workers=2) == one
    assert 60 <= len(one[0]) < 240


def test_a_phrase_that_all_share_is_not_quadratic(tmp_path, monkeypatch):
    """A thousand texts of which every two have half their n-grams in common need few comparisons."""
    phrase = written(1, 100, seed=7)[0]
    made = []
    before = neighbours.Neighbours.__init__
    monkeypatch.setattr(neighbours, "BUCKET", 5)
    monkeypatch.setattr(
        neighbours.Neighbours, "__init__", lambda self, *a, **k: (made.append(self), before(self, *a, **k))[1]
    )
    texts = [phrase + text for text in written(1000, 40, seed=8)]
    kept, _ = cleaned(tmp_path, texts, NearConfig(by="question"))
    assert len(kept) == 1000
    assert made[0].compared <= 1000 * 5 * made[0].shingles.bands


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120), st.text(max_size=120), st.integers(2, 6))
def test_the_jaccard_index_is_the_definition(one, other, size):
    shingles = Shingles(threshold=0.8, size=size, short=size)
    grams = shingles.grams([one, other])
    if min(len(one), len(other)) >= size:
        assert jaccard(*grams) == pytest.approx(exactly(one, other, size))
    assert jaccard(grams[0], *shingles.grams([one])) == 1
    assert shingles.keys([one, other, one]) == [*shingles.keys([one]), *shingles.keys([other]), *shingles.keys([one])]
    assert len(shingles.keys([one])[0]) == 4 * shingles.bands


def test_keys_meet_as_often_as_the_formula_says():
    """Pairs at a known Jaccard index share a band's key with probability j**rows."""
    shingles, choose, meetings, expected = Shingles(threshold=0.8), random.Random(9), [], []
    for text in written(150, 300, seed=10):
        other = changed(text, 0.02, choose)
        keys = [memoryview(t).cast("I").tolist() for t in shingles.keys([text, other])]
        meetings.append(sum(a == b for a, b in zip(*keys)))
        expected.append(shingles.bands * exactly(text, other) ** shingles.rows)
    assert sum(meetings) == pytest.approx(sum(expected), rel=0.1)


def test_more_rows_for_a_higher_threshold():
    assert rows_for(0.5) < rows_for(0.8) < rows_for(0.95)
    assert rows_for(0.8) == 6


def test_no_question_is_nearly_the_same_on_both_sides_of_a_split(tmp_path):
    """Questions that are alike, in chains too, and have answers of their own go to one side; without ``near`` they do not."""
    choose, questions = random.Random(11), []
    for text in written(60, 120, seed=12):
        chain = [text]
        while len(chain) < choose.randint(1, 5):
            chain.append(changed(chain[-1], 0.01, choose))
        questions += chain
    choose.shuffle(questions)
    answers = written(len(questions), 200, seed=13)
    file = tmp_path / "data.jsonl"
    records = [{"instruction": question, "input": "", "output": answer} for question, answer in zip(questions, answers)]
    file.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")

    def crossing(name: str, clean: dict) -> int:
        """Pairs over the sides that are alike; all examples are there."""
        (folder := tmp_path / name).mkdir()
        artifact = read(FilesConfig(path=str(file), test="20", dev="15", clean=clean), StageContext(folder, {}, {}))
        assert artifact.splits == {"train": len(questions) - 35, "dev": 15, "test": 20}
        train, dev, test = (
            [e.conversation.question for e in read_examples(artifact, side)] for side in artifact.splits
        )
        pairs = [(a, b) for some, others in ((train, dev), (train, test), (dev, test)) for a in some for b in others]
        return sum(exactly(a, b) >= 0.8 for a, b in pairs)

    assert crossing("near", {"near": NearConfig()}) == 0
    assert crossing("without", {}) > 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=25))
def test_groups_are_the_connected_components(pairs):
    """Against networkx's."""
    groups, graph = _Groups(20), networkx.Graph()
    graph.add_nodes_from(range(20))
    graph.add_edges_from(pairs)
    for one, other in pairs:
        groups.join(one, other)
    for component in networkx.connected_components(graph):
        assert {groups.first(number) for number in component} == {min(component)}
