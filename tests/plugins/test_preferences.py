"""Losses on preferences against their papers' equations, and what they take and refuse."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
import torch
from belle_objectives.config import DpoConfig, IpoConfig, KtoConfig, OrpoConfig, SftConfig, SimpoConfig
from belle_objectives.kto import mismatched
from click.testing import CliRunner
from tiny_training import conversation, training_context
from torch.nn.functional import logsigmoid

from belle_core import run
from belle_core.commands import group
from belle_core.conversation import Conversation, Example, Turn
from belle_core.errors import BelleError, Invalid
from belle_core.planning import make_plan
from belle_core.training.batches import Passes, Step, collate, collate_all
from belle_core.training.examples import encode_examples
from belle_core.training.loading import load_start
from belle_core.training.objective import build_objective
from belle_core.training.reference import add_reference
from belle_core.training.start import Start

CONFIGS = {
    "dpo": DpoConfig(beta=0.3),
    "cdpo": DpoConfig(beta=0.3, label_smoothing=0.2),
    "ipo": IpoConfig(beta=0.7),
    "orpo": OrpoConfig(beta=0.4),
    "simpo": SimpoConfig(beta=2.5, gamma=0.8),
    "kto": KtoConfig(beta=0.3, desirable=1.2, undesirable=0.7),
}


def sigmoid_loss(margin, wrong=0.0):
    return -(1 - wrong) * logsigmoid(margin) - wrong * logsigmoid(-margin)


def odds_loss(means_w, means_l, beta):
    odds = lambda p: p / (1 - p)  # noqa: E731
    return -means_w - beta * torch.log(torch.sigmoid(torch.log(odds(means_w.exp()) / odds(means_l.exp()))))


FORMULAS = {
    "dpo": lambda w, v, rw, rv, nw, nv: sigmoid_loss(0.3 * (w - rw) - 0.3 * (v - rv)),
    "cdpo": lambda w, v, rw, rv, nw, nv: sigmoid_loss(0.3 * (w - rw) - 0.3 * (v - rv), 0.2),
    "ipo": lambda w, v, rw, rv, nw, nv: ((w - rw) / nw - (v - rv) / nv - 1 / 1.4) ** 2,
    "orpo": lambda w, v, rw, rv, nw, nv: odds_loss(w / nw, v / nv, 0.4),
    "simpo": lambda w, v, rw, rv, nw, nv: -logsigmoid(2.5 * w / nw - 2.5 * v / nv - 0.8),
}
"""Loss of one pair from log-probabilities of chosen and rejected, those of the start, and numbers of tokens."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load_start(training_context(tmp_path_factory.mktemp("start") / "store" / "Model" / "a"))


@pytest.fixture(scope="module")
def moved(loaded):
    """The model some way from where it started."""
    model = copy.deepcopy(loaded.model)
    torch.manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.03 * torch.randn_like(p))
    return model.eval()


def pairs(count=6) -> list[Example]:
    return [Example(str(i), conversation(i, 1 + i % 3), rejected=(conversation(50 + i).answer,)) for i in range(count)]


def plain_score(model, encoder, talk: Conversation, longest: int | None = None) -> tuple[torch.Tensor, int]:
    """Log-probability of the last answer from whole logits, one sequence at a time, and its tokens."""
    ids, prompt = encoder.encode(talk).ids[:longest], len(encoder.prompt(talk))
    logp = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0, :-1].double(), -1)
    own = logp.gather(1, torch.tensor(ids[1:])[:, None])[prompt - 1 :, 0]
    return own.sum(), len(own)


def prepared(name, loaded, examples, tmp_path):
    """The objective and its data, with the reference of the starting model."""
    objective = build_objective(CONFIGS[name])
    data = encode_examples(examples, loaded.encoder, objective, max_length=128, split="train")
    context = training_context(tmp_path / "store" / "Model" / "b")
    objective.begin(loaded.model, Start(loaded, context, data, None, Passes(4)))
    if objective.reference:
        fill(loaded, data, tmp_path / "reference.npy")
    return objective, data


def fill(loaded, data, path, size=4):
    no_precision = torch.no_grad
    add_reference(loaded.model, data, path, passes=Passes(size), device="cpu", precision=no_precision)


def value_and_gradient(model, loss) -> tuple[torch.Tensor, list[torch.Tensor]]:
    return loss.detach(), list(torch.autograd.grad(loss, list(model.parameters()), allow_unused=True))


