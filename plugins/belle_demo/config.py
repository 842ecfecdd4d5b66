"""Options of ``+data=demo``."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches

from belle_core.config import CleaningConfig
from belle_core.errors import Invalid


def _base_skills() -> list[str]:
    from belle_demo.catalog import BASE  # only where demo data is chosen: its texts take time to import

    return list(BASE)


@dataclass
class DemoConfig(CleaningConfig):
    """A few thousand made instructions; the run's seed decides which."""

    size: int = 6800
    """Number of training examples; test and dev data do not depend on it."""
    skills: list[str] = field(default_factory=_base_skills)
    """Names of the skills to train on; the test data always holds all of them."""
    replay: float = 0.0
    """Share of the training examples (0 to 1) that repeats base skills which are not among ``skills``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size < 1:
            raise Invalid("size", f"must be at least 1, got {self.size}", f"至少为 1，现在是 {self.size}")
        if not 0 <= self.replay < 1:
            raise Invalid(
                "replay",
                f"must be at least 0 and below 1, got {self.replay}",
                f"应不小于 0 且小于 1，现在是 {self.replay}",
            )
        self._check_skills()
        if self.replay and set(_base_skills()) <= set(self.skills):
            raise Invalid("replay", "must be 0 when every base skill is trained on", "训练全部基础技能时必须为 0")

    def _check_skills(self) -> None:
        from belle_demo.catalog import SKILLS

        if not self.skills:
            raise Invalid(
                "skills", f"must name at least one of {', '.join(SKILLS)}", f"至少写一个：{'、'.join(SKILLS)}"
            )
        for name in self.skills:
            if name not in SKILLS:
                near = (get_close_matches(name, SKILLS, n=1, cutoff=0) or list(SKILLS))[0]
                raise Invalid(
                    "skills", f"has no {name!r}; the nearest is {near!r}", f"中没有 {name!r}；最接近的是 {near!r}"
                )
        if len(set(self.skills)) < len(self.skills):
            raise Invalid(
                "skills", f"names a skill twice: {', '.join(self.skills)}", f"有重复的技能：{'、'.join(self.skills)}"
            )
