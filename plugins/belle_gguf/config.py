"""Options of ``deploy=gguf``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.config import one_of
from belle_core.errors import Invalid


@dataclass
class GgufConfig:
    """Writes one file that holds weights, tokenizer and chat template."""

    dtype: str = "F16"
    """Type of the weight matrices: ``F32``, ``F16``, ``BF16`` or ``Q8_0``; vectors stay in F32."""
    file: str = "model.gguf"
    """Name of the file."""

    def __post_init__(self) -> None:
        one_of(self, "dtype", ("F32", "F16", "BF16", "Q8_0"))
        if "/" in self.file or "\\" in self.file or not self.file.endswith(".gguf"):
            raise Invalid(
                "file",
                f"must be a file name that ends in .gguf, got {self.file!r}",
                f"必须是以 .gguf 结尾的文件名，现在是 {self.file!r}",
            )
