"""Self-instruct: the form, the rules, exact novelty in little time, and one data set whatever happens on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import count
from random import Random

import pytest
from belle_generate.self_instruct.config import SelfInstructConfig
from belle_generate.self_instruct.form import Task, prompt_of, tasks_in
from belle_generate.self_instruct.novelty import Novelty, rouge_l, tokens_of
from belle_generate.self_instruct.prefixes import ROOM
from belle_generate.self_instruct.rules import why_rejected
from belle_generate.self_instruct.seeds import read_seeds
from llm_server import Fault, LlmServer
from written import SIDES, THINGS, VERBS, chance, stage, task, tasks

from belle_core.api import run
from belle_core.errors import BelleError, Invalid
from belle_core.generation.calls import EndpointConfig
from belle_core.testing import check_plugin

LIST = """4. 指令: 写一首关于秋天的诗
4. 输入:
<无输入>
4. 输出:
秋风起，
### 不是分隔
白云飞。
###
5. 指令: 把句子改成被动句
5. 输入:
风吹倒了树。
5. 输出:
树被风吹倒了。
###
6. 指令: 列出三种水果
6. 输入:
<无输入>
6. 输出:
苹果、梨、"""


def options(server, *more, size=40):
    return [
        f"data.size={size}",
        "data.endpoint.model=m",
        f"data.endpoint.base_url={server.url}",
        "data.endpoint.backoff=0.01",
        *more,
    ]


def made(server, *more, store, size=40):
    return stage("self_instruct", *options(server, *more, size=size), folder=store)


def run_as_command(server, *more, store, size=40):
    command = ["+data=self_instruct", *options(server, *more, size=size), f"store={store}"]
    return run(command, quiet=True).artifacts["data"]


def files_of(artifact):
    return {name: (artifact.directory / name).read_bytes() for name in ("train.jsonl", "rejected.jsonl")}


# --- form


def test_the_form_is_read_and_a_cut_task_is_dropped():
    whole = [
        Task("写一首关于秋天的诗", "", "秋风起，\n### 不是分隔\n白云飞。"),
        Task("把句子改成被动句", "风吹倒了树。", "树被风吹倒了。"),
        Task("列出三种水果", "", "苹果、梨、"),
    ]
    assert tasks_in(LIST, cut=False) == whole
    *rest, last = tasks_in(LIST, cut=True)
    assert rest == whole[:2] and isinstance(last, str) and "三种水果" in last


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.removeprefix("4. 指令: "),  # a completion model goes on behind what the request ends with
        lambda text: "好的，以下是任务：\n\n###\n" + text,
        lambda text: text.replace("\n###\n", "\n\n"),
        lambda text: text.replace(": ", "：").replace(":\n", "：\n"),
        lambda text: text.replace("4. 指令:", "**4. 指令:**").replace("5. 输入:", "### 5. 输入:"),
        lambda text: text + "\n###\n",
        lambda text: text + "\n###\n以上就是我想到的任务。",
        lambda text: text + "\n\n以上是第4到第6个任务，希望对您有帮助！",
        lambda text: text.replace("\n###\n", "\n\n---\n\n### 任务 5\n\n"),
        lambda text: text.replace("\n###\n", "\n\n**第五个任务：**\n"),
        lambda text: re.sub(r"\d\. (输入|输出)", r"\1", text),
        lambda text: re.sub(r"\d\. (指令|输入|输出)", r"**\1**", text),
        lambda text: re.sub(r"(\d)\. 指令: (.*)", r"**\1. 指令: \2**", text),
        lambda text: re.sub(r"\d\. 指令", "指令", text).replace("###\n", "5.\n"),
        lambda text: text.replace("<无输入>", "（無）").replace("输入", "輸入").replace("输出", "輸出"),
        lambda text: text.replace("<无输入>", "（无需输入）"),
        lambda text: text.replace("<无输入>", "无"),
        lambda text: text.replace("<无输入>", "N/A"),
    ],
    ids=[
        "completion",
        "preamble",
        "no-separator",
        "full-width",
        "markdown",
        "separator-last",
        "remark",
        "remark-apart",
        "headings",
        "bold-headings",
        "one-number",
        "no-number",
        "bold-instruction",
        "number-above",
        "traditional",
        "not-needed",
        "none",
        "not-applicable",
    ],
)
def test_what_models_make_of_the_form_is_read_too(change):
    assert tasks_in(change(LIST), cut=False, begin="4. 指令:") == tasks_in(LIST, cut=False)


def test_labels_in_a_task_s_own_text_stay_text():
    given = "输入: 3\n输出: 9"
    text = f"4. 指令: 写一个求平方的程序\n4. 输入:\n{given}\n4. 输出:\nprint(int(input()) ** 2)\n---\n第一行读入。"
    task = Task("写一个求平方的程序", given, "print(int(input()) ** 2)\n---\n第一行读入。")
    assert tasks_in(text, cut=False) == [task]


def test_no_text_makes_the_reading_long():
    for text in ("\n" * 9000, "### " * 3000, "4. 输出:" + "\n* " * 4000, "任务" * 5000):
        started = time.process_time()
        tasks_in(f"4. 指令: 甲\n4. 输入:\n乙\n4. 输出:\n{text}", cut=False)
        assert time.process_time() - started < 3


def test_incomplete_tasks_are_told_apart():
    text = "4. 指令: 甲甲甲甲\n4. 输出:\n乙\n###\n5. 指令: 丙丙丙丙\n5. 输入:\n无\n5. 输出:\n丁"
    broken, good = tasks_in(text, cut=False)
    assert isinstance(broken, str) and good == Task("丙丙丙丙", "", "丁")
    assert [type(found) for found in tasks_in("我做不到。", cut=False)] == [str]


def test_categories_are_asked_for_and_read():
    text = prompt_of(read_seeds(None)[:3], chat=False, categories=True)
    assert "1. 类别: 开放式问答\n1. 指令: " in text and text.endswith("4. 类别:")
    found = tasks_in(" 改写\n4. 指令: 换个说法\n4. 输入:\n你好\n4. 输出:\n您好", cut=False, begin="4. 类别:")
    assert found == [Task("换个说法", "你好", "您好", "改写")]


def test_the_request_shows_what_was_given():
    shown = [Task("甲", "", "乙"), Task("丙", "丁", "戊"), Task("己", "", "庚")]
    text = prompt_of(shown, chat=True, categories=False)
    assert (
        "1. 指令: 甲\n1. 输入:\n<无输入>\n1. 输出:\n乙\n###\n2. 指令: 丙\n2. 输入:\n丁\n2. 输出:\n戊\n###\n3." in text
    )
    assert tasks_in(text[text.index("1. 指令") : text.rindex("###")], cut=False) == shown
    assert prompt_of(shown, chat=False, categories=False).endswith("###\n4. 指令:")


# --- rules


@pytest.mark.parametrize(
    ("instruction", "output", "reason"),
    [
        ("写诗吧", "好", "too_short"),
        ("写首诗吧", "好", None),
        ("长" * 100, "好", None),
        ("长" * 101, "好", "too_long"),
        ("例如" + "长" * 148, "好", None),
        ("例如" + "长" * 149, "好", "too_long"),
        ("描述这张图片的内容", "好", "needs_other_media"),
        ("打开下面的链接并总结", "好", "needs_other_media"),
        ("根据图表回答问题", "好", "needs_other_media"),
        ("Describe the image below", "好", "needs_other_media"),
        ("制定一份学习计划", "好", None),
        ("你和ChatGPT是什么关系", "好", "names_a_model"),
        ("请介绍一下你自己", "我是OpenAI训练的模型", "names_a_model"),
        ("请介绍一下你自己", " …", "empty_answer"),
    ],
)
def test_rules(instruction, output, reason):
    found = why_rejected(Task(instruction, "", output))
    assert (found and found[0]) == reason


def test_the_seeds_keep_their_own_rules():
    seeds = read_seeds(None)
    assert 60 <= len(seeds) <= 175 and len({seed.category for seed in seeds}) == 10
    assert [seed.instruction for seed in seeds if why_rejected(seed)] == []
    novelty = Novelty(0.7)
    for seed in seeds:
        assert novelty.repeated(seed.instruction) is None
        novelty.add(seed.instruction)


def test_a_seed_file_is_checked(tmp_path):
    path = tmp_path / "seeds.jsonl"
    path.write_text('{"instruction": "甲", "output": "乙"}\n{"instruction": "甲"}\n', encoding="utf-8")
    with pytest.raises(BelleError, match=r"seeds\.jsonl:2"):
        read_seeds(str(path))


# --- novelty


def sentences(random: Random, number: int) -> list[str]:
    """Instructions of all lengths, many of them near copies of earlier ones."""
    texts: list[str] = []
    for _ in range(number):
        if texts and random.random() < 0.4:
            text = list(random.choice(texts))
            for _ in range(random.randint(0, max(1, len(text) // 2))):
                place = random.randrange(len(text) + 1)
                text[place : place + random.randint(0, 1)] = random.choice("的一是在不了有和人这abc")
            texts.append("".join(text) or "空")
        else:
            words = [random.choice(random.choice((VERBS, THINGS, SIDES))) for _ in range(random.randint(1, 9))]
            texts.append("".join(words))
    return texts


def test_rouge_l_is_the_field_s():
    from rouge_score.rouge_scorer import _score_lcs

    texts = [tokens_of(text) for text in sentences(Random(1), 60)]
    for one in texts:
        for other in texts[:20]:
            assert rouge_l(one, other) == pytest.approx(_score_lcs(one, other).fmeasure)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_no_decision_differs_from_comparing_with_all(threshold):
    novelty, kept, repeats = Novelty(threshold), [], 0
    for text in sentences(Random(2), 700):
        tokens = tokens_of(text)
        best = max((rouge_l(tokens, other) for other in kept), default=0.0)
        found = novelty.repeated(text)
        assert (found is not None) == (best > threshold)
        if found is not None:
            assert found[0] == pytest.approx(best)
            repeats += 1
        else:
            novelty.add(text)
            kept.append(tokens)
    assert 100 < repeats < 600


def test_long_texts_that_are_much_alike_do_not_make_the_index_grow_without_bound():
    """Word problems have very many paths of common characters; what a model that repeats itself writes has more."""
    random, novelty, kept, repeats = Random(4), Novelty(0.8), [], 0
    for number in range(220):
        text = "".join(random.choice("".join(THINGS)) for _ in range(70))
        if kept and random.random() < 0.3:
            text = random.choice(novelty.texts)
            for place in random.sample(range(60), random.randint(2, 20)):
                text = text[:place] + random.choice("小明买了") + text[place + 1 :]
        if number % 40 == 0:
            text = random.choice(["哈" * 300, text * 5, "请继续写。" * 40])
        tokens = tokens_of(text)
        repeated = any(rouge_l(tokens, other) > 0.8 for other in kept)
        assert (novelty.repeated(text) is not None) == repeated
        repeats += repeated
        if not repeated:
            novelty.add(text)
            kept.append(tokens)
    assert 15 < repeats < 100
    assert sum(map(len, novelty._tree._nodes.values())) < 2 * ROOM * len(kept)


def test_no_decision_differs_on_real_instructions(shared):
    path = shared / "data" / "alpaca" / "alpaca_zh_51k.jsonl"
    with path.open(encoding="utf-8") as file:
        texts = [json.loads(line)["instruction"] for line, _ in zip(file, range(600), strict=False)]
    novelty, kept = Novelty(0.5), []
    for text in texts:
        tokens = tokens_of(text)
        repeated = any(rouge_l(tokens, other) > 0.5 for other in kept)
        assert (novelty.repeated(text) is not None) == repeated
        if not repeated:
            novelty.add(text)
            kept.append(tokens)


# --- the stage


def test_the_plugin_keeps_the_rules():
    assert check_plugin("generate") == []


def test_examples_say_where_they_come_from(tmp_path):
    with LlmServer(tasks) as server:
        examples = run_as_command(server, store=tmp_path / "s")
        assert server.paid.total() < 15
    assert examples.splits == {"train": 40} and examples.record == "conversation"
    assert examples.licences == ["written by m; its terms of use apply"]
    records = [json.loads(line) for line in (examples.directory / "train.jsonl").open(encoding="utf-8")]
    assert len({record["messages"][0]["content"] for record in records}) == 40
    first = records[0]
    assert first["source"] == "self_instruct" and first["meta"]["model"] == "served-model"
    assert len(first["meta"]["prompt"]) == 16 and first["meta"]["temperature"] == 1.0
    assert any("\n一段关于" in record["messages"][0]["content"] for record in records)
    rejected = [json.loads(line) for line in (examples.directory / "rejected.jsonl").open(encoding="utf-8")]
    assert {line["reason"] for line in rejected} == {"too_similar"} == set(examples.rejected)
    assert all(" | " in line["evidence"] for line in rejected)
    spending = json.loads((examples.directory / "spending.json").read_text())
    assert spending["endpoint"]["calls"] == server.paid.total()


def test_every_answer_goes_into_kept_or_rejected(tmp_path):
    """Truncated, malformed and empty answers, and tasks against the rules: in = kept + rejected."""
    numbers = count()

    def answer(body):
        kind = next(numbers) % 5
        text = tasks(body)
        if kind == 1:
            return text[:-6], "length"
        if kind == 2:
            return "作为助手，我无法完成。"
        if kind == 3:
            return text.replace("7. 输入:\n", "", 1)
        if kind == 4:
            return text.replace("5. 指令: ", "5. 指令: 看图片", 1)
        return text

    with LlmServer(answer) as server:
        examples = made(server, "data.endpoint.concurrency=1", store=tmp_path / "s")
    assert {"cut_off", "malformed", "needs_other_media"} <= set(examples.rejected)
    lines = sum(1 for _ in (examples.directory / "rejected.jsonl").open(encoding="utf-8"))
    assert lines == sum(examples.rejected.values()) and examples.splits["train"] == 40


def test_one_data_set_whatever_the_latency_the_concurrency_and_the_faults(tmp_path):
    results = []
    for name, concurrency, latency in (("a", 1, 0.0), ("b", 6, 0.02), ("c", 3, 0.01)):
        faults = iter([Fault(500), Fault(429, headers={"retry-after": "0.05"}), Fault(raw=b"{")] if name == "c" else [])
        with LlmServer(
            lambda body, faults=faults: next(faults, None) or tasks(body),
            latency=lambda number, latency=latency: latency * (number % 4),
        ) as server:
            more = f"data.endpoint.concurrency={concurrency}"
            results.append((files_of(made(server, more, store=tmp_path / name)), server.paid.total()))
    assert results[0] == results[1] == results[2]  # not one call more than needed, either


def test_another_seed_gives_another_data_set(tmp_path):
    with LlmServer(tasks) as server:
        one, other = (made(server, f"seed={seed}", store=tmp_path / str(seed), size=15) for seed in (1, 2))
    assert files_of(one)["train.jsonl"] != files_of(other)["train.jsonl"]


def test_a_budget_that_is_used_up_stops_and_a_higher_one_goes_on(tmp_path):
    with LlmServer(tasks) as server:
        with pytest.raises(BelleError, match=r"endpoint\.budget_calls"):
            made(server, "data.endpoint.budget_calls=3", store=tmp_path / "s")
        assert server.paid.total() == 3
        examples = made(server, "data.endpoint.budget_calls=300", store=tmp_path / "s")
        assert set(server.paid.values()) == {1}
    with LlmServer(tasks) as server:
        assert files_of(made(server, store=tmp_path / "t")) == files_of(examples)


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_ends_the_same(tmp_path):
    """Property 14 for a whole run: only calls in flight are paid again, and the data set is that of an undisturbed run."""
    with LlmServer(tasks, latency=lambda number: 0.05) as server:
        more = ["data.endpoint.concurrency=3", "data.endpoint.budget_calls=60", f"store={tmp_path / 's'}"]
        command = [sys.executable, "-m", "belle_core", "+data=self_instruct", *options(server, *more)]
        for kills, target in enumerate((2, 6), 1):
            process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while server.paid.total() < target and process.poll() is None:
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            time.sleep(0.1)
            assert server.paid.total() - len(server.paid) <= 3 * kills
        whole = run_as_command(
            server, "data.endpoint.concurrency=3", "data.endpoint.budget_calls=60", store=tmp_path / "s"
        )
        assert server.paid.total() - len(server.paid) <= 3 * 2
        assert (
            server.paid.total()
            <= json.loads((whole.directory / "spending.json").read_text())["endpoint"]["calls"]
            <= 60
        )
    with LlmServer(tasks) as server:
        assert files_of(made(server, store=tmp_path / "t")) == files_of(whole)


def test_a_completion_endpoint_serves_too(tmp_path):
    with LlmServer(lambda body: tasks(body).removeprefix("4. 指令: ")) as server:
        examples = made(server, "data.endpoint.mode=completion", store=tmp_path / "s", size=15)
    assert examples.splits == {"train": 15}
    assert all(body["prompt"].endswith("4. 指令:") and body["stop"] == ["\n11."] for body in server.bodies)


def test_held_out_parts_and_smoke_runs(tmp_path):
    with LlmServer(tasks) as server:
        assert made(server, "data.test=5", "data.dev=0.1", store=tmp_path / "a").splits == {
            "train": 31,
            "dev": 4,
            "test": 5,
        }
        assert made(server, "limit=4", store=tmp_path / "b").splits == {"train": 4}


def test_a_model_without_new_ideas_ends_the_run(tmp_path, capsys):
    random = Random(0)
    same = "\n###\n".join(task(random, number) for number in range(4, 11))
    with (
        LlmServer(lambda body: same, latency=lambda number: 0.02) as server,
        pytest.raises(BelleError, match="nothing to keep"),
    ):
        made(server, "data.endpoint.backoff=1", store=tmp_path / "s", size=30)
    assert server.paid.total() < 100 and "trying again" not in capsys.readouterr().err


def test_what_is_missing_is_told_before_anything_is_asked(tmp_path, monkeypatch):
    with pytest.raises(BelleError, match=r"endpoint\.model"):
        run(["+data=self_instruct"], quiet=True)
    with pytest.raises(Invalid, match="dev"):
        SelfInstructConfig(dev="file.jsonl")
    assert SelfInstructConfig(endpoint=EndpointConfig(model="m")).terms().startswith("written by m")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BelleError, match="OPENAI_API_KEY"):
        run(["+data=self_instruct", "data.endpoint.model=m"], quiet=True)
    with pytest.raises(BelleError, match="no such file"):
        run(["+data=self_instruct", "data.endpoint.model=m", "data.seeds=nowhere.jsonl"], quiet=True)


def test_the_plan_tells_calls_tokens_and_cost():
    from belle_core.planning import make_plan

    prices = [
        "data.endpoint.price_input=1",
        "data.endpoint.price_output=4",
        "data.endpoint.base_url=http://localhost:1/v1",
    ]
    (step,) = make_plan(["+data=self_instruct", "data.size=900", "data.endpoint.model=m", *prices]).steps
    assert step.calls == 200 and step.figures["tokens"] > 200 * 1000
    assert 0.1 < step.cost < 5 and step.figures["examples"] == 900


def test_chance_is_the_request_s():
    assert chance({"prompt": "甲", "seed": 1}).random() != chance({"prompt": "甲", "seed": 2}).random()


@pytest.mark.slow
def test_the_stage_keeps_the_rules_of_the_kit():
    """Twice, killed in the middle, with other options: belle's own conformance kit on a stage that calls a server."""
    from belle_core.testing import check_stage

    with LlmServer(tasks, latency=lambda number: 0.1) as server:
        more = ["data.size=20", "data.endpoint.model=m", f"data.endpoint.base_url={server.url}"]
        assert check_stage("data=self_instruct", more, may_differ=["spending.json"]) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_ends_at_once_and_the_same_command_goes_on(tmp_path, how):
    with LlmServer(tasks, latency=lambda number: 0.4) as server:
        command = [
            sys.executable,
            "-m",
            "belle_core",
            "+data=self_instruct",
            *options(server, f"store={tmp_path / 's'}", size=60),
        ]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while server.paid.total() < 4 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(how)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 128 + how and "goes on from here" in said and "Traceback" not in said
        paid = server.paid.total()
        assert run_as_command(server, store=tmp_path / "s", size=60).splits == {"train": 60}
        assert server.paid.total() - len(server.paid) <= 8 and len(server.paid) >= paid - 8
