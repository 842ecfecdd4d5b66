"""Makes examples with calls of language models: many jobs at a time, their results judged and written in order."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from random import Random
from typing import Any

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example
from belle_core.data import ExamplesWriter, Given, clean
from belle_core.data.splits import choose, held_out
from belle_core.errors import BelleError
from belle_core.generation.calls import EndpointConfig, Refused, Reply, Request
from belle_core.generation.calls.caller import Caller
from belle_core.generation.calls.ordered import Background, in_order
from belle_core.generation.calls.request import body_of
from belle_core.generation.progress import Progress
from belle_core.language import say
from belle_generate.config import GenerateConfig

BARREN = 50
"""Jobs in a row without an example after which an endless source is taken for dry; any source, if there was none before."""
REPORT = 1.0
"""Seconds between two figures for the run's record; a million questions would make a million lines."""
UNASKED = "not_single_turn"
"""Reason of what is rejected before anything is asked."""


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
        "temperature": body_of(request, config).get("temperature"),
    }


class Production:
    """One data set in the making."""

    def __init__(self, config: GenerateConfig, context: StageContext, *, size: int | None, per_job: int = 1) -> None:
        """``size``: examples to make, before cleaning (``None``: whatever the jobs give); ``per_job``: most that a job gives."""
        self.config, self.context, self.per_job = config, context, per_job
        parts = {name: held_out(name, getattr(config, name)) for name in ("test", "dev")}
        self._parts = {name: part for name, part in parts.items() if part.number}
        most = context.limit and context.limit * (1 + len(self._parts))
        self.target = min((n for n in (size, most) if n is not None), default=None)
        self.made = self._barren = 0
        self._reported = 0.0
        self._keys = bytearray()
        self._writer = ExamplesWriter(context.directory, limit=context.limit, gather=bool(self._parts))

    def make(self, jobs: Iterable[Job], work: Work, *, accept: Accept = lambda example: None, total: int) -> Examples:
        """Do *jobs* until enough is made, and clean it. ``accept`` sees examples in order; ``total``: what progress counts up to."""
        with self._writer, self._calling() as (background, callers):
            progress = self._progress(total, callers)

            async def safely(job: Job) -> Outcome:
                try:
                    return await work(job, callers)
                except Refused as refusal:
                    return [Rejected(job.id, "refused", str(refusal))]

            def examples() -> Iterator[tuple[str, Example]]:
                done = in_order(background, self._wanted(jobs), safely, ahead=self._ahead, tick=lambda: progress.add(0))
                for _, outcome in done:
                    before = self.made
                    yield from self._accepted(outcome, accept)
                    progress.add(len(outcome) if self.target is None else self.made - before)
                    if time.monotonic() - self._reported >= REPORT:
                        self._report(callers)

            supply = Given(examples())
            for batch in clean(supply, self.config, self.context, self._writer, keys=bool(self._parts)):
                batch.write(self._writer, "train")
                self._keys += b"".join(batch.keys)
            self._report(callers)
            progress.close()
            print("      " + say("made", "生成") + f" {self.made:,}{self._words(callers)}", flush=True)
            self._write_spending(callers)
            return self._finish()

    def _progress(self, total: int, callers: Callers) -> Progress:
        """Counts what is made where a number of it is asked for, else what the jobs have given, rejected or not."""
        if self.target is not None:
            return Progress(total, what=("made", "条已生成"), more=lambda: self._words(callers))
        kept = lambda: say(f" · kept {self.made:,}", f" · 保留 {self.made:,}")  # noqa: E731
        return Progress(total, what=("done", "条已处理"), more=lambda: kept() + self._words(callers))

    def _wanted(self, jobs: Iterable[Job]) -> Iterator[Job]:
        for job in jobs:
            if self.target is not None and self.made >= self.target:
                return
            yield job

    def _ahead(self) -> int:
        """Jobs that may be under way: enough to keep the endpoint busy, never more than are needed."""
        window = 4 * self.config.endpoint.concurrency
        return window if self.target is None else min(window, ceil((self.target - self.made) / self.per_job))

    def _accepted(self, outcome: Outcome, accept: Accept) -> Iterator[tuple[str, Example]]:
        before = self.made
        for item in outcome:
            if self.target is not None and self.made >= self.target:
                break
            rejected = item if isinstance(item, Rejected) else accept(item)
            if rejected:
                self._writer.reject(rejected.where, rejected.reason, rejected.evidence)
            elif isinstance(item, Example):
                self.made += 1
                yield item.id, item
        if self.made > before:
            self._barren = 0
        elif not all(isinstance(item, Rejected) and item.reason == UNASKED for item in outcome):
            self._barren += 1
        if self._barren < BARREN:
            return
        if not self.made:
            raise BelleError(
                f"the first {BARREN} requests gave nothing to keep ({self._why()}): look at the model, its temperature and max_tokens "
                "(thoughts count), and at what is asked",
                f"最初 {BARREN} 次请求没有得到可保留的内容（{self._why()}）：请检查模型、温度、max_tokens（思考内容也计入）和所问的内容",
            )
        if self.target is not None and self.made < self.target:
            raise BelleError(
                f"the last {BARREN} requests gave nothing to keep ({self._why()}); {self.made:,} examples are made: ask for fewer "
                "(size), or look at the model and its temperature",
                f"最近 {BARREN} 次请求没有得到可保留的内容（{self._why()}）；已生成 {self.made:,} 条：请减小 size，或检查模型与温度",
            )

    def _why(self) -> str:
        reasons = self._writer.reasons.most_common(3)
        return ", ".join(f"{reason} {count:,}" for reason, count in reasons) or "-"

    @contextmanager
    def _calling(self) -> Iterator[tuple[Background, Callers]]:
        scratch, store = self.context.scratch, self.context.directory.parents[1]
        with Background() as background:
            callers: Callers = {}
            try:
                for name, config in self.config.endpoints().items():
                    callers[name] = Caller(config, where=name, folder=scratch, store=store)
                yield background, callers
            finally:
                background.cancel()
                for caller in callers.values():
                    background.run(caller.close())

    def _words(self, callers: Callers) -> str:
        rejected = sum(self._writer.reasons.values())
        why = self._why()
        text = say(f" · dropped {rejected:,} ({why})", f" · 丢弃 {rejected:,}（{why}）") if rejected else ""
        for name, caller in callers.items():
            text += " · " + (f"{name}: " if len(callers) > 1 else "") + caller.ledger.words()
        return text

    def _report(self, callers: Callers) -> None:
        self._reported = time.monotonic()
        figures: dict[str, float] = {"made": self.made, "rejected": sum(self._writer.reasons.values())}
        for name, caller in callers.items():
            spent = caller.ledger.spent
            figures |= {
                f"{name}_calls": spent.calls,
                f"{name}_tokens": spent.tokens,
                f"{name}_cost": caller.ledger.cost(spent),
            }
        self.context.emit("data", figures, self.made)

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
        kept = self._writer.counts["train"]
        if not kept:
            raise BelleError(
                f"nothing is left to keep ({self._why()}); look at the model, its max_tokens, what is asked and what cleaning drops",
                f"没有可保留的内容（{self._why()}）；请检查模型、max_tokens、所问的内容和清洗选项",
            )
        if self._parts:
            limit = self.context.limit or kept
            if self._writer.shingles:
                from belle_core.data.groups import grouped  # brings numpy along

                self._keys = grouped(self._keys, self._writer.gathered(), self._writer.shingles, self.context.scratch)
            self._writer.hold_out(
                choose(self._keys, {name: min(part.size(kept), limit) for name, part in self._parts.items()})
            )
        return self._writer.finish(licences=[self.config.terms()])
