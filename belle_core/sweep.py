"""Sweeps: Hydra's sweepers and launchers call one job after the other, or many at once."""

from __future__ import annotations

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from belle_core.choices import config_directory
from belle_core.compose import compose_run
from belle_core.overrides import key_of, section_of
from belle_core.stages import KINDS


@hydra.main(version_base="1.3", config_path=str(config_directory()), config_name="config")
def hydra_main(composed: DictConfig) -> None:
    """One job. A module-level function, so that launchers can send it to other processes by name."""
    from belle_core.api import run
    from belle_core.launchers import saved_before_the_end

    hydra_config = HydraConfig.get()
    sources = [s.path for s in hydra_config.runtime.config_sources if s.provider == "command-line"]
    overrides = list(hydra_config.overrides.task)
    print(f"#{hydra_config.job.num}: {' '.join(overrides)}", flush=True)
    with saved_before_the_end():
        run(overrides, sources[0] if sources else None)


def check_jobs(arguments: list[str]) -> list[str]:
    """Compose every choice of the sweep once before the first job starts; raises ``BelleError`` for a wrong one.

    Returns the choices that come in by themselves in every job and have options among the *arguments*: Hydra must be told of them.
    """
    from belle_core.cli import split

    overrides, config_dir = split([a for a in arguments if a not in ("-m", "--multirun")])
    if any(o.startswith(("hydra/sweeper", "+hydra/sweeper")) for o in overrides):
        return []  # other sweepers have their own syntax
    first: list[str] = []
    variants: list[tuple[int, str]] = []
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.key_or_group.startswith("hydra"):
            continue
        if override.is_sweep_override():
            choices = [f"{_prefix(override.input_line)}={value}" for value in override.sweep_string_iterator()]
            variants += [(len(first), choice) for choice in choices[1:]]
            first.append(choices[0])
        else:
            first.append(override.input_line or "")
    jobs = [first, *([*first[:place], choice, *first[place + 1 :]] for place, choice in variants)]
    whole = [compose_run(job, config_dir).overrides for job in jobs]
    touched = {section_of(o) for o in overrides}
    added = [o for o in whole[0] if o not in first and section_of(o) in touched]
    return [o for o in added if all(o in job for job in whole)]


def as_choices(arguments: list[str], added: list[str]) -> list[str]:
    """*arguments* of a sweep with ``train.epochs=choice(1)`` in the place of ``train.epochs=1``, where not all jobs have one ``train``;
    *added* stand before the first option.

    Hydra first composes what the jobs have in common, and options of a section that is not among that would be refused.
    """
    parser = OverridesParser.create()
    first = next((n for n, a in enumerate(arguments) if "=" in a and not a.startswith("-")), len(arguments))
    arguments = [*arguments[:first], *added, *arguments[first:]]
    parsed = {a: parser.parse_override(a) for a in arguments if "=" in a and not a.startswith(("-", "hydra"))}
    chosen = {a: o for a, o in parsed.items() if key_of(a).rpartition("@")[2] == section_of(a)}
    same = {section_of(a) for a, o in chosen.items() if not o.is_sweep_override()}
    swept = {section_of(a) for a, o in chosen.items() if o.is_sweep_override()}

    def alone(argument: str) -> bool:
        section = section_of(argument)
        return section in swept or (section not in same and section.split(".")[0] in (*KINDS, "steps"))

    once = {
        a for a, o in parsed.items() if a not in chosen and not o.is_sweep_override() and o.value() != "" and alone(a)
    }
    return [f"{_prefix(a)}=choice({a.partition('=')[2]})" if a in once else a for a in arguments]


def _prefix(line: str | None) -> str:
    return (line or "").split("=", 1)[0]
