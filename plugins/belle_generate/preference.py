"""``+data=preference``: two answers to a question, and a judge who reads them in both orders and must say the same twice."""

from __future__ import annotations

import re
from typing import Any

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example, Turn
from belle_core.generation.calls import Reply, Request
from belle_core.generation.calls.structured import json_in
from belle_generate.answers import said, why_useless
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

VERDICT = re.compile(r'"better"\s*:\s*"(A|B|tie)"', re.IGNORECASE)


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
        if reason := why_useless(one):
            return [Rejected(job.id, reason, one.text)]
        other = await callers[second].ask(Request(job.asked, seed=job.draw(1)))
        if reason := why_useless(other):
            return [Rejected(job.id, reason, other.text)]
        texts = said(one), said(other)
        if texts[0] == texts[1]:
            return [Rejected(job.id, "same_answer", texts[0])]
        verdicts: list[dict[str, Any]] = []
        for call, shown in ((2, texts), (3, texts[::-1])):  # the second time the answers have changed places
            verdict = await _judged(job, shown, call, callers[judge])
            if verdict["better"] not in ("A", "B"):  # whatever comes next, this will be no pair
                return [Rejected(job.id, "tie" if verdict["better"] else "malformed_verdict", verdict["reason"])]
            verdicts.append(verdict)
        better = [verdict["better"] for verdict in verdicts]
        if better[0] == better[1]:
            return [Rejected(job.id, "judge_disagrees", f"{better[0]}, then {better[1]}: {job.asked.question}")]
        chosen = 0 if better == ["A", "B"] else 1
        return [_pair(job, (one, other), chosen, verdicts, request)]

    def _pair(job: Job, replies: tuple[Reply, Reply], chosen: int, verdicts: list[Any], request: Request) -> Example:
        assert job.asked is not None
        turns = (*job.asked.turns, Turn("assistant", said(replies[chosen])))
        meta = about(request, replies[chosen], config.second if chosen and second == "second" else config.endpoint)
        meta |= {"rejected_model": replies[1 - chosen].model, "reasons": [v["reason"] for v in verdicts]}
        meta |= {"judge": config.endpoints().get("judge", config.endpoint).answers_with}
        return Example(
            job.id,
            Conversation(turns, job.asked.system),
            rejected=(said(replies[1 - chosen]),),
            category=job.category,
            source="preference",
            meta=meta,
        )

    return Production(config, context, size=None).make(jobs_from(config, context), work, total=count(config, context))


async def _judged(job: Job, answers: tuple[str, ...], call: int, judge: Any) -> dict[str, str]:
    """The verdict ``{"better": "A" | "B" | "tie", "reason": …}``; without one to read ``better`` is empty."""
    assert job.asked is not None
    names = {"user": "用户", "assistant": "助手"}
    turns = job.asked.turns
    question = turns[0].text if len(turns) == 1 else "\n".join(f"{names[turn.role]}：{turn.text}" for turn in turns)
    text = ASK.format(question=question, first=answers[0], second=answers[1])
    reply = await judge.ask(Request.of(text, seed=job.draw(call), temperature=0.0, schema=SCHEMA))
    verdict = json_in(reply.text) or {}
    names_it = VERDICT.findall(reply.text)  # a reason with quotes in it is no JSON any more
    better = str(verdict.get("better") or (names_it[0] if len(names_it) == 1 else "")).strip().casefold()
    reason = str(verdict.get("reason") or reply.text)
    return {"better": {"a": "A", "b": "B", "tie": "tie"}.get(better, ""), "reason": reason}
