"""The conformance kit: sound plugins pass, and every rule fires on a plugin that breaks it."""

from __future__ import annotations

import sys
import textwrap
from importlib.metadata import distribution
from pathlib import Path

import pytest

from belle_core.errors import BelleError
from belle_core.testing import check_plugin, check_stage
from belle_core.testing.child import survives_json

OURS = sorted(entry.name for entry in distribution("belle").entry_points if entry.group == "belle")

DECLARATION = '''
"""A throw-away plugin."""

from belle_core import Part, Stage, hookimpl
from belle_core.artifacts import Examples
from belle_third.config import ThirdConfig


@hookimpl
def belle_stages():
    return [Stage(kind="data", name="third", config=ThirdConfig, run="belle_third.stage:make", produces=Examples)]
'''
CONFIG = '''
"""Options."""

from dataclasses import dataclass, field

from belle_core.config import option


@dataclass
class ThirdConfig:
    size: int = 30
    """Number of examples."""
'''
STAGE = '''
"""Writes examples."""

import time

from belle_core.conversation import Conversation, Example
from belle_core.data import ExamplesWriter


def make(config, context):
    with ExamplesWriter(context.directory) as writer:
        for number in range(config.size):
            writer.write("train", Example(str(number), Conversation.of(f"{number}?", f"{number}!")))
            time.sleep(0.005)
        return writer.finish(licences=[])
'''
PRESET = "defaults: [third, _self_]\nsize: 99\n"
SOUND = {"__init__.py": DECLARATION, "config.py": CONFIG, "stage.py": STAGE, "conf/data/third_large.yaml": PRESET}
WITH_PART = '\n@hookimpl\ndef belle_parts():\n    return [Part(kind="{kind}", name="third", run="{run}"{more})]\n'


