"""Plans against what the run then does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from belle_core import run
from belle_core.api import prepare
from belle_core.artifacts import Examples, Tokenizer
from belle_core.data import read_examples
from belle_core.encoding import Encoder
from belle_core.planning import make_plan
from belle_core.planning.plan import PlannedStep
from belle_core.planning.rate import earlier_rate
from belle_core.plugins import load_catalog
from belle_core.store import Store
from belle_core.tokenization import load_tokenizer

DATA = ["+data=demo", "data.size=40"]
TRAIN = [
    "data.size=40",
    "+train=lora",
    "train.epochs=2",
    "train.batch=8",
    "train.max_length=55",
    "model.architecture.hidden_size=32",
    "model.architecture.intermediate_size=48",
    "model.architecture.num_hidden_layers=2",
    "model.architecture.num_attention_heads=2",
    "model.architecture.num_key_value_heads=2",
]


def step_of(overrides: list[str], name: str) -> PlannedStep:
    return next(step for step in make_plan(overrides).steps if step.name == name)


def files_in(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")} if folder.exists() else {}


def test_planning_writes_nothing(store, tmp_path):
    (tmp_path / "my.jsonl").write_text(json.dumps({"instruction": "1+1?", "output": "2"}) + "\n", encoding="utf-8")
    make_plan(["+data=files", "data.path=my.jsonl"])
    assert not store.exists()
    run(DATA, quiet=True)
    before = files_in(tmp_path)
    make_plan([*DATA, "+tokenizer=bpe"])
    assert files_in(tmp_path) == before


def test_a_plan_names_the_artifacts_that_the_run_makes(store):
    overrides = [*DATA, "+tokenizer=characters"]
    planned = {step.name: step for step in make_plan(overrides).steps}
    assert [step.cached for step in planned.values()] == [False, False]
    made = run(overrides, quiet=True).artifacts
    assert {name: step.fingerprint for name, step in planned.items()} == {n: a.fingerprint for n, a in made.items()}
    assert all(step.cached and step.bytes == 0 and step.seconds == 0 for step in make_plan(overrides).steps)


def test_inputs_are_named():
    assert step_of(TRAIN, "train").inputs == {"Examples": "data", "Tokenizer": "tokenizer", "Model": "initial"}


def test_facts_of_stored_data_are_told(store):
    facts = run(DATA, quiet=True).artifacts["data"].facts()
    step = step_of(DATA, "data")
    assert step.figures["examples"] == 40 and step.figures["characters"] == facts["characters"] > 0
    assert make_plan(DATA).data_licences == ["Apache-2.0"]


def test_an_estimate_is_asked_where_there_is_no_artifact(tmp_path):
    lines = [json.dumps({"instruction": f"{n}+1?", "output": str(n + 1)}) for n in range(30)]
    (tmp_path / "my.jsonl").write_text("\n".join(lines), encoding="utf-8")
    overrides = ["+data=files", "data.path=my.jsonl", "data.licence=CC0"]
    step = step_of(overrides, "data")
    assert step.figures["examples"] == 30 and step.bytes and step.seconds is not None
    assert make_plan(overrides).data_licences == ["CC0"]
    assert make_plan([*overrides, "limit=7"]).steps[0].figures["examples"] == 7


def test_what_cannot_be_known_is_not_invented():
    *_, trained, step = make_plan(["+train=lora", "+deploy=gguf"]).steps
    training = trained.training
    assert training is not None and training.seconds is None and training.basis == ""
    assert step.name == "deploy"
    assert (step.bytes, step.seconds, step.calls, step.cost) == (None, None, 0, 0.0)


def test_problems_are_those_of_the_preflight():
    plan = make_plan(["+train=lora", "model=llama13b"])
    assert any("model.checkpoint=huggyllama/llama-13b" in str(problem) for problem in plan.problems)
    assert plan.model_licence == "LLaMA (non-commercial)"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("model.template=chatlm", "model.template=chatlm: there is no template 'chatlm'; did you mean 'chatml'"),
        ("trainer.precision=fp8", "trainer.precision=fp8: known are"),
    ],
)
def test_names_are_looked_up_before_data_are_made(wrong, told):
    assert [problem for problem in map(str, make_plan(["+train=lora", wrong]).problems) if told in problem]


def test_a_damaged_artifact_is_a_problem_and_planned_anew(store):
    artifact = run(DATA, quiet=True).artifacts["data"]
    (artifact.directory / "train.jsonl").write_text("", encoding="utf-8")
    plan = make_plan(DATA)
    assert not plan.steps[0].cached
    assert len(plan.problems) == 1 and "is damaged" in str(plan.problems[0])


def counted(examples: Examples, tokenizer: Tokenizer, length: int) -> tuple[int, int]:
    """Tokens and learned tokens of the training split, with the encoder that training uses."""
    encoder = Encoder(load_tokenizer(tokenizer.directory), load_catalog().part("template", "belle").load())
    encoded = [encoder.encode(e.conversation) for e in read_examples(examples, "train") if e.conversation]
    kept = [e for e in encoded if any(e.weights[:length])]
    return sum(min(len(e.ids), length) for e in kept), sum(w > 0 for e in kept for w in e.weights[:length])


@pytest.mark.parametrize("length", [1024, 40])
def test_tokens_are_those_of_the_encoder(store, length):
    made = run([*DATA, "+tokenizer=characters"], quiet=True).artifacts
    examples, tokenizer = made["data"], made["tokenizer"]
    assert isinstance(examples, Examples) and isinstance(tokenizer, Tokenizer)
    training = step_of([*TRAIN, f"train.max_length={length}"], "train").training
    assert training is not None
    tokens, learned = counted(examples, tokenizer, length)
    assert (training.tokens, training.learned) == (tokens, learned)
    assert training.counted == training.examples == 40


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What was planned before a real training run, the run's artifacts, and its store."""
    root = tmp_path_factory.mktemp("trained") / "store"
    overrides = [*TRAIN, f"store={root}", "limit=20"]
    run([*DATA, "+tokenizer=characters", f"store={root}", "limit=20"], quiet=True)
    planned = step_of(overrides, "train")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # other tests may want the cores
    artifact = run(overrides, quiet=True).artifacts["train"]
    torch.set_num_threads(threads)
    return planned, artifact, root, overrides


