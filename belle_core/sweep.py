"""Sweeps: Hydra's sweepers and launchers call one job after the other, or many at once."""

from __future__ import annotations

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from belle_core.choices import config_directory
from belle_core.compose import compose_run


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


def check_jobs(arguments: list[str]) -> None:
    """Compose every choice of the sweep once before the first job starts; raises ``BelleError`` for a wrong one."""
    from belle_core.cli import split

    overrides, config_dir = split([a for a in arguments if a not in ("-m", "--multirun")])
    if any(o.startswith(("hydra/sweeper", "+hydra/sweeper")) for o in overrides):
        return  # other sweepers have their own syntax
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
    compose_run(first, config_dir)
    for place, choice in variants:
        compose_run([*first[:place], choice, *first[place + 1 :]], config_dir)


def _prefix(line: str | None) -> str:
    return (line or "").split("=", 1)[0]
