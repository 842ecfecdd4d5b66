"""Mixes sources: held-out parts first, then the training examples in their proportions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.data import ExamplesWriter, clean
from belle_core.data.batches import apart
from belle_core.data.storage import parse_line
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.progress import track
from belle_mix.amounts import Amount, amounts
from belle_mix.config import MixConfig
from belle_mix.licences import together
from belle_mix.pool import Pool, named
from belle_mix.selection import passes, taking_turns


def mix(config: MixConfig, context: StageContext) -> Examples:
    """Test and dev sets of all sources in their order, and train without their questions; *what was taken* is in ``mix.json``."""
    sources = {name: source for name, source in context.sources.items() if isinstance(source, Examples)}
    with ExamplesWriter(context.directory, limit=context.limit) as writer:
        known: dict[bytes, str] = {}
        for split in ("test", "dev"):
            pool = Pool(sources, split, rename=True)
            for batch in clean(pool, config, context, writer, held_out=True, keys=True):
                apart(batch, known, writer, part=split).write(writer, split)
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
            writer.write("train", named(name, parse_line(line), number))
        if not writer.counts["train"]:
            raise BelleError("no source has a training example left", "所有来源都没有剩下训练样本")
        (context.directory / "mix.json").write_text(_report(taken), encoding="utf-8")
        return writer.finish(licences=together(source.licences for source in sources.values()))


def _report(taken: dict[str, Amount]) -> str:
    return json.dumps({name: asdict(amount) for name, amount in taken.items()}, ensure_ascii=False, indent=1) + "\n"


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
    files = {name: path.open("wb") for name, path in paths.items()}
    try:
        pool = Pool(sources, "train", rename=False)
        for batch in clean(pool, config, context, writer, keys=bool(known)):
            batch = apart(batch, known, writer)
            source, _ = batch.origin
            files[source].writelines(batch.lines)
            counts[source] += len(batch)
    finally:
        for file in files.values():
            file.close()
    return {name: (path, counts[name]) for name, path in paths.items()}


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a pool; none when the source has no training examples."""
    if path.exists():
        with path.open("rb") as file:
            yield from file
