"""Self-Instruct's tasks: an ``instruction`` with ``instances``, each an input and an output."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Conversation, Example
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import about, joined, list_field, question_and_answer, text_field

USED = ("id", "instruction", "instances")


class TaskFormat:
    """Every instance is an example; from the second on its id ends in ``.2``, ``.3`` …"""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is an instruction with instances."""
        return isinstance(record.get("instruction"), str) and isinstance(record.get("instances"), list)

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example per instance; raises ``Unreadable`` for wrong types, ``Dropped`` when there is none."""
        instances = list_field(record, "instances")
        if not instances:
            raise Dropped("empty_answer", "no instance")
        own, rest = place.id_of(record.get("id")), about(record, USED)
        found: list[Example | Refused] = []
        for number, instance in enumerate(instances, 1):
            if not isinstance(instance, dict):
                raise Unreadable("wrong_type:instances", f"{type(instance).__name__} where an object should be")
            try:
                question = joined(text_field(record, "instruction"), text_field(instance, "input", optional=True))
                turns = question_and_answer(question, text_field(instance, "output"))
            except Refused as refused:
                found.append(refused)
                continue
            found.append(Example(own if number == 1 else f"{own}.{number}", Conversation(tuple(turns)), **rest))
        return found


FORMAT = TaskFormat()
