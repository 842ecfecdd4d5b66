"""``belle plan`` as it is called."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from belle_core import run
from belle_core.commands import group
from belle_core.errors import BelleError
from belle_core.planning import make_plan

STEP_KEYS = ["name", "stage", "type", "cached", "fingerprint", "inputs", "figures", "training", "bytes", "seconds", "calls", "cost"]  # fmt: skip


def plan(*arguments: str):
    result = CliRunner().invoke(group, ["plan", *arguments])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result


def test_json_has_the_documented_keys(store):
    found = json.loads(plan("+train=lora", "--json").stdout)
    assert list(found) == ["steps", "totals", "licences", "store", "problems"]
    assert [list(step) for step in found["steps"]] == [STEP_KEYS] * 3
    assert list(found["totals"]) == ["bytes", "seconds", "calls", "cost"]
    assert found["totals"] == {"bytes": None, "seconds": None, "calls": 0, "cost": 0}
    assert found["steps"][-1]["inputs"] == {"Examples": "data", "Tokenizer": "tokenizer", "Model": "initial"}
    assert not store.exists()


@pytest.mark.slow
def test_the_memory_of_a_large_model_is_known_without_its_weights():
    found = json.loads(plan("+train=lora", "model=llama7b", "--json").stdout)
    training = found["steps"][-1]["training"]
    assert (training["parameters"], training["trainable"]) == (6_738_415_616, 19_988_480)
    memory = training["memory"]
    assert memory["total"] == sum(value for name, value in memory.items() if name != "total")


def test_problems_end_the_plan_with_status_1():
    done = plan("+train=lora", "model=llama13b")
    assert done.exit_code == 1 and not done.stderr
    assert "problem: model.checkpoint=huggyllama/llama-13b" in done.stdout.splitlines()[-1]
    assert plan("+data=demo").exit_code == 0


@pytest.mark.parametrize("option", ["train.keep=best", "train.patience=2"])
def test_the_best_weights_without_dev_examples(tmp_path, store, option):
    (tmp_path / "a.json").write_text('[{"instruction": "问", "output": "答"}, {"instruction": "谁", "output": "我"}]')
    given = ["+data=files", "data.path=a.json", "+tokenizer=characters", "+train=full", option]
    problems = [str(problem) for problem in make_plan(given).problems]
    assert problems == [problem for problem in problems if "need dev examples to judge by" in problem] != []
    assert make_plan([*given, "data.dev=1"]).problems == []
    for _ in range(2):  # the second time the data are in the store
        with pytest.raises(BelleError, match=r"need dev examples .* say data\.dev=0\.02"):
            run(given, quiet=True)
        assert sorted(path.name for path in store.iterdir() if path.name[0].isupper()) == ["Examples"]
    assert [str(problem) for problem in make_plan(given).problems] == problems


def test_what_is_stored_is_marked(store):
    before = plan("+data=demo", "data.size=20").stdout
    run(["+data=demo", "data.size=20"], quiet=True)
    after = plan("+data=demo", "data.size=20").stdout
    assert "to make" in before and "stored" not in before
    assert "stored" in after and "to make" not in after and "20 training examples" in after


def test_tokens_steps_and_memory_are_shown(store):
    run(["+data=demo", "data.size=20", "+tokenizer=characters"], quiet=True)
    text = plan("data.size=20", "+train=full", "train.batch=5", "train.epochs=2").stdout
    assert "8 optimizer steps" in text and "memory" in text and "unknown: no earlier run" in text


def test_a_wrong_option_is_told_as_for_a_run():
    with pytest.raises(BelleError, match=r"did you mean 'train\.rank'"):
        plan("+train=lora", "train.rnak=3")


@pytest.mark.slow
def test_the_machine_is_measured_only_when_asked(store):
    run(["+data=demo", "data.size=20", "+tokenizer=characters"], quiet=True)
    arguments = ["data.size=20", "+train=full", "--json"]
    assert json.loads(plan(*arguments).stdout)["steps"][-1]["training"]["seconds"] is None
    training = json.loads(plan(*arguments, "--measure").stdout)["steps"][-1]["training"]
    assert training["basis"] == "measured" and training["seconds"] > 0
    assert "at least" in plan(*arguments[:2], "--measure").stdout


LIGHT = """
import sys
from belle_core.cli import main
try:
    main(sys.argv[1:])
finally:
    print(sorted({name.split(".")[0] for name in sys.modules} & {"torch", "transformers", "numpy"}), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["plan", "+data=demo"], ["runs"], ["plugins"], ["doctor"], ["completion", "bash"]], ids=" ".join)  # fmt: skip
def test_commands_import_nothing_heavy(tmp_path, arguments):
    done = subprocess.run([sys.executable, "-c", LIGHT, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_in_chinese(belle):
    text = belle("plan", "+data=demo", env={"BELLE_LANG": "zh"}).stdout
    assert "待生成" in text and "许可证" in text


HIDDEN, INNER, LAYERS = 256, 688, 6
SMALL = [
    "data.size=20",
    "train.batch=1",
    "train.max_length=64",
    "model=llama7b",
    f"model.architecture.hidden_size={HIDDEN}",
    f"model.architecture.intermediate_size={INNER}",
    f"model.architecture.num_hidden_layers={LAYERS}",
    "model.architecture.num_attention_heads=4",
    "model.architecture.num_key_value_heads=4",
]
"""Fits into any memory in the one size of a pass, so that no time goes into telling what would."""
TABLE = 32000 * HIDDEN
BLOCK = 4 * HIDDEN**2 + 3 * HIDDEN * INNER + 2 * HIDDEN


def trainable(*overrides: str) -> tuple[int, int]:
    training = json.loads(plan(*overrides, *SMALL, "--json").stdout)["steps"][-1]["training"]
    return training["trainable"], training["memory"]["optimizer"]


@pytest.mark.slow
def test_what_is_frozen_does_not_train():
    adapter = 8 * LAYERS * (4 * 2 * HIDDEN + 3 * (HIDDEN + INNER))
    assert trainable("+train=embeddings") == (2 * TABLE, 8 * 2 * TABLE)
    assert trainable("+train=embeddings", "train.output=false")[0] == TABLE
    assert trainable("+train=freeze", "train.layers=3")[0] == 3 * BLOCK
    assert trainable("+train=freeze", "train.norm=true", "train.head=true")[0] == 2 * BLOCK + HIDDEN + TABLE
    assert trainable("+train=lora", "train.whole=[embed_tokens]")[0] == adapter + TABLE


@pytest.mark.slow
def test_the_optimizer_tells_its_state():
    weights, full = trainable("+train=full")
    assert weights == 2 * TABLE + LAYERS * BLOCK + HIDDEN and full == 8 * weights
    assert trainable("+train=full", "train/optimizer=adamw8bit")[1] == pytest.approx(2 * weights, rel=0.02)
    sides = 2 * (32000 + HIDDEN) + LAYERS * (4 * 2 * HIDDEN + 3 * (HIDDEN + INNER) + 2 * HIDDEN) + HIDDEN
    assert trainable("+train=full", "train/optimizer=adafactor")[1] == 4 * sides
