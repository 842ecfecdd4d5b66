"""Mixes sources: held-out parts first, then the training examples in their proportions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Example
from belle_core.data import ExamplesWriter, clean, read_examples
from belle_core.data.questions import question_key, question_of
from belle_core.data.storage import parse_line
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.progress import track
from belle_mix.amounts import Amount, amounts
from belle_mix.config import MixConfig
from belle_mix.selection import passes, taking_turns


def mix(config: MixConfig, context: StageContext) -> Examples:
    """Test and dev sets of all sources in their order, and train without their questions; *what was taken* is in ``mix.json``."""
    sources = {name: source for name, source in context.sources.items() if isinstance(source, Examples)}
    with ExamplesWriter(context.directory, limit=context.limit) as writer:
        known: dict[bytes, str] = {}
        for split in ("test", "dev"):
            _hold_out(split, sources, known, writer, config, context)
        pools = _pools(sources, known, writer, config, context)
        taken = amounts({name: count for name, (_, count) in pools.items()}, config, smoke=context.limit is not None)
        seed = context.shared["seed"]
        streams = {
            name: (taken[name].taken, passes(partial(_lines, path), taken[name], f"{seed}/{name}"))
            for name, (path, _) in pools.items()
        }
        total = sum(amount.taken for amount in taken.values())
        for name, (number, line) in track(taking_turns(streams), total=total, label=say("mixing", "混合")):
            if writer.full("train"):
                break
            writer.write("train", _named(name, parse_line(line), number))
        if not writer.counts["train"]:
            raise BelleError("no source has a training example left", "所有来源都没有剩下训练样本")
        (context.directory / "mix.json").write_text(_report(taken), encoding="utf-8")
        return writer.finish(licences=[licence for source in sources.values() for licence in source.licences])


def _report(taken: dict[str, Amount]) -> str:
    return json.dumps({name: asdict(amount) for name, amount in taken.items()}, ensure_ascii=False, indent=1) + "\n"


def _named(name: str, example: Example, number: int = 0) -> Example:
    """The source stands before the id, and a repetition behind it, so that no two are alike."""
    return replace(example, id=f"{name}/{example.id}" + (f"#{number + 1}" if number else ""))


def _hold_out(
    split: str,
    sources: dict[str, Examples],
    known: dict[bytes, str],
    writer: ExamplesWriter,
    config: MixConfig,
    context: StageContext,
) -> None:
    """One held-out split of all sources; *known* learns its questions."""
    placed = ((f"{name}/{split}/{example.id}", _named(name, example)) for name, source in sources.items()
              for example in read_examples(source, split))  # fmt: skip
    for where, kept in clean(placed, config, context, writer, held_out=True):
        key = question_key(kept.example)
        if known.setdefault(key, split) == split:
            writer.write(split, kept.example, kept.line)
        else:
            _reject(writer, where, known[key], kept.example)


def _pools(
    sources: dict[str, Examples],
    known: dict[bytes, str],
    writer: ExamplesWriter,
    config: MixConfig,
    context: StageContext,
) -> dict[str, tuple[Path, int]]:
    """Where the training examples of each source lie, and how many there are: the source itself, if nothing has to go."""
    if not known and not config.clean:
        return {
            name: (source.directory / "train.jsonl", source.splits.get("train", 0)) for name, source in sources.items()
        }
    counts = dict.fromkeys(sources, 0)
    paths = {name: context.scratch / f"{number}.jsonl" for number, name in enumerate(sources)}
    files = {name: path.open("w", encoding="utf-8", newline="\n") for name, path in paths.items()}
    try:
        for place, kept in clean(_placed(sources), config, context, writer):
            key = question_key(kept.example) if known else b""
            if key in known:
                _reject(writer, str(place), known[key], kept.example)
                continue
            files[place.source].write(kept.line)
            counts[place.source] += 1
    finally:
        for file in files.values():
            file.close()
    return {name: (path, counts[name]) for name, path in paths.items()}


class _Place(NamedTuple):
    """Where an example stood."""

    source: str
    id: str

    def __str__(self) -> str:
        return f"{self.source}/train/{self.id}"


def _placed(sources: dict[str, Examples]) -> Iterator[tuple[_Place, Example]]:
    for name, source in sources.items():
        for example in read_examples(source, "train"):
            yield _Place(name, example.id), example


def _reject(writer: ExamplesWriter, where: str, split: str, example: Example) -> None:
    writer.reject(where, f"in_{split}", f"question: {question_of(example)[:100]}")


def _lines(path: Path) -> Iterator[str]:
    """Lines of a pool; none when the source has no training examples."""
    if path.exists():
        with path.open(encoding="utf-8") as file:
            yield from file
