"""Shell completion through the machinery that shells use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from belle_core import run
from belle_core.choices import options_of
from belle_core.commands.completion import complete_overrides, join


def bash(words: str, place: int, **more: str) -> list[str]:
    """What the script of Bash gets for ``COMP_WORDS`` and ``COMP_CWORD``."""
    environment = (
        os.environ | {"COMP_WORDS": words, "COMP_CWORD": str(place), "_BELLE_COMPLETE": "bash_complete"} | more
    )
    done = subprocess.run(
        [sys.executable, "-m", "belle_core"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and done.stderr == ""
    return [line.split(",", 1)[1] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "place", "expected"),
    [
        ("belle pla", 1, ["plan"]),
        ("belle +tra", 1, ["+train="]),
        ("belle +train=lo", 1, ["+train=lora"]),
        ("belle +train = lo", 3, ["lora"]),
        ("belle +train @ steps.a = lo", 5, ["lora"]),
        ("belle +train=lora model=ti", 2, ["model=tiny"]),
        ("belle +train = lora model = ti", 6, ["tiny"]),
        ("belle plan +train=lora train.ra", 3, ["train.rank="]),
        ("belle plan +train = lora train.ra", 5, ["train.rank="]),
        ("belle runs sh", 2, ["show"]),
        ("belle data.si", 1, ["data.size="]),
        ("belle plugins show train=lo", 3, ["train=lora"]),
        ("belle plugins show train = lo", 5, ["lora"]),
    ],
)  # fmt: skip
def test_bash(words, place, expected):
    assert bash(words, place) == expected


def test_every_choice_of_a_group_and_the_sign_alone():
    methods = set(options_of("train"))
    assert methods >= {"full", "lora"}
    assert set(bash("belle +train =", 2)) == methods
    assert set(bash("belle +train=", 1)) == {f"+train={name}" for name in methods}


def test_names_of_runs(store):
    run(["+data=demo", "data.size=20", "name=erste"], quiet=True)
    assert bash("belle runs show er", 3) == ["erste"]
    assert bash("belle compare erste er", 3) == ["erste"]
    assert bash("belle data stats er", 3) == ["er", "erste"]  # the first says that files may follow


def test_zsh_and_fish():
    for shell in ("zsh", "fish"):
        environment = os.environ | {
            "COMP_WORDS": "belle +train=lo",
            "COMP_CWORD": "1",
            "_BELLE_COMPLETE": f"{shell}_complete",
        }
        if shell == "fish":
            environment |= {"COMP_CWORD": "+train=lo"}
        done = subprocess.run([sys.executable, "-m", "belle_core"], env=environment, capture_output=True, text=True)
        assert "+train=lora" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_calls_belle(belle, shell):
    done = belle("completion", shell)
    assert done.returncode == 0 and f"_BELLE_COMPLETE={shell}_complete" in done.stdout


REAL = r"""
eval "$({belle} completion bash)"
complete_line() {{
    COMPREPLY=()
    COMP_WORDS=({split}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
    compopt() {{ printf 'option %s %s\n' "$@"; }}
    _belle_completion belle
    printf '%s\n' "${{COMPREPLY[@]}}"
}}
complete_line
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("belle +train = lo", ["lora"]),
        ("belle +tra", ["option -o nospace", "+train="]),
        ("belle pla", ["plan"]),
        ("belle data show my", ["option -o default", ""]),
    ],
)
def test_the_script_in_bash_itself(tmp_path, split, expected):
    program = tmp_path / "belle"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m belle_core "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    script = REAL.format(belle=program, split=split)
    done = subprocess.run(["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize(
    ("split", "joined"),
    [
        (["belle", "+train", "=", "lo"], ["belle", "+train=lo"]),
        (["belle", "+train", "@", "steps.a", "=", "lora", "model"], ["belle", "+train@steps.a=lora", "model"]),
        (["belle", "a", "b"], ["belle", "a", "b"]),
        (["belle", "x", "=", ""], ["belle", "x="]),
    ],
)
def test_words_are_joined_as_they_were_typed(split, joined):
    assert join(split) == joined


def values(incomplete: str, *words: str) -> list[str]:
    return [item.value for item in complete_overrides(incomplete, words)]


def test_options_of_what_is_chosen():
    assert "train.rank=" in values("train.", "+train=lora")
    assert "train.rank=" not in values("train.", "+train=full")
    assert values("train.", "model=tiny") == []
    assert "steps.a.rank=" in values("steps.a.", "+train@steps.a=lora")
    assert values("steps.", "+train@steps.a=lora") == ["steps.a."]


def test_values():
    assert values("trainer.gradient_checkpointing=") == ["trainer.gradient_checkpointing=true", "trainer.gradient_checkpointing=false"]  # fmt: skip
    assert values("model.template=b") == ["model.template=belle"]
    assert values("+train=lora,fu") == ["+train=lora,full"]
    assert values("train/objective=sf", "+train=lora") == ["train/objective=sft"]
    assert [item.type for item in complete_overrides("model.checkpoint=wei")] == ["file"]


def test_groups_carry_the_sign_that_they_need():
    assert "+train=" in values("+") and "model=" in values("m") and "train=" not in values("t")
    assert "train=" in values("tr", "+train=lora")


@pytest.mark.parametrize(
    "incomplete", ["+nothing=", "nothing.", "--json", "train.rank=abc", "=", "+train=lora,lo,", "@", "~"]
)
def test_nonsense_is_survived(incomplete):
    assert all(isinstance(value, str) for value in values(incomplete, "train.rank=abc", "+train=lorra", "[", "a=[1"))


def test_options_of_implicit_steps_after_a_word_that_is_wrong():
    found = [item.value for item in complete_overrides("data.si", ["+train=lora", "train={a:1}"])]
    assert found == ["data.size="]


def test_help_texts_are_the_docstrings():
    (item,) = complete_overrides("train.rank", ["+train=lora"])
    assert item.help == "Width of the low-rank update."
