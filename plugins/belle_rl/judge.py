"""Says how good answers are: reward functions by their weights, and the score of a reward model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from belle_core.artifacts import RewardModel
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog
from belle_core.references import find_artifact
from belle_core.store import Store
from belle_core.training.loading import TEMPLATE_FILE
from belle_core.training.quiet import quiet
from belle_core.training.start import Start
from belle_rl.config import PolicyConfig
from belle_rl.rollout import Asked

BATCH = 16
"""Answers that the reward model reads at a time."""


class Judge:
    """Built before training; raises ``BelleError`` when nothing rewards, or the reward model reads other tokens."""

    def __init__(self, config: PolicyConfig, start: Start) -> None:
        catalog = load_catalog()
        self.encoder, self.weights = start.loaded.encoder, config.rewards or {}
        self.functions = {name: catalog.part("reward", name).load() for name in self.weights}
        self.model = self._reward_model(config, start)
        if not self.functions and self.model is None:
            known = ", ".join(catalog.names("reward"))
            raise BelleError(
                f"nothing says how good an answer is: name reward functions (train.objective.rewards={{number: 1}}; there are {known}), "
                "a reward model (train.objective.reward_model=<run>), or train one in a step before (train/objective=reward)",
                f"没有任何东西评价回答的好坏：请指定奖励函数（train.objective.rewards={{number: 1}}；可用的有 {known}）、"
                "奖励模型（train.objective.reward_model=<运行>），或先用 train/objective=reward 训练一个",
            )

    def _reward_model(self, config: PolicyConfig, start: Start) -> Any:
        artifact = start.context.find(RewardModel)
        if config.reward_model is not None:
            found = find_artifact(config.reward_model, Store(start.context.directory.parents[1]))
            if not isinstance(found, RewardModel):
                raise BelleError(
                    f"train.objective.reward_model={config.reward_model} is a {type(found).__name__}, no RewardModel",
                    f"train.objective.reward_model={config.reward_model} 的类型是 {type(found).__name__}，不是 RewardModel",
                )
            artifact = found
        if artifact is None:
            return None
        _check_tokens(artifact, start)
        from transformers import AutoModelForSequenceClassification

        with quiet():
            model = AutoModelForSequenceClassification.from_pretrained(artifact.directory, use_safetensors=True)
        return model.eval().requires_grad_(False)

    def __call__(self, asked: Sequence[Asked], answers: Sequence[list[int]], device: Any) -> Tensor:
        """(answers,) float32; the end token may be among an answer's ids."""
        decode = self.encoder.decode
        texts = [[decode(ids) for ids in (one.prompt, answer, one.reference)] for one, answer in zip(asked, answers, strict=True)]  # fmt: skip
        told = [sum(self.weights[n] * give(*text) for n, give in self.functions.items()) for text in texts]
        rewards = torch.tensor(told, dtype=torch.float32, device=device)
        if self.model is not None:
            rewards += self._scores([one.prompt + answer for one, answer in zip(asked, answers, strict=True)], device)
        return rewards

    @torch.no_grad()
    def _scores(self, sequences: list[list[int]], device: Any) -> Tensor:
        model, pad = self.model.to(device), self.model.config.pad_token_id
        found = []
        for begin in range(0, len(sequences), BATCH):
            part = sequences[begin : begin + BATCH]
            longest = max(map(len, part))
            ids = torch.tensor([one + [pad] * (longest - len(one)) for one in part], device=device)
            mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in part], device=device)
            found.append(model(input_ids=ids, attention_mask=mask).logits[:, 0].float())
        return torch.cat(found)


def _check_tokens(artifact: RewardModel, start: Start) -> None:
    """The answers reach the reward model as ids, so it must read them as the policy writes them."""
    own, other = start.loaded.files / "tokenizer.json", artifact.directory / "tokenizer.json"
    template = json.loads((artifact.directory / TEMPLATE_FILE).read_text(encoding="utf-8"))["name"]
    if own.read_bytes() != other.read_bytes() or template != start.loaded.template.name:
        raise BelleError(
            f"the reward model {artifact.fingerprint} has another tokenizer or template than the model that trains; train one on the same model",
            f"奖励模型 {artifact.fingerprint} 的分词器或模板与正在训练的模型不同；请在同一模型上训练奖励模型",
        )
