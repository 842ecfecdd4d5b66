"""Answers with a model on this machine, one question at a time, so that no answer depends on another."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from belle_core.conversation import Conversation
from belle_core.encoding import Segment
from belle_core.generation.calls.answers import spoken
from belle_core.generation.calls.config import EndpointConfig
from belle_core.generation.calls.request import LENGTH, STOP, Refused, Reply, Request, continued, longest, stops_of
from belle_core.generation.engine import Engine, Sampling
from belle_core.generation.opening import open_engine
from belle_core.references import find_artifact
from belle_core.store import Store


class LocalModel:
    """A checkpoint, a GGUF file or an artifact of the store."""

    def __init__(self, config: EndpointConfig, store: Path) -> None:
        self.config = config
        self._engine = open_local(config, store)
        self._free = asyncio.Lock()
        self._busy = threading.Lock()  # a call that is broken off goes on in its thread

    async def answer(self, request: Request) -> Reply:
        """The reply; raises ``Refused`` when the question fills the model's whole context."""
        async with self._free:
            return await asyncio.to_thread(self._answer, request)

    def _answer(self, request: Request) -> Reply:
        config = self.config
        temperature = config.temperature if request.temperature is None else request.temperature
        sampling = Sampling(longest(request, config), temperature, config.top_p, request.seed)
        prompt = self._prompt(request.conversation)
        with self._busy:
            (answer,) = self._engine.complete([prompt], sampling)
        if answer.ended == "no_room":
            raise Refused(f"a question of {len(prompt)} tokens leaves no room for an answer")
        text, ended = answer.text, LENGTH if answer.ended == "length" else STOP
        for stop in stops_of(request, config):
            if stop in text:
                text, ended = text[: text.index(stop)], STOP
        return Reply(spoken(text), ended, len(prompt), answer.tokens, config.answers_with)

    def _prompt(self, conversation: Conversation) -> list[int]:
        encoder = self._engine.encoder
        if self.config.mode == "chat":
            return encoder.prompt(conversation)
        begin = [Segment(special="bos")] if encoder.tokenizer.bos_token_id is not None else []
        return encoder.encode_segments([*begin, Segment(continued(conversation))]).ids

    async def close(self) -> None:
        """Let go of the model, when the thread that uses it has ended."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._busy:
            self._engine.close()


def open_local(config: EndpointConfig, store: Path) -> Engine:
    """The engine of ``endpoint.local`` or ``endpoint.artifact``; raises ``BelleError`` when there is none."""
    template = config.template or ("plain" if config.mode == "completion" else None)  # no dialogue is written
    if config.local:
        return open_engine(config.local, template=template)
    artifacts = Store(store)
    artifact = find_artifact(str(config.artifact), artifacts)
    artifacts.verify(artifact)
    return open_engine(artifact, template=template)
