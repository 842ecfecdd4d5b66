"""The text format, and reading it through ``data=files``."""

from __future__ import annotations

import pytest
from belle_alpaca.format import FORMAT as ALPACA
from belle_files.config import FilesConfig
from belle_files.stage import read
from belle_text.format import FORMAT

from belle_core import StageContext
from belle_core.data import Dropped, Place, Source, Unreadable, read_examples


@pytest.fixture
def place(tmp_path):
    return Place(Source(tmp_path / "books.jsonl", "books.jsonl", "books"), line=8, number=7)


def test_a_document_is_kept_as_it_is(place):
    (example,) = FORMAT.examples({"text": " 天地\n\n玄黄 \n", "id": 3, "title": "千字文"}, place)
    assert (example.text, example.id, example.meta) == (" 天地\n\n玄黄 \n", "3", {"title": "千字文"})
    assert example.conversation is None


@pytest.mark.parametrize(
    ("record", "kind", "reason"),
    [
        ({"title": "x"}, Unreadable, "missing_key:text"),
        ({"text": ["天"]}, Unreadable, "wrong_type:text"),
        ({"text": " \n"}, Dropped, "empty_text"),
        ({"text": None}, Dropped, "empty_text"),
    ],
)
def test_what_is_refused(place, record, kind, reason):
    with pytest.raises(kind) as caught:
        FORMAT.examples(record, place)
    assert caught.value.reason == reason


def test_it_leaves_other_layouts_alone():
    assert FORMAT.matches({"text": "天"}) and not FORMAT.matches({"texts": "天"}) and not FORMAT.matches({"text": {}})
    alpaca = {"instruction": "q", "input": "", "output": "a", "text": "### Instruction: q"}
    assert not FORMAT.matches(
        {"message_id": "1", "parent_id": None, "text": "问", "role": "prompter"}
    )  # of OpenAssistant
    assert ALPACA.matches(alpaca) and not FORMAT.matches(alpaca)


def test_real_text_is_read_whole(tmp_path, shared):
    path = shared / "data" / "firefly" / "dummy_pretrain.jsonl"
    examples = read(FilesConfig(path=str(path)), StageContext(directory=tmp_path, shared={}, inputs={}))
    assert examples.record == "text" and examples.splits["train"] + sum(examples.rejected.values()) == 45
    assert all(example.text for example in read_examples(examples, "train"))
