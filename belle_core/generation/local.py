"""Generates answers with a transformers causal language model: batched, or token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch
from torch import Tensor

SMALL = 20_000_000
"""Weights below which threads wait for one another longer than they work: 2.9 s with one, 50 s with two on busy cores."""
Report = Callable[[list[int], list[list[int]]], None]


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    stop_ids: Sequence[int],
    max_new_tokens: int,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    streams: Sequence[int] | None = None,
    batch: int = 32,
    context_length: int | None = None,
    on_batch: Report | None = None,
) -> list[list[int]]:
    """The answer's ids for every prompt, in the order of the prompts, without the token that ended it.

    Prompts of like length share a batch, the longest first. A row leaves its batch when it ends, so the work is that of
    the answers' true lengths. What comes out does not depend on the batching, sampling included (up to rounding).

    Args:
        prompts: token ids, none of them empty.
        stop_ids: tokens that end an answer.
        max_new_tokens: most tokens of an answer.
        temperature: 0 takes the likeliest token; above 0 samples.
        top_p: sample from the smallest set of tokens with this probability together.
        seed: seed of the sampling; every prompt has its own stream of random numbers.
        streams: number of each prompt's stream; by default its place among the prompts.
        batch: prompts at a time.
        context_length: most tokens of prompt and answer together; a prompt without room gets an empty answer.
        on_batch: called after each batch with the indices of its prompts and their answers.
    """
    answers: list[list[int]] = [[] for _ in prompts]
    numbers = range(len(prompts)) if streams is None else streams
    order = sorted(range(len(prompts)), key=lambda index: (-len(prompts[index]), index))
    room = [room_for_answer(len(prompt), max_new_tokens, context_length) for prompt in prompts]
    with _answering(model):
        for start in range(0, len(order), batch):
            indices = order[start : start + batch]
            draws = [_draws(seed, numbers[index], room[index], temperature) for index in indices]
            chosen = _Choice(temperature, top_p, draws)
            limits = [room[index] for index in indices]
            for row, token in _tokens(model, [prompts[i] for i in indices], frozenset(stop_ids), limits, chosen):
                answers[indices[row]].append(token)
            if on_batch is not None:
                on_batch(indices, [answers[index] for index in indices])
    return answers


def stream(
    model: Any,
    prompt: Sequence[int],
    *,
    stop_ids: Sequence[int],
    max_new_tokens: int,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    context_length: int | None = None,
) -> Iterator[int]:
    """The ids that :func:`generate` gives for this one prompt, each as soon as it is known."""
    room = room_for_answer(len(prompt), max_new_tokens, context_length)
    chosen = _Choice(temperature, top_p, [_draws(seed, 0, room, temperature)])
    with _answering(model):
        for _, token in _tokens(model, [prompt], frozenset(stop_ids), [room], chosen):
            yield token


def room_for_answer(prompt_length: int, max_new_tokens: int, context_length: int | None) -> int:
    """Tokens that an answer may have."""
    return max_new_tokens if context_length is None else max(0, min(max_new_tokens, context_length - prompt_length))


@contextmanager
def _answering(model: Any) -> Iterator[None]:
    """The model without dropout; a small one on a CPU with one thread. Afterwards all is as it was."""
    training, threads = model.training, torch.get_num_threads()
    model.eval()
    if model.device.type == "cpu" and sum(p.numel() for p in model.parameters()) < SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        model.train(training)
        torch.set_num_threads(threads)


@torch.inference_mode()
def _tokens(
    model: Any, prompts: list[Sequence[int]], stop: frozenset[int], limits: list[int], choice: _Choice
) -> Iterator[tuple[int, int]]:
    """(row, token) for every token of every answer of one batch; rows that ended leave the batch and its cache."""
    rows = [row for row, limit in enumerate(limits) if limit > 0]
    if not rows:
        return
    left, produced = list(limits), 0
    ids, mask = _padded([prompts[row] for row in rows], model.device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    cache, accepted = None, _accepted(model)
    while rows:
        logits, cache = _forward(model, ids, mask, positions, cache, accepted)
        tokens = choice(logits, rows, produced)
        produced += 1
        keep = []
        for place, (row, token) in enumerate(zip(rows, tokens.tolist(), strict=True)):
            if token not in stop:
                yield row, token
                left[row] -= 1
                if left[row]:
                    keep.append(place)
        ids, mask, positions = tokens[:, None], torch.nn.functional.pad(mask, (0, 1), value=1), positions[:, -1:] + 1
        if 0 < len(keep) < len(rows):
            kept = torch.tensor(keep, device=ids.device)
            ids, mask, positions = ids[kept], mask[kept], positions[kept]
            cache.batch_select_indices(kept)
        rows = [rows[place] for place in keep]


def _padded(prompts: list[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and mask, (rows, longest) int64, padded on the left so that all prompts end together."""
    longest = max(map(len, prompts))
    if not all(prompts):
        raise ValueError("an empty prompt has nothing to go on from")
    ids = [[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _accepted(model: Any) -> frozenset[str]:
    """Optional arguments of the architecture's forward: with ALiBi, say, there are no positions."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return frozenset(signature(inner.forward).parameters) & {"position_ids", "logits_to_keep"}


def _forward(
    model: Any, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any, accepted: frozenset[str]
) -> tuple[Tensor, Any]:
    """Logits of the next token, (rows, vocabulary), and the cache with the new tokens in it."""
    optional = {"position_ids": positions, "logits_to_keep": 1}
    arguments = {name: value for name, value in optional.items() if name in accepted}
    output = model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **arguments)
    return output.logits[:, -1], output.past_key_values


def _draws(seed: int, index: int, count: int, temperature: float) -> Tensor | None:
    """One number in [0, 1) per token of one answer; ``None`` where nothing is random."""
    if temperature <= 0:
        return None
    return torch.rand(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + index))


class _Choice:
    """Takes the next token of each row: the likeliest, or one drawn by the row's own random numbers."""

    def __init__(self, temperature: float, top_p: float, draws: list[Tensor | None]) -> None:
        self.temperature, self.top_p, self.draws = temperature, top_p, draws

    def __call__(self, logits: Tensor, rows: list[int], time: int) -> Tensor:
        """(rows,) int64 for ``logits`` (rows, vocabulary); ``time`` counts the tokens before it."""
        if self.temperature <= 0:
            return logits.argmax(-1)
        probability, order = torch.softmax(logits.float() / self.temperature, -1).sort(
            dim=-1, descending=True, stable=True
        )
        before = probability.cumsum(-1) - probability
        total = torch.where(before < self.top_p, probability, 0.0).cumsum(-1)
        draw = torch.stack([self.draws[row][time] for row in rows]).to(logits.device)  # type: ignore[index]
        place = (total <= draw[:, None] * total[:, -1:]).sum(-1).clamp(max=logits.shape[-1] - 1)
        return order.gather(-1, place[:, None])[:, 0]
