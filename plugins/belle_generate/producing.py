"""Makes examples with calls of language models: many jobs at a time, their results judged and written in order."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from random import Random
from typing import Any

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example
from belle_core.data import ExamplesWriter
from belle_core.data.questions import question_key
from belle_core.data.splits import choose, held_out
from belle_core.errors import BelleError
from belle_core.generation.calls import EndpointConfig, Refused, Reply, Request
from belle_core.generation.calls.caller import Caller
from belle_core.generation.calls.ordered import Background, in_order
from belle_core.generation.progress import Progress
from belle_core.language import say
from belle_generate.config import GenerateConfig

BARREN = 50
"""Jobs in a row without an example after which an endless source is taken for dry."""


@dataclass(frozen=True)
class Job:
    """What leads to examples with one or several calls."""

    number: int
    id: str
    seed: int
    """The run's seed."""
    asked: Conversation | None = None
    category: str = ""
    meta: dict[str, Any] = field(default_factory=dict)

    def random(self) -> Random:
        """The job's own stream of random numbers."""
        return Random(f"{self.seed}/{self.number}/{self.id}")

    def draw(self, call: int = 0) -> int:
        """The seed of the job's *call*-th call."""
        digest = hashlib.sha256(f"{self.seed}/{self.number}/{self.id}/{call}".encode()).digest()
        return int.from_bytes(digest[:4]) >> 1  # some endpoints take 31 bits


@dataclass(frozen=True)
class Rejected:
    """Something that was made and is not kept."""

    where: str
    reason: str
    evidence: str = ""


Outcome = list[Example | Rejected]
Callers = dict[str, Caller]
Work = Callable[[Job, Callers], Awaitable[Outcome]]
Accept = Callable[[Example], Rejected | None]


def about(request: Request, reply: Reply, config: EndpointConfig) -> dict[str, Any]:
    """Where a text comes from: the model, a hash of the whole prompt, and how the answer was drawn."""
    prompt = json.dumps(request.conversation.messages(), ensure_ascii=False)
    return {
        "model": reply.model or config.answers_with,
        "prompt": hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()[:16],
        "temperature": config.temperature if request.temperature is None else request.temperature,
    }


