"""Dialogues, role play, evolved instructions and preferences: what is asked, what is kept, and why the rest is not."""

from __future__ import annotations

import json

import pytest
from belle_generate.preference import SCHEMA
from belle_generate.role_chat import dialogue_in
from llm_server import Fault, LlmServer, question_of
from written import chance, echo, stage

from belle_core.errors import BelleError, Invalid
from belle_core.generation import progress
from belle_core.generation.calls.structured import json_in


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "q.txt"
    path.write_text("".join(f"问题{name}\n" for name in "甲乙丙丁"), encoding="utf-8")
    return path


@pytest.fixture
def make(tmp_path):
    """The artifact of a stage that asks a server."""

    def call(name, server, *more, folder="made"):
        address = ["data.endpoint.model=m", f"data.endpoint.base_url={server.url}", "data.endpoint.backoff=0.01"]
        return stage(name, *address, *more, folder=tmp_path / folder)

    return call


def records(artifact, name="train"):
    return [json.loads(line) for line in (artifact.directory / f"{name}.jsonl").open(encoding="utf-8")]


# --- dialogues


def talk(body):
    """Answers, and asks on; 乙 is exhausted at once, 丙 after a second question."""
    text = question_of(body)
    if not text.startswith("下面是用户与助手"):
        return f"关于{text}的回答"
    if "问题乙" in text or ("问题丙" in text and text.count("用户：") > 2):
        return "<结束>"
    return f"用户：追问{text.count('助手：')}，{text[text.index('问题') + 2]}呢？"


def test_the_dialogue_goes_on_from_the_given_question(make, questions):
    with LlmServer(talk) as server:
        examples = make("multi_turn", server, f"data.questions={questions}", "data.turns=3")
    found = {record["id"]: record for record in records(examples)}
    assert [len(found[f"q-{number}"]["messages"]) for number in (1, 3, 4)] == [6, 4, 6]
    assert [turn["role"] for turn in found["q-1"]["messages"]] == ["user", "assistant"] * 3
    assert found["q-1"]["messages"][2]["content"] == "追问1，甲呢？"
    assert found["q-1"]["messages"][3]["content"] == "关于追问1，甲呢？的回答"
    assert examples.rejected == {"one_turn": 1}
    sent = [body["messages"] for body in server.bodies if "追问2，丁" in body["messages"][-1]["content"]]
    assert [len(messages) for messages in sent] == [5]  # answers are given with the whole dialogue in view


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("能再便宜些吗？", "能再便宜些吗？"),
        ("用户：能再便宜些吗？", "能再便宜些吗？"),
        ("**用户：**能再便宜些吗？\n助手：可以。\n用户：好的。", "能再便宜些吗？"),
        ("Human: 能再便宜些吗？\n\nAssistant: 可以。", "能再便宜些吗？"),
        ("能再便宜些吗？\n助手：可以。", "能再便宜些吗？"),
        ("助手：可以。", ""),
        ("AI助手: 可以。\n用户: 好的。", ""),
        ("“能再便宜些吗？”", "能再便宜些吗？"),
        ("什么叫“便宜”", "什么叫“便宜”"),
    ],
)
def test_a_user_s_words_are_his_alone(reply, words):
    from belle_generate.multi_turn import _words

    assert _words(reply) == words


def test_whatever_models_write_the_turns_alternate_and_say_nothing_of_roles(make, questions):
    def messy(body):
        random = chance(body)
        if question_of(body).startswith("下面是用户与助手"):
            return random.choice(
                ["用户：那{}呢？\n助手：也行。", "Human: 还有{}吗\nAssistant: 有", "助手：{}", "“{}？”", "要是{}呢"]
            ).format(random.randint(1, 999))
        return random.choice(["助手：好。", "<think>用户：想</think>好。", "**Assistant:** 好。", "好。"])

    with LlmServer(messy) as server:
        examples = make("multi_turn", server, f"data.questions={questions}", "data.turns=6")
    for record in records(examples):
        turns = record["messages"]
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
        assert {turn["content"] for turn in turns[1::2]} == {"好。"}
        assert not any(name in turn["content"] for turn in turns for name in ("用户", "助手", "Human", "“"))
    assert any(len(record["messages"]) > 4 for record in records(examples))


