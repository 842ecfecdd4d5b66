"""GRPO and PPO: their mathematics against plain code, what they refuse, and that they learn, exactly so after a kill."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train as train_full
from belle_lora.config import LoraConfig, QloraConfig
from belle_lora.stage import train as train_lora
from belle_rl import rewards
from belle_rl.advantage import generalized_advantages, group_advantages, moments
from belle_rl.config import GrpoConfig, PpoConfig
from belle_rl.grpo import Grpo
from belle_rl.judge import Judge
from belle_rl.losses import divergence, policy_losses, value_losses
from belle_rl.ppo import token_rewards
from belle_rl.rollout import Asked, answered, questions, rollout
from safetensors.torch import load_file
from tiny_training import conversation, training_context
from transformers import AutoModelForSequenceClassification

from belle_core.artifacts import Examples, Model, RewardModel, Tokenizer
from belle_core.compose import compose_run
from belle_core.conversation import Conversation, Example
from belle_core.errors import BelleError, Invalid
from belle_core.plugins import load_catalog
from belle_core.store import Store
from belle_core.training.batches import Passes, Step, collate_all
from belle_core.training.examples import encode_examples
from belle_core.training.heads import new_head
from belle_core.training.loading import load_start
from belle_core.training.objective import build_objective
from belle_core.training.saving import save_trained
from belle_core.training.start import Start
from belle_core.wiring import wire

GRPO = {"rewards": {"length": 1.0}, "max_new_tokens": 6, "group": 4}
PPO = GRPO | {"group": 2}
SETTINGS = {"batch": 6, "epochs": 0.5, "learning_rate": 5e-3, "max_length": 64}


def drawn(*shape, seed=0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- mathematics


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 0.8), (1.0, 1.0), (0.5, 0.0)])
def test_advantages_are_the_discounted_sums_of_errors(gamma, lam):
    lengths = (3, 1, 5)
    rows = torch.repeat_interleave(torch.arange(3), torch.tensor(lengths))
    told, values = drawn(9, seed=1), drawn(9, seed=2)
    found = generalized_advantages(told, values, rows, gamma=gamma, lam=lam)
    for r, v, a in zip(told.split(lengths), values.split(lengths), found.split(lengths), strict=True):
        following = np.append(v[1:], 0.0)
        errors = r.numpy() + gamma * following - v.numpy()
        wanted = [sum((gamma * lam) ** k * errors[t + k] for k in range(len(r) - t)) for t in range(len(r))]
        np.testing.assert_allclose(a, wanted, rtol=1e-5, atol=1e-6)
    if (gamma, lam) == (1.0, 1.0):  # then advantage and value are what really came
        ends = [float(r[t:].sum()) for r in told.split(lengths) for t in range(len(r))]
        np.testing.assert_allclose(found + values, ends, rtol=1e-5, atol=1e-6)


def test_group_advantages_compare_answers_to_one_question():
    given = torch.tensor([1.0, 0.0, 0.0, 1.0, 5.0, 5.0, 5.0, 5.0, 2.0, 4.0, 6.0, 8.0])
    found = group_advantages(given, 4).view(3, 4)
    wanted = given.view(3, 4).numpy()
    np.testing.assert_allclose(found[0], (wanted[0] - wanted[0].mean()) / wanted[0].std(), rtol=1e-3)
    np.testing.assert_allclose(found[2], (wanted[2] - wanted[2].mean()) / wanted[2].std(), rtol=1e-3)
    assert found[1].abs().max() == 0
    number, mean, deviation = moments(given, lambda values: 2 * values)  # another process has the same
    assert (number, mean.item(), deviation.item()) == pytest.approx((24, given.numpy().mean(), given.numpy().std()))


def test_clipped_losses_and_their_gradients_are_the_papers():
    new, old, gained = drawn(40, seed=1).requires_grad_(), drawn(40, seed=2), drawn(40, seed=3)
    losses = policy_losses(new, old, gained, 0.2)
    (slope,) = torch.autograd.grad(losses.sum(), new)
    for n, o, a, loss, d in zip(new.tolist(), old.tolist(), gained.tolist(), losses.tolist(), slope.tolist(), strict=True):  # fmt: skip
        ratio = np.exp(n - o)
        assert loss == pytest.approx(-min(ratio * a, np.clip(ratio, 0.8, 1.2) * a), rel=1e-5)
        stopped = (a > 0 and ratio > 1.2) or (a < 0 and ratio < 0.8)
        assert d == pytest.approx(0.0 if stopped else -ratio * a, rel=1e-4, abs=1e-6)
    values, before, came = drawn(40, seed=4), drawn(40, seed=5), drawn(40, seed=6)
    for v, b, r, loss in zip(*(t.tolist() for t in (values, before, came, value_losses(values, before, came, 0.3))), strict=True):  # fmt: skip
        assert loss == pytest.approx(max((v - r) ** 2, (b + np.clip(v - b, -0.3, 0.3) - r) ** 2) / 2, rel=1e-5)


def test_the_estimate_of_the_divergence_is_without_bias():
    own, other = torch.softmax(drawn(5), 0), torch.softmax(drawn(5, seed=1), 0)
    each = divergence(own.log(), other.log())
    assert each.min() >= 0 and (own * each).sum().item() == pytest.approx((own * (own / other).log()).sum().item(), rel=1e-5)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "answer", "reference", "worth"),
    [
        ("exact", " 天地\n", "天地", 1),
        ("exact", "天", "天地", 0),
        ("number", "所以是 1,200 元", "答案：1200.0", 1),
        ("number", "12 或 13", "12", 0),
        ("number", "没有", "12", 0),
        ("number", "3/4", "0.75", 1),
        ("number", "1/0", "1", 1),
        ("length", "一二三四五六", "一二三四", 0.5),
        ("length", "", "一", 1),
        ("length", "一" * 9, "一二", 0),
        ("format", "<think>想</think>答", "", 1),
        ("format", "<think>想</think>", "", 0),
        ("format", "<think>想<think></think>答", "", 0),
        ("format", "答", "", 0),
    ],
)
def test_reward_functions(name, answer, reference, worth):
    assert getattr(rewards, name)("问", answer, reference) == worth


# --- from questions to a loss


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load_start(training_context(tmp_path_factory.mktemp("start") / "store" / "Model" / "a"))


def started(config, loaded, tmp_path):
    """The objective, begun, with six questions as a step."""
    objective = build_objective(config)
    talks = [Example(str(i), conversation(i)) for i in range(6)]
    data = encode_examples(talks, loaded.encoder, objective, max_length=64, split="train")
    context = training_context(tmp_path / "store" / "Model" / "b")
    objective.begin(loaded.model.train(), Start(loaded, context, data, None, Passes(4)))
    return objective, Step(collate_all(data, Passes(4)), 6.0)


@pytest.mark.parametrize("passes", [Passes(3), Passes(3, 60)], ids=["padded", "packed"])
def test_questions_come_out_as_they_went_in_and_answers_are_labels(loaded, passes):
    talks = [Example(str(i), conversation(i, 1 + i % 2)) for i in range(5)] + [Example("q", Conversation.of("天地"))]
    data = encode_examples(talks, loaded.encoder, build_objective(GrpoConfig()), max_length=64, split="train")
    asked = [one for batch in collate_all(data, passes) for one in questions(batch)]
    wanted = {tuple(loaded.encoder.prompt(t.conversation)): t.conversation.answer for t in talks}
    assert {tuple(a.prompt): loaded.encoder.decode(a.reference) for a in asked} == wanted
    told = [[5, 6, 7], [8], [9, 3], [4, 4, 4, 4], [5], [6, 7]]
    for batch in answered(asked, told, passes):
        for place, number in enumerate(batch.examples):
            assert batch.targets[batch.rows == place].tolist() == told[number]


def test_the_first_step_is_plain_policy_gradient(loaded, tmp_path, monkeypatch):
    """Ratio 1, divergence 0: the gradient is that of ``-A log p``, mean over tokens, then over answers."""
    monkeypatch.setattr(Judge, "__call__", likes_even_tokens)
    objective, step = started(GrpoConfig(**GRPO | {"temperature": 0.7}), loaded, tmp_path)
    model = loaded.model
    torch.manual_seed(3)
    ready = objective.ready(model, step)
    loss = sum(objective.loss(model, batch) for batch in ready.batches) / ready.amount
    gradient = torch.autograd.grad(loss, list(model.parameters()))
    told = {name: float(value) / ready.amount for name, value in objective.figures.items()}
    assert ready.amount == 24 and told["kl"] == pytest.approx(0, abs=1e-6) and loss.item() == pytest.approx(0, abs=1e-5)
    total, worth = 0.0, []
    for batch in ready.batches:
        for place, length in enumerate(batch.lengths):
            own = batch.rows == place
            ids, answer = batch.ids[place, :length], batch.targets[own]
            logits = model(input_ids=ids[None]).logits[0, -len(answer) - 1 : -1] / 0.7
            logp = torch.log_softmax(logits, -1).gather(1, answer[:, None]).mean()
            total = total - batch.advantages[own][0] * logp / 24
            worth.append(float(batch.reward[place]))
    assert told["reward"] == pytest.approx(np.mean(worth), rel=1e-5)
    assert max(batch.advantages.abs().max().item() for batch in ready.batches) > 1
    for mine, other in zip(gradient, torch.autograd.grad(total, list(model.parameters())), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-3)


def test_a_later_update_is_clipped_against_the_old_answers_and_pays_for_the_divergence(loaded, tmp_path, monkeypatch):
    """GRPO's equation with the model away from the one that answered, which is the one that started."""
    monkeypatch.setattr(Judge, "__call__", likes_even_tokens)
    objective, step = started(GrpoConfig(**GRPO, updates=2, beta=0.5), loaded, tmp_path)
    torch.manual_seed(3)
    ready, away = objective.ready(loaded.model, step), copy.deepcopy(loaded.model)
    with torch.no_grad():
        for p in away.parameters():
            p.add_(0.03 * torch.randn_like(p))
    total = moved = 0.0
    for batch in ready.batches:
        for place, length in enumerate(batch.lengths):
            own, ids = batch.rows == place, batch.ids[place, :length]
            answer, old, gained = batch.targets[own], batch.old[own], batch.advantages[own]
            logits = away(input_ids=ids[None]).logits[0, -len(answer) - 1 : -1]
            logp = torch.log_softmax(logits, -1).gather(1, answer[:, None])[:, 0]
            ratio, gap = (logp - old).exp(), batch.start[own] - logp
            kept = torch.minimum(ratio * gained, ratio.clamp(0.8, 1.2) * gained)
            total = total + (-kept + 0.5 * (gap.exp() - gap - 1)).mean() / 24
            moved = max(moved, ((ratio - 1) * gained).max().item())
    assert moved > 0.2, "some are clipped"
    loss = sum(objective.loss(away, batch) for batch in ready.batches) / ready.amount
    assert loss.item() == pytest.approx(total.item(), abs=1e-5)
    weights = list(away.parameters())
    for mine, other in zip(torch.autograd.grad(loss, weights), torch.autograd.grad(total, weights), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-3)


