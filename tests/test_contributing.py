"""Follows "your first plugin in ten minutes" to the letter: its files, its commands, what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TUTORIAL = TEXT.split("## Your first plugin")[1].split("\n## ")[0]
PIECE = re.compile(
    r"\*\*`(?P<path>[^`]+)`\*\*\n\n```\w+\n(?P<file>.*?)^```$|^```console\n(?P<session>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
INSTALL = "pip install -e ."


def commands(session: str) -> list[tuple[str, str]]:
    """(command, what it prints) of a console block."""
    parts = re.split(r"^\$ (.*)\n", session, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def matches(shown: str, printed: str) -> bool:
    """Whether *printed* is what the text shows; ``…`` stands for anything in a line, alone for any lines."""
    pattern = ""
    for line in shown.splitlines():
        pattern += r"(.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r" *\n"
    return re.fullmatch(pattern, printed) is not None


def run(command: str, folder: Path) -> str:
    """Run a command of the text in a shell; returns everything it prints."""
    site, project = folder / "site", folder / "project"
    if command == INSTALL:  # into a folder of its own, so that the environment of the tests stays as it is
        options = (
            "--quiet --no-deps --no-index --no-build-isolation --disable-pip-version-check --root-user-action=ignore"
        )
        command = f'"{sys.executable}" -m pip install {options} --upgrade --target "{site}" .'
    else:
        assert command.startswith(("belle ", "pytest ")), f"an unknown command: {command}"
        command = f'"{sys.executable}" -m {command.replace("belle ", "belle_core ", 1) if command.startswith("belle ") else command}'
    environment = os.environ | {"PYTHONPATH": str(site), "COLUMNS": "80"}
    done = subprocess.run(
        command,
        shell=True,
        cwd=project,
        env=environment,
        text=True,
        timeout=300,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.stdout


@pytest.mark.slow
def test_the_ten_minute_plugin_works_as_written(tmp_path):
    pieces = list(PIECE.finditer(TUTORIAL))
    assert len(pieces) == TUTORIAL.count("\n```") / 2, "every block is a file with a path, or a console session"
    for piece in pieces:
        if piece["path"]:
            file = tmp_path / "project" / piece["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(piece["file"], encoding="utf-8")
            continue
        for command, shown in commands(piece["session"]):
            printed = run(command, tmp_path)
            assert matches(shown, printed), f"$ {command}\n--- the text shows\n{shown}\n--- it prints\n{printed}"


def test_the_comparison_can_fail():
    assert matches("a … c\n…\nend\n", "a b c\nx\ny\nend\n")
    assert not matches("a … c\n", "a b d\n")
    assert not matches("a\n", "a\nb\n")
    assert not matches("a\nb\n", "a\n")


def test_every_part_of_the_tutorial_is_there():
    files = [piece["path"] for piece in PIECE.finditer(TUTORIAL) if piece["path"]]
    assert {"pyproject.toml", "belle_roman/__init__.py", "belle_roman/config.py", "belle_roman/stage.py"} <= set(files)
    assert sum(len(commands(piece["session"])) for piece in PIECE.finditer(TUTORIAL) if piece["session"]) >= 8


def test_files_named_in_the_text_exist():
    rest = TEXT.replace(TUTORIAL, "")
    named = re.findall(r"`((?:tests|belle_core|examples|plugins)/[\w./-]+)`", rest) + re.findall(
        r"`(examples/[\w-]+)`", TUTORIAL
    )
    assert named and [path for path in named if not (ROOT / path).exists()] == []
