"""``+data=self_instruct``: new tasks in the manner of the seed tasks, each unlike all earlier ones."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example
from belle_core.generation.calls import Request
from belle_core.generation.calls.request import LENGTH
from belle_generate.producing import Callers, Job, Outcome, Production, Rejected, about
from belle_generate.self_instruct.config import LISTED, SHOWN, SelfInstructConfig
from belle_generate.self_instruct.form import Task, beginning, prompt_of, tasks_in
from belle_generate.self_instruct.novelty import Novelty
from belle_generate.self_instruct.rules import why_rejected
from belle_generate.self_instruct.seeds import read_seeds


def make(config: SelfInstructConfig, context: StageContext) -> Examples:
    """Requests until ``size`` tasks are kept; their order, not that of the answers, decides what is new."""
    seeds = read_seeds(config.seeds)
    novelty = Novelty(config.similarity)
    for seed in seeds:
        novelty.add(seed.instruction)

    async def work(job: Job, callers: Callers) -> Outcome:
        request = request_of(config, seeds, job)
        reply = await callers["endpoint"].ask(request)
        cut = reply.ended == LENGTH
        found = tasks_in(reply.text, cut=cut, begin=beginning(SHOWN + 1, config.categories))
        meta = about(request, reply, config.endpoint)
        items = [_item(f"{job.id}-{place}", task, meta) for place, task in enumerate(found, 1)]
        if cut and isinstance(last := items[-1], Rejected):
            items[-1] = Rejected(last.where, "cut_off", last.evidence)
        return items

    def accept(example: Example) -> Rejected | None:
        instruction = example.meta["instruction"]
        if repeated := novelty.repeated(instruction):
            score, earlier = repeated
            return Rejected(example.id, "too_similar", f"{score:.2f}: {instruction} | {earlier}")
        novelty.add(instruction)
        return None

    production = Production(config, context, size=config.size, per_job=LISTED - SHOWN)
    return production.make(jobs(context.shared["seed"]), work, accept=accept, total=production.target or config.size)


def jobs(seed: int) -> Iterator[Job]:
    """Requests without end."""
    return (Job(number, f"request-{number + 1}", seed) for number in count())


def request_of(config: SelfInstructConfig, seeds: list[Task], job: Job) -> Request:
    """The request that shows some of the seed tasks."""
    random: Random = job.random()
    shown = random.sample(seeds, SHOWN)
    chat = config.endpoint.mode == "chat"
    text = prompt_of(shown, chat=chat, categories=config.categories)
    return Request.of(text, seed=job.draw(), stop=() if chat else (f"\n{LISTED + 1}.",))


def _item(id: str, task: Task | str, meta: dict[str, Any]) -> Example | Rejected:
    if isinstance(task, str):
        return Rejected(id, "malformed", task)
    if rejected := why_rejected(task):
        return Rejected(id, *rejected)
    more = {"instruction": task.instruction} | meta
    conversation = Conversation.of(task.question, task.output)
    return Example(id, conversation, category=task.category, source="self_instruct", meta=more)
