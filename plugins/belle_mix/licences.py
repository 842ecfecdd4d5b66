"""The licences of a mix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

UNKNOWN = "unknown"
"""The hub's word for a licence that nobody states."""


def together(sources: Iterable[Sequence[str]]) -> list[str]:
    """What the sources state; where only some state one, ``unknown`` says that theirs is not the whole mix's."""
    each = list(sources)
    stated = {licence for licences in each for licence in licences}
    return sorted(stated | ({UNKNOWN} if stated and not all(each) else set()))
