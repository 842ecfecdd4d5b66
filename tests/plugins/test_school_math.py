"""School mathematics: what does not compute is found, with nothing executed; what computes is kept."""

from __future__ import annotations

import json
import re
import time
from fractions import Fraction

import pytest
from belle_generate.arithmetic import Unreadable, claims_in, evaluate, holds, number_in
from belle_generate.school_math import Problem, problems_in, why_wrong
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_server import LlmServer
from written import chance, stage

# --- arithmetic


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2×3", 7),
        ("（1＋2）×3", 9),
        ("2^3-1", 7),
        ("10÷4", Fraction(5, 2)),
        ("1,000÷8", 125),
        ("50%×80", 40),
        ("-3+5", 2),
        ("1又1/2×2", 3),
        ("[(15+9)×3-18]÷2", 27),
        ("0.1+0.2", Fraction(3, 10)),
        ("6²", 36),
    ],
)
def test_values(text, value):
    assert evaluate(text) == value


@st.composite
def expressions(draw, depth=0):
    if depth > 3 or draw(st.booleans()):
        return str(draw(st.integers(0, 99)))
    left, right = draw(expressions(depth + 1)), draw(expressions(depth + 1))
    return f"({left}{draw(st.sampled_from('+-*'))}{right})"


@settings(max_examples=100, deadline=None)
@given(expressions())
def test_values_are_python_s(text):
    assert evaluate(text) == eval(text)  # made here, not by a model


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1+",
        "(1",
        "1/0",
        "9^9^9^9",
        "2^99999999",
        "__import__('os')",
        "1+x",
        "(" * 1000,
        "9" * 300,
        "0^-1",
        "1;2",
        "１＋甲",
    ],
)
def test_what_is_no_arithmetic_is_refused_at_once(text):
    started = time.process_time()
    with pytest.raises(Unreadable):
        evaluate(text)
    assert time.process_time() - started < 1  # some would take for ever


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("260×0.8=208（元）", [True]),
        ("(15+9)×3-18÷2=24×3-9=72-9=63", [True, True, True]),
        ("每小时60千米，2小时走60×2=120千米。", [True]),
        ("60千米/小时×2小时=120千米", [True]),
        ("1. 3+5=8（个）\n2. 8-9=-1", [True, True]),
        ("17÷5=3……2", [True]),
        ("17÷5=3……1", [False]),
        ("10÷3≈3.33", [True]),
        ("10÷3≈3.34", [False]),
        ("10÷3=3.33", [False]),
        ("买了3个苹果，一共3+5=9个。", [False]),
        ("设宽为x，2×(x+2x)=36，得x=6。", []),
        ("2x+3y=10，100=5x，x=5", []),
        ("2瓶的总价=2×3=6（元）", [True]),
        ("浓度是(75/100)×100=75%", [True]),
        ("60个学生 x 2/3 = 40个学生", [True]),
        ("1/10+1/15=1/6，所以需要6天。", [True]),
        ("25%×200=50", [True]),
        ("面积是6×12=72（平方厘米）", [True]),
        ("3.5×100=500（厘米）", [False]),  # its 3. is no number of a list
        ("1÷1/6=6（天）", [True]),  # beside ÷ the other sign is a fraction's
        ("12乘以8等于86", [False]),
        ("17÷5=3（组）……2（人）", [True]),
        ("17÷5=3余3", [False]),
        ("1.5万×2=3万", [True]),
        ("15000×2=3万\n2万×3=7万", [True, False]),
        ("1.5×2=3万元", [True]),
        ("1小时30分=90分", [True]),
        ("1小时30分=1.3小时", [False]),
        ("3米+50厘米=350厘米", [True]),
        ("3米+50厘米=53厘米", [False]),
        ("3元5分-2元55分=50分", [True]),
        ("3千克=300克", [False]),
        ("300人×每人20分=6000分", []),
        ("第一天看了全书的1/4，即120×1/4=30（页），还剩120-30=90页", [True, True]),
    ],
)
def test_equations_are_found_and_judged(text, results):
    found = [holds(claim) for claim in claims_in(text)]
    assert [result for result in found if result is not None] == results


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("208元", "208"),
        ("约3.5千米", "3.5"),
        ("3/4", "3/4"),
        ("-2℃", "-2"),
        ("25%", "25%"),
        ("50m²", "50"),
        ("零下5℃", "-5"),
        ("3.5万元", "(3.5*10000)"),
        ("2又1/4小时", "(2+1/4)"),
        ("3或4", None),
        ("没有", None),
    ],
)
def test_answers_state_one_number(text, number):
    assert number_in(text) == number


