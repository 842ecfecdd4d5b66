"""Personal data, masked or dropped."""

from __future__ import annotations

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.personal import Finding, find_personal, redacted, replaced
from belle_core.data.storage import text_of
from belle_filters.config import PersonalConfig
from belle_filters.texts import excerpt, mapped


class Personal:
    """Reasons when dropping: ``phone``, ``id_card``, ``email``, ``bank_card``. Evidence shows what is around it."""

    def __init__(self, config: PersonalConfig) -> None:
        self.config = config
        self.repairs = config.action == "mask"

    def __call__(self, example: Example) -> Example | Drop:
        if self.config.action == "mask":
            return mapped(example, self._masked)
        text = "\n".join([text_of(example), *example.rejected])
        if found := self._found(text):
            return Drop(found[0].kind, redacted(excerpt(text, found[0].start, found[0].end)))
        return example

    def _found(self, text: str) -> list[Finding]:
        return [finding for finding in find_personal(text) if finding.kind in self.config.kinds]

    def _masked(self, text: str) -> str:
        found = self._found(text)
        return replaced(text, found, lambda finding: f"<{finding.kind}>") if found else text
