"""W&B: works offline, and never stops a run."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("wandb")
QUICK = ["+data=demo", "data.size=60", "tracker=wandb"]


def test_an_offline_run_is_recorded(tmp_path, belle):
    done = belle(*QUICK, "name=probe", "tracker.project=proof")
    assert done.returncode == 0, done.stderr
    (record,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    content = record.read_bytes()
    assert b"probe" in content and b"proof" in content and b"data/fingerprint" in content


def test_a_run_from_the_store_sends_nothing(tmp_path, belle):
    assert belle("+data=demo", "data.size=60").returncode == 0
    assert belle(*QUICK).returncode == 0
    assert not (tmp_path / "wandb").exists()


@pytest.mark.slow
def test_a_server_that_does_not_answer_does_not_stop_the_run(belle):
    with socket.socket() as taken:  # a port on which nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        environment = {"WANDB_BASE_URL": url, "WANDB_API_KEY": "a" * 40, "WANDB_MODE": "online"}
        done = belle(*QUICK, "tracker.timeout=3", env=environment)
    assert done.returncode == 0 and "train 60" in done.stdout
    assert done.stderr.count("tracker=wandb failed and is switched off") == 1


def test_no_key_reaches_the_record(tmp_path, belle):
    secret = "c" * 40
    done = belle(*QUICK, env={"WANDB_API_KEY": secret, "WANDB_MODE": "offline"})
    assert done.returncode == 0
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert secret.encode() not in path.read_bytes(), path