# --- problems

GOOD = Problem(
    "衣服260元，打八折再减20元，要付多少？",
    "260×0.8=208（元）\n208-20=188（元）\n答：要付188元。",
    "260×0.8-20",
    "188元",
)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"answer": "189元"}, "wrong_answer"),
        ({"solution": "260×0.8=218（元）\n208-20=188（元）"}, "wrong_equation"),
        ({"expression": "260×0.8"}, "wrong_answer"),
        ({"expression": "原价×0.8"}, "unreadable_expression"),
        ({"answer": "一百八十八元"}, "unreadable_answer"),
        ({"solution": "打折再减，得188元。"}, "no_equation"),
        ({"solution": "260×0.8=208（元）"}, "answer_not_derived"),
        ({"solution": "208-20=188\n100/300≈0.33", "expression": "564/3"}, None),
        ({"solution": "260×0.8=208（元）\n208-20=188（元）\n答：要付198元。"}, "answer_contradicted"),
        ({"solution": "260×0.8=208（元）\n208-20=188（元）\n所以要付198元。"}, "answer_contradicted"),
        ({"solution": "260×0.8=208（元）\n208-20=188（元）\n答：打8折后要付一百八十八元。"}, "answer_contradicted"),
        ({"solution": "260×0.8=208（元）\n208-20=188（元）\n答：打8折后要付188元。"}, None),
    ],
)
def test_a_solution_must_compute(changed, reason):
    found = why_wrong(Problem(**(vars(GOOD) | changed)))
    assert (found and found[0]) == reason


def computed(solution: str, expression: str, answer: str) -> str | None:
    found = why_wrong(Problem("问", solution, expression, answer))
    return found and found[0]


@pytest.mark.parametrize(
    ("solution", "expression", "answer"),
    [
        ("200×25%=50（人）\n200-50=150（人）", "200-200×25%", "150人"),
        ("1/2+1/3=5/6", "1/2+1/3", "5/6"),
        ("1/10+1/15=1/6\n1÷1/6=6（天）", "1÷(1/10+1/15)", "6天"),
        ("1,200×3=3,600（元）", "1200×3", "3,600元"),
        ("15000×2=30000（元）", "15000×2", "3万元"),
        ("1.2×3=3.6（亿元）", "1.2×3", "3.6亿元"),
        ("35÷4=8……3", "35-4×8", "3人"),
        ("35÷4=8（组）……3（人）\n8+1=9（组）", "8+1", "9组"),
        ("3-8=-5（℃）", "3-8", "零下5℃"),
        ("100÷3≈33.33（元）", "100÷3", "约33.33元"),
        ("100÷3≈33（元）", "100÷3", "约33元"),
        ("50×2=100平方米", "50×2", "100m²"),
        ("18÷24=0.75=75%", "18÷24", "75%"),
        ("18÷24×100%=75%", "18÷24×100%", "75%"),
        ("1又1/2+3/4=2又1/4（小时）", "1又1/2+3/4", "2又1/4小时"),
        ("10000×2.75%×3=825（元）", "10000×2.75%×3", "825元"),
    ],
)
def test_right_solutions_are_kept(solution, expression, answer):
    assert computed(solution, expression, answer) is None


