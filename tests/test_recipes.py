"""Everything that can be chosen composes and wires: options, presets, models, recipes."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from belle_core.choices import all_groups, options_of
from belle_core.compose import compose_run, compose_tree
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog
from belle_core.stages import KINDS
from belle_core.wiring import wire

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = "model_schema"
GIVEN = {"train.adapters": "{a: 1}"}
"""What stands in for a value that the user must give, where it is no path."""
NEEDED = {"contamination": ["data.clean.extra.against=given.jsonl"]}
"""What a filter needs that other steps of a run would tell it."""
CHOICES = [(group, name) for group in all_groups() for name in options_of(group) if name != SCHEMA]

OTHERS = [(group, name) for group, name in CHOICES if group != "model"]
"""Models compose in test_models.py."""


def overrides_for(group: str, name: str) -> list[str]:
    """A command line that chooses *name* and has something to do."""
    if group in KINDS or group == "recipe":
        return [f"+{group}={name}"]
    if group in ("model", "trainer"):
        return ["+train=full", f"{group}={name}"]
    if group == "tracker":
        return ["+data=demo", f"tracker={name}"]
    if group == "filter":
        return ["+data=demo", f"+filter@data.clean.extra={name}", *NEEDED.get(name, [])]
    kind, _, part = group.partition("/")
    hosts = [stage.name for (k, _), stage in load_catalog().stages.items() if k == kind and part in stage.subgroups]
    assert hosts, f"no stage has the group {group}"
    return [f"+{kind}={hosts[0]}", f"{group}={name}"]


def with_values(overrides: list[str]) -> list[str]:
    """*overrides*, and something in place of what the user must give."""
    missing = OmegaConf.missing_keys(compose_tree(overrides))
    return [*overrides, *(f"{key}={GIVEN.get(key, 'given.jsonl')}" for key in sorted(missing))]


@pytest.mark.parametrize(("group", "name"), OTHERS, ids=lambda value: str(value))
def test_every_choice_composes_and_wires(group, name):
    config = compose_run(with_values(overrides_for(group, name))).config
    steps = wire(config, load_catalog())
    assert steps
    if group in KINDS:
        assert group in [step.stage.kind for step in steps]


def test_every_file_in_conf_is_a_choice():
    files = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")} - {Path("config.yaml")}
    assert {(path.parent.as_posix(), path.stem) for path in files} <= set(CHOICES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_stage_can_be_chosen(kind):
    assert options_of(kind)


def test_a_choice_that_cannot_be_is_refused():
    with pytest.raises(BelleError, match="did you mean 'lora'"):
        compose_run(["+train=lorra"])