SCENE = """设定：老李是果园导游，小陈是来摘橘子的游客，两人在山脚相遇。
老李：欢迎来到橘园！
小陈（笑）：今年橘子甜吗？
小陈：我想摘两筐。
老李：甜得很，往上走。
小陈：好的，谢谢！"""


def test_a_scene_becomes_a_conversation_with_its_setting():
    found = dialogue_in(SCENE, cut=False)
    assert [turn.role for turn in found.turns] == ["user", "assistant"] * 2
    assert found.turns[1].text == "今年橘子甜吗？\n我想摘两筐。"
    assert found.system.startswith("老李是果园导游") and found.system.endswith("你是小陈，正在与老李对话。")


@pytest.mark.parametrize(
    ("text", "cut", "reason"),
    [
        ("我写不出来。", False, "malformed"),
        (SCENE.replace("设定：", ""), False, "malformed"),
        (SCENE + "\n老王：我也来！", False, "not_two_speakers"),
        (SCENE, True, "too_few_turns"),
        (SCENE.replace("小陈：好的，谢谢！", "小陈：好的，谢\n老李：再见"), True, None),
    ],
)
def test_scenes_that_are_none_are_told_apart(text, cut, reason):
    found = dialogue_in(text, cut=cut)
    assert found == reason if reason else not isinstance(found, str)


def test_role_chat_makes_as_many_as_were_asked_for(make):
    with LlmServer(lambda body: SCENE if chance(body).random() < 0.8 else "抱歉") as server:
        examples = make("role_chat", server, "data.size=12")
    assert examples.splits == {"train": 12} and set(examples.rejected) <= {"malformed"}
    assert len({json.dumps(body["messages"], ensure_ascii=False) for body in server.bodies}) > 8


# --- evolved instructions


def evolved(body):
    text = question_of(body)
    if "改写方法：" not in text and "全新的任务" not in text:
        return "答案。" if "答不出" not in text else "很抱歉，我无法回答。"
    old = text.split("任务：\n", 1)[1].split("\n\n")[0]
    return {
        "问题乙": "问题乙",
        "问题丙": "改写后的任务应当更难：问题丙以及别的许多东西",
        "问题丁": "答不出的难题，需要十步以上的推理才能完成它",
    }.get(old, f"改写后的任务：{old}，并用三个例子说明，不超过{len(old)}行，然后比较它们")


def test_versions_go_through_the_paper_s_elimination(make, questions):
    with LlmServer(evolved) as server:
        examples = make("evolve", server, f"data.questions={questions}", "data.rounds=2")
    first, second = records(examples)
    assert first["messages"][0]["content"] == "问题甲，并用三个例子说明，不超过3行，然后比较它们"
    assert second["messages"][0]["content"].startswith(first["messages"][0]["content"])
    assert (second["meta"]["from"], second["meta"]["round"]) == ("q-1", 2)
    assert examples.rejected == {"not_evolved": 2, "leaked": 2, "answer_refusal": 2}
    with pytest.raises(BelleError, match="directions"):
        make("evolve", server, "data.directions=[deeper]")


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("#改写后的指令#：解释光合作用，并比较两类植物", None),
        ("**改写后的任务**：解释光合作用，并比较两类植物", None),
        ("解释光合作用，并比较两类植物。#改写后的指令#", "leaked"),
        ("把原指令改得更难：解释光合作用，并比较两类植物", "leaked"),
        ("The #Rewritten Prompt# asks for photosynthesis", "leaked"),
        ("解释光合作用。", "not_evolved"),
    ],
)
def test_versions_that_speak_of_the_rewriting_are_rejected(version, reason):
    from belle_generate.evolve import LABELLED, _why_eliminated

    assert _why_eliminated("解释光合作用", LABELLED.sub("", version), 0.85) == reason


# --- preferences


def judged(verdict):
    """A writer whose answers tell which draw they are, and a judge."""

    def answer(body):
        text = question_of(body)
        if text.startswith("请比较两个助手"):
            first, second = text.split("【回答A】\n")[1].split("\n\n")[0], text.split("【回答B】\n")[1].split("\n\n")[0]
            return verdict(first, second)
        return f"第{chance(body).randint(0, 10**6)}种回答"

    return answer


