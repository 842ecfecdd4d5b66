"""A run through real stages that need no torch."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked import context

from belle_core import run
from belle_core.api import load
from belle_core.artifacts import Examples, Tokenizer
from belle_core.errors import BelleError
from belle_core.sweep import as_choices

QUICK = ["+data=demo", "data.size=200", "+tokenizer=characters"]


def test_a_run_makes_artifacts_and_a_second_one_finds_them(store, capsys):
    first = run(QUICK)
    assert isinstance(first.artifacts["data"], Examples) and isinstance(first.artifacts["tokenizer"], Tokenizer)
    assert "made in" in capsys.readouterr().out
    second = run(QUICK)
    assert second.artifacts == first.artifacts and second.name == first.name
    assert "made in" not in capsys.readouterr().out


def test_the_record_of_a_run(store):
    result = run([*QUICK, "name=erste", "note=a first try"], quiet=True)
    record = json.loads((store / "runs" / "erste" / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "done" and record["note"] == "a first try"
    assert [s["name"] for s in record["steps"]] == ["data", "tokenizer"]
    assert (store / "runs" / "erste" / "01-data").resolve() == result.artifacts["data"].directory
    assert load("erste/tokenizer") == result.artifacts["tokenizer"]


def test_a_name_that_another_run_has_loses_nothing(store):
    first = run([*QUICK, "name=mine"], quiet=True)
    assert run([*QUICK, "name=mine"], quiet=True).name == "mine"
    second = run(["+data=demo", "data.size=10", "name=mine"], quiet=True)
    assert second.name.startswith("mine-") and load("mine/tokenizer") == first.artifacts["tokenizer"]


def test_the_manifest_leads_back_to_the_data(store):
    result = run(QUICK, quiet=True)
    manifest = json.loads((result.artifacts["tokenizer"].directory / "artifact.json").read_text(encoding="utf-8"))
    assert manifest["recipe"]["inputs"] == {"Examples": result.artifacts["data"].fingerprint}
    assert manifest["provenance"]["licences"] == ["Apache-2.0"]
    assert set(manifest["files"]) >= {"tokenizer.json", "tokenizer.model"}


def test_a_damaged_input_stops_the_step_that_reads_it(store):
    made = run(["+data=demo", "data.size=200"], quiet=True).artifacts["data"]
    path = made.directory / "train.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("的", "地"), encoding="utf-8")
    with pytest.raises(BelleError, match=f"Examples/{made.fingerprint} is damaged"):
        run(QUICK, quiet=True)


def test_a_deleted_artifact_is_made_again(store):
    import shutil

    first = run(QUICK, quiet=True).artifacts["data"]
    before = (first.directory / "train.jsonl").read_bytes()
    shutil.rmtree(first.directory)
    again = run(QUICK, quiet=True).artifacts["data"]
    assert (again.directory / "train.jsonl").read_bytes() == before


def contents(store: Path) -> dict[str, str]:
    """Checksums of every file of every finished artifact, as the manifests state them."""
    found = {}
    for manifest in store.glob("*/*/artifact.json"):
        if not manifest.parent.name.endswith(".partial"):
            files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
            found |= {
                f"{manifest.parent.parent.name}/{manifest.parent.name}/{n}": about["sha256"]
                for n, about in files.items()
            }
    return found


@pytest.mark.slow
def test_kill_at_20_random_moments_loses_nothing_and_leaves_nothing_wrong(tmp_path, belle):
    """SIGKILL at any moment: what is finished stays, and the repeated command ends with the same bytes."""
    overrides = [
        *QUICK,
        "+data@steps.more=demo",
        "steps.more.size=3000",
        "+tokenizer@steps.second=bpe",
        "steps.second.vocabulary=1500",
    ]
    begin = lambda store: context.Process(target=run, args=([*overrides, f"store={store}"],), kwargs={"quiet": True})  # noqa: E731
    reference = begin(tmp_path / "reference")
    reference.start()
    started = time.monotonic()
    reference.join()
    duration = time.monotonic() - started
    assert reference.exitcode == 0
    expected = contents(tmp_path / "reference")
    store, moments = tmp_path / "killed", random.Random(7)
    finished: dict[str, str] = {}
    for number in range(20):
        if number % 5 == 0:
            store, finished = tmp_path / f"killed{number}", {}
        process = begin(store)
        process.start()
        time.sleep(moments.uniform(0, duration * 1.05))
        process.kill()
        process.join()
        now = contents(store)
        assert finished.items() <= now.items()  # no finished step is lost
        assert now.items() <= expected.items()  # none is wrong
        finished = now
    again = belle(*overrides, f"store={store}")
    assert again.returncode == 0, again.stderr
    assert contents(store) == expected


@pytest.mark.slow
def test_two_processes_make_one_artifact_once(tmp_path):
    overrides = [
        "+data=demo",
        "data.size=3000",
        "+tokenizer=bpe",
        "tokenizer.vocabulary=1500",
        f"store={tmp_path / 'both'}",
    ]
    command = [sys.executable, "-m", "belle_core", *overrides]
    both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    texts = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    for step in ("data", "tokenizer"):
        assert (
            sum(f"{step}: {step}=" in line and "made in" in line for text in texts for line in text.splitlines()) == 1
        )


ELSEWHERE = [pytest.param(name, marks=pytest.mark.slow) for name in ("joblib", "submitit_local")]


@pytest.mark.parametrize("launcher", ["basic", *ELSEWHERE])
def test_a_sweep_makes_shared_steps_once(tmp_path, belle, launcher):
    arguments = [
        "-m",
        "+data=demo",
        "data.size=300",
        "+tokenizer=bpe",
        "tokenizer.vocabulary=1000,1100",
        f"hydra/launcher={launcher}",
    ]
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
        arguments.append("hydra.launcher.n_jobs=2")
    if launcher == "submitit_local":
        pytest.importorskip("submitit")
    done = belle(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("data: data=demo made in") == 1
    assert done.stdout.count("tokenizer: tokenizer=bpe made in") == 2
    assert not (tmp_path / "outputs").exists() and not (tmp_path / "multirun").exists()


@pytest.mark.slow
def test_options_of_a_section_that_is_swept_or_comes_in_by_itself(tmp_path, belle):
    """Hydra composes first what all jobs share, and refused options of what is not among that."""
    done = belle("-m", "+tokenizer=bpe,characters", "tokenizer.vocabulary=900", "data.size=100")
    assert done.returncode == 0, done.stderr
    assert "train 100" in done.stdout and len(list((tmp_path / "store" / "Tokenizer").glob("*/artifact.json"))) == 2
    jobs = [line for line in done.stdout.splitlines() if line.startswith("#")]
    assert len(jobs) == 2 and all("tokenizer.vocabulary=900 data.size=100" in line for line in jobs)


def test_a_sweep_keeps_what_all_jobs_share():
    typed = [
        "-m",
        "+train=lora",
        "train.rank=4,8",
        "train.objective.beta=0.1",
        "+eval=a,b",
        "eval.x=[1,2]",
        "seed=1",
        "eval.y=",
    ]
    wanted = [*typed[:1], "+data=demo", *typed[1:5], "eval.x=choice([1,2])", *typed[6:]]
    assert as_choices(typed, ["+data=demo"]) == wanted


def test_a_wrong_choice_in_a_sweep_is_told_before_the_first_job(belle):
    done = belle("-m", "+data=demo", "+tokenizer=bpe,bpee")
    assert done.returncode == 1 and "did you mean 'bpe'" in done.stderr
    assert "Traceback" not in done.stderr and "made in" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
def test_a_full_disk_and_a_read_only_store_are_one_line(tmp_path, belle):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        full = belle("+data=demo", "data.size=3000", f"store={disk}")
        assert full.returncode == 1 and "no space left" in full.stderr and "Traceback" not in full.stderr
        assert not [p for p in disk.glob("Examples/*") if p.is_dir() and not p.name.endswith(".partial")]
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        locked = belle("+data=demo", "data.size=20", f"store={disk}")
        assert locked.returncode == 1 and "cannot be written" in locked.stderr and "Traceback" not in locked.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_that_may_not_be_so_large_is_one_line(tmp_path, belle):
    command = [sys.executable, "-m", "belle_core", "+data=demo", "data.size=3000", f"store={tmp_path / 'store'}"]
    small = subprocess.run(["bash", "-c", 'ulimit -f 20; exec "$@"', "-", *command], capture_output=True, text=True)
    assert small.returncode == 1 and "`ulimit -f`" in small.stderr and "Traceback" not in small.stderr
    assert belle(*command[3:]).returncode == 0


def test_interrupting_is_one_line(tmp_path):
    overrides = ["+data=demo", "data.size=4000", "+tokenizer=bpe", "tokenizer.vocabulary=1500"]
    process = subprocess.Popen(
        [sys.executable, "-m", "belle_core", *overrides],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "data=demo" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130 and "interrupted" in stderr and "Traceback" not in stderr