def assert_same(ours, theirs):
    torch.testing.assert_close(ours[0].double(), theirs[0].double(), atol=1e-5, rtol=1e-5)
    for mine, other in zip(ours[1], theirs[1], strict=True):
        torch.testing.assert_close(mine, other.to(mine.dtype), atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize("name", FORMULAS)
def test_losses_on_pairs_are_their_equations(name, loaded, moved, tmp_path):
    objective, data = prepared(name, loaded, pairs(), tmp_path)
    ours = sum(objective.loss(moved, batch) for batch in collate_all(data, Passes(4))) / sum(data.amounts)
    total = 0.0
    for example in pairs():
        talks = [example.conversation.answered(a) for a in (example.conversation.answer, *example.rejected)]
        (w, nw), (v, nv) = (plain_score(moved, loaded.encoder, talk) for talk in talks)
        with torch.no_grad():
            rw, rv = (plain_score(loaded.model, loaded.encoder, talk)[0] for talk in talks)
        total = total + FORMULAS[name](w, v, rw, rv, nw, nv)
    assert_same(value_and_gradient(moved, ours), value_and_gradient(moved, total / 6))


@pytest.mark.parametrize("away", [True, False], ids=["no likelier", "likelier"])
def test_kto_is_its_equation(away, loaded, moved, tmp_path):
    """Whether the answers of others have become less likely, so that z is 0, or more."""
    if not away:
        loaded, moved = replace(loaded, model=moved), loaded.model
    examples = [replace(e, id=e.id) for e in pairs(4)] + [Example("good", conversation(9))]
    objective, data = prepared("kto", loaded, examples, tmp_path)
    assert sum(data.amounts) == 9 and list(data.marks) == [1, -1] * 4 + [1]
    step = objective.ready(moved, Step(collate_all(data, Passes(4)), 9.0))
    ours = sum(objective.loss(moved, batch) for batch in step.batches) / step.amount
    answers = [(e.conversation, a) for e in examples for a in (e.conversation.answer, *e.rejected)]
    ratios, others = [], []
    for number, (talk, answer) in enumerate(answers):
        for place, said in ((ratios, answer), (others, answers[(2 * (number // 2) + 2) % 10][1])):
            compared = loaded.encoder, talk.answered(said), data.lengths.max()
            with torch.no_grad():
                start = plain_score(loaded.model, *compared)[0]
            place.append(plain_score(moved, *compared)[0] - start)
    kl = torch.stack(others).mean().detach().clamp(min=0)
    assert (kl == 0) == away
    total = 0.0
    for mark, ratio in zip(data.marks, ratios, strict=True):
        weight = 1.2 if mark > 0 else 0.7
        total = total + weight * (1 - torch.sigmoid(0.3 * ((ratio - kl) if mark > 0 else (kl - ratio))))
    assert_same(value_and_gradient(moved, ours), value_and_gradient(moved, total / 9))


def test_mismatched_answers_are_those_of_other_questions(loaded):
    objective = build_objective(KtoConfig())
    data = encode_examples(pairs(3), loaded.encoder, objective, max_length=128, split="train")
    other = mismatched(data)
    prompts = [loaded.encoder.prompt(e.conversation) for e in pairs(3) for _ in range(2)]
    for e, following in enumerate((2, 2, 4, 4, 0, 0)):
        own, answer = collate(other, [e]), collate(data, [following])
        whole, longest = prompts[e] + answer.targets.tolist(), data.lengths.max()
        assert own.ids[0].tolist() == whole[:longest]
        assert own.targets.tolist() == whole[len(prompts[e]) : longest]


@pytest.mark.parametrize("name", CONFIGS)
def test_accumulation_does_not_change_the_loss(name, loaded, moved, tmp_path):
    objective, data = prepared(name, loaded, pairs(), tmp_path)
    results = []
    for size in (2, 100):
        step = objective.ready(moved, Step(collate_all(data, Passes(size)), sum(data.amounts)))
        loss = sum(objective.loss(moved, batch) for batch in step.batches) / step.amount
        results.append(value_and_gradient(moved, loss))
    assert_same(*results)


@pytest.mark.parametrize("name", CONFIGS)
def test_only_the_last_answer_is_learned_and_pairs_share_their_question(name, loaded):
    objective = build_objective(CONFIGS[name])
    (example,) = list(
        objective.expand(replace(pairs()[2], rejected=()), loaded.encoder) if name == "kto" else [pairs()[2]]
    )
    for sequence in objective.encode(example, loaded.encoder):
        prompt = loaded.encoder.prompt(example.conversation)
        assert sequence.ids[: len(prompt)] == prompt and sequence.weights[: len(prompt)] == [0.0] * len(prompt)
        assert set(sequence.weights[len(prompt) :]) == {1.0}


def test_a_ranking_gives_every_pair():
    ranked = Example("r", Conversation((Turn("user", "q"), Turn("assistant", "1"))), rejected=("2", "3", "4"))
    found = [(e.conversation.answer, *e.rejected) for e in build_objective(DpoConfig()).expand(ranked, None)]
    assert found == [("1", "2"), ("1", "3"), ("1", "4"), ("2", "3"), ("2", "4"), ("3", "4")]


def test_answers_without_a_counterpart_are_good_or_bad(loaded):
    objective = build_objective(KtoConfig())
    bad = Example("b", Conversation.of("天地"), rejected=("玄", "黄"))
    found = [
        objective.encode(e, loaded.encoder)[0]
        for e in [*objective.expand(bad, loaded.encoder), Example("g", conversation(1))]
    ]
    assert [sequence.mark for sequence in found] == [-1, -1, 1]


def test_kto_refuses_good_answers_alone(loaded, tmp_path):
    with pytest.raises(BelleError, match=r"all 3 are good; for good ones alone say train/objective=sft"):
        prepared("kto", loaded, [Example(str(i), conversation(i)) for i in range(3)], tmp_path)


def test_reference_goes_on_where_it_was_and_ignores_a_changed_model(loaded, moved, tmp_path):
    _, data = prepared("dpo", loaded, pairs(), tmp_path)
    wanted = data.reference.copy()
    fill(replace(loaded, model=moved), data, tmp_path / "reference.npy")  # complete: the model is not asked
    assert (data.reference == wanted).all()
    calls, forward = [], loaded.model.forward

    class Broken(Exception):
        pass

    def breaks(*arguments, **named):
        calls.append(1)
        if len(calls) == 3:
            raise Broken
        return forward(*arguments, **named)

    loaded.model.forward = breaks
    try:
        with pytest.raises(Broken):
            fill(loaded, data, tmp_path / "again.npy")
        fill(loaded, data, tmp_path / "again.npy")
    finally:
        del loaded.model.forward
    assert len(calls) == 4 and (data.reference == wanted).all()


def test_reference_is_without_dropout(tmp_path):
    context = training_context(tmp_path / "store" / "Model" / "c", architecture={"attention_dropout": 0.5})
    loaded = load_start(context)
    data = encode_examples(pairs(), loaded.encoder, build_objective(DpoConfig()), max_length=128, split="train")
    loaded.model.train()
    fill(loaded, data, tmp_path / "reference.npy")
    assert loaded.model.training
    talk = pairs()[0].conversation
    wanted = plain_score(loaded.model.eval(), loaded.encoder, talk.answered(talk.answer))[0]
    assert data.reference[0] == pytest.approx(wanted.item(), abs=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DpoConfig(beta=0), "must be above 0"),
        (lambda: DpoConfig(label_smoothing=0.5), "at least 0 and below 0.5"),
        (lambda: KtoConfig(undesirable=-1), "must be at least 0"),
        (lambda: SimpoConfig(gamma=-1), "must be at least 0"),
    ],
)
def test_options_that_cannot_be_are_named(make, message):
    with pytest.raises(Invalid, match=message):
        make()


def test_sft_learns_the_chosen_answers_of_pairs(loaded):
    data = encode_examples(pairs(), loaded.encoder, build_objective(SftConfig()), max_length=128, split="train")
    assert len(data) == 6 and data.width == 1


ARCHITECTURE = [
    "hidden_size=32",
    "intermediate_size=48",
    "num_hidden_layers=2",
    "num_attention_heads=2",
    "num_key_value_heads=2",
]
TINY = [f"model.architecture.{size}" for size in ARCHITECTURE]


def test_from_a_file_to_an_adapter_as_planned(tmp_path):
    records = [
        {"instruction": e.conversation.question, "output": [e.conversation.answer, *e.rejected, "藏" * (1 + n % 3)]}
        for n, e in enumerate(pairs(24))
    ]
    (tmp_path / "ranked.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    data = ["+data=files", "data.path=ranked.jsonl", "data.format=ranked", "data.dev=4", "+tokenizer=characters"]
    run(data, quiet=True)
    train = [*data, *TINY, "+train=lora", "train/objective=dpo", "train.objective.beta=0.2", "train.batch=16"]
    planned = make_plan([*train, "train.epochs=1"]).steps[-1].training
    adapter = run([*train, "train.epochs=1"], quiet=True).artifacts["train"]
    assert planned.examples == 20 and planned.optimizer_steps == 4, "3 pairs each"
    assert planned.tokens == adapter.metrics["tokens"] and planned.learned > 0
    assert 0 <= adapter.metrics["dev_accuracy"] <= 1 and adapter.metrics["dev_loss"] > 0


def test_other_data_is_refused_before_any_work(store):
    run(["+data=demo", "data.size=20"], quiet=True)
    with pytest.raises(
        BelleError,
        match=r"^train/objective=dpo takes examples of the kind pair, ranked, and the data holds conversation$",
    ):
        run(["data.size=20", "+train=lora", "train/objective=dpo"], quiet=True)
    assert {path.name for path in store.iterdir() if path.is_dir()} <= {"Examples", "runs"}


def test_inspect_names_the_answers(tmp_path):
    record = {"prompt": "天地玄黄", "chosen": "宇宙", "rejected": "洪荒"}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    run_of = ["+data=files", "data.path=pairs.jsonl", "+tokenizer=characters", "+train=lora", "train/objective=dpo"]
    result = CliRunner().invoke(group, ["inspect", *run_of, "--json"])
    chosen, rejected = json.loads(result.stdout)["sequences"]
    assert (chosen["name"], rejected["name"]) == ("chosen", "rejected")
    assert next(s["text"] for s in rejected["segments"] if s["weight"] > 0) == "洪荒"
    assert next(s["text"] for s in chosen["segments"] if s["weight"] > 0) == "宇宙"
    shown = CliRunner().invoke(group, ["inspect", *run_of]).stdout
    assert "sequence 1 · chosen" in shown and "sequence 2 · rejected" in shown
