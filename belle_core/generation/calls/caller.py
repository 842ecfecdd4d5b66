"""Asks questions: from the journal, else within the budget, at the pace, with further attempts after failures."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from belle_core.errors import BelleError, why_refused
from belle_core.generation.calls.config import EndpointConfig
from belle_core.generation.calls.ledger import Amount, Ledger
from belle_core.generation.calls.pace import Pace
from belle_core.generation.calls.record import Record, amount_of
from belle_core.generation.calls.request import (
    FILTERED,
    Failed,
    Refused,
    Reply,
    Request,
    key_of,
    longest,
    most_prompt_tokens,
)
from belle_core.notices import tell

LONGEST_PAUSE = 60.0
"""Seconds to which the pause between attempts grows."""
LONGEST_WAIT = 600.0
"""Seconds that an endpoint may ask to wait before the run stops and says so."""
REFUSALS = 5
"""Questions refused in a row, none answered before, after which it is the options that are wrong."""
NOTICE = 10.0  # seconds between two notices of failed attempts


class Answerer(Protocol):
    """What gives an answer: an endpoint or a local model."""

    async def answer(self, request: Request) -> Reply:
        """The reply; raises ``Failed``, ``Refused`` or ``BelleError``."""
        ...

    async def close(self) -> None:
        """Let go of connections or weights."""
        ...


class Caller:
    """All calls of one endpoint in one step.

    ``where`` is how messages call it (``endpoint``, ``judge``); *folder* is where its journal lies unless the options name one;
    *store* is where an artifact is looked up.
    """

    def __init__(self, config: EndpointConfig, *, where: str, folder: Path, store: Path) -> None:
        self.config, self.where = config, where
        path = Path(config.journal).expanduser() if config.journal else folder / f"{where}.calls.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self._answerer = _answerer(config, where=where, store=store)
        self._unlock = _locked(path) if config.journal else lambda: None
        try:
            self.record = Record(path, named=bool(config.journal))
        except BelleError:
            self._unlock()
            raise
        self.ledger = Ledger(config)
        self.ledger.spent = self.record.spent
        self._pace = Pace(config)
        self._slots = asyncio.Semaphore(config.concurrency)
        self._settled = asyncio.Condition()
        self._running: dict[str, asyncio.Future[Reply]] = {}
        self._answered, self._refused = self.record.spent.calls, 0
        self._noticed = 0.0
        self._over: BelleError | None = None
        """Why no further call is begun: the endpoint takes none."""

    async def ask(self, request: Request) -> Reply:
        """The answer, paid once however often the question is asked.

        Raises ``Refused`` for a question that will never be answered, ``BelleError`` when the budget is used up or the
        endpoint keeps failing.
        """
        key = key_of(request, self.config)
        if (known := self.record.get(key)) is not None:
            return _allowed(known)
        if key not in self._running:
            self._running[key] = asyncio.ensure_future(self._call(key, request))
            self._running[key].add_done_callback(lambda _: self._running.pop(key, None))
        return _allowed(await asyncio.shield(self._running[key]))

    async def _call(self, key: str, request: Request) -> Reply:
        async with self._slots:
            for attempt in range(self.config.retries + 1):
                try:
                    return await self._attempt(key, request)
                except Failed as failure:
                    last = failure
                    await self._pause(failure, attempt)
        tries, host = self.config.retries + 1, self.config.base_url
        self._over = BelleError(
            f"{host} failed {tries} times, the last time with: {last}. Nothing is lost: repeat the command and it goes on",
            f"{host} 连续失败 {tries} 次，最后一次：{last}。已有结果都在：重复同一命令即可继续",
        )
        raise self._over

    async def _attempt(self, key: str, request: Request) -> Reply:
        bound = Amount(1, most_prompt_tokens(request), longest(request, self.config))
        most = bound + self.ledger.beyond
        await self._afford(most)
        used = Amount()
        try:
            await self._pace.turn(most.tokens)
            if self._over:
                raise self._over
            self.record.begin(key, most)
            used = most  # what a call costs that is broken off
            try:
                reply = await self._answerer.answer(request)
            except (Refused, BelleError, Failed) as error:
                if not (isinstance(error, Failed) and error.billed):
                    used = Amount()
                    self.record.void(key)
                self._heed(error)
                raise
            self.record.keep(key, reply)
            used = amount_of(reply)
            self.ledger.learn(bound, used)
            self._answered += 1
            return reply
        finally:
            self.ledger.settle(most, used)
            async with self._settled:
                self._settled.notify_all()

    async def _afford(self, most: Amount) -> None:
        """Reserve; calls in flight may yet turn out cheaper than they could have been."""
        async with self._settled:
            while not self.ledger.reserve(most):
                if not self.ledger.reserved.calls:
                    raise self.ledger.exhausted(most, where=self.where)
                await self._settled.wait()

    async def _pause(self, failure: Failed, attempt: int) -> None:
        if attempt == self.config.retries:
            return
        if failure.wait is not None and failure.wait > LONGEST_WAIT:
            self._over = BelleError(
                f"{self.config.base_url} asks to wait {failure.wait:.0f} s ({failure}); repeat the command then, it goes on",
                f"{self.config.base_url} 要求等待 {failure.wait:.0f} 秒（{failure}）；届时重复同一命令即可继续",
            )
            raise self._over
        pause = min(LONGEST_PAUSE, self.config.backoff * 2**attempt) * random.uniform(0.5, 1.0)
        if failure.wait is not None:
            self._pace.hold(failure.wait)  # the others are asked to wait as well
            pause = max(pause, failure.wait)
        self._notice(failure, pause)
        await asyncio.sleep(pause)

    def _notice(self, failure: Failed, pause: float) -> None:
        if pause >= 0.5 and time.monotonic() - self._noticed > NOTICE:
            self._noticed = time.monotonic()
            host = self.config.base_url
            tell(f"{host}: {failure}; trying again in {pause:.0f} s", f"{host}：{failure}；{pause:.0f} 秒后重试")

    def _heed(self, error: Exception) -> None:
        """What *error* means for further calls; raises ``BelleError`` when only questions were refused so far."""
        if isinstance(error, BelleError):
            self._over = error
        if not isinstance(error, Refused):
            return
        self._refused += 1
        if not self._answered and self._refused >= REFUSALS:
            self._over = BelleError(
                f"{self.config.base_url} refuses every question, the last with: {error}; look at {self.where}",
                f"{self.config.base_url} 拒绝了所有问题，最后一次：{error}；请检查 {self.where}",
            )
            raise self._over from error

    async def close(self) -> None:
        """Let go of what is held."""
        try:
            await self._answerer.close()
        finally:
            self._unlock()


def _allowed(reply: Reply) -> Reply:
    """The reply; raises ``Refused`` for one that was withheld: it is paid, and kept so that it is not paid again."""
    if reply.ended == FILTERED:
        raise Refused(f"filtered: {reply.text}" if reply.text else "filtered")
    return reply


def _answerer(config: EndpointConfig, *, where: str, store: Path) -> Answerer:
    if config.here:
        from belle_core.generation.calls.local import LocalModel

        return LocalModel(config, store)
    from belle_core.generation.calls.client import Endpoint

    return Endpoint(config, where=where)


def _locked(path: Path) -> Callable[[], object]:
    """Lock a journal that other runs may name too; returns what unlocks it."""
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # where nothing can be written there is no lock either, which reads as if another had it
        path.open("ab").close()
        lock.acquire(timeout=0)
    except Timeout:
        raise BelleError(
            f"the journal {path} is in use by another run; wait for it or name another file",
            f"日志 {path} 正被另一个运行使用；请等待或换一个文件",
        ) from None
    except OSError as error:
        why, why_zh = why_refused(error)
        raise BelleError(f"the journal {path} cannot be written: {why}", f"无法写入日志 {path}：{why_zh}") from error
    return lock.release
