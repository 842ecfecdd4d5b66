"""Long conversations in pieces that fit, as FastChat's ``split_long_conversation`` makes them: cut only behind answers."""

from __future__ import annotations

from dataclasses import replace

from belle_core.conversation import Conversation, Example, Turn
from belle_core.data.filters import Drop
from belle_core.data.personal import excerpt
from belle_filters.config import PiecesConfig
from belle_filters.counting import token_counter


class Pieces:
    """Reason: ``long_exchange``, a question with its answer that is too long to be a piece. A system text stands before every piece."""

    repairs = False

    def __init__(self, config: PiecesConfig) -> None:
        self.config, self.count = config, token_counter(config.tokenizer)

    def __call__(self, example: Example) -> Example | Drop | list[Example | Drop]:
        conversation = example.conversation
        if conversation is None or not conversation.turns:
            return example
        exchanges = _exchanges(conversation.turns)
        sizes = [sum(self._size(turn.text) for turn in exchange) for exchange in exchanges]
        system = self._size(conversation.system) if conversation.system else 0
        if sum(sizes) + system <= self.config.tokens:
            return example
        pieces: list[list[Turn]] = []
        dropped: list[Drop] = []
        size = self.config.tokens + 1
        for exchange, more in zip(exchanges, sizes):
            if system + more > self.config.tokens:
                shown = excerpt(exchange[0].text)
                dropped.append(Drop("long_exchange", f"{len(exchange)} turns of {more} tokens: {shown}"))
                size = self.config.tokens + 1  # what follows would hang in the air: it starts anew
                continue
            if system + size + more > self.config.tokens:
                pieces.append([])
                size = 0
            pieces[-1] += exchange
            size += more
        kept = [
            replace(example, id=f"{example.id}#{number}", conversation=Conversation(tuple(piece), conversation.system))
            for number, piece in enumerate(pieces)
        ]
        return dropped[0] if len(exchanges) == 1 else [*kept, *dropped]

    def _size(self, text: str) -> int:
        return self.count(text) + self.config.overhead


def _exchanges(turns: tuple[Turn, ...]) -> list[list[Turn]]:
    """What lies between the ends of answers: as a rule a question and its answer."""
    found: list[list[Turn]] = [[]]
    for turn in turns:
        if found[-1] and found[-1][-1].role == "assistant":
            found.append([])
        found[-1].append(turn)
    return found