def longer_number(first, second):
    return json.dumps({"reason": "更准确", "better": "A" if first > second else "B"}, ensure_ascii=False)


def test_the_better_of_two_answers_is_chosen(make, questions):
    with LlmServer(judged(longer_number)) as server:
        examples = make("preference", server, f"data.questions={questions}", "data.judge.structured=json_schema")
    assert examples.record == "pair" and examples.splits == {"train": 4}
    for record in records(examples):
        assert record["messages"][-1]["content"] > record["rejected"][0]
        assert record["meta"]["reasons"] == ["更准确"] * 2 and record["meta"]["judge"] == "m"


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (lambda first, second: '{"better": "A", "reason": "在前"}', "judge_disagrees"),
        (lambda first, second: '好的：```json\n{"reason": "一样", "better": "tie"}\n```', "tie"),
        (lambda first, second: "A更好", "malformed_verdict"),
        (lambda first, second: '{"better": "C"}', "malformed_verdict"),
    ],
    ids=["position", "tie", "no-json", "other"],
)
def test_a_judge_that_cannot_decide_gives_no_pair_and_is_not_asked_in_vain(make, questions, verdict, reason):
    with LlmServer(judged(verdict)) as server, pytest.raises(BelleError, match=f"{reason} 4"):
        make("preference", server, f"data.questions={questions}")
    assert len(server.bodies) == 4 * (4 if reason == "judge_disagrees" else 3)


def test_a_verdict_is_read_where_its_reason_is_no_json(make, questions):
    def verdict(first, second):
        return f'{{"reason": "他说"更好"，所以", "better": "{"a" if first > second else "b"}"}}'

    with LlmServer(judged(verdict)) as server:
        examples = make("preference", server, f"data.questions={questions}")
    assert examples.splits == {"train": 4}
    assert all(record["messages"][-1]["content"] > record["rejected"][0] for record in records(examples))


def test_writers_and_judge_may_be_three_models_with_budgets_of_their_own(make, questions):
    with (
        LlmServer(judged(longer_number)) as one,
        LlmServer(lambda body: "第0种回答") as two,
        LlmServer(judged(longer_number)) as three,
    ):
        more = [f"data.second.base_url={two.url}", "data.second.model=weak"]
        more += [f"data.judge.base_url={three.url}", "data.judge.model=judge", "data.judge.structured=json_schema"]
        examples = make("preference", one, f"data.questions={questions}", *more)
        assert (one.paid.total(), two.paid.total(), three.paid.total()) == (4, 4, 8)
        assert all(record["rejected"] == ["第0种回答"] for record in records(examples))
        assert three.bodies[0]["response_format"]["json_schema"]["schema"] == SCHEMA
        assert three.bodies[0]["temperature"] == 0
        spending = json.loads((examples.directory / "spending.json").read_text())
        assert {name: about["calls"] for name, about in spending.items()} == {"endpoint": 4, "second": 4, "judge": 8}
        with pytest.raises(BelleError, match=r"judge\.budget_calls"):
            make("preference", one, f"data.questions={questions}", *more, "data.judge.budget_calls=3", folder="b")


def test_json_is_found_wherever_it_stands():
    assert json_in('好的。\n```json\n{"a": {"b": 1}}\n```完') == {"a": {"b": 1}}
    assert json_in('{坏的} 然后 {"a": 1}') == {"a": 1}
    assert json_in("没有") is None and json_in("[1]") is None and json_in("{" * 5000) is None


# --- all of them


STAGES = {
    "self_instruct": ["data.size=90"],
    "role_chat": ["data.size=90"],
    "school_math": ["data.size=70"],
    "distill": ["data.questions=q.txt"],
    "multi_turn": ["data.questions=q.txt"],
    "evolve": ["data.questions=q.txt"],
    "preference": ["data.questions=q.txt"],
}


