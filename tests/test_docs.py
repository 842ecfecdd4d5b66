"""Every command in the documentation is one that belle understands; blocks marked ``bash run`` are run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from belle_core.cli import HYDRA_FLAGS, split
from belle_core.commands import group
from belle_core.compose import compose_run
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog
from belle_core.sweep import check_jobs
from belle_core.wiring import wire

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"^```bash[ ]*(?P<mark>[^\n]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
MARKS = ("", "run", "setup and run", "setup and test")
"""What may stand after ``bash``; the two set-up blocks of the front page are run by ``.ci/run``."""
SETUP = (
    "pip",
    "git",
    "cd",
    "mkdir",
    "source",
    ".",
    "export",
    "conda",
    "uv",
    "apt-get",
    "pytest",
    "ruff",
    "mypy",
    "hatch",
)
LOOKING = ("cat", "head", "tail", "ls", "less", "echo", "printf", "cp", "rm", "curl", "wget", "nvidia-smi")
PYTHON = ("python", "python3", "python3.11")


class NotUnderstood(AssertionError):
    """A line of the documentation that is no command we know."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """(mark, body) of every bash block."""
    return [(match["mark"].strip(), match["body"]) for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def simple_commands(body: str) -> Iterator[list[str]]:
    """The words of every command in *body*: comments gone, pipes and chains taken apart, ``NAME=value`` in front dropped."""
    for line in body.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in ("|", "&&", "||", ";", "&"):
                if command := without_assignments(words):
                    yield command
                words = []
            else:
                words.append(word)


def without_assignments(words: list[str]) -> list[str]:
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    return words


def without_redirection(words: list[str]) -> list[str]:
    """*words* up to ``> file``."""
    return words[: next((place for place, word in enumerate(words) if word in (">", ">>", "<")), len(words))]


def check(words: list[str]) -> None:
    """Raise ``NotUnderstood`` or ``BelleError`` when a command is none that works."""
    words = without_redirection(words)
    program, arguments = words[0], words[1:]
    if program == "eval":  # eval "$(belle completion bash)"
        inner = re.fullmatch(r"\$\((.*)\)", " ".join(arguments))
        return check(shlex.split(inner[1])) if inner else refuse(words)
    if program == "torchrun":
        program, arguments = "python", arguments[arguments.index("-m") :]
    if program == "srun":
        program, arguments = "belle", arguments[arguments.index("belle") + 1 :]
    if program in PYTHON and arguments[:1] == ["-m"]:
        program, arguments = arguments[1], arguments[2:]
        if program in ("venv", "build"):
            return None
    if program in ("belle", "belle_core"):
        return check_belle(arguments)
    if program in PYTHON and arguments and arguments[0].endswith(".py"):
        return None if (ROOT / arguments[0]).is_file() else refuse(words)
    if program in (*SETUP, *LOOKING) or (ROOT / program).is_file():
        return None
    return refuse(words)


def refuse(words: list[str]) -> None:
    raise NotUnderstood(shlex.join(words))


def check_belle(arguments: list[str]) -> None:
    """A sweep, one of Hydra's services, a run, or a subcommand."""
    if {"-m", "--multirun"} & set(arguments):
        return check_jobs(arguments)
    rest = [
        word
        for place, word in enumerate(arguments)
        if word not in HYDRA_FLAGS and arguments[place - 1] not in ("--cfg", "-c", "--info", "-i")
    ]
    if arguments and not rest:
        return None
    if rest and rest[0][0].isalpha() and "=" not in rest[0]:
        return check_subcommand(arguments)
    return check_run(*split(rest))


def check_run(overrides: list[str], config_dir: str | None = None) -> None:
    wire(compose_run(list(overrides), config_dir).config, load_catalog())


def check_subcommand(arguments: list[str]) -> None:
    """Parse as Click would, without calling; what ``belle plan`` is asked must be a run."""
    command: click.Command = group
    try:
        context = command.make_context("belle", list(arguments))
        while isinstance(command, click.Group) and (rest := [*context._protected_args, *context.args]):
            _, found, rest = command.resolve_command(context, rest)
            assert found is not None
            command, context = found, found.make_context(found.name, rest, parent=context)
    except click.exceptions.Exit:  # --help
        return
    except click.UsageError as error:
        if isinstance(error, click.BadParameter) and isinstance(
            getattr(error.param, "type", None), (click.Path, click.File)
        ):
            return  # a file that only the reader has
        raise NotUnderstood(f"{shlex.join(arguments)}: {error.format_message()}") from error
    if command.name == "plan":
        check_run(context.params["overrides"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_understood(page):
    problems = []
    for mark, body in blocks(page):
        if mark not in MARKS:
            problems.append(f"unknown mark: bash {mark}")
        for words in simple_commands(body):
            try:
                check(words)
            except (BelleError, NotUnderstood) as error:
                problems.append(f"{shlex.join(words)}\n    {error}")
    assert not problems, "\n".join(problems)


def test_there_is_something_to_check():
    found = [words for page in PAGES for _, body in blocks(page) for words in simple_commands(body)]
    assert len([words for words in found if words[0] == "belle"]) > 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if "run" in [mark for mark, _ in blocks(page)]], ids=lambda page: page.name
)
def test_blocks_marked_as_runs_run(page, tmp_path):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for mark, body in blocks(page):
        if mark == "run":
            command = ["bash", "-euo", "pipefail", "-c", body]
            done = subprocess.run(
                command, cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=540
            )
            assert done.returncode == 0, f"{body}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    "line",
    [
        "belle +train=lorra",
        "belle +train=lora train.ranc=3",
        "python -m belle_core +data=nothing",
        "BELLE_LANG=zh belle runs shwo x",
        "belle runs --jsn",
        "belle plan +train=lora train.rank=x",
        "belle -m +train=lora,fulll",
        "belle unheard",
        "belle",
        "bele +train=lora",
        "pip install belle && frobnicate",
        "python bench/nothing_here.py",
        'eval "$(belle completion tcsh)"',
    ],
)
def test_what_is_wrong_is_not_understood(line):
    with pytest.raises((BelleError, NotUnderstood)):
        for words in simple_commands(line):
            check(words)


@pytest.mark.parametrize(
    "line",
    [
        "belle --help",
        "belle +train=lora model=llama13b   # comment",
        "python -m belle_core +train=lora --cfg job",
        "belle +train@steps.sft=full \\\n  +train@steps.math=lora steps.math.rank=4",
        "belle -m +train=lora train.rank=4,16",
        "BELLE_LANG=zh belle plan +train=full --json",
        "belle runs show my-run --json | head",
        'eval "$(belle completion bash)"',
        "python3 -m venv .venv && . .venv/bin/activate && pip install -e .",
    ],
)
def test_what_is_right_is_understood(line):
    commands = list(simple_commands(line))
    assert len(commands) == 1 + line.count("&&") + line.count("|")
    for words in commands:
        check(words)


LINK = re.compile(r"\]\((?!https?:|mailto:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub makes of a page's headings."""
    headings = re.findall(
        r"^#+ (.*)$",
        re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE),
        re.MULTILINE,
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", sorted({*PAGES, *ROOT.glob("[A-Z]*.md")}), ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    broken = []
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        target = (page.parent / unquote(link["path"])).resolve() if link["path"] else page
        if not target.exists() or (
            link["anchor"] and target.suffix == ".md" and unquote(link["anchor"]) not in anchors(target)
        ):
            broken.append(link[0])
    assert broken == []