def test_an_answer_that_ended_has_its_end_and_one_that_was_cut_off_has_none(loaded, tmp_path):
    objective, step = started(GrpoConfig(**GRPO), loaded, tmp_path)
    stop = loaded.encoder.stop_ids[0]

    def likelier(_module, _inputs, logits):
        logits[..., stop] += 4.0
        return logits

    hook = loaded.model.lm_head.register_forward_hook(likelier)
    try:
        asked = [one for batch in step.batches for one in questions(batch)] * 4
        answers = objective.written([replace(one, number=n) for n, one in enumerate(asked)], "cpu", temperature=1.0)
    finally:
        hook.remove()
    ended = [answer for answer in answers if answer[-1] == stop]
    cut = [answer for answer in answers if answer[-1] != stop]
    assert ended and cut and {len(answer) for answer in cut} == {6} and min(map(len, ended)) < 6
    assert max(map(len, ended)) <= 6 and not any(stop in answer[:-1] for answer in answers)


def test_answers_are_drawn_at_the_temperature_that_is_asked_for(loaded, tmp_path):
    objective, step = started(GrpoConfig(**GRPO, temperature=1e-4), loaded, tmp_path)
    asked = [one for batch in step.batches for one in questions(batch)]
    likeliest = objective.written(asked, "cpu", temperature=0.0)
    found = [batch.targets[batch.rows == n].tolist() for batch in objective.ready(loaded.model, step).batches for n in range(batch.sequences)]  # fmt: skip
    assert sorted(found) == sorted(likeliest * 4)


