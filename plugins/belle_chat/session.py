"""A conversation that grows: turns, the system text, and what is sent when the context is full."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from belle_core.conversation import Conversation, Turn
from belle_core.errors import BelleError, why_refused
from belle_core.generation import Engine, Sampling
from belle_core.terminal import printable


class Session:
    """What was said so far, and the model that answers."""

    def __init__(self, engine: Engine, sampling: Sampling, system: str = "") -> None:
        self.engine, self.sampling = engine, sampling
        self.conversation = Conversation((), system)
        self.forgotten = 0
        """Messages at the beginning that the last question was asked without, because the context was full."""

    def ask(self, question: str) -> Generator[str, None, None]:
        """Pieces of the answer, safe to print; both are remembered, the answer as far as it was read."""
        asked = Conversation((*self.conversation.turns, Turn("user", question)), self.conversation.system)
        fitting = self._fitting(asked)
        pieces: list[str] = []
        try:
            for piece in self.engine.stream(fitting, self.sampling):
                pieces.append(piece)
                yield printable(piece)
        finally:
            turns = (*asked.turns, Turn("assistant", "".join(pieces)))
            self.conversation = Conversation(turns, asked.system)

    def take_back(self) -> str | None:
        """The last question, to be asked again with the next seed; ``None`` when nothing was asked yet."""
        if not self.conversation.turns:
            return None
        question = self.conversation.question
        self.sampling = replace(self.sampling, seed=self.sampling.seed + 1)
        self.conversation = replace(self.conversation, turns=self.conversation.turns[:-2])
        return question

    def reset(self, system: str | None = None) -> None:
        """Forget all turns; *system* replaces the system text."""
        self.conversation = Conversation((), self.conversation.system if system is None else system)

    def save(self, path: Path) -> None:
        """Write the conversation as one record that ``data=files`` reads; raises ``BelleError`` when it cannot."""
        try:
            with path.expanduser().open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps({"messages": self.conversation.messages()}, ensure_ascii=False) + "\n")
        except OSError as error:
            why, why_zh = why_refused(error)
            raise BelleError(f"cannot write {path}: {why}", f"无法写入 {path}：{why_zh}") from error

    def _fitting(self, asked: Conversation) -> Conversation:
        """As many of the latest turns as leave room for a whole answer; the last question always."""
        turns = asked.turns
        while len(turns) > 1 and not self._fits(Conversation(turns, asked.system)):
            turns = turns[2:]
        self.forgotten = len(asked.turns) - len(turns)
        fitting = Conversation(turns, asked.system)
        if not self.engine.room(len(self.engine.encoder.prompt(fitting)), 1):
            raise BelleError(
                f"the question is too long: the model holds {self.engine.context_length} tokens of question and answer together",
                f"问题太长：模型的问题与答案合计最多 {self.engine.context_length} 个词元",
            )
        return fitting

    def _fits(self, conversation: Conversation) -> bool:
        wanted = self.sampling.max_new_tokens
        if self.engine.context_length is not None:
            wanted = min(wanted, self.engine.context_length // 2)
        return self.engine.room(len(self.engine.encoder.prompt(conversation)), wanted) >= wanted