@pytest.mark.parametrize(
    ("solution", "expression", "answer"),
    [
        ("100÷3=33（元）", "100÷3", "33元"),
        ("100÷3≈34（元）", "100÷3", "34元"),
        ("0.23×2=0.46（元）", "0.23×2", "0.5元"),
        ("15000×2=30000（元）", "15000×2", "3元"),
        ("15000×2=30000（元）", "15000×2", "30万元"),
        ("3×2=6（万元）", "3×2", "6亿元"),
        ("35÷4=8……2", "35-4×8", "3人"),
        ("3-8=-5（℃）", "3-8", "5℃"),
        ("3-8=5（℃）", "8-3", "5℃"),
        ("18÷24=0.75=7.5%", "18÷24", "7.5%"),
        ("1/2+1/3=2/5", "1/2+1/3", "2/5"),
        ("3千克=300克\n300×2=600（克）", "300×2", "600克"),
        ("1小时30分=1.3小时，60×1.3=78", "60×1.3", "78千米"),
        ("3米+50厘米=53厘米", "3+50", "53厘米"),
        ("3.5×100=500（厘米）", "5×100", "500厘米"),
        ("60×1.5=90（千米）\n所以是80千米", "60×1.5", "90千米"),
        ("12乘以8等于86，86+4=90", "86+4", "90"),
        ("2^3=6", "2^3", "6"),
        ("100×(1+10%)=111（元）", "100+11", "111元"),
    ],
)
def test_wrong_solutions_are_not(solution, expression, answer):
    assert computed(solution, expression, answer) is not None


def test_real_equations_are_judged(shared):
    """Ape210K's equations hold with their answers, and none does when it is off by one."""
    with (shared / "data" / "math" / "ape210k_valid.jsonl").open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    pairs = [(record["equation"].removeprefix("x="), record["ans"]) for record in records]
    right = [holds((equation, "≈", answer)) for equation, answer in pairs]
    assert right.count(False) == 0 and right.count(True) >= 0.99 * len(pairs)
    assert not any(holds((f"({equation})+1", "≈", answer)) for equation, answer in pairs)


def test_real_solutions_are_read(shared):
    """GSM8K's solutions are right, so what is called wrong there was misread; BELLE's are known to hold wrong sums."""

    def judged(path, field):
        with path.open(encoding="utf-8") as file:
            texts = [re.sub(r"<<.*?>>", "", json.loads(line)[field]) for line in file]
        found = [holds(claim) for text in texts for claim in claims_in(text)]
        return found.count(True), found.count(False)

    right, wrong = judged(shared / "data" / "math" / "gsm8k_train_first2000.jsonl", "answer")
    assert right > 4000 and wrong < 0.02 * right
    right, wrong = judged(shared / "data" / "belle" / "school_math_dev1K.jsonl", "output")
    assert right > 900 and 30 < wrong < 100


FORM = "题目：{question}\n解答：{solution}\n算式：{expression}\n答案：{answer}"


def test_the_form_is_read():
    good = FORM.format(**vars(GOOD))
    assert problems_in(f"好的：\n\n{good}\n###\n**{good.replace('题目：', '题目**：', 1)}") == [GOOD, GOOD]
    assert problems_in(good[: good.index("算式")])[0].startswith("衣服") and problems_in("不行") == ["不行"]


def test_only_what_computes_is_kept(tmp_path):
    def answer(body):
        random, problems = chance(body), []
        for _ in range(5):
            a, b, wrong = random.randint(2, 999), random.randint(2, 99), random.random() < 0.3
            thing = random.choice(["苹果", "梨", "书", "笔", "盒子", "车票", "积木", "灯泡", "帽子", "杯子"])
            name = random.choice(["小红", "大伟", "李老师", "王叔叔", "阿芳", "外婆", "店主", "队长"])
            question = f"{name}每天整理{a}件{thing}，{b}天一共整理多少件{thing}？"
            total = a * b + wrong
            problems.append(
                FORM.format(
                    question=question, solution=f"{a}×{b}={total}（件）", expression=f"{a}×{b}", answer=f"{total}件"
                )
            )
        return "\n###\n".join(problems)

    with LlmServer(answer) as server:
        more = ["data.size=20", "data.endpoint.model=m", f"data.endpoint.base_url={server.url}", "data.similarity=0.95"]
        examples = stage("school_math", *more, folder=tmp_path)
    assert examples.splits == {"train": 20} and examples.rejected["wrong_answer"] > 0
    for line in (examples.directory / "train.jsonl").open(encoding="utf-8"):
        record = json.loads(line)
        assert evaluate(record["meta"]["expression"]) == int(record["meta"]["answer"].removesuffix("件"))
        assert record["category"] == "math" and record["messages"][1]["content"].endswith(record["meta"]["answer"])