def test_answers_follow_the_generator_alone(loaded, tmp_path):
    objective, step = started(GrpoConfig(**GRPO), loaded, tmp_path)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append([b.targets.tolist() for b in objective.ready(loaded.model, step).batches])
    assert found[0] == found[1] != found[2]


def test_ppo_pays_the_reward_at_the_end_and_takes_the_divergence_off(loaded, tmp_path):
    objective, step = started(PpoConfig(**PPO, beta=0.2), loaded, tmp_path)
    try:
        torch.manual_seed(1)
        ready = objective.ready(loaded.model, step)
        assert ready.amount == sum(len(b.rows) for b in ready.batches)
        white = torch.cat([b.advantages for b in ready.batches])
        assert white.mean().item() == pytest.approx(0, abs=1e-5) and white.std(unbiased=False).item() == pytest.approx(1, rel=1e-3)  # fmt: skip
        for batch in ready.batches:
            assert batch.values.abs().max() == 0, "the layer begins with 0"
            torch.testing.assert_close(batch.old, batch.start, atol=1e-5, rtol=1e-5)
            moved = token_rewards(batch, batch.old + 0.5, 0.2)
            for place in range(batch.sequences):
                own = moved[batch.rows == place]
                assert own[:-1].tolist() == pytest.approx([-0.1] * (len(own) - 1), abs=1e-5)
                assert own[-1].item() == pytest.approx(batch.reward[place].item() - 0.1, abs=1e-5)
        torch.nn.init.normal_(loaded.model.value.weight)
        for batch in objective.ready(loaded.model, step).batches:
            told, settings = token_rewards(batch, batch.old, 0.2), {"gamma": 1.0, "lam": 0.95}
            came = generalized_advantages(told, batch.values, batch.rows, **settings) + batch.values
            torch.testing.assert_close(batch.returns, came)
            assert batch.values.abs().max() > 0.1
    finally:
        objective.end(loaded.model)
    assert not hasattr(loaded.model, "value")


