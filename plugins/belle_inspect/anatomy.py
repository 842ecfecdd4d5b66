"""Takes an encoded example apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from belle_core.conversation import Conversation
from belle_core.encoding import Encoded, Encoder, Segment, Template
from belle_core.errors import BelleError
from belle_core.training.objective import build_objective
from belle_inspect.materials import Materials


@dataclass(frozen=True)
class Beginning:
    """The first segments of another template, so that what each adds to the ids can be told by the encoder itself."""

    whole: Template
    count: int

    def segments(self, conversation: Conversation) -> Iterator[Segment]:
        for segment, _ in zip(self.whole.segments(conversation), range(self.count)):
            yield segment


def dissect(materials: Materials) -> dict[str, Any]:
    """Everything there is to see, as plain values; the keys are documented in ``docs/commands.md``."""
    encoder, example = materials.encoder, materials.example
    sequences = [_sequence(encoded, materials) | {"name": name} for name, encoded in _encoded(materials)]
    return {
        "example": example.to_json(),
        "split": materials.split,
        "index": materials.index,
        "of": materials.count,
        "template": encoder.template.name,
        "tokenizer": {"fingerprint": materials.tokenizer.fingerprint, "vocabulary": materials.tokenizer.vocabulary},
        "max_length": materials.max_length,
        "sequences": sequences,
        "dropped": not _asked(materials) and not all(sequence["learned"] for sequence in sequences),
    }


def _encoded(materials: Materials) -> list[tuple[str, Encoded]]:
    """As training does it, each with its name (``chosen``); without training, and for a question alone, as the encoder does."""
    conversation = materials.example.conversation
    if materials.objective is not None and not _asked(materials):
        objective = build_objective(materials.objective)
        sequences = [
            objective.encode(one, materials.encoder) for one in objective.expand(materials.example, materials.encoder)
        ]
        return [named for each in sequences for named in zip_longest(objective.names, each, fillvalue="")]
    if conversation is None:
        raise BelleError(
            f"example {materials.example.id} is no conversation; choose a training method whose objective takes it",
            f"样本 {materials.example.id} 不是对话；请选择一个适用于它的训练目标",
        )
    return [("", materials.encoder.encode(conversation))]


def _asked(materials: Materials) -> bool:
    """Whether it is a question without an answer, as a model is asked."""
    example = materials.example
    return example.conversation is not None and not example.conversation.answer and not example.rejected


def _sequence(encoded: Encoded, materials: Materials) -> dict[str, Any]:
    """One sequence: ids, pieces, weights and segments, whole, with the number of tokens that are kept."""
    kept = min(len(encoded.ids), materials.max_length)
    return {
        "tokens": len(encoded.ids),
        "kept": kept,
        "learned": sum(weight > 0 for weight in encoded.weights[1:kept]),
        "ids": encoded.ids,
        "labels": encoded.labels,
        "weights": encoded.weights,
        "pieces": materials.encoder.tokenizer.convert_ids_to_tokens(encoded.ids),
        "segments": _segments(encoded, materials),
    }


def _segments(encoded: Encoded, materials: Materials) -> list[dict[str, Any]]:
    """The template's segments with the tokens of each; empty when the sequence is neither the conversation nor one with a rejected answer."""
    example, encoder = materials.example, materials.encoder
    if example.conversation is None:
        return []
    said = (example.conversation, *map(example.conversation.answered, example.rejected))
    conversation = next((one for one in said if encoder.encode(one).ids == encoded.ids), None)
    if conversation is None:
        return []
    segments = list(encoder.template.segments(conversation))
    ends = [0, *(_length(encoder, conversation, count) for count in range(1, len(segments) + 1))]
    return [
        {
            "special": s.special,
            "text": s.text,
            "weight": max(encoded.weights[begin:end], default=0.0),
            "begin": begin,
            "end": end,
        }
        for s, begin, end in zip(segments, ends, ends[1:])
    ]


def _length(encoder: Encoder, conversation: Conversation, count: int) -> int:
    """Tokens of the first *count* segments."""
    return len(Encoder(encoder.tokenizer, Beginning(encoder.template, count)).encode(conversation).ids)  # type: ignore[arg-type]
