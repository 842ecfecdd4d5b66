"""Scores equal the libraries' and hand-computed values; an evaluation counts what it says, and goes on after kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from belle_reference.config import ReferenceConfig
from belle_reference.metrics import chrf, exact, last_number, numeric, rouge_l
from belle_reference.scoring import interval, summarise
from belle_reference.stage import evaluate
from scripted import random_model, saying

from belle_core import StageContext
from belle_core.artifacts import Examples, Model
from belle_core.conversation import Conversation, Example, Turn
from belle_core.data import ExamplesWriter
from belle_core.errors import BelleError, Invalid


def test_exact_forgives_white_space_at_the_ends_only():
    assert exact("好 的", "\n好 的  ") == 1
    assert [exact("好的", other) for other in ("好 的", "好的。", "好", "")] == [0, 0, 0, 0]
    assert exact("ＡＢ", "AB") == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("答案是12。", "12"),
        ("3 + 4 = 7", "7"),
        ("一共1,234.50元", "1234.50"),
        ("－５度", "-5"),
        ("\u22123.0", "-3"),
        ("10-20", "20"),
        ("比例为.5", ".5"),
        ("第2题：x1 y2", "2"),
        ("5%", "5"),
        ("三十", None),
        ("", None),
    ],
)
def test_the_last_number_is_found(text, value):
    assert last_number(text) == (None if value is None else Decimal(value))


def test_numeric_compares_values_and_only_where_there_is_one():
    assert numeric("等于 3", "先算2，得3.0") == 1
    assert numeric("等于 3", "得13") == 0
    assert numeric("等于 3", "不知道") == 0
    assert numeric("没有数字", "3") is None


def test_rouge_l_by_hand_and_by_the_library():
    assert rouge_l("今天天气很好", "今天很好") == pytest.approx(2 * 1.0 * (4 / 6) / (1 + 4 / 6))  # LCS 4 of 4 and of 6
    assert rouge_l("好", "好") == 1
    assert rouge_l("好", "") == 0
    from rouge_score.rouge_scorer import RougeScorer

    english = ("The quick brown fox jumps", "a quick fox jumped, the brown!")
    assert rouge_l(*english) == RougeScorer(["rougeL"]).score(*english)["rougeL"].fmeasure
    assert rouge_l("用Python写GGUF", "用python 写") == pytest.approx(2 * 1 * 0.75 / 1.75)


def test_chrf_is_sacrebleus():
    from sacrebleu import sentence_chrf

    for reference, answer in (
        ("今天天气很好", "今天很好"),
        ("好", "好"),
        ("积极", "消极"),
        ("abc def", "abc"),
        ("好", ""),
    ):
        assert chrf(reference, answer) == pytest.approx(sentence_chrf(answer, [reference]).score / 100)
    assert chrf("好", "好") == 1


def test_means_over_answers_and_over_categories():
    scored = [
        ("a", {"exact": 1.0, "numeric": 1.0}),
        ("a", {"exact": 1.0, "numeric": None}),
        ("a", {"exact": 0.0, "numeric": 0.0}),
        ("b", {"exact": 0.0, "numeric": None}),
    ]
    summary = summarise(scored)
    assert summary["overall"] == {"exact": 0.5, "numeric": 0.5}
    assert summary["macro"]["exact"] == pytest.approx((2 / 3 + 0) / 2)
    assert summary["counts"] == {"exact": 4, "numeric": 2}
    assert "numeric" not in summary["categories"]["b"]
    assert [figures["count"] for figures in summary["categories"].values()] == [3, 1]


def test_the_interval_is_that_of_the_binomial_and_always_the_same():
    values = [1.0] * 60 + [0.0] * 40
    low, high = interval(values)
    assert interval(values) == [low, high]
    assert low == pytest.approx(0.6 - 1.96 * 0.049, abs=0.015)
    assert high == pytest.approx(0.6 + 1.96 * 0.049, abs=0.015)
    assert interval([1.0] * 20) == [1.0, 1.0]


@pytest.mark.parametrize(
    "options",
    [{"metrics": ["rouge_l"]}, {"metrics": ["exact", "bleu"]}, {"split": "eval"}, {"batch": 0}, {"max_new_tokens": 0}],
)
def test_wrong_options_are_named(options):
    with pytest.raises(Invalid) as caught:
        ReferenceConfig(**options)
    assert caught.value.option == next(iter(options))


ANSWER = "世界12"


def examples_in(directory: Path, references: list[tuple[str, str | None]]) -> Examples:
    """A test split of (category, reference) pairs."""
    directory.mkdir(parents=True)
    with ExamplesWriter(directory) as writer:
        for number, (category, reference) in enumerate(references):
            writer.write(
                "test", Example(f"q{number}", Conversation.of(f"请回答{number}", reference), category=category)
            )
        return writer.finish(licences=[])


def context_of(tmp_path: Path, model: Path, examples: Examples, name: str = "evaluation", **more) -> StageContext:
    directory = tmp_path / name
    directory.mkdir(exist_ok=True)
    return StageContext(directory, {}, {Examples: examples, Model: Model(directory=model, parameters=1)}, **more)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory):
    return saying(tmp_path_factory.mktemp("scripted") / "model", ANSWER)


def test_an_evaluation_counts_right_answers_by_category(tmp_path, scripted):
    references = [
        ("math", ANSWER),
        ("math", "世界13"),
        ("math", "得12"),
        ("qa", f" {ANSWER}\n"),
        ("qa", "别的"),
        ("", ANSWER),
    ]
    emitted = []
    context = context_of(
        tmp_path, scripted, examples_in(tmp_path / "data", references), emit=lambda *e: emitted.append(e)
    )
    result = evaluate(ReferenceConfig(batch=4), context)
    assert next(iter(result.scores)) == "exact"
    assert result.scores["exact"] == 3 / 6
    assert result.scores["numeric"] == 4 / 5
    assert result.scores["exact_macro"] == pytest.approx((1 / 3 + 1 / 2 + 1) / 3)
    assert {name: figures["exact"] for name, figures in result.categories.items()} == {
        "math": 1 / 3,
        "qa": 1 / 2,
        "other": 1.0,
    }
    assert result.count == 6
    records = [
        json.loads(line) for line in (result.directory / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [record["scores"]["exact"] for record in records] == [1, 0, 0, 1, 0, 1]
    assert {record["answer"] for record in records} == {ANSWER}
    assert [record["id"] for record in records] == [f"q{number}" for number in range(6)]
    summary = json.loads((result.directory / "scores.json").read_text(encoding="utf-8"))
    assert summary["ended"] == {"stop": 6, "length": 0, "no_room": 0}
    assert summary["interval"][0] < 0.5 < summary["interval"][1]
    assert emitted[-1][1]["answers"] == 6


def test_cut_answers_are_counted_and_the_page_is_harmless(tmp_path, scripted, capsys):
    evil = "<script>alert(1)</script>"
    examples = examples_in(tmp_path / "data", [(evil, evil), ("b", "世")])
    result = evaluate(ReferenceConfig(max_new_tokens=1), context_of(tmp_path, scripted, examples))
    assert "2 answers were cut" in capsys.readouterr().out
    assert result.scores["exact"] == 0.5
    page = (result.directory / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_rendering_is_recorded_and_changes_with_the_prompts(tmp_path, scripted):
    def rendering(name, references):
        result = evaluate(
            ReferenceConfig(), context_of(tmp_path, scripted, examples_in(tmp_path / f"{name}-data", references), name)
        )
        return json.loads((result.directory / "scores.json").read_text(encoding="utf-8"))["rendering"]

    first, again, other = (
        rendering("a", [("x", "好")]),
        rendering("b", [("x", "坏")]),
        rendering("c", [("x", "好")] * 2),
    )
    assert first == again
    assert first["hash"] != other["hash"]
    assert first["template"] == "belle"


def test_earlier_turns_are_part_of_the_question(tmp_path, scripted):
    directory = tmp_path / "data"
    directory.mkdir()
    turns = (Turn("user", "一"), Turn("assistant", "二"), Turn("user", "三"), Turn("assistant", ANSWER))
    with ExamplesWriter(directory) as writer:
        writer.write("test", Example("m", Conversation(turns, "系统")))
        examples = writer.finish(licences=[])
    result = evaluate(ReferenceConfig(), context_of(tmp_path, scripted, examples))
    record = json.loads((result.directory / "answers.jsonl").read_text(encoding="utf-8"))
    assert [message["content"] for message in record["messages"]] == ["系统", "一", "二", "三"]
    assert record["reference"] == ANSWER
    assert result.scores["exact"] == 1


def test_examples_without_an_answer_are_left_out_and_counted(tmp_path, scripted, capsys):
    examples = examples_in(tmp_path / "data", [("x", ANSWER), ("x", None), ("x", "")])
    assert evaluate(ReferenceConfig(), context_of(tmp_path, scripted, examples)).count == 1
    assert "2 of 3 examples have no answer" in capsys.readouterr().out


def test_nothing_to_compare_with_is_an_error_that_helps(tmp_path, scripted):
    without = examples_in(tmp_path / "data", [("x", None)])
    with pytest.raises(BelleError, match="none of the 1 examples has an answer"):
        evaluate(ReferenceConfig(), context_of(tmp_path, scripted, without))
    with pytest.raises(BelleError, match=r"no such split, only test \(1\); say data.dev="):
        evaluate(ReferenceConfig(split="dev"), context_of(tmp_path, scripted, without))


def test_limit_takes_the_first_questions(tmp_path, scripted):
    examples = examples_in(tmp_path / "data", [("x", ANSWER), ("x", "别的"), ("x", "别的")])
    assert evaluate(ReferenceConfig(), context_of(tmp_path, scripted, examples, limit=1)).scores["exact"] == 1


CHILD = """
import sys
from pathlib import Path
from test_reference import *
root, model = Path(sys.argv[1]), Path(sys.argv[2])
examples = Examples(directory=root / "data", record="conversation", splits={"test": 60})
print("ready", flush=True)
evaluate(ReferenceConfig(batch=1, max_new_tokens=32), context_of(root, model, examples))
"""


@pytest.mark.slow
def test_killed_it_goes_on_and_ends_with_the_same_answers(tmp_path):
    model = random_model(tmp_path / "model")
    examples = examples_in(tmp_path / "data", [("x", "好")] * 60)
    whole = evaluate(ReferenceConfig(batch=1, max_new_tokens=32), context_of(tmp_path, model, examples, "whole"))
    journal = tmp_path / "evaluation" / "scratch" / "answers.jsonl"
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent)])
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), str(model)],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + 120
    while (
        child.poll() is None and time.monotonic() < until and not (journal.exists() and journal.stat().st_size > 1000)
    ):
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, "it ended before it was killed"
    known = journal.read_bytes().count(b"\n")
    assert 0 < known < 60
    told = []
    context = context_of(tmp_path, model, examples, emit=lambda stream, values, at: told.append(at))
    resumed = evaluate(ReferenceConfig(batch=1, max_new_tokens=32), context)
    assert len(told) == 60 - known
    for name in ("answers.jsonl", "scores.json", "report.html"):
        assert (resumed.directory / name).read_bytes() == (whole.directory / name).read_bytes()


def test_what_cleaning_found_of_the_evaluation_stands_beside_the_score(tmp_path, scripted, capsys):
    """On the terminal, in scores.json and on the page, where both texts are shown and harmless."""
    data = examples_in(tmp_path / "data", [("", ANSWER)])
    found = {
        "against": ["eval_set.json"],
        "questions": 1000,
        "questions_found": 2,
        "examples_found": 3,
        "removed": False,
    }
    hit = {"evaluated": "为什么天是蓝的？", "trained": "请问天为什么是蓝的<b>", "share": 0.8}
    (tmp_path / "data" / "contamination.jsonl").write_text(json.dumps(hit) + "\n", encoding="utf-8")
    data = replace(data, found={"contamination": found, "other": {"seen": 1}})
    result = evaluate(ReferenceConfig(), context_of(tmp_path, scripted, data))
    assert (
        "contamination: 2 / 1,000 questions of eval_set.json stand in 3 training examples, which were trained on"
        in capsys.readouterr().out
    )
    assert json.loads((result.directory / "scores.json").read_text(encoding="utf-8"))["contamination"] == [found]
    page = (result.directory / "report.html").read_text(encoding="utf-8")
    assert "为什么天是蓝的？" in page and "请问天为什么是蓝的&lt;b&gt;" in page
