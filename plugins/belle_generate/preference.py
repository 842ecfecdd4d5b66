"""``+data=preference``: two answers to a question, and a judge who reads them in both orders and must say the same twice."""

from __future__ import annotations

from typing import Any

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example, Turn
from belle_core.generation.calls import Reply, Request
from belle_core.generation.calls.structured import json_in
from belle_generate.answers import why_useless
from belle_generate.asking import count, jobs_from
from belle_generate.config import PreferenceConfig
from belle_generate.producing import Callers, Job, Outcome, Production, Rejected, about

ASK = """请比较两个助手对同一个问题的回答，判断哪一个更好。先看是否正确、是否切题，再看是否完整、清楚、得体；不要因为更长或排在前面就认为更好。

【问题】
{question}

【回答A】
{first}

【回答B】
{second}

只输出一个 JSON 对象，不要输出其他内容：{{"reason": "一句话理由", "better": "A"、"B" 或 "tie"}}"""
SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "better": {"type": "string", "enum": ["A", "B", "tie"]}},
    "required": ["reason", "better"],
    "additionalProperties": False,
}


def make(config: PreferenceConfig, context: StageContext) -> Examples:
    """A pair for every question on which the judge keeps its opinion when the order is turned round."""
    second, judge = (
        ("second" if config.second.answers_with else "endpoint"),
        "judge" if config.judge.answers_with else "endpoint",
    )

    async def work(job: Job, callers: Callers) -> Outcome:
        assert job.asked is not None
        request = Request(job.asked, seed=job.draw(0))
        one = await callers["endpoint"].ask(request)
        other = await callers[second].ask(Request(job.asked, seed=job.draw(1)))
        for reply in (one, other):
            if reason := why_useless(reply):
                return [Rejected(job.id, reason, reply.text)]
        texts = one.text.strip(), other.text.strip()
        if texts[0] == texts[1]:
            return [Rejected(job.id, "same_answer", texts[0])]
        verdicts = [await _judged(job, texts, 2, callers[judge]), await _judged(job, texts[::-1], 3, callers[judge])]
        better = [verdict and verdict["better"] for verdict in verdicts]
        if None in better:
            return [Rejected(job.id, "malformed_verdict", job.asked.question)]
        if better not in (["A", "B"], ["B", "A"]):  # the second time the answers have changed places
            reason = "tie" if better == ["tie", "tie"] else "judge_disagrees"
            return [Rejected(job.id, reason, f"{better[0]}, then {better[1]}: {job.asked.question}")]
        chosen = 0 if better == ["A", "B"] else 1
        return [_pair(job, (one, other), chosen, verdicts, request)]

    def _pair(job: Job, replies: tuple[Reply, Reply], chosen: int, verdicts: list[Any], request: Request) -> Example:
        assert job.asked is not None
        turns = (*job.asked.turns, Turn("assistant", replies[chosen].text.strip()))
        meta = about(request, replies[chosen], config.second if chosen and second == "second" else config.endpoint)
        meta |= {"rejected_model": replies[1 - chosen].model, "reasons": [str(v.get("reason", "")) for v in verdicts]}
        meta |= {"judge": config.endpoints().get("judge", config.endpoint).answers_with}
        return Example(
            job.id,
            Conversation(turns, job.asked.system),
            rejected=(replies[1 - chosen].text.strip(),),
            category=job.category,
            source="preference",
            meta=meta,
        )

    return Production(config, context, size=None).make(jobs_from(config, context), work, total=count(config, context))


async def _judged(job: Job, answers: tuple[str, ...], call: int, judge: Any) -> dict[str, Any] | None:
    """The verdict ``{"better": "A" | "B" | "tie", "reason": …}``, or ``None`` when there is none to read."""
    assert job.asked is not None
    names = {"user": "用户", "assistant": "助手"}
    turns = job.asked.turns
    question = turns[0].text if len(turns) == 1 else "\n".join(f"{names[turn.role]}：{turn.text}" for turn in turns)
    text = ASK.format(question=question, first=answers[0], second=answers[1])
    reply = await judge.ask(Request.of(text, seed=job.draw(call), temperature=0.0, schema=SCHEMA))
    verdict = json_in(reply.text)
    return verdict if verdict and verdict.get("better") in ("A", "B", "tie") else None
