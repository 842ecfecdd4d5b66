"""``+data=distill``: answers of a stronger model to given questions."""

from __future__ import annotations

from dataclasses import replace

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example, Turn
from belle_core.generation.calls import Request
from belle_generate.answers import said, why_useless
from belle_generate.asking import count, jobs_from
from belle_generate.config import DistillConfig
from belle_generate.producing import Callers, Job, Outcome, Production, Rejected, about


def make(config: DistillConfig, context: StageContext) -> Examples:
    """One answer to every question; what is empty, cut off or a refusal is rejected."""

    async def work(job: Job, callers: Callers) -> Outcome:
        assert job.asked is not None
        asked = job.asked if job.asked.system else replace(job.asked, system=config.system)
        request = Request(asked, seed=job.draw())
        reply = await callers["endpoint"].ask(request)
        if reason := why_useless(reply):
            return [Rejected(job.id, reason, reply.text)]
        conversation = Conversation((*job.asked.turns, Turn("assistant", said(reply))), job.asked.system)
        meta = about(request, reply, config.endpoint)
        return [Example(job.id, conversation, category=job.category, source="distill", meta=meta)]

    return Production(config, context, size=None).make(jobs_from(config, context), work, total=count(config, context))
