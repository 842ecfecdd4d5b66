"""Answers to given questions: from a file or an earlier step, from an endpoint or from a real model on this machine."""

from __future__ import annotations

import json

import pytest
from llm_server import Fault, LlmServer, question_of
from scripted import saying
from written import echo, stage

from belle_core.api import run
from belle_core.errors import BelleError


def records(artifact, name="train"):
    return [json.loads(line) for line in (artifact.directory / f"{name}.jsonl").open(encoding="utf-8")]


@pytest.fixture
def distill(tmp_path):
    """The artifact of ``+data=distill`` by itself."""

    def call(server, *more):
        address = [] if server is None else ["data.endpoint.model=m", f"data.endpoint.base_url={server.url}"]
        return stage("distill", *address, *more, folder=tmp_path / "made")

    return call


def test_questions_of_a_file_are_answered_in_order(distill, tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text(
        '{"id": "a", "question": "天为什么蓝？", "category": "open_qa"}\n{"instruction": "翻译", "input": "你好"}\n'
        '{"messages": [{"role": "user", "content": "一"}, {"role": "assistant", "content": "二"}, {"role": "user", "content": "三"}]}\n',
        encoding="utf-8",
    )
    with LlmServer(echo, latency=lambda number: 0.05 * (2 - number % 3)) as server:
        examples = distill(server, f"data.questions={path}", "data.system=你是老师。")
    first, second, third = records(examples)
    assert (first["id"], first["category"]) == ("a", "open_qa")
    assert first["messages"] == [
        {"role": "user", "content": "天为什么蓝？"},
        {"role": "assistant", "content": "答：天为什么蓝？"},
    ]
    assert second["messages"][0]["content"] == "翻译\n你好"
    assert [turn["content"] for turn in third["messages"]] == ["一", "二", "三", "答：三"]
    assert all(body["messages"][0] == {"role": "system", "content": "你是老师。"} for body in server.bodies)


def test_an_earlier_step_gives_the_questions(tmp_path):
    with LlmServer(echo) as server:
        address = ["steps.answers.endpoint.model=m", f"steps.answers.endpoint.base_url={server.url}"]
        given = ["+data=demo", "data.size=6", "+data@steps.answers=distill", "steps.answers.size=4"]
        examples = run([*given, *address], quiet=True).artifacts["answers"]
        assert server.paid.total() == 4
    assert examples.splits == {"train": 4}
    assert all(
        record["messages"][-1]["content"].startswith("答：") and record["category"] for record in records(examples)
    )


def test_useless_answers_are_rejected_with_what_they_were(distill, tmp_path):
    path = tmp_path / "q.txt"
    path.write_text("好问题\n截断\n空\n拒绝\n不许\n", encoding="utf-8")
    said = {"截断": ("说到一半", "length"), "空": " … ", "拒绝": "很抱歉，我无法回答。", "不许": Fault(400)}
    with LlmServer(lambda body: said.get(question_of(body), "答案。")) as server:
        examples = distill(server, f"data.questions={path}")
    assert examples.splits == {"train": 1}
    assert examples.rejected == {"cut_off": 1, "empty_answer": 1, "refusal": 1, "refused": 1}
    rejected = {line["reason"]: line for line in records(examples, "rejected")}
    assert rejected["cut_off"] == {"where": "q-2", "reason": "cut_off", "evidence": "说到一半"}


def test_without_questions_it_is_said_where_they_could_come_from(distill):
    with LlmServer(echo) as server, pytest.raises(BelleError, match="no questions"):
        distill(server)


@pytest.mark.parametrize("mode", ["chat", "completion"])
def test_a_real_local_model_answers(distill, tmp_path, mode):
    """A checkpoint whose answer is known; a completion model goes on with a dialogue in BELLE's format."""
    model = saying(tmp_path / "model", "你好世界")
    path = tmp_path / "q.jsonl"
    turns = [{"role": role, "content": "请回答"} for role in ("user", "assistant", "user")]
    lines = [{"messages": turns}, {"messages": [*turns[:2], {"role": "user", "content": "一加一"}]}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    local = [f"data.endpoint.local={model}", "data.endpoint.max_tokens=12", f"data.endpoint.mode={mode}"]
    examples = distill(None, f"data.questions={path}", *local)
    assert [record["messages"][-1]["content"] for record in records(examples)] == ["你好世界"] * 2
    assert records(examples)[0]["meta"]["model"] == "model"
    assert examples.licences == ["written by model; its terms of use apply"]


def test_a_local_model_that_continues_texts_needs_no_chat_template(distill, tmp_path):
    model = saying(tmp_path / "model", "你好世界")
    (model / "chat_template.jinja").unlink()
    turns = [{"role": role, "content": "请回答"} for role in ("user", "assistant", "user")]
    (tmp_path / "q.jsonl").write_text(json.dumps({"messages": turns}) + "\n", encoding="utf-8")
    given = [f"data.questions={tmp_path / 'q.jsonl'}", f"data.endpoint.local={model}", "data.endpoint.max_tokens=12"]
    with pytest.raises(BelleError, match="carries no chat template"):
        distill(None, *given)
    examples = distill(None, *given, "data.endpoint.mode=completion")
    assert records(examples)[0]["messages"][-1]["content"] == "你好世界"


@pytest.mark.slow
def test_an_earlier_run_answers_by_its_name(tmp_path):
    small = ["data.size=20", "train.epochs=1", "limit=2", "train.max_length=64", "name=tiny"]
    trained = run(["+data=demo", "+train=full", *small], quiet=True)
    path = tmp_path / "q.txt"
    path.write_text("你好\n", encoding="utf-8")
    command = ["+data=distill", f"data.questions={path}", "data.endpoint.max_tokens=3"]
    for reference in ("tiny", trained.artifacts["train"].fingerprint):
        with pytest.raises(BelleError, match="cut_off 1"):
            run([*command, f"data.endpoint.artifact={reference}"], quiet=True)
    with pytest.raises(BelleError, match="nobody"):
        run([*command, "data.endpoint.artifact=nobody"], quiet=True)


def test_what_was_made_is_cleaned_like_all_data(tmp_path):
    path = tmp_path / "q.txt"
    path.write_text("很长的问题很长的问题\n短\n又一个很长的问题\n", encoding="utf-8")
    with LlmServer(echo) as server:
        address = ["data.endpoint.model=m", f"data.endpoint.base_url={server.url}", f"data.questions={path}"]
        short = ["+filter@data.clean.short=length", "data.clean.short.min=8"]
        cleaned = run(["+data=distill", *address, *short], quiet=True).artifacts["data"]
    assert cleaned.splits == {"train": 2} and sum(cleaned.rejected.values()) == 1
