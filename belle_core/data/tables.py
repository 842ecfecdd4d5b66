"""Parquet and Arrow tables (also as Hugging Face ``datasets`` saves them), read batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from belle_core.data.places import Place, Record, Source
from belle_core.errors import BelleError, in_one_line

PARQUET, FILE, STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
BATCH = 1000  # rows


def pyarrow(what: str) -> Any:
    """The package, which reading *what* needs."""
    try:
        return import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise BelleError(
            f'reading {what} needs the package pyarrow: pip install "belle[tables]"',
            f'读取 {what} 需要软件包 pyarrow：pip install "belle[tables]"',
        ) from error


class TableFile:
    """Opens a table; raises ``BelleError`` for one that is damaged."""

    def __init__(self, path: Path, head: bytes) -> None:
        self.path, self.size = path, path.stat().st_size
        self.position = 0
        """Bytes of the file that were read; for Parquet, by the share of its rows."""
        self.rows = 0
        """Number of its rows; 0 where only reading all of it would tell."""
        arrow = pyarrow("Parquet" if head.startswith(PARQUET) else "Arrow")
        self._failures = arrow.ArrowException, OSError, ValueError, OverflowError  # also text and times that are none
        try:
            self._open(arrow, head)
        except self._failures as error:
            raise self._damaged(error) from error

    def _open(self, arrow: Any, head: bytes) -> None:
        self._source = arrow.memory_map(str(self.path))
        if head.startswith(PARQUET):
            self._table = import_module("pyarrow.parquet").ParquetFile(self._source)
            self.rows = self._table.metadata.num_rows
            self._batches: Iterator[Any] = self._table.iter_batches(BATCH)
            return
        ipc = import_module("pyarrow.ipc")
        if head.startswith(FILE):
            self._table = ipc.open_file(self._source)
            self._batches = map(self._table.get_batch, range(self._table.num_record_batches))
        else:
            self._table = ipc.open_stream(self._source)
            self._batches = iter(self._table)

    def __enter__(self) -> TableFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._source.close()

    def records(self, source: Source) -> Iterator[Record]:
        """Every row as an object; its line is its number, from 1."""
        number = 0
        try:
            for batch in self._batches:
                batch.validate(full=True)  # damaged offsets would be followed out of the table's memory
                for start in range(0, batch.num_rows, BATCH):
                    for row in batch.slice(start, BATCH).to_pylist():
                        yield Record(
                            Place(source, number + 1, number), {key: _plain(value) for key, value in row.items()}
                        )
                        number += 1
                self.position = self.size * number // self.rows if self.rows else self._source.tell()
        except self._failures as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> BelleError:
        why = in_one_line(error)
        return BelleError(
            f"{self.path}: the table is damaged or cut off ({why})", f"{self.path}：数据表已损坏或不完整（{why}）"
        )


def _plain(value: Any) -> Any:
    """*value* as JSON: dates, decimals and bytes that are text as text, no other bytes, no NaN."""
    if isinstance(value, (str, int, type(None))):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):  # a map is a list of pairs
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return _text(value) if isinstance(value, bytes) else str(value)


def _text(value: bytes) -> str | None:
    """Texts that were written as bytes, as Spark and Impala do; ``None`` for a picture."""
    try:
        return None if b"\0" in value else value.decode("utf-8")
    except UnicodeDecodeError:
        return None
