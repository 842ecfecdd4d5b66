"""Length in characters or tokens, and in turns."""

from __future__ import annotations

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.personal import excerpt
from belle_core.data.storage import text_of
from belle_filters.config import LengthConfig
from belle_filters.counting import token_counter


class Length:
    """Reasons: ``short``, ``short_question``, ``long``, ``many_turns``."""

    repairs = False

    def __init__(self, config: LengthConfig) -> None:
        self.config = config
        self.count = len if config.unit == "characters" else token_counter(config.tokenizer)

    def __call__(self, example: Example) -> Example | Drop:
        config, conversation = self.config, example.conversation
        if conversation is None:
            if self.count((example.text or "").strip()) < config.min:
                return Drop("short", example.text or "")
        else:
            for turn in conversation.turns:
                answer = turn.role == "assistant"
                if self.count(turn.text.strip()) < (config.min if answer else config.min_question):
                    return Drop("short" if answer else "short_question", excerpt(turn.text))
            if config.max_turns is not None and len(conversation.turns) > config.max_turns:
                return Drop("many_turns", f"{len(conversation.turns)} turns")
        if config.max is not None and (length := self.count(text_of(example))) > config.max:
            return Drop("long", f"{length} {config.unit}")
        return example
