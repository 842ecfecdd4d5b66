"""How fast calls may begin: limits per minute, and pauses that the endpoint asks for."""

from __future__ import annotations

import asyncio
import time

from belle_core.generation.calls.config import EndpointConfig


class Pace:
    """Spaces calls evenly, so that no minute holds more than the limits allow."""

    def __init__(self, config: EndpointConfig) -> None:
        self.config = config
        self._next = 0.0

    async def turn(self, tokens: int) -> None:
        """Wait until a call of at most that many tokens may begin."""
        config = self.config
        while (now := time.monotonic()) < self._next:
            await asyncio.sleep(self._next - now)
        seconds = 60 / config.requests_per_minute if config.requests_per_minute else 0.0
        if config.tokens_per_minute:
            seconds = max(seconds, 60 * tokens / config.tokens_per_minute)
        self._next = now + seconds

    def hold(self, seconds: float) -> None:
        """No call begins for that long."""
        self._next = max(self._next, time.monotonic() + seconds)
