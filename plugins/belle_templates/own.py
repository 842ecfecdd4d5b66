"""The chat template that the checkpoint brings along, for training too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from belle_core.conversation import Conversation, Turn
from belle_core.encoding import Segment
from belle_core.errors import BelleError
from belle_core.generation.templates import JinjaTemplate


class OwnTemplate(JinjaTemplate):
    """What is learned is what rendering one more turn appends; the answer is never looked for in the text.

    A template may write a turn in another way once another follows (Qwen 3 leaves earlier thinking out). Then each answer
    is learned behind what the model will be asked: in a sequence of its own, which ends with it.
    """

    name = "own"

    def parts(self, conversation: Conversation) -> list[Conversation]:
        """*conversation* as it is, or where earlier text is rewritten one for each learned answer, which ends it."""
        turns, system = conversation.turns, conversation.system
        if grows(self._texts(conversation)):
            return [conversation]
        found = [
            Conversation((*(earlier._replace(weight=0.0) for earlier in turns[:n]), turn), system)
            for n, turn in enumerate(turns)
            if learned(turn)
        ]
        return found or [conversation]

    def segments(self, conversation: Conversation) -> Iterator[Segment]:
        """Turn by turn, where the assistant speaks last; raises ``BelleError`` when a learned answer is rewritten later on."""
        if not conversation.turns or conversation.turns[-1].role == "user":
            yield from super().segments(conversation)
            return
        done = ""
        for turn, text in self._written(conversation):
            new, done = list(self._cut(text[len(done) :])), text
            yield from new if turn.role == "user" else self._answer(new, turn.weight)

    def _written(self, conversation: Conversation) -> list[tuple[Turn, str]]:
        """Each turn and the text up to its end; where earlier text is rewritten, the last question and its answer alone."""
        turns, texts = conversation.turns, self._texts(conversation)
        written = list(zip(turns, texts, strict=True))
        if grows(texts):
            return written
        if any(map(learned, turns[:-1])) or not grows(texts[-2:]):
            raise self._rewrites()
        return written[-2:]

    def _texts(self, conversation: Conversation) -> list[str]:
        """What is written after each turn."""
        turns, system = conversation.turns, conversation.system
        return [self._render(Conversation(turns[:count], system)) for count in range(1, len(turns) + 1)]

    def _answer(self, new: list[Segment], weight: float) -> Iterator[Segment]:
        """Learned up to its end token; what stands between turns is not."""
        ends = [place for place, segment in enumerate(new) if segment.special in self.stop]
        if not ends:
            raise BelleError(
                f"the chat template of {self.where} puts no end token behind an answer; choose another with model.template=",
                f"{self.where} 的对话模板没有在回答后放结束词元；请用 model.template= 换一个模板",
            )
        for place, segment in enumerate(new):
            yield segment._replace(weight=weight) if place <= ends[-1] else segment

    def _rewrites(self) -> BelleError:
        return BelleError(
            f"the chat template of {self.where} rewrites earlier text when a turn is added, so what an answer is "
            "cannot be known; choose another with model.template=",
            f"{self.where} 的对话模板在加入新的一轮时改写了之前的文本，无法确定哪些是回答；请用 model.template= 换一个模板",
        )


def learned(turn: Turn) -> bool:
    """Whether *turn* is an answer that counts."""
    return turn.role == "assistant" and turn.weight > 0


def grows(texts: Sequence[str]) -> bool:
    """Whether each text begins with the one before."""
    return all(longer.startswith(shorter) for shorter, longer in pairwise(texts))
