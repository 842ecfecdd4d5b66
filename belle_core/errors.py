"""Errors a user can fix; the command line prints them on one line, without a traceback."""

from __future__ import annotations

import errno

from belle_core.language import say

REASONS = {
    errno.EACCES: "没有权限", errno.EPERM: "操作不被允许", errno.EROFS: "文件系统只读", errno.ENOENT: "没有这个文件或目录",
    errno.ENOTDIR: "路径中有一部分不是目录", errno.EISDIR: "是目录", errno.ENOSPC: "磁盘已满", errno.EFBIG: "文件过大",
    errno.ENAMETOOLONG: "名称过长", errno.ELOOP: "链接成环", errno.EIO: "磁盘读写错误", errno.EMFILE: "打开的文件过多",
}  # fmt: skip
"""What a system says of files that it does not hand out or take."""


class BelleError(Exception):
    """The run cannot go on because of its configuration, data or environment.

    ``english`` and ``chinese`` say the same: what is wrong, with which value, and what to do.
    """

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english, chinese)
        self.english, self.chinese = english, chinese

    def __str__(self) -> str:
        return say(self.english, self.chinese)


class Invalid(BelleError):
    """A config dataclass refuses the value of one of its options.

    Raised in ``__post_init__`` as ``Invalid("rank", "must be at least 1, got 0", "至少为 1，现在是 0")``; the core knows
    where the config sits in the run and names the option as the user typed it (``steps.math.rank``).
    """

    def __init__(self, option: str, english: str, chinese: str) -> None:
        super().__init__(english, chinese)
        self.args = (option, english, chinese)
        self.option = option

    def __str__(self) -> str:
        return f"{self.option} {say(self.english, self.chinese)}"

    def at(self, prefix: str) -> Invalid:
        """The same complaint with the option's full path."""
        return Invalid(f"{prefix}.{self.option}" if prefix else self.option, self.english, self.chinese)


class Several(BelleError):
    """More than one mistake, told at once."""

    def __init__(self, errors: list[BelleError]) -> None:
        super().__init__("; ".join(e.english for e in errors), "；".join(e.chinese for e in errors))
        self.args = (errors,)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def in_one_line(error: Exception, most: int = 300) -> str:
    """What a library raised: its kind, since many texts say nothing without it, and up to *most* characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:most]


def why_refused(error: OSError | ValueError) -> tuple[str, str]:
    """Why a file cannot be read or written, in English and Chinese."""
    said = getattr(error, "strerror", None) or str(error)
    return said, REASONS.get(getattr(error, "errno", None) or 0, said)
