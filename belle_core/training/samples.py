"""Answers of the model to a few dev questions while it trains."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback

from belle_core.conversation import Example
from belle_core.encoding import Encoder
from belle_core.generation.local import generate
from belle_core.generation.text import text_of

LONGEST = 128
"""Most tokens of an answer."""


class Samples(Callback):
    """Asks before the first step, every *every* steps and after the last; the likeliest token is taken each time.

    The model is what is evaluated and kept (averages, no noise, no dropout). Answers go out through *show* and into
    ``samples.jsonl``.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        encoder: Encoder,
        context_length: int | None,
        *,
        every: int,
        show: Callable[[list[dict[str, str]], int], None],
    ) -> None:
        self.asked = [example for example in examples if example.conversation is not None]
        self.encoder, self.context_length, self.every, self.show = encoder, context_length, every, show
        self.records: list[dict[str, Any]] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """Before anything is learned."""
        if pl_module.done == 0:
            self._ask(pl_module)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """After an optimizer step."""
        if pl_module.done % self.every == 0 or pl_module.done == pl_module.steps.total:
            self._ask(pl_module)

    def _ask(self, module: Any) -> None:
        prompts = [self.encoder.prompt(example.conversation) for example in self.asked if example.conversation]
        with module.evaluated(), module.trainer.precision_plugin.forward_context():
            answers = generate(
                module.model,
                prompts,
                stop_ids=self.encoder.stop_ids,
                max_new_tokens=LONGEST,
                context_length=self.context_length,
            )
        found = [self._record(example, ids) for example, ids in zip(self.asked, answers, strict=True)]
        self.records += [{"step": module.done, **record} for record in found]
        self.show(found, module.done)

    def _record(self, example: Example, ids: list[int]) -> dict[str, str]:
        assert example.conversation is not None
        return {
            "id": example.id,
            "question": example.conversation.question,
            "reference": example.conversation.answer,
            "answer": text_of(ids, self.encoder.decode),
        }

    def write(self, path: Path) -> None:
        """All answers as JSON Lines."""
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in self.records)
        path.write_text("".join(lines).encode("utf-8", "replace").decode(), encoding="utf-8")

    def state_dict(self) -> dict[str, Any]:
        """Saved with the run's state."""
        return {"records": self.records}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.records = state_dict["records"]
