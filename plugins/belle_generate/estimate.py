"""What ``belle plan`` can say beforehand: calls, tokens and cost, from the options and from what answers are like on average."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from belle_core.data.asking import read_questions
from belle_core.generation.calls import EndpointConfig
from belle_core.generation.calls.ledger import Amount, Ledger
from belle_core.language import say
from belle_generate.config import (
    EvolveConfig,
    FromQuestionsConfig,
    GenerateConfig,
    MultiTurnConfig,
    PreferenceConfig,
    RoleChatConfig,
    SchoolMathConfig,
)
from belle_generate.evolve import BROADER, DEEPER
from belle_generate.multi_turn import ASK as ASK_ON
from belle_generate.preference import ASK as ASK_JUDGE
from belle_generate.producing import Job
from belle_generate.role_chat import ASK as ASK_SCENE
from belle_generate.school_math import ASK as ASK_PROBLEMS
from belle_generate.self_instruct.config import SelfInstructConfig

TASK = 130
"""Characters of a task on average, with its answer; Chinese has about one token a character."""
ANSWER = 350
"""Characters of an answer to a single question."""
FURTHER = 30
"""Characters of a further question in a dialogue."""
PROBLEM = 200
"""Characters of a word problem with its solution."""
CORRECT = 3.5
"""Problems that are kept of the five that a request of school_math asks for."""
KEPT = 4.5
"""Tasks that are kept of the seven that a request of self-instruct asks for."""


def self_instruct(config: SelfInstructConfig, known: dict[str, Any]) -> dict[str, Any]:
    """From the length of a real request and the usual yield."""
    from belle_generate.self_instruct.seeds import read_seeds
    from belle_generate.self_instruct.stage import request_of

    size = min(config.size, known["limit"] or config.size)
    request = request_of(config, read_seeds(config.seeds), Job(0, "request-1", known["shared"]["seed"]))
    calls = max(1, round(size / KEPT))
    amount = Amount(
        calls, calls * len(request.conversation.question), calls * min(7 * TASK, config.endpoint.max_tokens)
    )
    return figures(config, size, size * TASK, {"endpoint": amount})


def distill(config: FromQuestionsConfig, known: dict[str, Any]) -> dict[str, Any]:
    """One call a question."""
    size, asked = questions(config, known)
    answer = min(ANSWER, config.endpoint.max_tokens)
    return figures(config, size, size * (asked + answer), {"endpoint": Amount(size, size * asked, size * answer)})


def multi_turn(config: MultiTurnConfig, known: dict[str, Any]) -> dict[str, Any]:
    """Every call reads the dialogue so far: an answer a turn, and a question between two."""
    size, asked = questions(config, known)
    turns = config.turns
    pair = FURTHER + ANSWER
    read = sum(asked + turn * pair for turn in range(turns)) + sum(
        len(ASK_ON) + asked + turn * pair for turn in range(1, turns)
    )
    written = turns * ANSWER + (turns - 1) * FURTHER
    amount = Amount(size * (2 * turns - 1), size * read, size * written)
    return figures(config, size, size * (asked + written), {"endpoint": amount})


def evolve(config: EvolveConfig, known: dict[str, Any]) -> dict[str, Any]:
    """Two calls a round; instructions grow by some thirty characters each time."""
    size, asked = questions(config, known)
    rounds = config.rounds
    says = (len(DEEPER) + len(BROADER)) // 2
    read = sum(says + 2 * asked + 60 * round for round in range(rounds))
    written = sum(asked + 30 * (round + 1) + ANSWER for round in range(rounds))
    amount = Amount(2 * size * rounds, size * read, size * written)
    return figures(config, size * rounds, size * written, {"endpoint": amount})


def preference(config: PreferenceConfig, known: dict[str, Any]) -> dict[str, Any]:
    """Two answers and two judgements."""
    size, asked = questions(config, known)
    paid = config.endpoints()
    amounts: dict[str, Amount] = defaultdict(Amount)
    amounts["endpoint"] += Amount(size, size * asked, size * ANSWER)
    amounts["second" if "second" in paid else "endpoint"] += Amount(size, size * asked, size * ANSWER)
    judging = Amount(2 * size, 2 * size * (len(ASK_JUDGE) + asked + 2 * ANSWER), 2 * size * 60)
    amounts["judge" if "judge" in paid else "endpoint"] += judging
    return figures(config, size, size * (asked + ANSWER), dict(amounts))


def role_chat(config: RoleChatConfig, known: dict[str, Any]) -> dict[str, Any]:
    """One call a dialogue."""
    size = min(config.size, known["limit"] or config.size)
    written = 80 + config.lines * 30
    return figures(config, size, size * written, {"endpoint": Amount(size, size * len(ASK_SCENE), size * written)})


def school_math(config: SchoolMathConfig, known: dict[str, Any]) -> dict[str, Any]:
    """Five problems a call, of which some do not compute."""
    size = min(config.size, known["limit"] or config.size)
    calls = max(1, round(size / CORRECT))
    amount = Amount(calls, calls * len(ASK_PROBLEMS), calls * 5 * PROBLEM)
    return figures(config, size, size * PROBLEM, {"endpoint": amount})


def questions(config: FromQuestionsConfig, known: dict[str, Any]) -> tuple[int, int]:
    """Number of questions and their mean length in characters, as far as known."""
    if config.questions:
        lengths = [len(asked.question) for _, asked in read_questions(Path(config.questions).expanduser())]
        there, length = len(lengths), sum(lengths) // len(lengths)
    else:
        before = known["inputs"].get("Examples", {})
        there = before.get("splits", {}).get(config.split, before.get("examples")) or 0
        length = (before.get("characters") or 0) // max(1, before.get("examples") or 1) or TASK
    return min(there, config.size or there, known["limit"] or there), length


def figures(config: GenerateConfig, size: int, characters: int, amounts: dict[str, Amount]) -> dict[str, Any]:
    """As ``belle plan`` wants them; a local model is no paid call."""
    paid: dict[str, EndpointConfig] = {n: c for n, c in config.endpoints().items() if n in amounts and not c.here}
    return {
        "examples": size,
        "splits": {"train": size},
        "characters": characters,
        "bytes": 3 * characters + 300 * size,
        "licences": [config.terms()],
        "calls": sum(amounts[name].calls for name in paid),
        "tokens": sum(amount.tokens for amount in amounts.values()),
        "cost": sum(Ledger(endpoint).cost(amounts[name]) for name, endpoint in paid.items()),
        "currency": config.endpoint.currency,
        "time_unknown": say("it takes as long as the model takes to answer", "取决于模型回答的速度"),
    }
