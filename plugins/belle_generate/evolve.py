"""``+data=evolve``: harder or broader versions of given instructions (Evol-Instruct, arXiv 2304.12244)."""

from __future__ import annotations

import re

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example
from belle_core.generation.calls import Refused, Request
from belle_generate.answers import said, why_useless
from belle_generate.asking import count, jobs_from
from belle_generate.config import EvolveConfig
from belle_generate.producing import UNASKED, Callers, Job, Outcome, Production, Rejected, about
from belle_generate.self_instruct.novelty import Novelty, rouge_l, tokens_of

WAYS = {
    "constrain": "增加一到两条限制或要求，例如篇幅、对象、格式、不能使用的内容等。",
    "deepen": "如果它问的是某个问题，就加深、加宽所问的内容，使回答需要更多知识。",
    "concretise": "把其中笼统的概念换成更具体的人物、时间、地点、数据或情形。",
    "reason": "如果它几步就能想出来，就改成必须经过多步推理才能完成的任务。",
}
"""The in-depth operations of the paper (section 3.2), in our own words."""
DEEPER = """请把下面的任务改写得更难一些，使人或语言模型要多花些心思才能完成，但必须仍然合理、看得懂、答得出。
改写方法：{way}
不要丢掉原任务里的材料（如表格、代码、短文）。比原任务最多增加 20 到 40 个字。不要回答任务，也不要解释，只输出改写后的任务。

任务：
{instruction}

改写后的任务："""
BROADER = """请参考下面的任务，想出一个全新的任务。新任务与它属于同一领域，但更少见；长度和难度相当；必须合理、看得懂、答得出，只靠文字就能完成。
不要回答任务，也不要解释，只输出新任务。

任务：
{instruction}

新任务："""
NAMES = r"任务|指令|问题|题目|提示词?"
LABELLED = re.compile(rf"^[\s*#]*(?:改写后的?|新的?)?(?:{NAMES})[\s*#]*[:：][\s*]*")
"""What a version may begin with, without being spoilt by it."""
LEAKED = re.compile(
    rf"改写后的?(?:{NAMES}|版本)|原(?:任务|指令)|新(?:任务|指令)|改写方法|给定的?(?:任务|指令|提示)|"
    r"(?:given|rewritten|original|new|created)[ _](?:prompt|instruction|task)",
    re.IGNORECASE,
)
"""Words of the request; a version that holds them speaks about the rewriting (the paper's fourth elimination rule)."""


def make(config: EvolveConfig, context: StageContext) -> Examples:
    """Every round's version with its answer; the next round goes on from it, or from the one before when it failed."""
    novelty = Novelty(config.similarity)

    async def work(job: Job, callers: Callers) -> Outcome:
        assert job.asked is not None
        if len(job.asked.turns) > 1:
            return [Rejected(job.id, UNASKED, job.asked.question)]
        outcome: Outcome = []
        current, random = job.asked.question, job.random()
        for round in range(config.rounds):
            way = random.choice(config.directions)
            id = f"{job.id}-{round + 1}"
            try:
                item = await _round(id, current, way, job, round, callers)
            except Refused as refusal:  # what other rounds have given stays
                item = Rejected(id, "refused", str(refusal))
            outcome.append(item)
            if isinstance(item, Example):
                assert item.conversation is not None
                current = item.conversation.question
        return outcome

    async def _round(id: str, current: str, way: str, job: Job, round: int, callers: Callers) -> Example | Rejected:
        prompt = BROADER if way == "broaden" else DEEPER
        request = Request.of(prompt.format(way=WAYS.get(way, ""), instruction=current), seed=job.draw(2 * round))
        reply = await callers["endpoint"].ask(request)
        version = LABELLED.sub("", reply.text).strip()
        if reason := why_useless(reply) or _why_eliminated(current, version, config.similarity):
            return Rejected(id, reason, version)
        answering = Request.of(version, seed=job.draw(2 * round + 1))
        answer = await callers["endpoint"].ask(answering)
        if reason := why_useless(answer):  # the paper's second and third rule: nobody can answer it
            return Rejected(id, f"answer_{reason}", f"{version} | {answer.text}")
        meta = about(answering, answer, config.endpoint) | {"evolved": way, "from": job.id, "round": round + 1}
        conversation = Conversation.of(version, said(answer), system=job.asked.system if job.asked else "")
        return Example(id, conversation, category=job.category, source="evolve", meta=meta)

    def accept(example: Example) -> Rejected | None:
        assert example.conversation is not None
        version = example.conversation.question
        if repeated := novelty.repeated(version):
            return Rejected(example.id, "too_similar", f"{repeated[0]:.2f}: {version} | {repeated[1]}")
        novelty.add(version)
        return None

    production = Production(config, context, size=None, per_job=config.rounds)
    total = count(config, context) * config.rounds
    return production.make(jobs_from(config, context), work, accept=accept, total=total)


def _why_eliminated(before: str, version: str, similarity: float) -> str | None:
    """``not_evolved``: too near to where it came from (the paper's first rule, by ROUGE-L); ``leaked``."""
    if rouge_l(tokens_of(before), tokens_of(version)) > similarity:
        return "not_evolved"
    return "leaked" if LEAKED.search(version) else None
