"""Carries events to the console, the local record, the tracker and the plugins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from belle_core.errors import in_one_line
from belle_core.events import Event, RunFinished
from belle_core.notices import tell
from belle_core.plugins import Catalog, load_plugins

Observer = Callable[[Event], None]


def fan_out(trusted: list[Observer], guests: list[Observer]) -> Observer:
    """One observer for many. The first error of a guest is reported, then it is left alone: it never stops a run."""
    silenced: set[int] = set()

    def observe(event: Event) -> None:
        for observer in trusted:
            observer(event)
        for number, guest in enumerate(guests):
            if number in silenced:
                continue
            try:
                guest(event)
            except Exception as error:  # whatever a tracker does wrong must not cost a run
                silenced.add(number)
                name = getattr(guest, "name", type(guest).__name__)
                why = in_one_line(error)
                tell(
                    f"{name} failed and is switched off for this run ({why}); the local record goes on",
                    f"{name} 出错，本次运行中已停用（{why}）；本地记录不受影响",
                )

    return observe


def guests_of(tracker: Any, catalog: Catalog) -> list[Observer]:
    """The chosen tracker and the event hooks of plugins."""
    guests: list[Observer] = [PluginEvents()] if load_plugins().hook.belle_event.get_hookimpls() else []
    if part := catalog.part_for(tracker):
        guests.append(Tracker(part, tracker))
    return guests


class PluginEvents:
    """Calls the ``belle_event`` hook."""

    name = "belle_event"

    def __call__(self, event: Event) -> None:
        load_plugins().hook.belle_event(event=event)


class Tracker:
    """A tracker part, built when the first event arrives, so that a run from the store never imports it."""

    def __init__(self, part: Any, config: Any) -> None:
        self.name, self._part, self._config = f"tracker={part.name}", part, config
        self._held: list[Event] = []
        self._observer: Observer | None = None

    def __call__(self, event: Event) -> None:
        """Events before the first real work are held back; nothing is sent for a run that only reads the store."""
        if self._observer is None:
            self._held.append(event)
            if not _is_work(event):
                return
            self._observer = self._part.load()(self._config)
            events, self._held = self._held, []
        else:
            events = [event]
        for one in events:
            self._observer(one)  # type: ignore[misc]


def _is_work(event: Event) -> bool:
    return type(event).__name__ in ("StepStarted", "Metrics") or (isinstance(event, RunFinished) and bool(event.error))