# --- the reward model


@pytest.fixture(scope="module")
def reward_model(tmp_path_factory):
    """One that was not trained, which scores all the same."""
    store = Store(tmp_path_factory.mktemp("judge") / "store")
    start = load_start(training_context(store.root / "RewardModel" / "r.partial"))
    start.model.score = new_head(start.model, seed=5)
    return store.commit(save_trained(start, {}, store.root / "RewardModel" / "r.partial"), {"recipe": {}})


def test_answers_are_scored_as_transformers_scores_them(loaded, reward_model, tmp_path):
    context = training_context(tmp_path / "other" / "Model" / "b")
    context.inputs[RewardModel] = reward_model
    judge = Judge(PpoConfig(rewards={"length": 2.0}), Start(loaded, context, None, None, Passes(4)))
    asked, answers = [Asked([3, 4, 5, 6], [7, 2]), Asked([4, 4], [9])], [[7, 2], [8, 9, 10, 2]]
    plain = AutoModelForSequenceClassification.from_pretrained(reward_model.directory)
    for number, given in enumerate(judge(asked, answers, "cpu").tolist()):
        ids = torch.tensor([asked[number].prompt + answers[number]])
        told = loaded.encoder.decode
        shape = rewards.length("", told(answers[number]), told(asked[number].reference))
        assert given == pytest.approx(plain(input_ids=ids).logits.item() + 2 * shape, abs=1e-5)


