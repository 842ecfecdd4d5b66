"""``belle runs`` and ``belle compare`` on a small real store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from belle_core import run
from belle_core.api import default_store
from belle_core.artifacts import Evaluation
from belle_core.commands import group
from belle_core.errors import BelleError

SMALL = ["+data=demo", "data.size=20"]
WITH_TOKENIZER = [*SMALL, "+tokenizer=characters"]


def call(*arguments: str, answer: str | None = None):
    """The result of ``belle …`` in this process; errors for users are raised."""
    result = CliRunner().invoke(group, list(arguments), input=answer)
    if isinstance(result.exception, Exception):
        raise result.exception
    return result


def asked(*arguments: str):
    """What ``belle … --json`` prints."""
    return json.loads(call(*arguments, "--json").stdout)


def evaluation(store: Path, key: str, scores: dict, categories: dict, questions: str) -> dict:
    """Puts a finished evaluation into the store; the record of its step."""
    directory = default_store().partial(Evaluation, key)
    (directory / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    artifact = Evaluation(directory=directory, scores=scores, categories=categories, count=4)
    recipe = {"stage": "eval/reference", "version": 1, "config": {}, "shared": {}, "inputs": {"Examples": questions}}
    about = {"started": "2026-01-01T00:00:00Z", "seconds": 1.0, "inputs": [], "files": [], "licences": []}
    default_store().commit(artifact, {"type": "Evaluation", "recipe": recipe, "provenance": about})
    return {"name": "eval", "title": "eval=reference", "type": "Evaluation", "fingerprint": key, "cached": False, "seconds": 1.0}  # fmt: skip


def add_step(store: Path, name: str, step: dict) -> None:
    path = store / "runs" / name / "run.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(about | {"steps": [*about["steps"], step]}), encoding="utf-8")


def test_an_empty_store_has_no_runs():
    assert asked("runs")["runs"] == []
    assert "no run" in call("runs").stdout


def test_the_list(store):
    run([*SMALL, "name=first", "note=hello"], quiet=True)
    (found,) = asked("runs")["runs"]
    assert (found["name"], found["status"], found["note"], found["pinned"]) == ("first", "done", "hello", False)
    assert [step["title"] for step in found["steps"]] == ["data=demo"] and found["steps"][0]["stored"]
    assert "first" in call("runs").stdout and "hello" in call("runs").stdout


def test_newest_runs_are_last_whatever_was_noted_since(store):
    run([*SMALL, "name=first"], quiet=True)
    time.sleep(1.1)  # times are kept to the second
    run([*SMALL, "name=second"], quiet=True)
    call("runs", "note", "first", "later")
    assert [about["name"] for about in asked("runs")["runs"]] == ["first", "second"]


def test_notes_and_names(store):
    run([*SMALL, "name=first"], quiet=True)
    call("runs", "note", "first", "two", "words")
    call("runs", "rename", "first", "better")
    (found,) = asked("runs")["runs"]
    assert (found["name"], found["note"]) == ("better", "two words")
    link = store / "runs" / "better" / "01-data"
    assert link.resolve() == store / "Examples" / found["steps"][0]["fingerprint"]


@pytest.mark.parametrize("name", ["second", "a/b", "../x", ""])
def test_a_name_that_is_taken_or_no_name_is_refused(store, name):
    for own in ("first", "second"):
        run([*SMALL, f"name={own}"], quiet=True)
    with pytest.raises(BelleError):
        call("runs", "rename", "first", name)
    assert {about["name"] for about in asked("runs")["runs"]} == {"first", "second"}


def test_an_unknown_run_gets_the_nearest_name(store):
    run([*SMALL, "name=first"], quiet=True)
    with pytest.raises(BelleError, match="did you mean 'first'"):
        call("runs", "pin", "frist")
    with pytest.raises(BelleError, match="neither a run nor an artifact"):
        call("runs", "show", "ffff0000")


def test_show_walks_back_to_the_raw_data(store, tmp_path):
    (tmp_path / "my.jsonl").write_text(json.dumps({"instruction": "1+1?", "output": "2"}) + "\n", encoding="utf-8")
    made = run(["+data=files", "data.path=my.jsonl", "data.licence=CC0", "+tokenizer=characters"], quiet=True)
    shown = asked("runs", "show", made.name)
    (end,) = shown["lineage"]
    assert (end["type"], end["fingerprint"]) == ("Tokenizer", made.artifacts["tokenizer"].fingerprint)
    (source,) = end["inputs"]
    assert (source["type"], source["facts"]["licences"]) == ("Examples", ["CC0"])
    assert [Path(name).name for name in source["provenance"]["files"]] == ["my.jsonl"]
    assert source["recipe"]["config"]["path"] != ["my.jsonl"]  # the bytes count, not the name
    assert asked("runs", "show", end["fingerprint"][:6])["lineage"] == [end]
    text = call("runs", "show", made.name).stdout
    assert "my.jsonl" in text and "CC0" in text and source["fingerprint"] in text


def test_text_from_data_cannot_steer_the_terminal(store, tmp_path):
    (tmp_path / "my.jsonl").write_text(json.dumps({"instruction": "1+1?", "output": "2"}) + "\n", encoding="utf-8")
    run(["+data=files", "data.path=my.jsonl", "data.licence='\x1b[31mred'", "name=red"], quiet=True)
    assert "\x1b" not in call("runs", "show", "red").stdout


def test_compare_shows_what_differs(store):
    run([*SMALL, "name=small"], quiet=True)
    run(["+data=demo", "data.size=30", "seed=7", "name=large"], quiet=True)
    add_step(store, "small", evaluation(store, "aaaa", {"exact": 0.5}, {"math": {"exact": 0.25}}, "q"))
    add_step(
        store, "large", evaluation(store, "bbbb", {"exact": 0.75}, {"math": {"exact": 0.5}, "qa": {"exact": 1.0}}, "q")
    )
    result = asked("compare", "small", "large")
    assert result == asked("runs", "compare", "small", "large")
    assert result["options"] == {"data.size": [20, 30], "seed": [42, 7]}
    assert [e["scores"]["exact"] for e in result["evaluations"]] == [0.5, 0.75] and result["same_questions"]
    text = call("compare", "small", "large").stdout
    assert "25.0%" in text and "100.0%" in text and "different questions" not in text


def test_scores_on_different_questions_are_marked(store):
    run([*SMALL, "name=one"], quiet=True)
    run([*SMALL, "name=two"], quiet=True)
    add_step(store, "one", evaluation(store, "aaaa", {"exact": 0.5}, {}, "q"))
    add_step(store, "two", evaluation(store, "bbbb", {"exact": 0.6}, {}, "other"))
    assert not asked("compare", "one", "two")["same_questions"]
    assert "different questions" in call("compare", "one", "two").stdout
    with pytest.raises(BelleError, match="at least two"):
        call("compare", "one")


def test_check_reads_every_byte(store):
    made = run(WITH_TOKENIZER, quiet=True).artifacts
    assert asked("runs", "check")["damaged"] == []
    path = made["data"].directory / "train.jsonl"
    status, content = path.stat(), bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as when a disk goes bad
    result = call("runs", "check", "--json")
    assert result.exit_code == 1
    found = {"type": "Examples", "fingerprint": made["data"].fingerprint, "file": "train.jsonl", "reason": "checksum"}
    assert json.loads(result.stdout)["damaged"] == [found]


@pytest.mark.parametrize(("damage", "reason"), [("missing", "missing"), ("longer", "size"), ("manifest", "manifest")])
def test_check_says_what_is_wrong(store, damage, reason):
    directory = run(SMALL, quiet=True).artifacts["data"].directory
    if damage == "missing":
        (directory / "dev.jsonl").unlink()
    elif damage == "longer":
        with (directory / "dev.jsonl").open("a") as file:
            file.write("{}\n")
    else:
        (directory / "artifact.json").write_text("{", encoding="utf-8")
    (found,) = json.loads(call("runs", "check", "--json").stdout)["damaged"]
    assert found["reason"] == reason
    call("runs", "remove", directory.name, "--yes")
    assert json.loads(call("runs", "check", "--json").stdout)["damaged"] == [] and not directory.exists()


def test_removing_asks_first(store):
    made = run([*SMALL, "name=first"], quiet=True)
    with pytest.raises(BelleError, match="--yes"):
        call("runs", "remove", "first", answer="n\n")
    assert made.directory.exists() and made.artifacts["data"].directory.exists()
    call("runs", "remove", "first", answer="y\n")
    assert not made.directory.exists() and not made.artifacts["data"].directory.exists()


def test_removing_a_run_leaves_what_others_use(store):
    small = run([*SMALL, "name=small"], quiet=True)
    both = run([*WITH_TOKENIZER, "name=both"], quiet=True)
    result = asked("runs", "remove", "both", "--yes")
    assert result["removed"] == [f"Tokenizer/{both.artifacts['tokenizer'].fingerprint}"] and result["run"] == "both"
    assert small.artifacts["data"].directory.exists()


def test_gc_keeps_what_runs_need(store):
    made = run([*WITH_TOKENIZER, "name=kept"], quiet=True).artifacts
    gone = run(["+data=demo", "data.size=30", "name=gone"], quiet=True)
    for path in (gone.directory / "run.json", gone.directory / "config.json"):
        path.unlink()
    result = asked("runs", "gc", "--yes")
    assert result["removed"] == [f"Examples/{gone.artifacts['data'].fingerprint}"] and result["bytes"] > 0
    assert all(artifact.directory.exists() for artifact in made.values())
    assert asked("runs", "gc", "--yes")["removed"] == []


def test_gc_keeps_the_inputs_of_what_it_keeps(store):
    made = run([*WITH_TOKENIZER, "name=kept"], quiet=True)
    path = made.directory / "run.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(about | {"steps": about["steps"][1:]}), encoding="utf-8")  # the tokenizer alone
    assert asked("runs", "gc", "--yes")["removed"] == []


def test_gc_keeps_an_artifact_that_another_was_made_from_by_its_path(store):
    first = run([*WITH_TOKENIZER, "name=first"], quiet=True)
    path = first.artifacts["tokenizer"].directory / "tokenizer.model"
    run(["+tokenizer=pretrained", f"tokenizer.path={path}", "name=second"], quiet=True)
    (first.directory / "run.json").unlink()
    call("runs", "gc", "--yes")
    assert path.exists()


def test_gc_asks_and_tells_how_much(store):
    made = run([*SMALL, "name=gone"], quiet=True)
    (made.directory / "run.json").unlink()
    result = CliRunner().invoke(group, ["runs", "gc"], input="n\n")
    assert isinstance(result.exception, BelleError) and made.artifacts["data"].directory.exists()
    assert "1 artifacts" in result.stderr and "KB" in result.stderr


def test_gc_by_age_spares_pinned_runs(store):
    for name, size in (("old", 21), ("pinned", 22), ("new", 23)):
        made = run(["+data=demo", f"data.size={size}", f"name={name}"], quiet=True)
        if name != "new":
            path = made.directory / "run.json"
            about = json.loads(path.read_text(encoding="utf-8"))
            path.write_text(json.dumps(about | {"finished": "2020-01-01T00:00:00Z"}), encoding="utf-8")
    call("runs", "pin", "pinned")
    assert asked("runs", "gc", "--yes")["removed"] == []
    assert len(asked("runs", "gc", "--yes", "--keep-days", "30")["removed"]) == 1
    stored = {about["name"]: about["steps"][0]["stored"] for about in asked("runs")["runs"]}
    assert stored == {"old": False, "pinned": True, "new": True}
    call("runs", "unpin", "pinned")
    assert len(asked("runs", "gc", "--yes", "--keep-days", "30")["removed"]) == 1


def test_a_pinned_run_is_not_removed(store):
    made = run([*SMALL, "name=first"], quiet=True)
    call("runs", "pin", "first")
    for reference in ("first", made.artifacts["data"].fingerprint):
        with pytest.raises(BelleError, match="pinned"):
            call("runs", "remove", reference, "--yes")


HOLD = """
import sys, time
from pathlib import Path
from belle_core.artifacts import Examples
from belle_core.store import Store
store = Store(Path(sys.argv[1]))
with store.lock(Examples, sys.argv[2]):
    store.partial(Examples, sys.argv[2])
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_another_process_makes_is_never_touched(store):
    run([*SMALL, "name=some"], quiet=True)
    (store / "Examples" / "dead.partial").mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store), "busy"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None and holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        result = asked("runs", "gc", "--yes")
        assert result["locked"] == ["Examples/busy.partial"] and result["removed"] == ["Examples/dead.partial"]
        assert (store / "Examples" / "busy.partial").exists()
    finally:
        holder.stdin.close()
        holder.wait(timeout=30)
    assert asked("runs", "gc", "--yes")["removed"] == ["Examples/busy.partial"]


def test_json_is_alone_on_standard_output(store, belle):
    assert belle("+data=demo", "data.size=20", "name=first").returncode == 0
    for arguments in (
        ["runs"],
        ["runs", "show", "first"],
        ["runs", "check"],
        ["runs", "gc", "--yes"],
        ["compare", "first", "first"],
    ):
        done = belle(*arguments, "--json")
        assert done.returncode == 0
        json.loads(done.stdout)


def test_in_chinese(store, belle):
    belle("+data=demo", "data.size=20", "name=first")
    done = belle("runs", env={"BELLE_LANG": "zh"})
    assert "完成" in done.stdout and "状态" in done.stdout
    assert "没有名为" in belle("runs", "pin", "frist", env={"BELLE_LANG": "zh"}).stderr
