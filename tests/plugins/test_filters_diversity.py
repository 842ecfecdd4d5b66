"""Diversity by word frequencies: as a slow program decides it, for any number of workers, and nothing is lost."""

from __future__ import annotations

import json
import random
import re

import pytest
from belle_filters.corpus_config import DiversityConfig
from belle_filters.diversity import words

from belle_core import StageContext
from belle_core.config import CleaningConfig
from belle_core.conversation import Conversation, Example
from belle_core.data import ExamplesWriter, Given, clean
from belle_core.errors import Invalid

SUBJECTS = ["春天", "秋天", "数学", "足球", "人工智能", "a poem", "Rome", "3 + 4"]


def asked(count: int, seed: int = 0) -> list[str]:
    """Questions, most of which are about the same few things."""
    chance = random.Random(seed)
    often = [f"写一首关于{subject}的诗" for subject in SUBJECTS]
    han = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"
    return [
        chance.choice(often) if chance.random() < 0.7 else "请说明" + "".join(chance.choices(han, k=5))
        for _ in range(count)
    ]


def cleaned(folder, texts, **options):
    folder.mkdir()
    workers = options.pop("workers", 1)
    config = CleaningConfig(clean={"diversity": DiversityConfig(**options)}, workers=workers)
    examples = [(n, Example(str(n), Conversation.of(text, "好"))) for n, text in enumerate(texts)]
    with ExamplesWriter(folder) as writer:
        for batch in clean(Given(examples), config, StageContext(folder, {}, {}), writer):
            batch.write(writer, "train")
        return writer.finish(licences=[])


def ids(folder) -> list[int]:
    return [int(json.loads(line)["id"]) for line in (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()]


def slowly(texts: list[str], *, most: int, fresh: float) -> list[int]:
    """What is kept, looking through all that was kept before each time."""
    kept: list[tuple[int, set[str]]] = []
    for number, text in enumerate(texts):
        runs = re.findall(r"[a-z0-9]+|[一-鿿]+", text.lower())
        own = {
            part
            for run in runs
            for part in ([run] if run[0] < "一" or len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)])
        }
        rare = [word for word in own if sum(word in others for _, others in kept) < most]
        if len(rare) >= fresh * len(own):
            kept.append((number, own))
    return [number for number, _ in kept]


@pytest.mark.parametrize(("most", "fresh"), [(1, 0.5), (5, 0.3), (20, 0.9), (10_000, 1.0)])
def test_it_keeps_what_a_slow_program_keeps(tmp_path, most, fresh):
    texts = asked(300)
    artifact = cleaned(tmp_path / "a", texts, most=most, fresh=fresh)
    wanted = slowly(texts, most=most, fresh=fresh)
    assert ids(tmp_path / "a") == wanted
    dropped = len(texts) - len(wanted)
    assert artifact.rejected == ({"diversity": dropped} if dropped else {})
    assert artifact.splits["train"] + dropped == len(texts) and (dropped > 0) == (most < 10_000)


def test_the_result_is_the_same_for_any_number_of_workers(tmp_path):
    texts = asked(3000, seed=1)
    for workers in (1, 3):
        cleaned(tmp_path / str(workers), texts, most=20, workers=workers)
    files = [[(tmp_path / n / f"{name}.jsonl").read_bytes() for name in ("train", "rejected")] for n in ("1", "3")]
    assert files[0] == files[1]


def test_what_has_no_words_stays(tmp_path):
    cleaned(tmp_path / "a", ["？！", "", "？！"], most=1, fresh=1)
    assert ids(tmp_path / "a") == [0, 1, 2]


def test_words_are_words_and_pairs_of_chinese_characters():
    assert words("把 hello 译成中文，3次") == {"把", "hello", "译成", "成中", "中文", "3", "次"}


def test_jieba_divides_into_words(tmp_path):
    pytest.importorskip("jieba")
    cleaned(tmp_path / "a", ["介绍人工智能", "介绍人工智能", "介绍足球"], most=1, fresh=0.5, words="jieba")
    assert ids(tmp_path / "a") == [0, 2]


@pytest.mark.parametrize("options", [{"most": 0}, {"fresh": 1.5}, {"words": "letters"}])
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(Invalid):
        DiversityConfig(**options)
