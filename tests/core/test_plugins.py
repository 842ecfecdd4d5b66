"""Discovery: what is broken is named, with how to go on without it."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

BROKEN = {
    "raises on import": ("1 / 0", "ZeroDivisionError"),
    "misspelt hook": (
        """
        from belle_core import hookimpl
        @hookimpl
        def belle_stagse(): return []
        """,
        "belle_stagse",
    ),
    "name taken": (
        """
        from dataclasses import dataclass
        from belle_core import Stage, hookimpl
        from belle_core.artifacts import Examples
        @dataclass
        class Config:
            size: int = 1
        @hookimpl
        def belle_stages(): return [Stage(kind="data", name="demo", config=Config, run="x:y", produces=Examples)]
        """,
        "data=demo is already offered by plugin",
    ),
    "unknown kind": (
        """
        from dataclasses import dataclass
        from belle_core import Stage, hookimpl
        from belle_core.artifacts import Examples
        @dataclass
        class Config:
            size: int = 1
        @hookimpl
        def belle_stages(): return [Stage(kind="dance", name="tango", config=Config, run="x:y", produces=Examples)]
        """,
        "known kinds: data, tokenizer, train",
    ),
}


def install(folder: Path, name: str, code: str) -> dict[str, str]:
    """A throw-away distribution ``belle-<name>`` on the path; returns the environment that sees it."""
    (folder / f"belle_{name}").mkdir(parents=True)
    (folder / f"belle_{name}" / "__init__.py").write_text('"""A plugin."""\n' + textwrap.dedent(code), encoding="utf-8")
    info = folder / f"belle_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: belle-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[belle]\n{name} = belle_{name}\n")
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_named_with_its_distribution(tmp_path, belle, case):
    code, says = BROKEN[case]
    environment = install(tmp_path / "site", "third", code)
    done = belle("+data=demo", "data.size=20", env=environment)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert says in done.stderr and "third" in done.stderr and "BELLE_DISABLE_PLUGINS=third" in done.stderr
    assert belle("+data=demo", "data.size=20", env=environment | {"BELLE_DISABLE_PLUGINS": "third"}).returncode == 0


def test_a_missing_package_says_what_to_install(tmp_path, belle):
    environment = install(
        tmp_path / "site",
        "third",
        """
        from dataclasses import dataclass
        from belle_core import Stage, hookimpl
        from belle_core.artifacts import Examples
        @dataclass
        class Config:
            size: int = 1
        @hookimpl
        def belle_stages():
            return [Stage(kind="data", name="far", config=Config, run="belle_third.stage:run", produces=Examples, extra="far")]
        """,
    )
    (tmp_path / "site" / "belle_third" / "stage.py").write_text("import a_package_that_is_not_there\n")
    done = belle("+data=far", env=environment)
    assert done.returncode == 1 and 'a_package_that_is_not_there: pip install "belle-third[far]"' in done.stderr
    (tmp_path / "site" / "belle_third" / "stage.py").write_text("import belle_third.nothing\n")
    done = belle("+data=far", env=environment)
    assert (
        done.returncode == 1 and "Traceback" in done.stderr
    )  # the plugin's own mistake is a bug, not a missing package


def test_without_entry_points_the_checkout_says_what_to_do(tmp_path):
    import subprocess

    root = Path(__file__).resolve().parents[2]
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import importlib.metadata as m; m.entry_points = lambda **k: []\nfrom belle_core.cli import main; main(['+train=lora'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and "pip install -e ." in done.stderr and "Traceback" not in done.stderr


def test_an_observer_that_fails_is_switched_off_and_the_run_goes_on(tmp_path, belle):
    environment = install(
        tmp_path / "site",
        "third",
        """
        from belle_core import hookimpl
        @hookimpl
        def belle_event(event): raise RuntimeError("tracker is down")
        """,
    )
    done = belle("+data=demo", "data.size=20", env=environment)
    assert done.returncode == 0 and done.stderr.count("tracker is down") == 1


def test_errors_are_chinese_where_the_user_is(belle):
    done = belle("+train=lorra", env={"BELLE_LANG": "zh"})
    assert done.returncode == 1 and "是不是 'lora'" in done.stderr
