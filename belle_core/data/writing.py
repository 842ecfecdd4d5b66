"""Writes examples as they come: one JSON object a line, one file per split, and a file of what was dropped and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from belle_core.artifacts import Examples
from belle_core.conversation import Example
from belle_core.data.personal import redacted
from belle_core.data.storage import SPLITS, dumped, length_of, line_of, parse_line, record_of
from belle_core.errors import BelleError
from belle_core.language import say

if TYPE_CHECKING:
    from belle_core.data.shingles import Shingles

T = TypeVar("T")


class ExamplesWriter:
    """Writes splits and rejected records as they come, and ends as an :class:`Examples` artifact.

    ``limit`` caps every split (a smoke run); what it leaves out is not counted as rejected. With ``gather`` all examples are
    written to ``train`` at first, whatever the limit, and :meth:`hold_out` takes the other splits from there.
    """

    def __init__(self, directory: Path, *, limit: int | None = None, gather: bool = False) -> None:
        self.directory, self.limit, self.gather = directory, limit, gather
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.cleaned: dict[str, dict[str, int]] = {}
        """What each filter did to the training data, by its name."""
        self.found: dict[str, dict[str, Any]] = {}
        """What filters learned of the training data as a whole, by their names."""
        self.shingles: Shingles | None = None
        """When two questions are alike, if a filter of near duplicates has said so; a split then keeps them together."""
        self.characters = 0
        self._records: set[str] = set()
        self._held: list[tuple[str, bytes]] | None = None
        self._end = 0  # bytes of train that stay when others are held out
        self._stack = ExitStack()
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> ExamplesWriter:
        for name in (*SPLITS, "rejected"):
            (self.directory / f"{name}.jsonl").unlink(missing_ok=True)  # left by an attempt that was broken off
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def attach(self, context: AbstractContextManager[T]) -> T:
        """Enter *context*, which ends with the writer, whatever that is ended by."""
        return self._stack.enter_context(context)

    def full(self, split: str) -> bool:
        """Whether the smoke run's limit for *split* is reached."""
        if self.limit is None or (self.gather and split == "train"):
            return False
        return self.counts[split] >= self.limit

    def write(self, split: str, example: Example) -> None:
        """Add *example* to ``train``, ``dev`` or ``test``."""
        line = line_of(example)
        self.write_lines(split, [line], records=[record_of(example)], characters=[length_of(example)])

    def write_lines(
        self, split: str, lines: Sequence[bytes], *, records: Sequence[str], characters: Sequence[int]
    ) -> None:
        """The same with several examples as :func:`line_of` puts them, and what is counted of each."""
        room = len(lines)
        if self.limit is not None and not (self.gather and split == "train"):
            room = max(0, min(room, self.limit - self.counts[split]))
        if not room:
            return
        self._file(split).write(b"".join(lines[:room]))
        self.counts[split] += room
        self._records.update(records[:room])
        if split == "train":
            self.characters += sum(characters[:room])

    def reject(self, where: str, reason: str, evidence: str = "", *, id: str = "") -> None:
        """Note a dropped record: *where* it stood (``file:line``), a short *reason*, and what shows it, on one line and without personal data."""
        record = {"where": where, "reason": reason, "evidence": redacted(evidence)[:500].replace("\n", "⏎")}
        self.release([("rejected", dumped(record | ({"id": id} if id else {})))])
        self.reasons[reason] += 1

    def note_down(self, name: str, record: dict[str, Any]) -> None:
        """Add *record* to ``<name>.jsonl``, without personal data."""
        texts = {key: redacted(value) if isinstance(value, str) else value for key, value in record.items()}
        self.release([(f"{name}_found" if name in (*SPLITS, "rejected") else name, dumped(texts))])

    @contextmanager
    def held(self) -> Iterator[list[tuple[str, bytes]]]:
        """Inside, what is rejected and noted down is collected, for :meth:`release`; so its place does not depend on how far ahead it was
        found."""
        before, self._held = self._held, []
        try:
            yield self._held
        finally:
            self._held = before

    def release(self, lines: list[tuple[str, bytes]]) -> None:
        """Write lines with the name of the file of each, or let them be held where all are."""
        if self._held is not None:
            self._held += lines
            return
        for name, line in lines:
            self._file(name).write(line)

    def note(self) -> str:
        """What was kept and dropped so far, in a few words."""
        words = [f"{say('kept', '保留')} {sum(self.counts.values()):,}"]
        return " · ".join([*words, *(f"{reason} {count:,}" for reason, count in self.reasons.most_common(3))])

    def gathered(self) -> Path:
        """The file of all examples so far, complete on disk."""
        self._files["train"].flush()
        return self.directory / "train.jsonl"

    def hold_out(self, chosen: dict[int, str]) -> None:
        """Move the examples of train with these numbers to other splits; order is kept, and the limit applies from here on."""
        self.gather = False
        path = self.directory / "train.jsonl"
        self._files.pop("train").close()
        gathered, self.counts["train"] = self.counts["train"], 0
        first = min(
            [gathered, *chosen, *([] if self.limit is None else [self.limit])]
        )  # what lies before stays as it is
        with path.open("rb") as reader, path.open("r+b") as writer:  # in place: the writer never overtakes the reader
            for number, line in enumerate(reader):
                if number == first:
                    writer.seek(self._end)
                self._place(chosen.get(number, "train"), line, writer if number >= first else None)
            writer.truncate(self._end)

    def _place(self, split: str, line: bytes, writer: IO[bytes] | None) -> None:
        if split == "train" and not self.full(split):
            self._end += len(line)
            if writer:
                writer.write(line)
        else:
            self.characters -= length_of(parse_line(line))
            if self.full(split):
                return
            self._file(split).write(line)
        self.counts[split] += 1

    def finish(self, *, licences: list[str]) -> Examples:
        """Close the files; the artifact's facts are what was counted. Raises ``BelleError`` when somebody removed one."""
        self._stack.close()
        for path in (self.directory / f"{name}.jsonl" for name in self._files):
            if not path.exists():
                raise BelleError(
                    f"{path} was removed while it was written; repeat the command",
                    f"{path} 在写入期间被删除；请重复同一命令",
                )
        return Examples(
            directory=self.directory,
            record=_common(self._records),
            splits={split: self.counts[split] for split in SPLITS if self.counts[split]},
            characters=self.characters,
            rejected=dict(sorted(self.reasons.items())),
            cleaned=self.cleaned,
            found=self.found,
            licences=sorted(set(licences)),
        )

    def _file(self, name: str) -> IO[bytes]:
        if name not in self._files:
            self._files[name] = self._stack.enter_context((self.directory / f"{name}.jsonl").open("wb"))
        return self._files[name]


def _common(records: set[str]) -> str:
    """What all examples can be used for; a pair is a ranking of two."""
    if records == {"pair", "ranked"}:
        return "ranked"
    return next(iter(records)) if len(records) == 1 else "conversation"
