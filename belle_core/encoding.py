"""The one function that turns a conversation into token ids and labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from belle_core.conversation import Conversation
from belle_core.errors import BelleError

if TYPE_CHECKING:
    from belle_core.tokenization.flat import Flat

IGNORE = -100
"""Label of a position that carries no loss."""


class Segment(NamedTuple):
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
    ``parts(conversation)``, where there is such a method, gives the conversations that are learned as one sequence each.
    """

    name: str
    jinja: str
    """The same as a Jinja chat template, which travels in the checkpoint for other tools."""
    stop: tuple[str, ...]
    """Special tokens that end an answer, by role (``eos``) or content."""

    def segments(self, conversation: Conversation) -> Iterator[Segment]:
        """The segments of a conversation; when it ends with the user, up to where the answer begins."""
        ...


class Encoded:
    """Token ids with the weight of each as a label, 0 where nothing is learned.

    What an encoder makes of a conversation is segments at first: their ids are found when they are asked for, or
    before that together with those of many other sequences (:func:`together`), which is much faster.
    """

    __slots__ = ("_encoder", "_lists", "_segments", "mark")

    def __init__(self, ids: list[int], weights: list[float], mark: float = 0.0) -> None:
        self.mark = mark
        """What an objective notes of the sequence for its loss (KTO: whether the answer is wanted)."""
        self._lists: tuple[list[int], list[float]] | None = ids, weights
        self._segments: Sequence[Segment] = ()
        self._encoder: Encoder | None = None

    @classmethod
    def of(cls, segments: Sequence[Segment], encoder: Encoder) -> Encoded:
        """The ids of *segments*, put together, and their weights."""
        made = cls.__new__(cls)
        made.mark, made._lists, made._segments, made._encoder = 0.0, None, segments, encoder
        return made

    @property
    def ids(self) -> list[int]:
        """Token ids."""
        return self._found()[0]

    @property
    def weights(self) -> list[float]:
        """The weight of each."""
        return self._found()[1]

    @property
    def labels(self) -> list[int]:
        """The ids themselves where something is learned, ``IGNORE`` elsewhere."""
        return [token if weight > 0 else IGNORE for token, weight in zip(self.ids, self.weights, strict=True)]

    def _found(self) -> tuple[list[int], list[float]]:
        if self._lists is None:
            assert self._encoder is not None
            ids, weights, _ = self._encoder.encode_many([self._segments])
            self._lists = ids.tolist(), weights.tolist()
        return self._lists


def together(sequences: Sequence[Encoded]) -> Flat:
    """All *sequences*, one after another."""
    from belle_core.tokenization.flat import flat

    encoder = sequences[0]._encoder
    if encoder is not None and all(one._lists is None and one._encoder is encoder for one in sequences):
        return encoder.encode_many([one._segments for one in sequences])
    return flat([one.ids for one in sequences], [one.weights for one in sequences])


class Encoder:
    """A tokenizer and a template together.

    ``tokenizer`` is a Hugging Face tokenizer, or has its names; ``segments`` then encodes in its place. The ids of segments are
    concatenated, so that which ids belong to an answer is known by construction; nothing is ever searched for in text.
    """

    def __init__(self, tokenizer: Any, template: Template, *, segments: Any = None) -> None:
        from belle_core.tokenization.segments import SegmentEncoder

        self.tokenizer, self.template = tokenizer, template
        self._segments, self._special = segments or SegmentEncoder(tokenizer), dict[str, int]()

    def encode(self, conversation: Conversation) -> Encoded:
        """Ids and weights of *conversation*; its answers are what is learned, with the token that ends each."""
        return self.encode_segments(self.template.segments(conversation))

    def parts(self, conversation: Conversation) -> Sequence[Conversation]:
        """What is learned as one sequence each: *conversation* as a whole, unless the template divides it (``parts``)."""
        divide = getattr(self.template, "parts", None)
        return (conversation,) if divide is None else divide(conversation)  # type: ignore[no-any-return]

    def encode_segments(self, segments: Iterable[Segment]) -> Encoded:
        """The ids of *segments*, put together, and their weights."""
        return Encoded.of(tuple(segments), self)

    def encode_many(self, sequences: Sequence[Sequence[Segment]]) -> Flat:
        """The ids and weights of many *sequences* of segments."""
        from belle_core.tokenization.flat import flat_segments

        return flat_segments(sequences, self._segments, self._special_id)

    def prompt(self, conversation: Conversation) -> list[int]:
        """Ids up to where the model's next answer begins."""
        return self.encode(conversation.prompt()).ids

    def special_id(self, special: str) -> int:
        """Id of ``bos``, ``eos`` or a special token by content; raises ``BelleError`` when the tokenizer lacks it."""
        token = (
            getattr(self.tokenizer, f"{special}_token_id")
            if special in ("bos", "eos")
            else self.tokenizer.convert_tokens_to_ids(special)
        )
        if token is None or (special not in ("bos", "eos") and token == self.tokenizer.unk_token_id):
            name = self.template.name
            raise BelleError(
                f"template {name} needs the token {special}, which the tokenizer lacks; choose another with model.template=",
                f"模板 {name} 需要词元 {special}，但分词器中没有；请用 model.template= 换一个模板",
            )
        return int(token)

    def _special_id(self, special: str) -> int:
        """The same, which is remembered: every conversation asks again."""
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
