"""Both wheels, installed into an environment outside the checkout, run the example's training method and format."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "belle-plugin-example"
pytestmark = pytest.mark.slow

SMALL = [
    "model=tiny",
    "model.architecture.hidden_size=32",
    "model.architecture.num_hidden_layers=1",
    "model.architecture.num_attention_heads=2",
    "model.architecture.num_key_value_heads=2",
    "train.epochs=2",
]


def call(*command: Any, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command, which must succeed unless ``check=False``; its output goes into the failure."""
    options = {"check": True} | more
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        text=True,
        capture_output=True,
        timeout=300,
        **(options | {"check": False}),
    )
    assert not options["check"] or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """The wheels of belle and of the example."""
    folder = tmp_path_factory.mktemp("wheels")
    built = {}
    for name, source in (("belle", ROOT), ("belle_plugin_example", EXAMPLE)):
        call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source, cwd=folder)
        (built[name],) = folder.glob(f"{name}-*.whl")
    return built


@pytest.fixture(scope="module")
def place(tmp_path_factory, wheels) -> Path:
    """A directory with a virtual environment ``venv`` that holds both wheels, before the packages of this one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    call(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / scripts() / "python"
    call(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        *wheels.values(),
        cwd=folder,
    )
    site = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).stdout.strip()
    # A plain path line appends the folder without reading its .pth files, so the editable belle stays out of sight.
    (Path(site) / "zz_heavy_packages.pth").write_text(
        "\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}) + "\n"
    )
    return folder


def scripts() -> str:
    return "Scripts" if os.name == "nt" else "bin"


@pytest.fixture
def belle(place, tmp_path):
    """The installed ``belle``, called in an empty directory."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return call(place / "venv" / scripts() / "belle", *arguments, cwd=tmp_path, env=environment, **more)

    return run


@pytest.fixture
def quiz(tmp_path) -> Path:
    return shutil.copy(EXAMPLE / "data" / "quiz.jsonl", tmp_path / "quiz.jsonl")


def test_the_wheel_holds_the_configuration(wheels):
    with zipfile.ZipFile(wheels["belle"]) as wheel:
        inside = set(wheel.namelist())
    for path in (ROOT / "conf").rglob("*.yaml"):
        assert f"belle_core/conf/{path.relative_to(ROOT / 'conf').as_posix()}" in inside
    for path in (ROOT / "plugins").glob("*/conf/**/*.yaml"):
        assert path.relative_to(ROOT / "plugins").as_posix() in inside
    for path in (ROOT / "belle_core").rglob("*"):
        if path.is_file() and path.suffix not in (".pyc", ""):
            assert path.relative_to(ROOT).as_posix() in inside
    assert not [name for name in inside if name.startswith(("tests/", "plugins/", "examples/")) or "cache" in name]


def test_what_runs_is_what_was_installed(place):
    python = place / "venv" / scripts() / "python"
    names = "belle_core", "belle_demo", "belle_example"
    code = f"import {', '.join(names)}; print(*({', '.join(f'{name}.__file__' for name in names)}), sep='\\n')"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for file in call(python, "-c", code, cwd=place, env=environment).stdout.splitlines():
        assert Path(file).is_relative_to(place / "venv")


def test_the_plugin_is_listed_and_sound(belle):
    listed = belle("plugins").stdout
    assert "belle-plugin-example" in listed and "train=bitfit" in listed and "format=quiz" in listed
    assert "example: sound" in belle("plugins", "check", "example").stdout
    assert "bitfit_fast" in belle("--help").stdout


def test_a_job_goes_through_the_format_and_the_method(belle, quiz):
    job = ["+data=files", f"data.path={quiz}", "data.format=quiz", "+train=bitfit", *SMALL]
    first = belle(*job).stdout
    assert "train 12" in first and "train=bitfit made in" in first and "trainable 96" in first
    again = belle(*job).stdout
    assert "train=bitfit from the store" in again and "made in" not in again


def test_the_format_is_found_by_itself(belle, quiz):
    assert "train 12" in belle("+data=files", f"data.path={quiz}", "limit=12").stdout


def test_presets_of_the_plugin_compose_and_run(belle, quiz):
    assert "schedule: constant" in belle("+train=bitfit_fast", "--cfg", "job").stdout
    done = belle("+recipe=quiz", f"data.path={quiz}", "limit=8", *SMALL, "train.epochs=1").stdout
    assert "data=files made in" in done and "train=bitfit made in" in done


def test_options_of_the_plugin_are_checked_like_our_own(belle, quiz):
    wrong = belle("+train=bitfit", "train.norm=false", check=False)
    assert wrong.returncode == 1 and "'train.norms'" in wrong.stderr and "Traceback" not in wrong.stderr
    wrong = belle("+recipe=quiz", f"data.path={quiz}", "train.norms=false", *SMALL, check=False)
    assert wrong.returncode == 1 and "train.norms=true" in wrong.stderr and "Traceback" not in wrong.stderr


def test_the_own_tests_of_the_example_pass(place, tmp_path):
    python = place / "venv" / scripts() / "python"
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    call(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path / "tests", cwd=tmp_path, env=environment)
