"""``belle inspect``: what it shows is what training sees."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from click.testing import CliRunner

from belle_core import run
from belle_core.artifacts import Examples
from belle_core.commands import group
from belle_core.conversation import Conversation
from belle_core.data import read_examples
from belle_core.encoding import IGNORE, Encoder
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog
from belle_core.tokenization import load_tokenizer

DATA = ["+data=demo", "data.size=20", "+tokenizer=characters"]


def inspect(*arguments: str, colour: bool = False):
    result = CliRunner().invoke(group, ["inspect", *arguments], color=colour)
    if isinstance(result.exception, Exception):
        raise result.exception
    return result


def found(*arguments: str) -> dict:
    return json.loads(inspect(*arguments, "--json").stdout)


@pytest.fixture
def made(store):
    return run(DATA, quiet=True).artifacts


def encoder_of(made) -> Encoder:
    return Encoder(load_tokenizer(made["tokenizer"].directory), load_catalog().part("template", "belle").load())


@pytest.mark.parametrize(("split", "index"), [("train", 0), ("train", 19), ("test", 5)])
def test_it_shows_what_the_encoder_gives(made, split, index):
    assert isinstance(made["data"], Examples)
    example = list(read_examples(made["data"], split))[index]
    result = found(*DATA, "--split", split, "--index", str(index))
    (sequence,) = result["sequences"]
    encoded = encoder_of(made).encode(example.conversation)
    assert result["example"] == example.to_json() and result["of"] == made["data"].splits[split]
    assert (sequence["ids"], sequence["labels"]) == (encoded.ids, encoded.labels)
    assert sequence["learned"] == sum(label != IGNORE for label in encoded.labels)
    assert result["tokenizer"]["fingerprint"] == made["tokenizer"].fingerprint


def test_segments_cover_the_sequence_and_the_answer_is_what_is_learned(made):
    result = found(*DATA)
    (sequence,) = result["sequences"]
    segments = sequence["segments"]
    assert segments[0]["begin"] == 0 and segments[-1]["end"] == sequence["tokens"]
    assert all(one["end"] == two["begin"] for one, two in pairwise(segments))
    learned = [s for s in segments if s["weight"] > 0]
    answer = result["example"]["messages"][-1]["content"]
    assert [(s["text"], s["special"]) for s in learned] == [(answer, ""), ("", "eos")]
    tokenizer = encoder_of(made).tokenizer
    for segment in segments:
        if segment["text"]:
            text = tokenizer.decode(sequence["ids"][segment["begin"] : segment["end"]])
            assert text.strip() == segment["text"].strip()


def test_training_gives_the_objective_and_the_limit(made):
    overrides = ["data.size=20", "+train=lora", "train.max_length=30"]
    result = found(*overrides)
    (sequence,) = result["sequences"]
    assert result["max_length"] == 30 and sequence["kept"] == 30 < sequence["tokens"] == len(sequence["ids"])
    assert sequence["learned"] == sum(label != IGNORE for label in sequence["labels"][:30])
    assert "cut off:" in inspect(*overrides).stdout


def test_an_example_that_loses_its_answer_is_said_to_be_dropped(made):
    result = found("data.size=20", "+train=lora", "train.max_length=12")
    assert result["dropped"] and result["sequences"][0]["learned"] == 0
    assert "nothing is learned" in inspect("data.size=20", "+train=lora", "train.max_length=12").stdout


def test_it_is_readable_without_colour_and_with_it(made):
    plain, coloured = inspect(*DATA).stdout, inspect(*DATA, colour=True).stdout
    assert "\x1b[" not in plain and "\x1b[" in coloured
    assert plain.count("⟦") == found(*DATA)["sequences"][0]["learned"] + 1  # and once in the legend


def test_a_question_of_ones_own(made):
    asked = found(*DATA, "--text", "一加一等于几？")
    answered = found(*DATA, "--text", "一加一等于几？", "--answer", "二")
    prompt, whole = asked["sequences"][0]["ids"], answered["sequences"][0]["ids"]
    assert whole[: len(prompt)] == prompt and answered["sequences"][0]["learned"] == len(whole) - len(prompt) > 0
    assert asked["sequences"][0]["learned"] == 0 and not asked["dropped"]
    assert prompt == encoder_of(made).prompt(Conversation.of("一加一等于几？"))


def test_text_cannot_steer_the_terminal(made):
    text = inspect(*DATA, "--text", "a\x1b[31mred\x07\u202e\r\nb</s>", "--answer", "\x00").stdout
    assert not set("\x1b\x07\u202e\r\x00") & set(text)
    assert "␛[31mred␇\\u202e␍␊b</s>" in text


def test_missing_data_and_tokenizers_are_made_and_nothing_else(store, belle):
    done = belle("inspect", "data.size=20", "+train=lora", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["of"] == 20
    assert "making data=demo" in done.stderr
    assert len(list((store / "Examples").glob("*/artifact.json"))) == 1
    assert len(list((store / "Tokenizer").glob("*/artifact.json"))) == 1 and not (store / "Adapter").exists()


def test_without_anything_chosen_the_embedded_data_are_shown(store):
    assert found("data.size=20")["of"] == 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--index", "20"], "the last is 19"),
        (["--split", "tset"], "did you mean 'test'"),
        (["--answer", "x"], "--text"),
        (["--step", "x"], "no step"),
        (["data.szie=1"], "data.size"),
    ],
)
def test_what_does_not_exist(made, arguments, said):
    with pytest.raises(BelleError, match=said):
        inspect(*DATA, *arguments)


def test_one_of_several_training_steps(store):
    overrides = [
        "data.size=20",
        "+train@steps.a=lora",
        "+train@steps.b=full",
        "steps.a.max_length=30",
        "steps.b.max_length=40",
    ]
    assert found(*overrides)["max_length"] == 30
    assert found(*overrides, "--step", "b")["max_length"] == 40


def test_in_chinese(made, belle):
    assert "学习" in belle("inspect", *DATA, env={"BELLE_LANG": "zh"}).stdout
