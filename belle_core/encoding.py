"""The one function that turns a conversation into token ids and labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from belle_core.conversation import Conversation

IGNORE = -100
"""Label of a position that carries no loss."""


@dataclass(frozen=True)
class Segment:
    """A piece of a rendered conversation: plain text, or one special token.

    ``special`` is ``"bos"``, ``"eos"`` or the literal content of another special token; ``weight`` above 0 marks what
    the model learns to say.
    """

    text: str = ""
    special: str = ""
    weight: float = 0.0


class Template(Protocol):
    """How a conversation becomes segments; templates are parts that plugins offer.

    A part may be a class instead, a ``generation.templates.JinjaTemplate``: it is made from the checkpoint's own Jinja.
    """

    name: str
    jinja: str
    """The same as a Jinja chat template, which travels in the checkpoint for other tools."""
    stop: tuple[str, ...]
    """Special tokens that end an answer, by role (``eos``) or content."""

    def segments(self, conversation: Conversation) -> Iterator[Segment]:
        """The segments of a conversation; when it ends with the user, up to where the answer begins."""
        ...


@dataclass(frozen=True)
class Encoded:
    """Token ids of a conversation with the weight of each as a label, 0 where nothing is learned."""

    ids: list[int]
    weights: list[float]
    mark: float = 0.0
    """What an objective notes of the sequence for its loss (KTO: whether the answer is wanted)."""

    @property
    def labels(self) -> list[int]:
        """The ids themselves where something is learned, ``IGNORE`` elsewhere."""
        return [token if weight > 0 else IGNORE for token, weight in zip(self.ids, self.weights, strict=True)]


class Encoder:
    """A tokenizer and a template together.

    ``tokenizer`` is a Hugging Face tokenizer. The ids of segments are concatenated, so that which ids belong to an
    answer is known by construction; nothing is ever searched for in text.
    """

    def __init__(self, tokenizer: Any, template: Template) -> None:
        from belle_core.tokenization.segments import SegmentEncoder

        self.tokenizer, self.template = tokenizer, template
        self._segments = SegmentEncoder(tokenizer)

    def encode(self, conversation: Conversation) -> Encoded:
        """Ids and weights of *conversation*; its answers are what is learned, with the token that ends each."""
        return self.encode_segments(self.template.segments(conversation))

    def encode_segments(self, segments: Iterable[Segment]) -> Encoded:
        """The ids of *segments*, put together, and their weights."""
        ids: list[int] = []
        weights: list[float] = []
        after_text = False
        for segment in segments:
            if segment.special:
                new = [self._special_id(segment.special)]
            else:
                new = self._segments.encode(segment.text, after_text=after_text)
            ids += new
            weights += [segment.weight] * len(new)
            after_text = not segment.special and (after_text or bool(segment.text))
        return Encoded(ids, weights)

    def prompt(self, conversation: Conversation) -> list[int]:
        """Ids up to where the model's next answer begins."""
        return self.encode(conversation.prompt()).ids

    def special_id(self, special: str) -> int:
        """Id of ``bos``, ``eos`` or a special token by content; raises ``KeyError`` when the tokenizer lacks it."""
        token = (
            getattr(self.tokenizer, f"{special}_token_id")
            if special in ("bos", "eos")
            else self.tokenizer.convert_tokens_to_ids(special)
        )
        if token is None or (special not in ("bos", "eos") and token == self.tokenizer.unk_token_id):
            raise KeyError(special)
        return int(token)

    @cached_property
    def _special(self) -> dict[str, int]:
        return {}

    def _special_id(self, special: str) -> int:
        """The same, looked up once: every conversation asks again."""
        if special not in self._special:
            self._special[special] = self.special_id(special)
        return self._special[special]

    @property
    def stop_ids(self) -> list[int]:
        """Ids that end an answer."""
        return list(dict.fromkeys(self.special_id(special) for special in self.template.stop))

    def decode(self, ids: list[int]) -> str:
        """Text of generated ids, special tokens left out."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
