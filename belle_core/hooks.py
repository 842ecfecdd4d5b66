"""The complete list of what a plugin may extend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from belle_core.events import Event
    from belle_core.stages import Command, Part, Stage

PROJECT = "belle"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def belle_stages() -> list[Stage]:  # type: ignore[empty-body]
    """Offer stage implementations. Called once at start-up, so import nothing heavy."""


@hookspec
def belle_parts() -> list[Part]:  # type: ignore[empty-body]
    """Offer the small things that stages compose: formats, objectives, templates, trackers. Called once at start-up."""


@hookspec
def belle_commands() -> list[Command]:  # type: ignore[empty-body]
    """Offer subcommands of ``belle``. Called when the command line is not a run."""


@hookspec
def belle_event(event: Event) -> None:
    """Observe a run: called in order when a run or step starts, when metrics arrive, and when they finish.

    What an observer does cannot change the result; an error in it is reported once and stops nothing.
    """