class Production:
    """One data set in the making."""

    def __init__(self, config: GenerateConfig, context: StageContext, *, size: int | None, per_job: int = 1) -> None:
        """``size``: examples to keep (``None``: whatever the jobs give); ``per_job``: most that a job gives."""
        self.config, self.context, self.per_job = config, context, per_job
        parts = {name: held_out(name, getattr(config, name)) for name in ("test", "dev")}
        self._parts = {name: part for name, part in parts.items() if part.number}
        most = context.limit and context.limit * (1 + len(self._parts))
        self.target = min((n for n in (size, most) if n is not None), default=None)
        self.kept = self._barren = 0
        self.reasons: Counter[str] = Counter()
        self._keys = bytearray()
        self._writer = ExamplesWriter(context.directory, limit=context.limit, gather=bool(self._parts))

    def make(self, jobs: Iterable[Job], work: Work, *, accept: Accept = lambda example: None, total: int) -> Examples:
        """Do *jobs* until enough is kept. ``accept`` sees examples in order; ``total`` is what progress counts up to."""
        with self._writer, self._calling() as (background, callers):
            progress = Progress(total, what=("kept", "条已保留"), more=lambda: self._words(callers))

            async def safely(job: Job) -> Outcome:
                try:
                    return await work(job, callers)
                except Refused as refusal:
                    return [Rejected(job.id, "refused", str(refusal))]

            done = in_order(background, self._wanted(jobs), safely, ahead=self._ahead, tick=lambda: progress.add(0))
            for _, outcome in done:
                before = self.kept
                self._take(outcome, accept)
                progress.add(self.kept - before)
                self._report(callers)
            progress.close()
            print("      " + say("kept", "保留") + f" {self.kept:,}{self._words(callers)}", flush=True)
            self._write_spending(callers)
            return self._finish()

    def _wanted(self, jobs: Iterable[Job]) -> Iterator[Job]:
        for job in jobs:
            if self.target is not None and self.kept >= self.target:
                return
            yield job

    def _ahead(self) -> int:
        """Jobs that may be under way: enough to keep the endpoint busy, never more than are needed."""
        window = 4 * self.config.endpoint.concurrency
        return window if self.target is None else min(window, ceil((self.target - self.kept) / self.per_job))

    def _take(self, outcome: Outcome, accept: Accept) -> None:
        before = self.kept
        for item in outcome:
            if self.target is not None and self.kept >= self.target:
                break
            rejected = item if isinstance(item, Rejected) else accept(item)
            if rejected:
                self._writer.reject(rejected.where, rejected.reason, rejected.evidence)
                self.reasons[rejected.reason] += 1
            elif isinstance(item, Example):
                self._writer.write("train", item)
                self._keys += question_key(item) if self._parts else b""
                self.kept += 1
        self._barren = 0 if self.kept > before else self._barren + 1
        if self.target is not None and self._barren >= BARREN and self.kept < self.target:
            why = ", ".join(f"{reason} {count:,}" for reason, count in self.reasons.most_common(3))
            raise BelleError(
                f"the last {BARREN} requests gave nothing to keep ({why}); {self.kept:,} examples are kept: ask for fewer "
                "(data.size), or look at the model and its temperature",
                f"最近 {BARREN} 次请求没有得到可保留的内容（{why}）；已保留 {self.kept:,} 条：请减小 data.size，或检查模型与温度",
            )

    @contextmanager
    def _calling(self) -> Iterator[tuple[Background, Callers]]:
        scratch, store = self.context.scratch, self.context.directory.parents[1]
        with Background() as background:
            callers: Callers = {}
            try:
                for name, config in self.config.endpoints().items():
                    callers[name] = Caller(config, where=f"data.{name}", folder=scratch, store=store)
                yield background, callers
            finally:
                for caller in callers.values():
                    background.run(caller.close())

    def _words(self, callers: Callers) -> str:
        rejected = sum(self.reasons.values())
        text = ""
        if rejected:
            why = ", ".join(f"{reason} {count:,}" for reason, count in self.reasons.most_common(3))
            text += say(f" · rejected {rejected:,} ({why})", f" · 拒绝 {rejected:,}（{why}）")
        for name, caller in callers.items():
            text += " · " + (f"{name}: " if len(callers) > 1 else "") + caller.ledger.words()
        return text

    def _report(self, callers: Callers) -> None:
        figures: dict[str, float] = {"kept": self.kept, "rejected": sum(self.reasons.values())}
        for name, caller in callers.items():
            spent = caller.ledger.spent
            figures |= {
                f"{name}_calls": spent.calls,
                f"{name}_tokens": spent.tokens,
                f"{name}_cost": caller.ledger.cost(spent),
            }
        self.context.emit("data", figures, self.kept)

    def _write_spending(self, callers: Callers) -> None:
        """``spending.json``: what the calls cost, attempts without an answer included."""
        spending = {
            name: {
                "model": caller.config.answers_with,
                "calls": caller.ledger.spent.calls,
                "prompt_tokens": caller.ledger.spent.prompt_tokens,
                "completion_tokens": caller.ledger.spent.completion_tokens,
                "cost": caller.ledger.cost(caller.ledger.spent),
                "currency": caller.config.currency,
            }
            for name, caller in callers.items()
        }
        text = json.dumps(spending, ensure_ascii=False, indent=1)
        (self.context.directory / "spending.json").write_text(text + "\n", encoding="utf-8", newline="\n")

    def _finish(self) -> Examples:
        if not self.kept:
            why = ", ".join(f"{reason} {count:,}" for reason, count in self.reasons.most_common(5)) or "-"
            raise BelleError(f"nothing is left to keep ({why})", f"没有可保留的内容（{why}）")
        if self._parts:
            limit = self.context.limit or self.kept
            self._writer.hold_out(
                choose(self._keys, {name: min(part.size(self.kept), limit) for name, part in self._parts.items()})
            )
        return self._writer.finish(licences=[self.config.terms()])
