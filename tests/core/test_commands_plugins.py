"""``belle plugins``: what is offered, with the docstrings of the source."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from importlib.metadata import entry_points

import pytest
from click.testing import CliRunner

from belle_core.commands import group
from belle_core.commands.options_of import docstrings, options_of
from belle_core.config import option
from belle_core.errors import BelleError


def plugins(*arguments: str):
    result = CliRunner().invoke(group, ["plugins", *arguments])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result


def test_every_entry_point_is_listed():
    found = {about["name"]: about for about in json.loads(plugins("--json").stdout)["plugins"]}
    assert set(found) == {entry.name for entry in entry_points(group="belle")}
    assert "train=lora" in found["lora"]["stages"] and found["lora"]["distribution"] == "belle"
    assert "tokenizer=characters" in found["bpe"]["presets"]
    assert found["objectives"]["parts"][0].startswith("objective=") and found["inspect"]["commands"] == ["inspect"]
    assert found["lora"]["hooks"] == ["belle_stages"]
    assert "train=lora" in plugins().stdout


def test_a_disabled_plugin_is_not_listed(belle):
    done = belle("plugins", "--json", env={"BELLE_DISABLE_PLUGINS": "wandb"})
    names = [about["name"] for about in json.loads(done.stdout)["plugins"]]
    assert "lora" in names and "wandb" not in names


def test_options_have_type_default_and_meaning():
    about = json.loads(plugins("show", "train=lora", "--json").stdout)
    options = {o["name"]: o for o in about["options"]}
    rank = {"name": "rank", "type": "int", "default": 8, "help": "Width of the low-rank update.", "identity": True, "file": False}  # fmt: skip
    assert options["rank"] == rank
    assert options["learning_rate"]["default"] == 2e-4  # the method's own, not the shared one
    assert options["epochs"]["help"] == "Passes over the training examples."  # from the class that it extends
    assert about["produces"] == "Adapter" and about["consumes"] == ["Examples"] and about["plugin"] == "lora"
    assert "Width of the low-rank" in plugins("show", "+train=lora").stdout


@pytest.mark.parametrize(
    ("choice", "message"),
    [("train=lorra", "did you mean 'lora'"), ("trian=lora", "did you mean 'train'"), ("train", "KIND=NAME")],
)
def test_a_wrong_choice_gets_the_nearest(choice, message):
    with pytest.raises(BelleError, match=message):
        plugins("show", choice)


class Colour(Enum):
    red = 1


@dataclass
class First:
    """Shared."""

    path: str = option("???", file=True)
    """Where
    it is."""
    workers: int = option(2, identity=False)
    """How many."""
    silent: bool = False


@dataclass
class Second(First):
    """Its own."""

    workers: int = 4
    colour: Colour = Colour.red
    """Which."""
    names: list[str] = field(default_factory=lambda: ["a"])


def test_docstrings_come_from_the_source_of_the_class_and_its_bases():
    assert docstrings(Second) == {"path": "Where it is.", "workers": "How many.", "silent": "", "colour": "Which.", "names": ""}  # fmt: skip
    found = {o["name"]: o for o in options_of(Second)}
    assert (found["path"]["default"], found["path"]["file"]) == ("???", True)
    assert (found["colour"]["default"], found["names"]["default"]) == ("red", ["a"])
    assert {o["name"]: o["identity"] for o in options_of(First)} == {"path": True, "workers": False, "silent": True}


def test_check_runs_the_conformance_kit():
    result = plugins("check", "objectives", "--json")
    assert json.loads(result.stdout) == {"plugins": {"objectives": []}} and result.exit_code == 0
    with pytest.raises(BelleError, match="did you mean 'objectives'"):
        plugins("check", "objektives")


def test_check_fails_for_a_plugin_that_breaks_a_rule(tmp_path, belle):
    package = tmp_path / "broken_plugin.py"
    package.write_text(
        '"""A plugin that imports something heavy when it starts."""\n\nimport numpy\n\nfrom belle_core import hookimpl\n\n\n'
        "@hookimpl\ndef belle_stages():\n    return []\n",
        encoding="utf-8",
    )
    about = tmp_path / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[belle]\nbroken = broken_plugin\n", encoding="utf-8")
    done = belle("plugins", "check", "broken", "--json", env={"PYTHONPATH": str(tmp_path)})
    problems = json.loads(done.stdout)["plugins"]["broken"]
    assert done.returncode == 1 and any("numpy" in problem for problem in problems)
    listed = json.loads(belle("plugins", "--json", env={"PYTHONPATH": str(tmp_path)}).stdout)["plugins"]
    assert [about["version"] for about in listed if about["name"] == "broken"] == ["1.0"]
