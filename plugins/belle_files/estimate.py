"""What ``belle plan`` can say beforehand, from the first records and the sizes of the files."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

from belle_core.data import Refused
from belle_core.data.formats import choose_format, load_format
from belle_core.data.places import Record, Source, sources_of
from belle_core.data.records import read_records
from belle_core.data.splits import held_out
from belle_core.data.storage import text_of
from belle_core.data.textfile import TextFile
from belle_core.digest import expand
from belle_core.plugins import load_catalog
from belle_files.config import FilesConfig

SAMPLE = 500
GZIP = 3.0  # how many times larger text is when unpacked, roughly
RATE = 20_000.0  # examples per second of one core, rather too low


def estimate(config: FilesConfig, known: dict[str, Any]) -> dict[str, Any]:
    """Numbers of examples and characters, bytes to write and seconds; projected from the beginning of the first file."""
    sources = sources_of(expand(config.path, option="data.path"))
    examples, whole, characters, size = _sample(sources[0], config)
    total = examples if whole and len(sources) == 1 else _bytes_of(sources) / max(size, 1.0)
    limit = known["limit"]
    parts = {name: held_out(name, getattr(config, name)) for name in ("test", "dev")}
    splits = {name: part.size(int(total)) for name, part in parts.items() if part.number}
    splits["train"] = max(0, int(total) - sum(splits.values()))
    if limit is not None:
        splits = {name: min(count, limit) for name, count in splits.items()}
    count = sum(splits.values())
    return {
        "examples": splits["train"],
        "splits": splits,
        "characters": int(splits["train"] * characters),
        "bytes": int(count * size * 1.1),
        "seconds": count / RATE,
        "licences": [config.licence] if config.licence else [],
    }


def _sample(source: Source, config: FilesConfig) -> tuple[int, bool, float, float]:
    """Examples in the first records, whether these are all, characters per example, bytes of file per example."""
    with TextFile(source.path, config.encoding) as file:
        records = [item for item in islice(read_records(file, source), SAMPLE) if isinstance(item, Record)]
    values = [record.value for record in records]
    catalog = load_catalog()
    named = config.format != "auto"
    format = load_format(catalog, config.format) if named else choose_format(values, catalog, where=str(source.path))
    examples = []
    for record in records:
        try:
            examples += list(format.examples(record.value, record.place)) if isinstance(record.value, dict) else []
        except Refused:
            pass
    size = sum(len(json.dumps(value, ensure_ascii=False).encode()) for value in values)
    count = max(len(examples), 1)
    return (
        len(examples),
        len(records) < SAMPLE,
        sum(len(text_of(example)) for example in examples) / count,
        size / count,
    )


def _bytes_of(sources: list[Source]) -> float:
    return sum(source.path.stat().st_size * (GZIP if _is_gzip(source.path) else 1.0) for source in sources)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"
