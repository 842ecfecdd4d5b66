"""Told to stop in the middle of its work, a run keeps what is finished, says one line, and its command goes on from there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from belle_core.stopping import heard, stops

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
RECORDS = 40_000


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.jsonl"
    lines = (
        json.dumps({"instruction": f"第{n}个问题是什么？", "output": f"{n}，" * 60}, ensure_ascii=False)
        for n in range(RECORDS)
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def hangups():
    """Children hear SIGHUP, also where the tests themselves run under ``nohup``."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("number", "group"), [(signal.SIGTERM, False), (signal.SIGHUP, True)])
def test_a_cleaning_goes_on_where_it_was_told_to_stop(store, source, number, group, belle, hangups):
    """Whether only the command is told, or all its processes (as by a closed terminal, ``scancel`` or ``timeout``)."""
    command = ["+data=files", f"data.path={source}", "+filter@data.clean.pieces=pieces", "data.workers=2"]
    run = subprocess.Popen(
        [sys.executable, "-m", "belle_core", *command], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not any(path.stat().st_size > 1 << 18 for path in store.rglob("scratch/**/*") if path.is_file()):
        assert run.poll() is None
        time.sleep(0.01)
    os.killpg(run.pid, number) if group else run.send_signal(number)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 128 + number
    assert (
        said
        == f"belle: told to stop ({number.name}); what is finished is kept, and the same command goes on from here\n"
    )
    (record,) = (store / "runs").iterdir()
    assert json.loads((record / "run.json").read_text())["error"] == f"stopped by {number.name}"
    again = belle(*command)
    assert again.returncode == 0 and "were worked on before; it goes on behind them" in again.stderr
    assert f"train {RECORDS:,}" in again.stdout


def test_a_signal_that_the_surroundings_ignore_stays_ignored():
    """``nohup`` ignores SIGHUP, and whoever calls us from a program of theirs may hear SIGTERM themselves."""
    mine = {signal.SIGHUP: signal.SIG_IGN, signal.SIGTERM: lambda *_: None}
    before = {number: signal.signal(number, handler) for number, handler in mine.items()}
    try:
        assert signal.SIGHUP not in stops()
        with heard():
            assert {number: signal.getsignal(number) for number in mine} == mine
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_told_twice_it_ends_in_order_once():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end, heard():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
    assert end.value.code == 143 and signal.getsignal(signal.SIGTERM) == before
