"""TensorBoard, MLflow and SwanLab: they work offline, hold what a run told them and no secret, and never stop a run."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

import belle_core
from belle_core.artifacts import Evaluation
from belle_core.compose import compose_run
from belle_core.errors import BelleError
from belle_core.events import Answers, Event, Metrics, RunFinished, RunStarted, StepFinished, StepStarted
from belle_core.observers import fan_out, guests_of
from belle_core.plugins import load_catalog

SECRET = "s3cret" * 7
SAID = "地 <script>alert(1)</script> [x](javascript:y)"


@pytest.fixture(autouse=True)
def _environment():
    """Trackers leave variables behind, which processes of other tests would find."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def events(folder: Path) -> list[Event]:
    """What a run tells, from its beginning to its end."""
    evaluation = Evaluation(directory=folder, scores={"exact": 0.5}, categories={"问答": {"exact": 0.25}}, count=4)
    about = {"number": 1, "total": 1, "step": "train", "title": "train=full"}
    answers = [{"id": "a", "question": "天", "reference": "地", "answer": SAID}]
    return [
        RunStarted(name="probe", directory=folder, config={"train": {"rank": 7}, "note": None}, steps=["train"]),
        StepStarted(fingerprint="f" * 16, **about),
        Metrics(step="train", stream="train", values={"loss": 2.5, "lr": 0.1}, at=10),
        Metrics(step="train", stream="train", values={"loss": 1.5, "lr": 0.2}, at=20),
        Answers(step="train", answers=answers, at=20),
        StepFinished(artifact=evaluation, cached=False, seconds=1.0, **about),
        RunFinished(name="probe", directory=folder),
    ]


def tell(folder: Path, *options: str) -> None:
    tracker = compose_run(["+data=demo", *options]).config.tracker
    observe = fan_out([], guests_of(tracker, load_catalog()))
    for event in events(folder):
        observe(event)


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_tensorboard_holds_the_run(tmp_path, capfd):
    pytest.importorskip("tensorboard")
    tell(tmp_path, "tracker=tensorboard", "tracker.directory=boards")
    assert "failed" not in capfd.readouterr().err
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(tmp_path / "boards" / "probe"))
    board.Reload()
    assert [(e.step, e.value) for e in board.Scalars("train/train_loss")] == [(10, 2.5), (20, 1.5)]
    assert [e.value for e in board.Scalars("train/问答/exact")] == [0.25]
    (text,) = board.Tensors("train/answers/text_summary")
    lines = text.tensor_proto.string_val[0].decode().splitlines()
    assert any(SAID in line for line in lines) and all(not line or line.startswith("    ") for line in lines)


def test_mlflow_holds_the_run(tmp_path, capfd, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    tell(tmp_path, "tracker=mlflow")
    assert "failed" not in capfd.readouterr().err
    client = mlflow.MlflowClient("mlruns")
    (run,) = client.search_runs([client.get_experiment_by_name("belle").experiment_id])
    assert run.info.run_name == "probe" and run.info.status == "FINISHED" and run.data.params["train/rank"] == "7"
    history = [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "train/train_loss")]
    assert history == [(10, 2.5), (20, 1.5)]
    assert run.data.metrics["train/exact"] == 0.5
    (table,) = tmp_path.rglob("categories.json")
    assert json.loads(table.read_text()) == {"问答": {"exact": 0.25}}
    found = contents(tmp_path)
    assert SAID.encode() in found and SECRET.encode() not in found


def test_swanlab_holds_the_run(tmp_path, capfd, monkeypatch):
    pytest.importorskip("swanlab", reason='needs pip install "belle[swanlab]"')
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader

    monkeypatch.setenv("SWANLAB_API_KEY", SECRET)
    asked: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked.append(address))
    tell(tmp_path, "tracker=swanlab")
    assert "failed" not in capfd.readouterr().err and not asked
    (path,) = (tmp_path / "swanlog").rglob("*.swanlab")
    reader = DataStoreReader()
    reader.open(path)
    records = [Record.FromString(data) for data in reader]
    points = [(r.scalar.key, r.scalar.step, r.scalar.value.number) for r in records if r.HasField("scalar")]
    assert [point[1:] for point in points if point[0] == "train/train_loss"] == [(10, 2.5), (20, 1.5)]
    assert ("train/exact", 0, 0.5) in points and ("train/问答/exact", 0, 0.25) in points
    found = contents(tmp_path / "swanlog")
    assert SAID.encode() in found and b"rank: 7" in found and SECRET.encode() not in found
    assert "train/fingerprint" in next(path.parent.rglob("config.yaml")).read_text()


def test_wandb_holds_the_answers(tmp_path, capfd):
    pytest.importorskip("wandb")
    tell(tmp_path, "tracker=wandb")
    assert "failed" not in capfd.readouterr().err
    assert "<script>" in contents(tmp_path / "wandb").decode("utf-8", "replace")


def test_a_server_that_does_not_answer_is_given_up(tmp_path, capfd):
    pytest.importorskip("mlflow")
    with socket.socket() as taken:  # a port on which nobody listens
        taken.bind(("127.0.0.1", 0))
        began = time.monotonic()
        tell(tmp_path, "tracker=mlflow", f"tracker.uri=http://127.0.0.1:{taken.getsockname()[1]}", "tracker.timeout=1")
    assert time.monotonic() - began < 60
    assert capfd.readouterr().err.count("tracker=mlflow failed and is switched off") == 1


def test_credentials_in_an_address_are_refused():
    with pytest.raises(BelleError, match=r"tracker\.uri must hold no user or password"):
        compose_run(["+data=demo", "tracker=mlflow", "tracker.uri=http://me:secret@host"])


@pytest.mark.slow
def test_a_run_tells_its_tracker(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = ["train.epochs=1", "train.batch=8", "trainer.sample_every=1", "trainer.log_every=1"]
    result = belle_core.run(["+data=demo", "+train=full", "limit=16", "tracker=tensorboard", *options])
    board = EventAccumulator(str(tmp_path / "tensorboard" / result.name))
    board.Reload()
    assert [e.step for e in board.Scalars("train/train_mfu")] == [1, 2]
    assert len(board.Tensors("train/answers/text_summary")) == 3
