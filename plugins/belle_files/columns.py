"""Gives the fields of a record the names that the formats know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MAY_LACK = ("input", "history", "system", "tools", "images", "videos", "audios")
"""Our names of fields that records may leave out."""


@dataclass(frozen=True)
class Columns:
    """What fields, and the fields of messages, are called in a file."""

    fields: dict[str, str] = field(default_factory=dict)
    """Our name → theirs."""
    speaker: str = ""
    """Field of a message that names the speaker; empty: messages stay as they are."""
    said: str = ""
    """Field of a message that holds the text."""
    roles: dict[str, str] = field(default_factory=dict)
    """Their name of a speaker → ours."""

    def rename(self, record: dict[str, Any]) -> dict[str, Any]:
        """*record* under our names; fields without a new name keep theirs."""
        if not self.fields:
            return record
        taken = set(self.fields.values())
        renamed = {key: value for key, value in record.items() if key not in taken}
        renamed |= {ours: record[theirs] for ours, theirs in self.fields.items() if theirs in record}
        return {key: self._messages(value) for key, value in renamed.items()} if self.speaker else renamed

    def _messages(self, value: Any) -> Any:
        """Messages, alone or in a list, as ``{"from", "value"}``; anything else as it is."""
        if isinstance(value, list):
            return [self._messages(item) for item in value]
        if not (isinstance(value, dict) and self.speaker in value and self.said in value):
            return value
        role = value[self.speaker]
        rest = {key: item for key, item in value.items() if key not in (self.speaker, self.said)}
        return {**rest, "from": self.roles.get(str(role), role), "value": value[self.said]}
