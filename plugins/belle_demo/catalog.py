"""All skills of the demo data, and which of them a first training holds."""

from __future__ import annotations

from belle_demo import (
    arithmetic,
    classification,
    extraction,
    facts,
    lists,
    reading,
    rewriting,
    summaries,
    units,
    word_problems,
    writing,
)
from belle_demo.skill import Skill

_BASIC = (facts, reading, classification, extraction, rewriting, writing, summaries, lists, arithmetic, units)

BASE = tuple(skill.name for module in _BASIC for skill in module.SKILLS)
"""The skills that are learnt from scratch."""

EXTRA = tuple(skill.name for skill in word_problems.SKILLS)
"""The skill that is added afterwards."""

SKILLS: dict[str, Skill] = {skill.name: skill for module in (*_BASIC, word_problems) for skill in module.SKILLS}
