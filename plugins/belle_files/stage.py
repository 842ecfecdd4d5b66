"""Reads files into train, dev and test, so that no question stands in two of them."""

from __future__ import annotations

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.data import ExamplesWriter, clean
from belle_core.data.batches import apart
from belle_core.data.questions import DIGEST
from belle_core.data.splits import HeldOut, choose, held_out
from belle_core.errors import BelleError
from belle_files.config import FilesConfig
from belle_files.intake import Intake


def read(config: FilesConfig, context: StageContext) -> Examples:
    """All files in order. Held-out files come first: their questions are then dropped from what is trained on."""
    parts = {name: held_out(name, getattr(config, name)) for name in ("test", "dev")}
    numbers = {name: part for name, part in parts.items() if part.number}
    with ExamplesWriter(context.directory, limit=context.limit, gather=bool(numbers)) as writer:
        known: dict[bytes, str] = {}
        for name, part in parts.items():
            if part.path:
                _read_part(name, known, config, context, writer)
        keys = _read_train(known, numbers, config, context, writer)
        if numbers:
            if writer.shingles:
                from belle_core.data.groups import grouped  # brings numpy along

                keys = grouped(keys, writer.gathered(), writer.shingles, context.scratch)
            total = len(keys) // DIGEST
            sizes = {name: part.size(total) for name, part in numbers.items()}
            if context.limit is not None:
                sizes = {name: min(size, context.limit) for name, size in sizes.items()}
            writer.hold_out(choose(keys, sizes))
        return writer.finish(licences=[config.licence] if config.licence else [])


def _read_part(
    name: str, known: dict[bytes, str], config: FilesConfig, context: StageContext, writer: ExamplesWriter
) -> None:
    """A held-out file; *known* learns its questions."""
    intake = Intake(config, writer, name, lambda: writer.full(name))
    for batch in clean(intake, config, context, writer, held_out=True, keys=True):
        apart(batch, known, writer, part=name).write(writer, name)
    _not_empty(writer, name)


def _read_train(
    known: dict[bytes, str],
    numbers: dict[str, HeldOut],
    config: FilesConfig,
    context: StageContext,
    writer: ExamplesWriter,
) -> bytearray:
    """Everything else, as train for the time being; returns the keys of its questions."""
    keys = bytearray()
    distinct: set[bytes] = set()  # filled in smoke runs only
    most = None if writer.limit is None else writer.limit * (1 + len(numbers))
    intake = Intake(
        config, writer, "path", lambda: writer.full("train") or (most is not None and len(distinct) >= most)
    )
    for batch in clean(intake, config, context, writer, keys=bool(known or numbers)):
        batch = apart(batch, known, writer)
        batch.write(writer, "train")
        keys += b"".join(batch.keys)
        if most is not None and numbers:
            distinct.update(batch.keys)
    _not_empty(writer, "train")
    return keys


def _not_empty(writer: ExamplesWriter, split: str) -> None:
    if not writer.counts[split]:
        option = "path" if split == "train" else split
        why = ", ".join(f"{reason} {count:,}" for reason, count in writer.reasons.most_common(5))
        raise BelleError(
            f"data.{option}: no example is left ({why or 'none was read'})",
            f"data.{option}：没有可用的样本（{why or '未读到记录'}）",
        )
