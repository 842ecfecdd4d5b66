"""``+data=mix``: exact amounts, even order, splits kept apart, every source cached by itself."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction

import pytest
from belle_mix.amounts import Amount, amounts, apportion
from belle_mix.config import MixConfig
from belle_mix.selection import chosen, passes, taking_turns
from belle_mix.stage import mix
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_core import run
from belle_core.api import prepare
from belle_core.artifacts import Examples
from belle_core.compose import compose_run
from belle_core.conversation import Conversation, Example
from belle_core.data import ExamplesWriter, read_examples
from belle_core.data.questions import normalised, question_of
from belle_core.errors import BelleError
from belle_core.planning import make_plan
from belle_core.plugins import load_catalog
from belle_core.stages import StageContext
from belle_core.testing import check_plugin, check_stage
from belle_core.wiring import wire


def write(path, questions, answer="好"):
    rows = [{"id": str(n), "instruction": question, "output": answer} for n, question in enumerate(questions)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def sources(*names, **more):
    return [word for name in names for word in
            (f"+data@data.sources.{name}=files", f"data.sources.{name}.path={more.get(name, name)}.jsonl")]  # fmt: skip


def mixed(*options, names=("a", "b")):
    return run(["+data=mix", *sources(*names), *options], quiet=True)


def asked(artifact, split="train"):
    return [question_of(example) for example in read_examples(artifact, split)]


@pytest.fixture
def files(tmp_path):
    write(tmp_path / "a.jsonl", [f"甲{n}" for n in range(20)])
    write(tmp_path / "b.jsonl", [f"乙{n}" for n in range(6)])


# ---- how many ----

COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 500), min_size=1)


def options(counts, **more):
    return MixConfig(sources=dict.fromkeys(counts, object()), **more)


@given(size=st.integers(0, 10_000), weights=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 99), min_size=1))
def test_a_number_is_divided_exactly(size, weights):
    parts = apportion(size, {name: Fraction(weight) for name, weight in weights.items()})
    assert sum(parts.values()) == size
    assert all(abs(parts[name] - size * weight / sum(weights.values())) < 1 for name, weight in weights.items())


@given(counts=COUNTS, data=st.data())
def test_weights_are_kept_and_the_mix_is_as_large_as_it_can_be(counts, data):
    weights = {name: data.draw(st.sampled_from([0.1, 0.5, 1, 2, 7])) for name in counts}
    found = amounts(counts, options(counts, weights=weights))
    total, whole = sum(amount.taken for amount in found.values()), sum(weights.values())
    for name, amount in found.items():
        assert amount.taken <= counts[name] and abs(amount.taken - total * weights[name] / whole) < 1
    assert any(
        amount.taken + 1 + total / whole * weights[name] / max(total, 1) > counts[name]
        for name, amount in found.items()
    )


def test_what_each_option_means():
    counts = {"a": 100, "b": 10}
    taken = lambda **more: {name: amount.taken for name, amount in amounts(counts, options(counts, **more)).items()}  # noqa: E731
    assert taken() == {"a": 100, "b": 10}
    assert taken(epochs={"b": 3}) == {"a": 100, "b": 30} and taken(epochs={"a": 0.5}) == {"a": 50, "b": 10}
    assert taken(cap={"a": 7}) == {"a": 7, "b": 10} and taken(cap={"a": 1000}) == {"a": 100, "b": 10}
    assert taken(cap={"a": 7}, epochs={"a": 2}) == {"a": 14, "b": 10}
    assert taken(weights={"a": 3}) == {"a": 30, "b": 10}
    assert taken(weights={"a": 3}, epochs={"b": 2}) == {"a": 60, "b": 20}
    assert taken(weights={"a": 3}, size=20) == {"a": 15, "b": 5} and taken(size=11) == {"a": 10, "b": 1}
    with pytest.raises(BelleError, match=r"asks for 20 examples of b, which gives 10; say data.epochs=\{b: 2\}"):
        taken(weights={"a": 1, "b": 1}, size=40)


# ---- which ----


@given(total=st.integers(0, 300), data=st.data())
def test_exactly_so_many_are_chosen(total, data):
    count = data.draw(st.integers(0, total))
    flags = list(chosen(total, count, "s"))
    assert len(flags) == total and sum(flags) == count and flags == list(chosen(total, count, "s"))


def test_every_item_is_chosen_equally_often():
    seen = Counter(place for seed in range(3000) for place, flag in enumerate(chosen(10, 3, str(seed))) if flag)
    assert all(abs(count - 900) < 110 for count in seen.values())  # 4 standard deviations


@given(available=st.integers(1, 60), data=st.data())
def test_a_source_is_read_evenly_often(available, data):
    different, taken = data.draw(st.integers(1, available)), data.draw(st.integers(0, 200))
    found = list(passes(lambda: range(available), Amount(available, different, taken), "s"))
    counts = Counter(item for _, item in found)
    assert len(found) == taken and len(counts) == min(different, taken)
    assert set(counts.values()) <= {taken // different, taken // different + 1}
    assert len(set(found)) == len(found)  # never twice in one pass


@given(COUNTS)
def test_sources_take_turns(counts):
    order = [name for name, _ in taking_turns({name: (count, iter(range(count))) for name, count in counts.items()})]
    assert Counter(order) == counts
    seen: Counter[str] = Counter()
    for place, name in enumerate(order, 1):
        seen[name] += 1
        for one, count in counts.items():
            assert abs(seen[one] - place * count / len(order)) <= len(counts)


# ---- the whole ----


def examples_of(folder, name, splits):
    with ExamplesWriter(folder / name) as writer:
        for split, questions in splits.items():
            for number, question in enumerate(questions):
                writer.write(split, Example(f"{split}{number}", Conversation.of(question, f"答{number}")))
        return writer.finish(licences=[f"licence {name}"])


QUESTIONS = st.lists(st.integers(0, 12).map(lambda n: f"问{n}"), max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"train": QUESTIONS, "dev": QUESTIONS, "test": QUESTIONS}), min_size=1, max_size=3)
)
def test_no_question_of_a_test_set_is_in_any_training_set(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("x")
    made: dict[str, Examples] = {}
    for number, splits in enumerate(parts):
        (folder / str(number)).mkdir()
        made[str(number)] = examples_of(folder, str(number), splits)
    (folder / "out").mkdir()
    context = StageContext(directory=folder / "out", shared={"seed": 1}, inputs={}, sources=made)
    try:
        artifact = mix(MixConfig(sources=dict(made)), context)
    except BelleError as error:
        assert "no source has a training example left" in str(error)
        return
    sides = {split: {normalised(q) for q in asked(artifact, split)} for split in ("train", "dev", "test")}
    assert not sides["train"] & sides["test"] and not sides["train"] & sides["dev"] and not sides["dev"] & sides["test"]
    total = sum(len(questions) for splits in parts for questions in splits.values())
    assert sum(artifact.splits.values()) + sum(artifact.rejected.values()) == total
    ids = [example.id for split in artifact.splits for example in read_examples(artifact, split)]
    assert len(set(ids)) == len(ids) and artifact.licences == sorted(f"licence {name}" for name in made)


def test_each_source_is_a_step_of_its_own_and_only_what_changed_is_made_again(files, tmp_path):
    first = mixed()
    assert list(first.artifacts) == ["data.a", "data.b", "data"]
    assert first.artifacts["data"].splits == {"train": 26}
    write(tmp_path / "b.jsonl", [f"丙{n}" for n in range(6)])
    again = prepare(["+data=mix", *sources("a", "b")])
    cached = {step.name: again.cached(step) is not None for step in again.steps}
    assert cached == {"data.a": True, "data.b": False, "data": False}
    alone = prepare(["+data=files", "data.path=a.jsonl"])
    assert alone.recipes["data"].key == again.recipes["data.a"].key  # the same artifact, whoever asks for it
    manifest = json.loads((first.artifacts["data"].directory / "artifact.json").read_text())
    assert manifest["recipe"]["config"]["sources"] == [["a", first.artifacts["data.a"].fingerprint],
                                                       ["b", first.artifacts["data.b"].fingerprint]]  # fmt: skip
    assert f"Examples/{first.artifacts['data.a'].fingerprint}" in manifest["provenance"]["inputs"]


def test_every_option_counts_and_a_licence_does_not(files, tmp_path):
    keys = [prepare(["+data=mix", *sources(*names), *more]).recipes["data"].key for names, more in (
        (("a", "b"), []), (("b", "a"), []), (("a", "b"), ["data.weights={a: 2}"]), (("a", "b"), ["data.epochs={a: 2}"]),
        (("a", "b"), ["data.cap={a: 2}"]), (("a", "b"), ["data.size=9"]), (("a", "b"), ["seed=7"]),
        (("a", "b"), ["data.sources.a.dev=2"]))]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert prepare(["+data=mix", *sources("a", "b"), "data.sources.a.licence=MIT"]).recipes["data"].key == keys[0]


def test_the_same_bytes_every_time(files):
    command = ["data.weights={a: 2, b: 1}", "data.epochs={b: 1.5}", "data.sources.a.dev=3"]
    one, two = (mixed(*command, f"store={store}").artifacts["data"] for store in ("one", "two"))
    for name in ("train.jsonl", "dev.jsonl", "mix.json"):
        assert (one.directory / name).read_bytes() == (two.directory / name).read_bytes()
    kinds = Counter(question[0] for question in asked(one))
    assert one.splits == {"dev": 3, "train": 25} and kinds == {"甲": 17, "乙": 8}  # 2 : 1 of 17 and 9
    assert json.loads((one.directory / "mix.json").read_text())["b"] == {
        "available": 6,
        "different": 6,
        "taken": kinds["乙"],
    }


def test_a_test_question_of_one_source_leaves_the_others(tmp_path):
    write(tmp_path / "a.jsonl", [f"问{n}" for n in range(10)])
    write(tmp_path / "b.jsonl", ["问 9？", "问1", "新"])
    artifact = mixed("data.sources.a.test=2").artifacts["data"]
    assert artifact.splits == {"train": 10, "test": 2} and artifact.rejected == {"in_test": 1}
    (line,) = (artifact.directory / "rejected.jsonl").read_text().splitlines()
    assert json.loads(line)["where"] == "b/train/0" and not (artifact.directory / "scratch").exists()


def test_a_mix_is_cleaned_as_a_whole(tmp_path):
    write(tmp_path / "a.jsonl", ["问1", "问2"])
    write(tmp_path / "b.jsonl", ["问2", "问3"])
    artifact = mixed("+filter@data.clean.same=exact", "data.epochs={a: 2}").artifacts["data"]
    assert Counter(asked(artifact)) == {"问1": 2, "问2": 2, "问3": 1} and sum(artifact.rejected.values()) == 1


def test_a_smoke_run(files):
    artifact = mixed("limit=2", "data.size=26", "data.weights={a: 10, b: 3}").artifacts["data"]
    assert artifact.splits == {"train": 2}


def test_mixes_of_mixes_and_what_training_takes(files):
    overrides = ["+data=mix", *sources("a"), "+data@data.sources.deep=mix", "+data@data.sources.deep.sources.b=files",
                 "data.sources.deep.sources.b.path=b.jsonl", "+train=lora"]  # fmt: skip
    steps = wire(compose_run(overrides).config, load_catalog())
    assert [step.name for step in steps] == ["data.a", "data.deep.b", "data.deep", "data", "tokenizer", "train"]
    assert steps[3].inner == {"a": "data.a", "deep": "data.deep"} and steps[-1].sources[Examples] == "data"
    assert [step.where for step in steps[:3]] == ["data.sources.a", "data.sources.deep.sources.b", "data.sources.deep"]


def test_the_plan_knows_the_amounts(files):
    plan = make_plan(["+data=mix", *sources("a", "b"), "data.weights={a: 2}", "data.sources.a.licence=MIT"])
    assert (
        plan.steps[-1].figures["splits"] == {"train": 18}
        and plan.data_licences == ["MIT", "unknown"]
        and not plan.problems
    )
    assert plan.steps[-1].inputs == {"a": "data.a", "b": "data.b"}
    too_much = make_plan(["+data=mix", *sources("a", "b"), "data.size=100"])
    assert "the mix asks for" in str(too_much.problems[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["+data=mix"], r"data.sources holds no source; add some, for example \+data@data.sources.mine=files"),
        (["+data=mix", *sources("a"), "data.weights={aa: 1}"], "data.weights names 'aa', which is no source; did you mean 'a'"),
        (["+data=mix", *sources("a"), "data.epochs={a: 0}"], "data.epochs must be above 0 for a, got 0"),
        (["+data=mix", *sources("a"), "data.cap={a: 1.5}"], "data.cap must be above 0 and whole for a"),
        (["+data=mix", *sources("a"), "data.weights=3"], "data.weights must be a mapping"),
        (["+data=mix", *sources("nope")], "data.sources.nope: data.path=nope.jsonl: there is no such file"),
        (["+data=mix", *sources("a"), "data.sources.a.pth=x"], "did you mean 'data.sources.a.path'"),
        (["+data=mix", "+data@data.sources.a=fils"], "did you mean 'files'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(files, options, message):
    with pytest.raises(BelleError, match=message) as caught:
        run(options, quiet=True)
    assert "\n" not in str(caught.value)


def test_the_plugin_keeps_the_rules():
    assert check_plugin("mix") == []


@pytest.mark.slow
def test_the_stage_keeps_the_rules(files, tmp_path):
    options = [word.replace("path=", f"path={tmp_path}/") for word in sources("a", "b")]
    assert check_stage("data=mix", options) == []