def _forget() -> None:
    """What the core remembers about installed plugins, and the module of the throw-away one."""
    core = [module for name, module in list(sys.modules.items()) if name.split(".")[0] == "belle_core"]
    for cached in {value for module in core for value in vars(module).values() if hasattr(value, "cache_clear")}:
        cached.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "belle_third"]:
        del sys.modules[name]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with the plugin ``third``: the sound one, with some files replaced."""

    def write(files: dict[str, str | None]) -> None:
        site = tmp_path / "site"
        info = site / "belle_third-1.0.dist-info"
        for path, text in (SOUND | files).items():
            if text is None:
                continue
            file = site / "belle_third" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), encoding="utf-8")
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: belle-third\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[belle]\nthird = belle_third\n")
        monkeypatch.syspath_prepend(str(site))
        _forget()

    yield write
    _forget()


@pytest.mark.parametrize("name", OURS)
def test_our_own_plugins_pass(name):
    assert check_plugin(name) == []


def test_a_sound_plugin_passes(install):
    install({})
    assert check_plugin("third") == []


def test_a_plugin_that_is_not_installed_is_an_error_with_the_nearest_name():
    with pytest.raises(BelleError, match="'demo'"):
        check_plugin("demmo")


def test_a_recipe_may_leave_a_value_to_the_user(install):
    recipe = "# @package _global_\ndefaults:\n  - /data@data: files\n  - _self_\ndata:\n  format: alpaca\n"
    install({"conf/recipe/third.yaml": recipe})
    assert check_plugin("third") == []


def declaration(**replaced: str) -> dict[str, str]:
    """The sound declaration with words replaced."""
    text = DECLARATION
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return {"__init__.py": text}


def config(field: str, head: str = "@dataclass") -> dict[str, str]:
    """The sound options with one more field, or another decorator."""
    return {"config.py": CONFIG.replace("@dataclass", head) + textwrap.indent(textwrap.dedent(field), "    ")}


BROKEN = {
    "heavy import": ({"config.py": "import numpy\n" + CONFIG}, "importing belle_third imports numpy"),
    "slow import": (
        {"config.py": "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\n" + CONFIG},
        "at most 0.3 s",
    ),
    "heavy check": (
        declaration(run='check="belle_third.check:check", run')
        | {"check.py": "import numpy\ndef check(config, shared): pass"},
        "its check (belle_third.check) imports numpy",
    ),
    "broken import": ({"config.py": "1 / 0"}, "ZeroDivisionError"),
    "hook raises": (
        {"__init__.py": "from belle_core import hookimpl\n@hookimpl\ndef belle_parts(): return 1 / 0"},
        "calling its hooks raises",
    ),
    "unknown hook": (
        {"__init__.py": DECLARATION + "\n@hookimpl\ndef belle_evnt(event): pass\n"},
        "did you mean belle_event?",
    ),
    "unmarked hook": ({"__init__.py": DECLARATION + "\ndef belle_event(event): pass\n"}, "lacks @hookimpl"),
    "wrong argument of a hook": ({"__init__.py": DECLARATION + "\n@hookimpl\ndef belle_event(evnt): pass\n"}, "evnt"),
    "another plugin": (
        {"stage.py": STAGE + "\ndef later():\n    from belle_demo.catalog import SKILLS\n"},
        "which is plugin demo",
    ),
    "nothing offered": ({"__init__.py": '"""Empty."""', "conf/data/third_large.yaml": None}, "offers nothing"),
    "unknown kind": (declaration(data="dance"), "there is no kind 'dance'"),
    "name that cannot be typed": (declaration(**{'"third"': '"Third One"'}), "a name has lower-case letters"),
    "name that is taken": (declaration(**{'"third"': '"demo"'}), "already offered by plugin"),
    "no options": (
        {"__init__.py": DECLARATION + WITH_PART.format(kind="tracker", run="json:dumps", more="")},
        "has no config",
    ),
    "options are no dataclass": (declaration(**{"config=ThirdConfig": "config=dict"}), "is no dataclass"),
    "undocumented option": (config("other: int = 1\n"), "ThirdConfig.other has no docstring"),
    "frozen options": (config("", "@dataclass(frozen=True)"), "ThirdConfig is frozen"),
    "type that Hydra refuses": (
        config('from typing import Literal\nmode: Literal["a"] = "a"\n"""Mode."""\n'),
        "does not survive Hydra",
    ),
    "tuple": (config('pair: tuple[int, int] = (1, 2)\n"""Pair."""\n'), "comes back from Hydra with other values"),
    "missing module": (
        declaration(**{"belle_third.stage:make": "belle_third.stag:make"}),
        "run='belle_third.stag:make' cannot be imported",
    ),
    "missing function": (declaration(**{"belle_third.stage:make": "belle_third.stage:mak"}), "has no attribute 'mak'"),
    "package that is not there": (
        {"stage.py": "import surely_not_installed\n" + STAGE},
        "No module named 'surely_not_installed'",
    ),
    "wrong arguments of a stage": (
        {"stage.py": STAGE.replace("config, context)", "config)")},
        "is no function of two arguments",
    ),
    "no command": (
        {
            "__init__.py": DECLARATION.replace("Part", "Command")
            + '\n@hookimpl\ndef belle_commands(): return [Command(name="third", run="json:dumps", help="h", help_zh="帮助")]'
        },
        "is no Click command",
    ),
    "preset with an unknown key": ({"conf/data/third_large.yaml": PRESET.replace("size", "sizes")}, "does not compose"),
    "preset with a refused value": (
        config('def __post_init__(self):\n    assert self.size < 50, "too large"\n'),
        "conf/data/third_large.yaml does not compose: AssertionError: too large",
    ),
    "recipe with an unknown key": (
        {
            "conf/recipe/third.yaml": "# @package _global_\ndefaults:\n  - /data@data: third\n  - _self_\ndata:\n  sizes: 1\n"
        },
        "conf/recipe/third.yaml does not compose: ConfigCompositionException",
    ),
    "recipe with a refused value": (
        {
            "conf/recipe/third.yaml": "# @package _global_\ndefaults:\n  - /data@data: demo\n  - _self_\ndata:\n  size: 0\n"
        },
        "conf/recipe/third.yaml does not compose: Invalid: data.size must be at least 1",
    ),
    "preset that extends nothing": ({"conf/data/third_large.yaml": "size: 99\n"}, "extends no option"),
    "preset with the name of an option": ({"conf/data/third.yaml": "size: 99\n"}, "give the preset another name"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_every_rule_for_plugins_fires_alone(install, case):
    files, says = BROKEN[case]
    install(files)
    problems = check_plugin("third")
    assert len(problems) == 1 and says in problems[0] and "\n" not in problems[0], problems


def test_an_optional_package_may_be_absent(install):
    install(
        declaration(**{'name="third"': 'name="third", extra="heavy"'})
        | {"stage.py": "import surely_not_installed\n" + STAGE}
    )
    assert check_plugin("third") == []


def test_a_sound_stage_passes(install):
    install(config('workers: int = option(1, identity=False)\n"""Number of processes."""\n'))
    assert check_stage("data=third", ["data.size=60"]) == []


def body(line: str) -> dict[str, str]:
    """The sound stage with a line before its work."""
    return {"stage.py": STAGE.replace("    with Ex", f"    {line}\n    with Ex")}


FLAWED = {
    "fails": (body("raise ValueError('no such thing')"), "the run fails: ValueError: no such thing"),
    "takes the time of day": (
        body("(context.directory / 'stamp').write_text(str(time.time_ns()))"),
        "two runs of the same command differ: stamp",
    ),
    "depends on the order of a set": (
        body("(context.directory / 'words').write_text(str(set('abcdefghij')))"),
        "two runs of the same command differ: words",
    ),
    "does not resume": (
        {
            "stage.py": STAGE.replace(
                "time.sleep(0.005)", "time.sleep(0.005)\n            open(context.directory / 'log', 'a').write('.')"
            )
        },
        "killed in the middle and repeated, it ends with another artifact: log",
    ),
    "fact that is no JSON": (
        {
            "stage.py": STAGE.replace(
                "return writer.finish(licences=[])",
                "return writer.finish(licences=[]).__class__(directory=context.directory, record='text', splits={1: 2})",
            )
        },
        "fact 'splits' is not plain JSON",
    ),
    "default that changes": (
        config('import os\nstamp: int = field(default_factory=os.getpid)\n"""Process."""\n'),
        "every process computes another fingerprint",
    ),
    "changes its own input": (
        config('path: str = option("input.txt", file=True)\n"""File."""\n')
        | body("open(config.path, 'a').write('more')"),
        "the second run makes data again",
    ),
    "overwrites an option": (
        config("def __post_init__(self):\n    self.size = 30\n"),
        "changing size does not change the fingerprint",
    ),
    "identity from what is none": (
        config(
            'workers: int = option(2, identity=False)\n"""Processes."""\ndef __post_init__(self):\n    self.size = 30 * self.workers\n'
        ),
        "workers is marked identity=False, yet it changes the fingerprint",
    ),
    "result from what is no identity": (
        config('workers: int = option(2, identity=False)\n"""Processes."""\n')
        | body("(context.directory / 'n').write_text(str(config.workers))"),
        "options marked identity=False change the artifact (workers): n",
    ),
}


@pytest.mark.parametrize("case", FLAWED)
@pytest.mark.slow
def test_every_rule_for_stages_fires(install, tmp_path, case):
    files, says = FLAWED[case]
    (tmp_path / "input.txt").write_text("text")
    install(files)
    problems = check_stage("data=third")
    assert any(says in problem for problem in problems), problems


@pytest.mark.slow
def test_files_may_be_allowed_to_differ(install):
    install(FLAWED["takes the time of day"][0])
    assert check_stage("data=third", may_differ=["sta*"]) == []


@pytest.mark.slow
def test_a_stage_that_hangs_is_stopped(install):
    install(body("time.sleep(60)"))
    assert "the run fails: > 3 s" in check_stage("data=third", timeout=3)[0]


def test_plain_json_is_told_from_what_only_looks_like_it():
    assert survives_json({"a": [1, 2.5, None, {"b": "汉"}]})
    assert not any(survives_json(value) for value in [{"a": (1,)}, {1: 2}, float("nan"), Path("x"), {1, 2}])


@pytest.mark.parametrize(
    ("choice", "overrides"),
    [("data=demo", ["data.size=400"]), ("tokenizer=bpe", ["+data=demo", "data.size=400", "tokenizer.vocabulary=1000"])],
)
@pytest.mark.slow
def test_our_torch_free_stages_pass(choice, overrides):
    assert check_stage(choice, overrides) == []


TINY = [
    "model=tiny",
    "model.architecture.hidden_size=48",
    "model.architecture.num_hidden_layers=1",
    "trainer.checkpoint_seconds=0.1",
]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora"])
def test_training_is_deterministic_and_resumes(method):
    assert check_stage(f"train={method}", [*TINY, "limit=64", "train.epochs=12", "train.batch=8"]) == []