@pytest.mark.parametrize(
    ("name", "calls"),
    {
        "self_instruct": 20,
        "role_chat": 90,
        "school_math": 20,
        "distill": 4,
        "multi_turn": 20,
        "evolve": 8,
        "preference": 16,
    }.items(),
)
def test_every_stage_tells_its_calls_and_costs_beforehand(questions, name, calls):
    from belle_core.planning import make_plan

    more = ["data.endpoint.model=m", "data.endpoint.base_url=http://localhost:1/v1", "data.endpoint.price_output=1"]
    plan = make_plan([f"+data={name}", *more, *STAGES[name]])
    (step,) = plan.steps
    assert step.calls == calls and step.cost > 0 and step.figures["tokens"] > 0 and not plan.problems


LETTERS = (
    "春眠不觉晓处闻啼鸟夜来风雨声花落知多少床前明月光疑是地上霜举头望低思故乡白日依山尽黄河入海流欲穷千里目更上一层楼"
)


def usual(body):
    """Answers as long as the plan supposes, give or take a third, and of those that are checked as many are right."""
    text, random = question_of(body), chance(body)

    def words(length):
        return "".join(random.choice(LETTERS) for _ in range(random.randint(length * 2 // 3, length * 4 // 3)))

    if text.startswith("请比较两个"):
        first, second = text.split("【回答A】\n")[1].split("\n\n")[0], text.split("【回答B】\n")[1].split("\n\n")[0]
        return json.dumps({"reason": "更清楚" * 9, "better": "A" if first > second else "B"}, ensure_ascii=False)
    if "个任务的列表" in text:
        numbers = [number for number in range(4, 11) if random.random() < 4.5 / 7]
        return "\n###\n".join(
            f"{n}. 指令: {words(25) if n in numbers else '画一张图片'}\n{n}. 输入:\n<无输入>\n{n}. 输出:\n{words(75)}"
            for n in range(4, 11)
        )
    if text.startswith("请编写"):
        right = [random.random() < 3.5 / 5 for _ in range(5)]
        return "\n###\n".join(
            f"题目：{words(80)}\n解答：{words(50)}\n12×5={60 if good else 61}（个）\n答：一共60个。\n算式：12×5\n答案：60个"
            for good in right
        )
    if text.startswith("请写一段两个人"):
        return f"设定：{words(75)}\n" + "\n".join(f"{'张三' if n % 2 else '李四'}：{words(27)}" for n in range(10))
    further = text.startswith("下面是用户与助手") or "改写方法：" in text or "全新的任务" in text
    return words(30 if further else 350)


@pytest.mark.parametrize("name", STAGES)
def test_the_plan_is_what_the_endpoint_counts(make, tmp_path, name):
    """Where answers are as long as it supposes: calls within 15%, and exactly where their number is certain; tokens and money within 20%."""
    from belle_core.planning import make_plan

    (tmp_path / "q.txt").write_text("".join(f"第{n}个问题是什么意思\n" for n in range(24)), encoding="utf-8")
    given = f"data.questions={tmp_path / 'q.txt'}" if "q.txt" in "".join(STAGES[name]) else "data.size=90"
    prices = ["data.endpoint.price_input=1000", "data.endpoint.price_output=4000"]
    with LlmServer(usual) as server:
        own = [given, "data.endpoint.model=m", f"data.endpoint.base_url={server.url}", *prices]
        (step,) = make_plan([f"+data={name}", *own]).steps
        spent = json.loads((make(name, server, given, *prices).directory / "spending.json").read_text())["endpoint"]
    read = sum(len(message["content"]) for body in server.bodies for message in body["messages"])
    written = server.tokens["completion_tokens"]
    assert (spent["prompt_tokens"], spent["completion_tokens"]) == (server.tokens["prompt_tokens"], written)
    assert step.calls == pytest.approx(server.paid.total(), rel=0.15 if given == "data.size=90" else 0)
    assert step.figures["tokens"] == pytest.approx(read + written, rel=0.2)
    assert step.cost == pytest.approx((1000 * read + 4000 * written) / 1e6, rel=0.2)


def test_a_plan_without_prices_does_not_say_that_it_costs_nothing(questions):
    from belle_core.commands.plan import calls_line
    from belle_core.planning import make_plan

    own = [f"data.questions={questions}", "data.endpoint.model=m", "data.endpoint.base_url=http://localhost:1/v1"]
    (step,) = make_plan(["+data=distill", *own]).steps
    assert "no prices given" in calls_line(step) and "cost" not in calls_line(step)
    (step,) = make_plan(["+data=distill", *own, "data.endpoint.price_output=10"]).steps
    assert "cost 0.0" in calls_line(step)
    (step,) = make_plan(["+data=distill", own[0], "data.endpoint.local=model.gguf"]).steps
    assert "none that is paid" in calls_line(step)


def test_wrong_options_are_refused():
    from belle_generate.config import EvolveConfig, MultiTurnConfig, RoleChatConfig, SchoolMathConfig

    for wrong in (
        lambda: MultiTurnConfig(turns=1),
        lambda: EvolveConfig(rounds=0),
        lambda: EvolveConfig(directions=[]),
        lambda: RoleChatConfig(lines=2),
        lambda: SchoolMathConfig(similarity=0.1),
        lambda: MultiTurnConfig(size=0),
    ):
        with pytest.raises(Invalid):
            wrong()


def test_answers_that_are_all_useless_are_not_paid_to_the_end(make, tmp_path):
    """A model that thinks beyond ``max_tokens``: every answer is cut off, and every one is paid."""
    path = tmp_path / "many.txt"
    path.write_text("".join(f"问题{n}\n" for n in range(400)), encoding="utf-8")
    with LlmServer(lambda body: ("<think>嗯", "length")) as server:
        with pytest.raises(BelleError, match=r"first 50 .*cut_off 50.*max_tokens"):
            make("distill", server, f"data.questions={path}", "data.endpoint.concurrency=4")
        assert server.paid.total() < 100


def test_what_is_refused_later_on_takes_nothing_with_it(make, questions):
    """Turns and rounds that were paid for stay, whichever of the later calls the endpoint refuses."""

    def talk_or_refuse(body):
        text = question_of(body)
        if "问题乙" in text and "追问1" in text and text.startswith("下面是"):
            return Fault(400)  # the second further question
        return Fault(400) if text.startswith("追问2，丙") else talk(body)  # the answer to it

    with LlmServer(talk_or_refuse) as server:
        examples = make("multi_turn", server, f"data.questions={questions}", "data.turns=3")
    assert {len(record["messages"]) for record in records(examples)} == {4, 6}

    def evolve_once(body):
        return Fault(400) if "，并用三个例子说明" in question_of(body).partition("任务：")[2] else evolved(body)

    with LlmServer(evolve_once) as server:
        examples = make("evolve", server, f"data.questions={questions}", "data.rounds=2", folder="b")
    assert [record["id"] for record in records(examples)] == ["q-1-1"] and examples.rejected["refused"] == 1


def test_progress_counts_questions_whose_answers_were_rejected_too(make, questions, monkeypatch, capsys):
    monkeypatch.setattr(progress, "QUIET", 0.0)
    with LlmServer(lambda body: "好。" if "乙" not in question_of(body) else "…") as server:
        make("distill", server, f"data.questions={questions}", "data.endpoint.concurrency=1")
    last = capsys.readouterr().err.splitlines()[-1]
    assert "4/4 done" in last and "kept 3" in last and "dropped 1 (empty_answer 1)" in last and "4 calls" in last


def test_what_is_recorded_of_the_drawing_is_what_was_sent(make, questions):
    with LlmServer(lambda body: "助手：好。") as server:
        given = [f"data.questions={questions}", "data.endpoint.parameters.temperature=null"]
        (first, *_) = records(make("distill", server, *given))
    assert "temperature" not in server.bodies[0] and first["meta"]["temperature"] is None
    assert first["messages"][-1]["content"] == "好。"


def test_a_stage_made_twice_is_the_same(make, questions):
    with LlmServer(echo, latency=lambda number: 0.01 * (number % 3)) as server:
        one = make("distill", server, f"data.questions={questions}", folder="a")
        other = make("distill", server, f"data.questions={questions}", "data.endpoint.concurrency=1", folder="b")
    assert (one.directory / "train.jsonl").read_bytes() == (other.directory / "train.jsonl").read_bytes()
