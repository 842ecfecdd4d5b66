"""What all tests share: a store of their own, one language, and optional real data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from multiprocessing import util
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process per core already
os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # as the command line does, before torch comes in
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a job in the background: its children would ignore Ctrl-C too
    signal.signal(signal.SIGINT, signal.default_int_handler)
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _temporary(tmp_path_factory):
    """What tests and their processes put into the temporary directory goes with pytest's own, which keeps that of three sessions."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("t")
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield
        util._exit_function()  # it has a directory here, and would look for it later


@pytest.fixture(autouse=True)
def _surroundings(tmp_path, monkeypatch):
    """Tests run in an empty directory with an empty store, in English, and never call a hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BELLE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("BELLE_LANG", "en")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("WANDB_MODE", "offline")


@pytest.fixture
def store(tmp_path) -> Path:
    """The directory of the test's own store."""
    return tmp_path / "store"


@pytest.fixture
def belle(tmp_path):
    """Run ``python -m belle_core`` in a process of its own; returns the finished process."""

    def call(*arguments: str, **more) -> subprocess.CompletedProcess[str]:
        environment = os.environ | more.pop("env", {})
        command = [sys.executable, "-m", "belle_core", *arguments]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            text=True,
            capture_output=True,
            timeout=more.pop("timeout", 300),
            **more,
        )

    return call


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real public data beside the checkout (``BELLE_SHARED``); the test is skipped where there is none."""
    folder = Path(os.environ.get("BELLE_SHARED", ROOT.parent / "shared"))
    if not (folder / "data" / "INDEX.md").is_file():
        pytest.skip("the optional real data is not here (set BELLE_SHARED)")
    return folder


@pytest.fixture
def forked(monkeypatch) -> None:
    """Processes that train together begin as copies of one that has imported everything."""
    from forked import replace_start

    replace_start(monkeypatch)
