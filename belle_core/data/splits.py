"""Held-out parts: what ``data.dev`` and ``data.test`` may say, and which examples a number takes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from belle_core.data.questions import DIGEST
from belle_core.errors import BelleError, Invalid

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class HeldOut:
    """What one option asks for: a number of examples, a share of them, or a file."""

    count: int = 0
    share: float = 0.0
    path: str | None = None

    @property
    def number(self) -> bool:
        """Whether the part is taken out of the training data."""
        return bool(self.count or self.share)

    def size(self, total: int) -> int:
        """Examples to take out of *total*; a share is at least one."""
        return self.count or (max(1, round(self.share * total)) if self.share else 0)


def held_out(name: str, value: str) -> HeldOut:
    """Parse the option *name*; raises ``Invalid`` for a negative number and a fraction of 1 or more."""
    text = str(value).strip()
    if not text or not NUMBER.fullmatch(text):
        if not text:
            raise Invalid(
                name,
                "is empty; say a count, a fraction or a file, or 0 for none",
                "为空；请写数量、比例或文件，不需要时写 0",
            )
        return HeldOut(path=text)
    if re.fullmatch(r"\d+", text):
        return HeldOut(count=int(text))
    share = float(text)
    if not 0 <= share < 1:
        raise Invalid(
            name,
            f"must be a count (1000), a fraction below 1 (0.02) or a file, got {text}",
            f"应为数量（1000）、小于 1 的比例（0.02）或文件，现在是 {text}",
        )
    return HeldOut(share=share)


def choose(keys: bytes | bytearray, sizes: dict[str, int]) -> dict[int, str]:
    """Which examples leave the training data, by number.

    *keys* holds the 8-byte question keys of all examples in order. Questions are taken in the order of their first
    appearance, beginning with the last one; all examples of a question go together, to the first split of *sizes* that has
    room for all of them; those that fit nowhere stay. Without repeated questions the first split is the end of the data and
    the next one lies before it. Raises ``BelleError`` when a split stays empty or nothing is left to train on.
    """
    total, wanted = len(keys) // DIGEST, sum(sizes.values())
    if wanted >= total:
        raise BelleError(
            f"data.dev and data.test ask for {wanted:,} of {total:,} examples; nothing would be left to train on",
            f"data.dev 和 data.test 共要求 {wanted:,} 条，而数据一共只有 {total:,} 条，没有剩下的可以训练",
        )
    window = wanted
    while True:  # most often the last examples suffice, and only their keys are held as objects
        start = max(0, total - window)
        chosen, full = _choose_from(keys, start, sizes)
        if full or start == 0:
            break
        window *= 2
    taken = Counter(chosen.values())
    for name in sizes:
        if not taken[name] or len(chosen) == total:
            raise BelleError(
                f"data.{name}: too many examples ask the same question to hold any out; give a file instead",
                f"data.{name}：相同的问题太多，无法划分；请改用文件",
            )
    return chosen


def _choose_from(keys: bytes | bytearray, start: int, sizes: dict[str, int]) -> tuple[dict[int, str], bool]:
    """The choice among questions that appear first at *start* or later, and whether it is as large as asked."""
    total = len(keys) // DIGEST
    groups: dict[bytes, list[int]] = {}
    for number in range(start, total):
        groups.setdefault(bytes(keys[number * DIGEST : (number + 1) * DIGEST]), []).append(number)
    for number in range(start):
        groups.pop(bytes(keys[number * DIGEST : (number + 1) * DIGEST]), None)
    room, chosen = dict(sizes), {}
    for members in reversed(groups.values()):
        if name := next((name for name in room if len(members) <= room[name]), None):
            room[name] -= len(members)
            chosen.update(dict.fromkeys(members, name))
        if not any(room.values()):
            break
    return chosen, not any(room.values())
