"""``+data=school_math``: word problems whose solutions are recomputed before they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example
from belle_core.generation.calls import Request
from belle_core.generation.calls.request import LENGTH
from belle_generate.config import SchoolMathConfig
from belle_generate.producing import Callers, Job, Outcome, Production, Rejected, about
from belle_generate.self_instruct.novelty import Novelty
from belle_generate.solution import Problem, why_wrong

ASKED = 5
"""Problems of a request."""
GRADES = {2: "小学二年级", 3: "小学三年级", 4: "小学四年级", 5: "小学五年级", 6: "小学六年级", 7: "初中一年级"}
TOPICS = {
    "加减法两步应用题": 2,
    "乘除法应用题": 2,
    "归一问题": 3,
    "行程问题": 4,
    "工程问题": 6,
    "植树问题": 5,
    "年龄问题": 4,
    "鸡兔同笼": 4,
    "折扣与利润": 6,
    "百分数": 6,
    "分数应用题": 5,
    "比和比例": 6,
    "平均数": 4,
    "面积与周长": 3,
    "体积与容积": 5,
    "时间计算": 3,
    "水电费分段计费": 5,
    "浓度问题": 6,
    "和差倍问题": 4,
    "相遇与追及": 5,
    "储蓄与利息": 6,
    "单位换算": 3,
    "错中求解": 4,
    "优化购买方案": 4,
}
"""With the grade in which they are taught first; nobody can write a problem on interest for the second one."""
SCENES = [
    "菜市场",
    "果园",
    "图书馆",
    "运动会",
    "春游",
    "工地",
    "养殖场",
    "书店",
    "快递站",
    "食堂",
    "剧院",
    "火车站",
    "班级活动",
    "装修",
    "农田",
    "游泳馆",
    "生日会",
    "工厂",
    "超市",
    "社区",
]
ASK = """请编写 {asked} 道{grade}的数学应用题，内容是“{topic}”，背景与“{scene}”有关。数字和情节各不相同，条件充分，答案唯一，答案是一个数。

每道题严格按下面的格式写，题与题之间用 ### 隔开：
题目：（完整的题目）
解答：（分步写出算式和得数，如 260×0.8=208，除不尽时用≈，最后用一句话作答）
算式：（只含数字和运算符号的一个综合算式，算出来就是答案，如 260×0.8-20）
答案：（只写一个数和单位）"""
FIELD = re.compile(
    r"^[ \t#*\d.、【]*(?:综合)?(题目|解答|算式|答案)(?:过程)?[ \t]*[（(]?[\d一二三四五]?[)）]?[ \t]*\**[ \t]*(?:】[ \t]*[:：]?|[:：])\**",
    re.MULTILINE,
)


def make(config: SchoolMathConfig, context: StageContext) -> Examples:
    """Problems until ``size`` are kept. What arithmetic can check is checked; whether it was the right sum to do it cannot."""
    novelty = Novelty(config.similarity)

    async def work(job: Job, callers: Callers) -> Outcome:
        request, topic = request_of(job)
        reply = await callers["endpoint"].ask(request)
        meta = about(request, reply, config.endpoint) | {"topic": topic}
        found = problems_in(reply.text)
        items = [_item(f"{job.id}-{place}", problem, meta) for place, problem in enumerate(found, 1)]
        if reply.ended == LENGTH and isinstance(found[-1], Problem):
            items[-1] = Rejected(f"{job.id}-{len(found)}", "cut_off", found[-1].question)
        return items

    def accept(example: Example) -> Rejected | None:
        assert example.conversation is not None
        if repeated := novelty.repeated(example.conversation.question):
            return Rejected(
                example.id, "too_similar", f"{repeated[0]:.2f}: {example.conversation.question} | {repeated[1]}"
            )
        novelty.add(example.conversation.question)
        return None

    production = Production(config, context, size=config.size, per_job=ASKED)
    total = production.target or config.size
    return production.make(jobs(context.shared["seed"]), work, accept=accept, total=total)


def jobs(seed: int) -> Iterator[Job]:
    """Requests without end."""
    return (Job(number, f"request-{number + 1}", seed) for number in count())


def request_of(job: Job) -> tuple[Request, str]:
    """The request and its topic."""
    random = job.random()
    topic, scene = random.choice(list(TOPICS)), random.choice(SCENES)
    grade = random.choice([name for number, name in GRADES.items() if number >= TOPICS[topic]])
    return Request.of(ASK.format(asked=ASKED, grade=grade, topic=topic, scene=scene), seed=job.draw()), topic


def problems_in(text: str) -> list[Problem | str]:
    """The problems of an answer; a ``str`` is what stands where one is incomplete. There is at least one of either."""
    labels = list(FIELD.finditer(text))
    found: list[dict[str, str]] = []
    for place, label in enumerate(labels):
        end = labels[place + 1].start() if place + 1 < len(labels) else len(text)
        value = re.sub(r"#{3,}\s*$", "", text[label.end() : end].strip()).strip()
        if label[1] == "题目" or not found:
            found.append({})
        found[-1].setdefault(label[1], value)
    names = ("题目", "解答", "算式", "答案")
    return [
        Problem(*(fields[name] for name in names)) if all(map(fields.get, names)) else "\n".join(fields.values())
        for fields in found
    ] or [text.strip()]


def _item(id: str, problem: Problem | str, meta: dict[str, str]) -> Example | Rejected:
    if isinstance(problem, str):
        return Rejected(id, "malformed", problem)
    if wrong := why_wrong(problem):
        return Rejected(id, wrong[0], f"{wrong[1]} | {problem.question}")
    more = meta | {"expression": problem.expression, "answer": problem.answer}
    conversation = Conversation.of(problem.question, f"{problem.solution}\n答案：{problem.answer}")
    return Example(id, conversation, category="math", source="school_math", meta=more)
