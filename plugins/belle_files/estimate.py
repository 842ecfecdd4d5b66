"""What ``belle plan`` can say beforehand, from the first records and the sizes of the files."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from typing import Any

from belle_core.conversation import Example
from belle_core.data import Refused
from belle_core.data.formats import load_format
from belle_core.data.outlook import outlook
from belle_core.data.places import Record
from belle_core.data.records import open_file, read_records
from belle_core.data.splits import held_out
from belle_core.data.tables import TableFile
from belle_core.data.troubles import in_chinese
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog
from belle_files.config import FilesConfig
from belle_files.inputs import Input, format_of, inputs_of

SAMPLE = 500


def estimate(config: FilesConfig, known: dict[str, Any]) -> dict[str, Any]:
    """Numbers of examples and characters, bytes to write and seconds; projected from the beginning of the first file. Raises ``BelleError`` where that gives no example.

    Filters of single records are tried there; ``undecided`` names those that look at many, which may drop more.
    """
    inputs = inputs_of(config, "path")
    examples, whole, size, bulk = _sample(inputs[0], config)
    whole = whole and len(inputs) == 1
    total = len(examples) if whole else round(_bytes_of(inputs) * bulk / max(size, 1.0))
    most = {one.set: one.most for one in inputs}.values()  # of dataset_info.json
    total = min(total, sum(number for number in most if number)) if all(most) else total
    found = outlook(examples, config, total=total, measure=known.get("measure", False))
    total, limit = round(total * found.kept), known["limit"]
    parts = {name: held_out(name, getattr(config, name)) for name in ("test", "dev")}
    splits = {name: part.size(total) for name, part in parts.items() if part.number}
    splits["train"] = max(0, total - sum(splits.values()))
    if limit is not None:
        splits = {name: min(count, limit) for name, count in splits.items()}
    count = sum(splits.values())
    figures = {
        "examples": splits["train"],
        "splits": splits,
        "characters": int(splits["train"] * found.characters),
        "bytes": int(count * found.bytes),
        "about": not whole,
        "undecided": found.undecided,
        "licences": [config.licence] if config.licence else [],
    }
    if found.seconds is None:
        return figures | {"time_unknown": found.untimed}
    return figures | {"seconds": count / max(found.kept, 0.01) * found.seconds}


def _sample(one: Input, config: FilesConfig) -> tuple[list[Example], bool, float, float]:
    """The examples in the first records, whether these are all, bytes read for each, and bytes read per byte on disk."""
    with open_file(one.source, config.encoding) as file:
        items = list(islice(read_records(file, one.source), SAMPLE))
        bulk = 1.0 if isinstance(file, TableFile) else file.density
    records = [item for item in items if isinstance(item, Record)]
    values = [one.value_of(record) for record in records]
    catalog = load_catalog()
    format = load_format(catalog, format_of(one, values, config, catalog))
    source, examples, refused = config.source or one.source.stem, list[Example](), list[tuple[Record, Refused]]()
    for record, value in zip(records, values, strict=True):
        try:
            found = format.examples(value, record.place) if isinstance(value, dict) else []
            examples += [replace(item, source=item.source or source) for item in found if isinstance(item, Example)]
        except Refused as refusal:
            refused.append((record, refusal))
    if refused and not examples:
        _refuse(*refused[0], len(refused))
    size = sum(len(json.dumps(value, ensure_ascii=False).encode()) for value in values)
    if isinstance(file, TableFile) and file.rows:
        bulk = file.rows * size / max(len(values), 1) / file.size
    return examples, len(items) < SAMPLE, size / max(len(examples), 1), bulk


def _refuse(record: Record, why: Refused, count: int) -> None:
    """Raise ``BelleError`` for records of which none gives an example."""
    words, words_zh = (f" ({text})" if text else "" for text in (why.evidence, in_chinese(why.evidence)))
    raise BelleError(
        f"none of the first {count:,} records gives an example; the first: {record.place}: {why.reason}{words}",
        f"前 {count:,} 条记录都不能成为样本；第一条：{record.place}：{why.reason}{words_zh}",
    )


def _bytes_of(inputs: list[Input]) -> int:
    return sum(path.stat().st_size for path in {one.source.path for one in inputs})
