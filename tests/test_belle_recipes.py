"""The recipes of BELLE's reports have the published settings, and run on a model shrunk by overrides."""

from __future__ import annotations

import json

import pytest
from tiny_training import ARCHITECTURE, conversation, tokenizer_files

from belle_core import prepare, run
from belle_core.artifacts import Adapter, Model
from belle_core.config import ModelConfig, TrainerConfig
from belle_core.errors import BelleError
from belle_core.training.loading import load_initial
from belle_core.training.saving import save_model
from belle_core.training.skeleton import Skeleton

FULL = {"epochs": 3, "batch": 32, "learning_rate": 5e-6, "warmup": 0.03, "schedule": "cosine"}
LORA = {
    "epochs": 4,
    "batch": 128,
    "learning_rate": 2e-4,
    "warmup": 100,
    "schedule": "cosine",
    "max_length": 1024,
    "rank": 8,
}
PUBLISHED = {
    ("belle_p1_ext7b", "tuned"): FULL | {"weight_decay": 0, "max_length": 2048},
    ("belle_p2_ft7b", "train"): FULL | {"max_length": 1024},
    ("belle_p2_lora7b", "train"): LORA,
    ("belle_p2_math", "tuned"): FULL | {"max_length": 1024},
    ("belle_p2_math", "math_full"): {"epochs": 2, "learning_rate": 5e-7, "max_length": 1024},
    ("belle_p2_math", "math_lora"): {"rank": 8, "max_length": 1024},
}
"""P1 (arXiv 2304.07854) and P2 (arXiv 2304.08109)."""
PATHS = {
    "belle_p1_ext7b": {"steps.texts.path": "texts.jsonl", "steps.instructions.path": "talks.jsonl"},
    "belle_p2_ft7b": {"data.path": "talks.jsonl"},
    "belle_p2_lora7b": {"data.path": "talks.jsonl"},
    "belle_p2_math": {"steps.instructions.path": "talks.jsonl", "steps.math.path": "math.jsonl"},
}


@pytest.fixture
def shrunk(tmp_path):
    """Overrides that put a model of a few thousand weights in LLaMA's place; the data lies in the current directory."""
    loaded = load_initial(ModelConfig(architecture=ARCHITECTURE, context_length=128), 1, tokenizer_files())
    (tmp_path / "tiny").mkdir()
    save_model(loaded, tmp_path / "tiny")
    talks = [{"instruction": t.question, "input": "", "output": t.turns[1].text} for t in map(conversation, range(12))]
    for name, records in (
        ("talks", talks[:8]),
        ("math", talks[8:]),
        ("texts", [{"text": t["instruction"]} for t in talks]),
    ):
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return ["model.checkpoint=tiny", "trainer.accelerator=cpu"]


def overrides(recipe: str) -> list[str]:
    return [f"+recipe={recipe}", *(f"{key}={value}" for key, value in PATHS[recipe].items())]


@pytest.mark.parametrize("recipe", PATHS)
def test_settings_are_the_published_ones(recipe, shrunk):
    prepared = prepare([*overrides(recipe), *shrunk])
    sections = {step.name: step.section for step in prepared.steps}
    for (name, step), settings in PUBLISHED.items():
        if name == recipe:
            assert {key: getattr(sections[step], key) for key in settings} == settings
    assert prepared.config.trainer.precision == "bf16-mixed" and prepared.config.model.template == "belle"


def test_the_number_of_lora_weights_is_the_printed_one():
    """17.9M for 7B and 28M for 13B."""
    prepared = prepare(["+recipe=belle_p2_lora7b", "data.path=absent.jsonl"])
    section = next(step.section for step in prepared.steps if step.name == "train")
    for name, printed in (("llama7b", 17.9e6), ("llama13b", 28.0e6)):
        values = prepare(["+train=full", f"model={name}"]).config.model.architecture
        model = Skeleton(values, section, TrainerConfig(), stored="float16", frozen=True, logits="parts")
        assert model.trainable == pytest.approx(printed, rel=2e-3)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("belle_p2_ft7b", "belle_p2_math")]


@pytest.mark.parametrize("recipe", ["belle_p1_ext7b", "belle_p2_lora7b", *SLOW])
def test_a_recipe_runs(recipe, shrunk):
    made = run([*overrides(recipe), *shrunk], quiet=True).artifacts
    kinds = {name: type(artifact) for name, artifact in made.items()}
    if recipe == "belle_p2_math":
        assert kinds["math_lora"] is Adapter and kinds["math_full"] is Model
        assert made["math_lora"].base == {"artifact": made["tuned"].fingerprint}
        again = run([*overrides("belle_p2_ft7b"), *shrunk], quiet=True).artifacts
        assert again["train"].fingerprint == made["tuned"].fingerprint, (
            "what belle_p2_ft7b made is taken from the store"
        )
    else:
        assert list(kinds.values())[-1] is (Adapter if "lora" in recipe else Model)


def test_the_extended_checkpoint_must_be_given(shrunk):
    with pytest.raises(BelleError, match=r"say model.checkpoint=<directory of the weights>") as caught:
        run(overrides("belle_p1_ext7b"), quiet=True)
    assert "model.checkpoint=llama-7b-extended: no such directory" in str(caught.value)
