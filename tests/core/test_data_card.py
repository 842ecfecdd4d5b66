"""The data card: true to the artifact, the same for the same data, and a head that ``datasets`` loads by."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
import yaml

from belle_core.api import run
from belle_core.artifacts import Examples
from belle_core.data.card import write_card

POEM = "写一首关于春天的诗"


def records(count: int) -> list[dict]:
    return [{"instruction": f"{POEM}，第{n}首", "input": "", "output": f"春风第{n}次吹来"} for n in range(count)]


def write(path, lines) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def head_of(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


@pytest.fixture
def made(tmp_path, monkeypatch):
    """An artifact with three splits, a filter and something dropped; made again in another store on each call."""
    write(tmp_path / "poems.jsonl", [*records(30), *records(3), {"instruction": "空", "input": "", "output": ""}])

    def make(store: str, *more: str) -> Examples:
        monkeypatch.setenv("BELLE_STORE", str(tmp_path / store))
        data = run(["+data=files", f"data.path={tmp_path / 'poems.jsonl'}", "data.dev=4", "data.test=3",
                    "data.licence=CC-BY-NC-4.0", "+filter@data.clean.twice=exact", *more], quiet=True).artifacts["data"]  # fmt: skip
        assert isinstance(data, Examples)
        return data

    return make


def test_it_says_what_the_artifact_holds(made):
    data = made("one")
    card = (data.directory / "README.md").read_text(encoding="utf-8")
    head = head_of(card)
    assert head["license"] == ["cc-by-nc-4.0"] and head["language"] == ["zh"] and head["size_categories"] == ["n<1K"]
    assert [one["split"] for one in head["configs"][0]["data_files"]] == ["train", "dev", "test"]
    for split, count in data.splits.items():
        digest = hashlib.sha256((data.directory / f"{split}.jsonl").read_bytes()).hexdigest()
        assert f"| {split} | {count} | {split}.jsonl | {digest} |" in card
    source = hashlib.sha256((data.directory.parents[2] / "poems.jsonl").read_bytes()).hexdigest()
    assert f"| poems.jsonl |  | {source} |" in card
    assert re.search(r"\| twice \| filter/exact/\d+ \| \{.*\} \| 33 \| 0 \| 0 \| 3 \|", card)
    for reason, count in data.rejected.items():
        assert f"| {reason.replace('_', chr(92) + '_')} | {count} |" in card
    manifest = json.loads((data.directory / "artifact.json").read_text(encoding="utf-8"))
    assert "README.md" in manifest["files"]


def test_a_mix_names_the_files_and_licences_of_its_sources(tmp_path):
    for name in ("ours", "theirs"):
        write(tmp_path / f"{name}.jsonl", [r | {"instruction": f"{name}{n}"} for n, r in enumerate(records(9))])
    paths = [f"data.sources.{name}.path={tmp_path / name}.jsonl" for name in ("ours", "theirs")]
    sources = [f"+data@data.sources.{name}=files" for name in ("ours", "theirs")]
    mixed = run(["+data=mix", *sources, *paths, "data.sources.ours.licence=MIT"], quiet=True).artifacts["data"]
    card = (mixed.directory / "README.md").read_text(encoding="utf-8")
    assert head_of(card)["license"] == ["mit", "unknown"]
    assert re.search(r"\| Examples/\w+, from ours\.jsonl \| MIT \|", card)
    assert re.search(r"\| Examples/\w+, from theirs\.jsonl \| not stated \|", card)
    assert str(tmp_path) not in card


def test_what_only_filters_looked_into_is_no_source(tmp_path):
    """The questions of an evaluation are what the data do not hold; the mix of such data does not name them either."""
    write(tmp_path / "ours.jsonl", records(9))
    (tmp_path / "asked.txt").write_text("没有人问过的问题\n", encoding="utf-8")
    source = [
        f"data.sources.ours.path={tmp_path}/ours.jsonl",
        "+filter@data.sources.ours.clean.seen=contamination",
        f"data.sources.ours.clean.seen.against={tmp_path}/asked.txt",
    ]
    done = run(["+data=mix", "+data@data.sources.ours=files", *source], quiet=True)
    inner, mixed = (
        (artifact.directory / "README.md").read_text(encoding="utf-8") for artifact in done.artifacts.values()
    )
    sources = inner.split("## Sources")[1].split("## ")[0]
    assert "ours.jsonl" in sources and "asked" not in sources
    assert re.search(r"## Files that only filters looked into\n\n.*\n.*\n\| asked.txt \| [0-9a-f]{64} \|", inner)
    assert re.search(r"\| seen \| filter/contamination/\d+ \| \{\"against\": \\\[\"asked.txt\"", inner)
    assert "from ours.jsonl |" in mixed and "asked" not in mixed


def test_the_same_data_give_the_same_card(made):
    first, second = made("one"), made("two")
    assert first.directory != second.directory
    assert (first.directory / "README.md").read_bytes() == (second.directory / "README.md").read_bytes()


def test_the_examples_are_read_back_as_files(made):
    data = made("one")
    again = run(["+data=files", f"data.path={data.directory / 'train.jsonl'}"], quiet=True).artifacts["data"]
    assert again.splits == {"train": data.splits["train"]}


def test_words_of_others_do_not_break_head_or_tables(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"id": "1", "text": "a"}\n', encoding="utf-8")
    odd = Examples(directory=tmp_path, record="text", splits={"train": 1}, rejected={"a|b\n<script>": 1},
                   licences=['own: "terms"\n---', "MIT"])  # fmt: skip
    write_card(odd, {"config": {"note": "```\n# no"}}, files=[], compared=[], inputs=[], digest=lambda path: "0")
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    head = head_of(card)
    assert head["license"] == ["mit", "other"] and head["license_name"] == 'own: "terms"\n---'
    assert "| a\\|b &lt;script> | 1 |" in card
    assert card.count("```") == 2


def test_datasets_loads_every_split(made, tmp_path, monkeypatch):
    """Also when fields come late, differ in type, or hold what only some records have."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    from datasets import load_dataset

    data = made("one")
    with (data.directory / "train.jsonl").open("a", encoding="utf-8") as file:
        for n in range(3000):
            meta = {"score": n} if n % 2 else {"score": "high", "by": {"who": ["a"]}}
            late = {"category": "late", "meta": meta, "weights": [1.0]} if n > 2500 else {}
            line = {"id": f"l{n}", "messages": [{"role": "user", "content": "很长" * 2000}], **late}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    loaded = load_dataset(str(data.directory), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in loaded.items()} == data.splits | {"train": data.splits["train"] + 3000}
    first = json.loads((data.directory / "dev.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert loaded["dev"][0]["messages"] == first["messages"] and loaded["dev"][0]["id"] == first["id"]
    assert loaded["train"][-1]["meta"] == {"score": 2999}
