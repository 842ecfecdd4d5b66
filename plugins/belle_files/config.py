"""Options of ``+data=files``, most of which ``+data=hub`` has too."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from belle_core.config import DataConfig, between, option
from belle_core.data.splits import held_out
from belle_core.errors import Invalid

NOT_TEXT = ("utf-7", "unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined")
"""Codecs for single strings, which also let halves of characters through."""


@dataclass
class ReadingConfig(DataConfig):
    """What can be said about files wherever they lie."""

    columns: Any = None
    """Own names of fields: ``{instruction: question_zh}`` reads ``question_zh`` as ``instruction``."""
    dev: str = option("0", file=True, streamed=True)
    """Held-out part for the loss curve: a count (``1000``), a fraction (``0.02``) or a file."""
    test: str = option("0", file=True, streamed=True)
    """Held-out part for evaluation: a count, a fraction or a file."""
    format: str = "auto"
    """Layout of the records, by the name of a data format; ``auto`` looks at the first records of every file."""
    encoding: str = "auto"
    """Encoding of the text, by Python's name; ``auto`` looks at the bytes."""
    max_unreadable: float = 0.01
    """Largest share of records (0 to 1) that cannot be read before the run stops; empty answers do not count."""
    source: str = ""
    """Name of the data in its examples; empty: the name of the file."""
    licence: str = option("", identity=False)
    """Licence of the data, as stated by its authors. Examples made before keep the one that was stated then, and the run says so."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("dev", "test"):
            held_out(name, getattr(self, name))
        between(self, "max_unreadable", 0, 1)
        named = self.columns or {}
        if not isinstance(named, dict) or not all(isinstance(text, str) for text in (*named, *named.values())):
            raise Invalid(
                "columns",
                f"must be a mapping from our names to those in the file, such as {{instruction: question}}, got {named}",
                f"应为从规定字段名到文件中字段名的映射，如 {{instruction: question}}，现在是 {named}",
            )
        if self.encoding != "auto":
            self.encoding = _known(self.encoding)


@dataclass
class FilesConfig(ReadingConfig):
    """Reads what is there; every record is kept or rejected with a reason."""

    path: Any = option(MISSING, file=True, streamed=True)
    """A file, a directory (all files in it), a glob, or a list of these; packed files are unpacked."""
    names: list[str] = field(default_factory=list)
    """Data sets to take from LLaMA-Factory's ``dataset_info.json``, which ``path`` (or the directory there) then is."""

    def __post_init__(self) -> None:
        super().__post_init__()
        named = self.path if isinstance(self.path, list) else [self.path]
        if not named or not all(str(one or "").strip() for one in named):
            raise Invalid("path", f"names no file, got {self.path!r}", f"没有指明文件，现在是 {self.path!r}")
        if self.names:
            from belle_files.llamafactory import info_file

            self.path = str(info_file(self.path))  # what else lies in the directory does not count

    def input_files(self) -> list[str]:
        """Files that are named in another file, whose bytes count too."""
        from belle_files.llamafactory import chosen

        return [str(one.path) for one in chosen(self.path, self.names)] if self.names else []


def _known(encoding: str) -> str:
    """Python's own name of a text encoding."""
    try:
        "".encode(encoding)  # refuses codecs such as base64 too
        name = codecs.lookup(encoding).name
        if name in NOT_TEXT:
            raise LookupError(name)
        return name
    except (LookupError, ValueError):
        raise Invalid(
            "encoding", f"is no text encoding that Python knows: {encoding}", f"不是 Python 支持的文本编码：{encoding}"
        ) from None
