"""Reads files into train, dev and test, so that no question stands in two of them."""

from __future__ import annotations

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.data import ExamplesWriter, clean
from belle_core.data.questions import DIGEST, question_key, question_of
from belle_core.data.splits import HeldOut, choose, held_out
from belle_core.errors import BelleError
from belle_files.config import FilesConfig
from belle_files.intake import Intake


def read(config: FilesConfig, context: StageContext) -> Examples:
    """All files in order. Held-out files come first: their questions are then dropped from what is trained on."""
    parts = {name: held_out(name, getattr(config, name)) for name in ("test", "dev")}
    numbers = {name: part for name, part in parts.items() if part.number}
    with ExamplesWriter(context.directory, limit=context.limit, gather=bool(numbers)) as writer:
        intake = Intake(config, writer)
        known: dict[bytes, str] = {}
        for name, part in parts.items():
            if part.path:
                _read_part(intake, name, known, context)
        keys = _read_train(intake, known, numbers, context)
        if numbers:
            if writer.shingles:
                from belle_core.data.groups import grouped  # brings numpy along

                keys = grouped(keys, writer.gathered(), writer.shingles, context.scratch)
            total = len(keys) // DIGEST
            sizes = {name: min(part.size(total), context.limit or total) for name, part in numbers.items()}
            writer.hold_out(choose(keys, sizes))
        return writer.finish(licences=[config.licence] if config.licence else [])


def _read_part(intake: Intake, name: str, known: dict[bytes, str], context: StageContext) -> None:
    """A held-out file; *known* learns its questions."""
    writer, config = intake.writer, intake.config
    examples = intake.examples(name, lambda: writer.full(name))
    for place, kept in clean(examples, config, context, writer, held_out=True):
        key = question_key(kept.example)
        if known.setdefault(key, name) == name:
            kept.write(writer, name)
        else:
            writer.reject(str(place), f"in_{known[key]}", f"question: {question_of(kept.example)[:100]}")
    _not_empty(intake, name)


def _read_train(
    intake: Intake, known: dict[bytes, str], numbers: dict[str, HeldOut], context: StageContext
) -> bytearray:
    """Everything else, as train for the time being; returns the keys of its questions."""
    writer, config = intake.writer, intake.config
    keys = bytearray()
    distinct: set[bytes] = set()  # filled in smoke runs only
    most = None if writer.limit is None else writer.limit * (1 + len(numbers))
    examples = intake.examples("path", lambda: writer.full("train") or len(distinct) == most)
    for place, kept in clean(examples, config, context, writer):
        key = question_key(kept.example) if known or numbers else b""
        if key in known:
            writer.reject(str(place), f"in_{known[key]}", f"question: {question_of(kept.example)[:100]}")
            continue
        kept.write(writer, "train")
        keys += key
        if most is not None and numbers:
            distinct.add(key)
    _not_empty(intake, "train")
    return keys


def _not_empty(intake: Intake, split: str) -> None:
    writer = intake.writer
    if not writer.counts[split]:
        option = "path" if split == "train" else split
        why = ", ".join(f"{reason} {count:,}" for reason, count in writer.reasons.most_common(5))
        raise BelleError(
            f"data.{option}: no example is left ({why or 'none was read'})",
            f"data.{option}：没有可用的样本（{why or '未读到记录'}）",
        )
