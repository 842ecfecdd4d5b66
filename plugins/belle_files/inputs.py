"""Which files an option means, and what is known about each: directories, globs, saved ``datasets``, ``dataset_info.json``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle_core.data.formats import choose_format
from belle_core.data.places import Record, Source, sources_of
from belle_core.digest import expand
from belle_core.errors import BelleError
from belle_core.plugins import Catalog
from belle_core.smallfiles import broken, read_object
from belle_files.columns import Columns
from belle_files.config import FilesConfig
from belle_files.llamafactory import INFO, chosen


@dataclass(frozen=True)
class Input:
    """A file and how to read it."""

    source: Source
    columns: Columns
    most: int | None = None
    """Read no more records than this, from all files of the set together."""
    set: int = 0
    """Which of the named data sets it belongs to."""
    ranking: bool = False
    """Whether a list of answers is said to have the better one first."""

    def value_of(self, record: Record) -> Any:
        """The record's value under the names that the formats know."""
        return self.columns.rename(record.value) if isinstance(record.value, dict) else record.value


def format_of(one: Input, values: list[Any], config: FilesConfig, catalog: Catalog) -> str:
    """The format of a file whose first records are *values*: what was asked for, else what they are; raises ``BelleError``."""
    if config.format != "auto":
        return config.format
    if one.ranking and any(isinstance(value, dict) and isinstance(value.get("output"), list) for value in values):
        return "ranked"
    return choose_format(values, catalog, where=str(one.source.path))


def inputs_of(config: FilesConfig, name: str) -> list[Input]:
    """The files behind ``data.<name>`` in order; raises ``BelleError`` for what is not there."""
    option, value = f"data.{name}", getattr(config, name)
    if name == "path" and config.names:
        sets = chosen(value, config.names)
        found = [(path, n, one) for n, one in enumerate(sets) for path in expand(str(one.path), option=option)]
        return [Input(source, one.columns, one.most, n, one.ranking) for source, (_, n, one) in _with_sources(found)]
    columns = Columns(dict(config.columns or {}))
    return [Input(source, columns) for source in sources_of(list(_files(value, option)))]


def _with_sources(files: list[tuple[Any, ...]]) -> Iterator[tuple[Source, tuple[Any, ...]]]:
    """The sources of files, an archive's several among them, each with what stands beside its path; a path may come again."""
    paths = [path for path, *_ in files]
    sources = sources_of(paths)
    held, times, following = Counter(source.path for source in sources), Counter(paths), iter(sources)
    for file in files:
        for _ in range(held[file[0]] // times[file[0]]):
            yield next(following), file


def _files(value: Any, option: str) -> Iterator[Path]:
    for item in value if isinstance(value, (list, tuple)) else [value]:
        folder = Path(str(item)).expanduser()
        if os.path.isfile(folder / "dataset_dict.json"):
            folder = _split(folder, option)
        if os.path.isfile(folder / "state.json"):  # datasets.Dataset.save_to_disk
            yield from _tables(folder / "state.json")
        elif os.path.isfile(info := folder if folder.name == INFO else folder / INFO):
            names = ", ".join(list(read_object(info) or {})[:12])
            raise BelleError(
                f"{option}={item}: the data sets are described in {INFO}; choose with data.names=[…] ({names}), or name the files",
                f"{option}={item}：数据集由 {INFO} 描述；请用 data.names=[…] 选择（{names}），或直接写文件名",
            )
        else:
            yield from expand(item, option=option)


def _tables(state: Path) -> Iterator[Path]:
    """The files of a saved ``Dataset``."""
    files = (read_object(state) or {}).get("_data_files")
    names = [one.get("filename") if isinstance(one, dict) else None for one in files] if isinstance(files, list) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise broken(state, "_data_files lists no file names", "_data_files 中没有文件名")
    yield from (state.parent / str(name) for name in names)


def _split(folder: Path, option: str) -> Path:
    """The part of a saved ``DatasetDict`` to train on."""
    file = folder / "dataset_dict.json"
    splits = (read_object(file) or {}).get("splits")
    if not isinstance(splits, list):
        raise broken(file, "splits is no list of names", "splits 不是名称列表")
    if "train" in splits:
        return folder / "train"
    names = ", ".join(map(str, splits))
    raise BelleError(
        f"{option}={folder}: the saved data set has no split train but {names}; name the directory of one",
        f"{option}={folder}：保存的数据集没有 train 划分，只有 {names}；请写其中一个的目录",
    )
