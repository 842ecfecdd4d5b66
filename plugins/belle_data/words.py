"""What questions ask for: the first verb of each and its object, and the nouns; in Chinese with jieba, else pairs of characters; in English by rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

from belle_core.data.languages import HAN, language_of
from belle_core.data.words import tokenizer
from belle_data.english import asked_in_english

MOST = 40
"""Entries of each list."""
LONGEST = 200
"""Characters of a question that are looked at."""
EMPTY = frozenset("请 请问 帮 帮忙 帮助 给 是 有 没有 能 能够 可以 会 要 想 想要 需要 应该 让 使 使用 用 如 关于 根据 基于 到 去 来 做 进行 在 为 下 给定 以下 如下 下列".split())  # fmt: skip
"""Verbs that say nothing of the task."""
CLAUSE = re.compile(r"[，。！？；：,.!?;:\n]")


def words_of(questions: Iterable[str]) -> dict[str, Any]:
    """``pairs`` of verb and object, ``verbs``, ``topics``, each with its count; ``method`` is ``jieba`` or ``bigrams``.

    These are of the Chinese questions; ``english`` has the same of the English ones, by ``rules``. ``others`` says how many are neither.
    """
    chinese: list[str] = []
    english: list[str] = []
    others = 0
    for question in questions:
        if HAN.search(question):
            chinese.append(question[:LONGEST])
        elif language_of(question, detect=False) == "en":
            english.append(question[:LONGEST])
        else:
            others += 1
    found = _segmented(chinese) if find_spec("jieba") else _pairs_of_characters(chinese)
    of_english = {"looked_at": len(english), **_listed("rules", **asked_in_english(english))}
    return {"looked_at": len(chinese), "others": others, **found, "english": of_english}


def _segmented(questions: Sequence[str]) -> dict[str, Any]:
    pairs: Counter[tuple[str, str]] = Counter()
    verbs: Counter[str] = Counter()
    topics: Counter[str] = Counter()
    for question in questions:
        words = [(word.word, word.flag) for word in _segmenter().cut(question)]
        topics.update({word for word, flag in words if flag.startswith("n") and len(word) > 1 and HAN.search(word)})
        verb, thing = verb_and_object(words)
        if verb:
            verbs[verb] += 1
            pairs[verb, thing] += 1 if thing else 0
    return _listed("jieba", pairs, verbs, topics)


def _listed(method: str, pairs: Counter[tuple[str, str]], verbs: Counter[str], topics: Counter[str]) -> dict[str, Any]:
    return {
        "method": method,
        "pairs": [[verb, thing, count] for (verb, thing), count in _most(pairs)],
        "verbs": [[verb, count] for verb, count in _most(verbs)],
        "topics": [[topic, count] for topic, count in _most(topics)],
    }


def verb_and_object(words: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The first verb that names a task, and the last noun of its clause, which is what a Chinese noun phrase is about."""
    verb = thing = ""
    for word, flag in words:
        if not verb:
            verb = word if flag == "v" and word not in EMPTY else ""
        elif CLAUSE.search(word):
            break
        elif flag in ("n", "nz", "vn", "an", "l"):
            thing = word
    return verb, thing


def _pairs_of_characters(questions: Sequence[str]) -> dict[str, Any]:
    """Neighbouring Chinese characters, once a question."""
    topics: Counter[str] = Counter()
    for question in questions:
        neighbours = pairwise(question)
        topics.update({a + b for a, b in neighbours if HAN.match(a) and HAN.match(b)})
    return _listed("bigrams", Counter(), Counter(), topics)


def _most(counts: Counter[Any]) -> list[tuple[Any, int]]:
    """Frequent ones first, the same order every time."""
    return sorted(((k, n) for k, n in counts.items() if n), key=lambda pair: (-pair[1], pair[0]))[:MOST]


@cache
def _segmenter() -> Any:
    """Words with their parts of speech."""
    from jieba.posseg import POSTokenizer

    return POSTokenizer(tokenizer())