def test_the_figures_of_training_come_true(trained):
    planned, adapter, _, _ = trained
    training = planned.training
    assert training is not None
    assert (training.parameters, training.trainable) == (adapter.parameters, adapter.trainable)
    assert 2 * training.tokens == adapter.metrics["tokens"]
    assert training.dropped == adapter.metrics.get("dropped", 0) > 0
    curve = [json.loads(line) for line in (adapter.directory / "curve.jsonl").read_text().splitlines()]
    assert training.optimizer_steps == curve[-1]["step"]
    size = (adapter.directory / "adapter_model.safetensors").stat().st_size
    assert planned.bytes == pytest.approx(size, rel=0.25) and planned.bytes < size


def test_an_earlier_run_tells_the_speed(trained):
    _, adapter, root, overrides = trained
    again = step_of([*overrides, "train.epochs=4"], "train").training
    assert again is not None and again.basis == f"earlier {adapter.fingerprint}"
    rate = again.tokens * 4 / again.seconds
    logged = [json.loads(line) for line in next((root / "runs").glob("lora*/metrics.jsonl")).read_text().splitlines()]
    assert min(r for r in rates(logged)) <= rate <= max(rates(logged))


def rates(records: list[dict]) -> list[float]:
    return [record["tokens_per_second"] for record in records if "tokens_per_second" in record]


def test_another_model_or_method_has_a_speed_of_its_own(trained):
    _, _, root, overrides = trained
    model = prepare(overrides).recipes["train"].values["shared"]["model"]
    assert earlier_rate(Store(root), "train/lora", model) is not None
    assert earlier_rate(Store(root), "train/full", model) is None
    assert earlier_rate(Store(root), "train/lora", model | {"dtype": "bfloat16"}) is None
    wider = step_of([*overrides, "model.architecture.hidden_size=64"], "train").training
    assert wider is not None and wider.seconds is None


def test_a_model_that_comes_from_an_earlier_step_is_known(trained):
    _, adapter, _, overrides = trained
    later = ["+train@steps.more=lora" if o == "+train=lora" else o.replace("train.", "steps.more.") for o in overrides]
    training = step_of([*later, "+train=full"], "train").training
    assert training is not None and training.parameters == adapter.parameters


def test_a_measured_speed_gives_a_lower_bound(trained):
    overrides = [o for o in trained[3] if o != "+train=lora"]
    training = make_plan([*overrides, "+train=full"], matmul=1e9).steps[-1].training
    assert training is not None and training.basis == "measured"
    assert training.seconds == pytest.approx(6 * training.parameters * training.tokens * 2 / 1e9)
