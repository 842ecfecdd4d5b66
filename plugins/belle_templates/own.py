"""The chat template that the checkpoint brings along, for training too."""

from __future__ import annotations

from collections.abc import Iterator

from belle_core.conversation import Conversation
from belle_core.encoding import Segment
from belle_core.errors import BelleError
from belle_core.generation.templates import JinjaTemplate


class OwnTemplate(JinjaTemplate):
    """What is learned is what rendering one more turn appends; the answer is never looked for in the text."""

    name = "own"

    def segments(self, conversation: Conversation) -> Iterator[Segment]:
        """Turn by turn; raises ``BelleError`` when a turn changes what was rendered before it."""
        done = ""
        for count, turn in enumerate(conversation.turns, 1):
            text = self._render(Conversation(conversation.turns[:count], conversation.system))
            if not text.startswith(done):
                raise self._rewrites(count)
            new, done = list(self._cut(text[len(done) :])), text
            yield from new if turn.role == "user" else self._answer(new, turn.weight)

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

    def _rewrites(self, count: int) -> BelleError:
        return BelleError(
            f"the chat template of {self.where} rewrites earlier text when turn {count} is added, so what an answer is "
            "cannot be known; choose another with model.template=",
            f"{self.where} 的对话模板在加入第 {count} 轮时改写了之前的文本，无法确定哪些是回答；请用 model.template= 换一个模板",
        )