def test_a_step_before_gives_the_reward_model():
    steps = wire(
        compose_run(
            [
                "+train@steps.sft=full",
                "+train@steps.rm=lora",
                "train/objective@steps.rm.objective=reward",
                "+train=lora",
                "train/objective=ppo",
            ]
        ).config,
        load_catalog(),
    )
    assert steps[-1].sources == {Examples: "data", RewardModel: "rm", Model: "sft"}
    alone = wire(compose_run(["+train=lora", "train/objective=grpo", "train.objective.rewards={number: 1.0}"]).config, load_catalog())  # fmt: skip
    assert alone[-1].sources == {Examples: "data", Tokenizer: "tokenizer"}
    assert alone[-1].section.objective.rewards == {"number": 1.0}


def test_a_function_that_is_not_there_is_told_before_anything_is_done():
    with pytest.raises(BelleError, match=r"objective\.rewards has no function 'numbr'; did you mean number\?"):
        compose_run(["+train=lora", "train/objective=grpo", "train.objective.rewards={numbr: 1.0}"])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (GrpoConfig(), r"nothing says how good an answer is: .*there are exact, format, length, number"),
        (GrpoConfig(reward_model="nowhere"), "nowhere"),
    ],
)
def test_what_cannot_judge_is_named(config, message, loaded, tmp_path):
    with pytest.raises(BelleError, match=message):
        started(config, loaded, tmp_path)


def test_a_reward_model_that_reads_other_tokens_is_refused(loaded, reward_model, tmp_path):
    other = tmp_path / "RewardModel" / "x"
    shutil.copytree(reward_model.directory, other)
    (other / "tokenizer.json").write_text((other / "tokenizer.json").read_text() + "\n")
    context = training_context(tmp_path / "other" / "Model" / "b")
    context.inputs[RewardModel] = RewardModel(directory=other, parameters=0)
    with pytest.raises(BelleError, match="has another tokenizer or template"):
        Judge(GrpoConfig(), Start(loaded, context, None, None, Passes(4)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: GrpoConfig(group=1),
        lambda: GrpoConfig(clip=0),
        lambda: PpoConfig(temperature=0),
        lambda: PpoConfig(updates=0),
        lambda: PpoConfig(rewards=["number"]),
        lambda: PpoConfig(rewards={"number": "much"}),
    ],
)
def test_options_that_cannot_be_are_named(make):
    with pytest.raises(Invalid):
        make()


# --- whole runs


def curve(context) -> list[dict]:
    return [json.loads(line) for line in (context.directory / "curve.jsonl").read_text().splitlines()]


def likes_even_tokens(self, asked, answers, device):
    """The share of an answer's tokens that have an even number: half of them in random answers."""
    return torch.tensor([sum(token % 2 == 0 for token in answer) / len(answer) for answer in answers])


@pytest.mark.parametrize("name", ["grpo", "ppo"])
def test_the_mean_reward_rises(name, tmp_path, monkeypatch):
    monkeypatch.setattr(Judge, "__call__", likes_even_tokens)
    config = {"grpo": GrpoConfig(**GRPO), "ppo": PpoConfig(**PPO, beta=0.01)}[name]
    context = training_context(tmp_path / "s" / "Model" / "a", batch=8)
    full = FullConfig(objective=config, batch=10, epochs=3, learning_rate=1e-2, max_length=64, schedule="constant")
    made = train_full(full, context)
    points = curve(context)
    first, last = (np.mean([p["reward"] for p in part]) for part in (points[1:3], points[-3:]))
    assert first < 0.65 and last > first + 0.2, (first, last)
    assert made.metrics["dev_reward"] == -made.metrics["dev_loss"] > 0.65
    assert name == "ppo" or points[1]["kl"] == pytest.approx(0, abs=1e-5)
    assert "value.weight" not in load_file(context.directory / "model.safetensors")


