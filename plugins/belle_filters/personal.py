"""Personal data, masked or dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.personal import Finding, excerpt, find_personal, replaced
from belle_core.data.storage import text_of
from belle_filters.config import PersonalConfig
from belle_filters.texts import mapped


class Personal:
    """Reasons when dropping: the kind, such as ``phone``. Evidence shows what is around it. What a record says besides its conversation
    (``meta``) decides nothing and is masked in either case."""

    def __init__(self, config: PersonalConfig) -> None:
        self.config = config
        self.repairs = config.action == "mask"

    def __call__(self, example: Example) -> Example | Drop:
        if self.config.action == "mask":
            example = mapped(example, self._masked)
        else:
            text = "\n".join([text_of(example), *example.rejected])
            if found := self._found(text):
                return Drop(found[0].kind, excerpt(text, found[0].start, found[0].end))
        if example.meta and (meta := self._inside(example.meta)) != example.meta:
            return replace(example, meta=meta)
        return example

    def _inside(self, value: Any) -> Any:
        """The same value with its texts masked, however deep they lie."""
        if isinstance(value, str):
            return self._masked(value)
        if isinstance(value, dict):
            return {key: self._inside(inner) for key, inner in value.items()}
        return [self._inside(inner) for inner in value] if isinstance(value, list) else value

    def _found(self, text: str) -> list[Finding]:
        return [finding for finding in find_personal(text) if finding.kind in self.config.kinds]

    def _masked(self, text: str) -> str:
        found = self._found(text)
        return replaced(text, found, lambda finding: f"<{finding.kind}>") if found else text
