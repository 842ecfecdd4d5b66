"""Every published data set that people bring most is read right the first time."""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path

import pytest
from belle_files.columns import Columns
from belle_formats import compared, firefly, pairs, parts, preference, ranked, turns
from published_layouts import LAYOUTS, SAFE, Means, says

from belle_core import run
from belle_core.conversation import Example
from belle_core.data import Dropped, Refused
from belle_core.data.formats import choose_format, load_format
from belle_core.data.places import Place, sources_of
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog

HERE = Place(sources_of([Path("data.json")])[0], line=3, number=7)


def meaning(record) -> Means:
    """What belle makes of a file of such records."""
    catalog = load_catalog()
    try:
        found, *left_out = load_format(catalog, choose_format([record], catalog, where="f")).examples(record, HERE)
    except Dropped as dropped:
        return Means(dropped=dropped.reason)
    if isinstance(found, Refused):
        return Means(dropped=found.reason)
    assert isinstance(found, Example) and all(isinstance(one, Refused) for one in left_out)
    if found.conversation is None:
        return Means(text=found.text)
    return Means(tuple(t.text for t in found.conversation.turns), found.conversation.system, found.rejected)


@pytest.mark.parametrize(("record", "expected"), [pytest.param(*case, id=name) for name, *case in LAYOUTS])
def test_the_layout_is_read_right_the_first_time(record, expected):
    assert meaning(record) == expected


def test_the_safer_answer_can_be_asked_for():
    """As ``docs/data.md`` says, with ``data.columns``."""
    record = SAFE | {"better_response_id": 1, "safer_response_id": 0}
    assert meaning(record) == says("问", "差", rejected=("好",))
    assert meaning(Columns({"better_response_id": "safer_response_id"}).rename(record)) == says(
        "问", "好", rejected=("差",)
    )


@pytest.mark.parametrize(
    ("record", "columns"),
    [
        ({"qid": "1", "category": "教育", "title": "怎样学好一门语言？", "desc": "", "reply": "每天都说一说，读一读。"},
         {"question": "title", "answer": "reply"}),
        ({"url": "x", "channel": "新闻", "title": "下雪了", "content": "今天早上下了一场大雪。"}, {"text": "content"}),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_keys_and_how_to_read_it(record, columns):
    written = "data.columns={" + ", ".join(f"{ours}: {theirs}" for ours, theirs in columns.items()) + "}"
    with pytest.raises(BelleError) as caught:
        meaning(record)
    assert all(f"{key}: str" in str(caught.value) for key in record) and written in str(caught.value)
    assert meaning(Columns(columns).rename(record)).turns or "text" in columns


def test_messages_under_another_name_are_refused_with_their_name():
    record = {"turns": [{"from": "human", "value": "问"}, {"from": "gpt", "value": "答"}]}
    with pytest.raises(BelleError, match=r"say data\.columns=\{messages: turns\}"):
        meaning(record)
    assert meaning(Columns({"messages": "turns"}).rename(record)) == says("问", "答")


def test_every_name_of_a_field_is_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    formats = (parts.MATH23K, parts.COIG, parts.TRANSLATED, parts.NATURAL, parts.REVISED)
    names = {
        *chain(*pairs.NAMES, *preference.NAMES, pairs.MATERIAL, preference.BEFORE, preference.QUESTIONS, turns.ROLES),
        *(one for pair in firefly.NAMES for one in pair),
        *(one for pairing in compared.COMPARISONS for one in pairing.keys),
        *(one for ranking in ranked.RANKINGS for one in (ranking.answers, *ranking.scores)),
    }
    first = {layout.asked[0] for one in formats for layout in one.layouts}
    missing = [name for name in sorted(names | first) if not re.search(rf"[`{{ ]{re.escape(name)}[`}},]", page)]
    assert missing == []


def test_messages_without_their_trees_name_the_file_that_holds_them(tmp_path):
    """OpenAssistant's tables, which its repository gives first."""
    message = {"message_id": "a", "parent_id": None, "text": "问", "role": "prompter", "lang": "zh", "rank": None}
    (tmp_path / "train.jsonl").write_text(json.dumps(message) + "\n", encoding="utf-8")
    with pytest.raises(BelleError, match=r"data\.files='\*ready\.trees\.jsonl\.gz'"):
        run(["+data=files", f"data.path={tmp_path}/train.jsonl"], quiet=True)


def test_a_column_is_not_named_where_it_would_surely_be_wrong():
    with pytest.raises(BelleError) as caught:
        meaning({"question": "问", "A": "一", "B": "二", "answer": "A"})
    assert "for instance" not in str(caught.value)