@pytest.mark.parametrize("name", ["grpo", "ppo"])
def test_a_run_that_is_broken_off_ends_with_the_same_bytes(name, tmp_path, monkeypatch):
    objective = {"grpo": GrpoConfig(**GRPO), "ppo": PpoConfig(**PPO, updates=2)}[name]
    run, config = {
        "grpo": (train_lora, LoraConfig(objective=objective, dropout=0.1, **SETTINGS)),
        "ppo": (train_full, FullConfig(objective=objective, **SETTINGS)),
    }[name]
    whole, broken = (
        training_context(tmp_path / part / "Model" / "a", checkpoint_seconds=0) for part in ("whole", "broken")
    )
    run(config, whole)
    asked, ask = [], Judge.__call__

    def breaks(self, *arguments):
        asked.append(1)
        if len(asked) == 5:
            raise KeyboardInterrupt
        return ask(self, *arguments)

    monkeypatch.setattr(Judge, "__call__", breaks)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(config, broken)
    asked.extend([1] * 10)
    run(config, broken)
    for name in ("curve.jsonl", *(p.name for p in whole.directory.glob("*.safetensors"))):
        assert (whole.directory / name).read_bytes() == (broken.directory / name).read_bytes(), name


def test_rollouts_keep_what_the_batch_held(loaded):
    data = encode_examples([Example("a", conversation(1))], loaded.encoder, build_objective(GrpoConfig()), max_length=64, split="train")  # fmt: skip
    (batch,) = collate_all(data, Passes(1))
    one = rollout(batch, reward=torch.ones(1)).to("cpu")
    assert one.tokens == batch.tokens and one.ids.equal(batch.ids) and one.reward.tolist() == [1.0]


def test_the_reference_of_an_adapter_that_begins_with_an_update_has_it_too(tmp_path, monkeypatch):
    """LoftQ: switched off, the adapter leaves the bits alone, and the model began nearer to the floats."""
    pytest.importorskip("bitsandbytes")
    monkeypatch.setattr(Judge, "__call__", likes_even_tokens)
    context = training_context(tmp_path / "s" / "Adapter" / "a")
    objective, pace = GrpoConfig(**GRPO), SETTINGS | {"epochs": 0.1}
    train_lora(QloraConfig(objective=objective, init="loftq", rank=4, **pace), context)
    assert curve(context)[1]["kl"] == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("method", ["full", "lora", "pissa"])
def test_the_reference_stays_what_the_model_was(method, tmp_path, monkeypatch):
    """Whether a copy or the model without its adapter: after training its log-probabilities are those of the start."""
    context = training_context(tmp_path / "s" / "Model" / "a")
    objective = GrpoConfig(**GRPO)
    run, config = {
        "full": (train_full, FullConfig(objective=objective, **SETTINGS)),
        "lora": (train_lora, LoraConfig(objective=objective, **SETTINGS)),
        "pissa": (train_lora, LoraConfig(objective=objective, init="pissa", **SETTINGS)),
    }[method]
    looks = []

    def look(self, model, batch, own=Grpo.start_logps):
        found = own(self, model, batch)
        with torch.no_grad():
            looks.append((found, self.logps(fresh.model, batch)[0], self.logps(model, batch)[0]))
        return found

    fresh = load_start(training_context(tmp_path / "fresh" / "Model" / "a"))
    fresh.model.eval()
    monkeypatch.setattr(Judge, "__call__", likes_even_tokens)
    monkeypatch.setattr(Grpo, "start_logps", look)
    context.shared["trainer"].packing = False
    run(config, context)
    assert len(looks) > 3
    for found, wanted, _ in looks:
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    assert (looks[-1][2] - looks[-1][0]).abs().max() > 1e-2, "the model has moved"
