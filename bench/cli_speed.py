"""Times ``--help``, a config error and a run from the store beside a bare Hydra application with the same groups.

usage: python bench/cli_speed.py [ROUNDS]; prints one JSON line with medians in seconds and the ratios of one run.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from belle_core.choices import config_directory, options_of
from belle_core.stages import KINDS

BARE = """
import hydra
from omegaconf import DictConfig
@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def run(config: DictConfig) -> None:
    print(config)
run()
"""


def bare_application(folder: Path) -> list[str]:
    """A Hydra script with our configuration files and one YAML for every other choice, and no code behind them."""
    shutil.copytree(config_directory(), folder / "conf")
    config = (folder / "conf" / "config.yaml").read_text(encoding="utf-8").replace("  - run_schema\n", "")
    (folder / "conf" / "config.yaml").write_text(config, encoding="utf-8")
    for path in (folder / "conf" / "model").glob("*.yaml"):
        path.write_text(path.read_text(encoding="utf-8").replace("model_schema, ", ""), encoding="utf-8")
    for group in (*KINDS, "tracker", "trainer", "train/objective"):
        (folder / "conf" / group).mkdir(parents=True, exist_ok=True)
        for name in options_of(group):
            (folder / "conf" / group / f"{name}.yaml").write_text("size: 1\n", encoding="utf-8")
    (folder / "bare.py").write_text(BARE, encoding="utf-8")
    return [sys.executable, str(folder / "bare.py")]


def seconds(command: list[str], folder: Path) -> float:
    """Wall time of one process."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, env=os.environ | {"BELLE_STORE": str(folder / "store")})
    return time.perf_counter() - started


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = bare_application(folder)
        belle = [sys.executable, "-m", "belle_core"]
        cached = [*belle, "+data=demo", "data.size=200", "+tokenizer=characters"]
        commands = {
            "bare_help": [*bare, "--help"],
            "help": [*belle, "--help"],
            "bare_error": [*bare, "+train=lorra"],
            "error": [*belle, "+train=lorra"],
            "bare_wrong_key": [*bare, "+train=lora", "train.sise=2"],
            "wrong_key": [*belle, "+train=lora", "train.rnk=2"],
            "cached": cached,
        }
        times: dict[str, list[float]] = {key: [] for key in commands}
        seconds(cached, folder)
        for _ in range(rounds):  # in turn, so that a noisy moment hits all alike
            for key, command in commands.items():
                times[key].append(seconds(command, folder))
    median = {key: round(statistics.median(values), 3) for key, values in times.items()}
    pairs = ("help", "error", "wrong_key")
    ratios = {f"{name}_ratio": median[name] / median[f"bare_{name}"] for name in pairs}
    print(json.dumps(median | {key: round(value, 2) for key, value in ratios.items()}))


if __name__ == "__main__":
    main()
