"""An interrupted job asks only what it had not heard yet, and never takes a torn or foreign answer."""

from __future__ import annotations

import pytest
from scripted import random_model

from belle_core.conversation import Conversation
from belle_core.generation import Sampling, open_engine
from belle_core.generation.journal import Journal
from belle_core.generation.resuming import complete_all


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return open_engine(random_model(tmp_path_factory.mktemp("model") / "m"))


@pytest.fixture
def prompts(engine):
    return [engine.encoder.prompt(Conversation.of("一" * (number % 5 + 1))) for number in range(12)]


class Interrupted(Exception):
    pass


def run(engine, prompts, path, *, batch=3, sampling=None, stop_after=None, identity="model"):
    """(answers or ``None``, prompts that were answered anew)."""
    asked = []

    def notify(progress):
        asked.append(progress.done)
        if stop_after is not None and len(asked) == stop_after:
            raise Interrupted

    settings = sampling or Sampling(max_new_tokens=6, temperature=1.0)
    try:
        answers = complete_all(engine, prompts, settings, batch=batch, journal=path, identity=identity, notify=notify)
    except Interrupted:
        answers = None
    return answers, len(asked)


def test_a_second_try_asks_only_what_is_missing(engine, prompts, tmp_path):
    sampling = Sampling(max_new_tokens=6)
    whole, batches = run(engine, prompts, tmp_path / "whole", sampling=sampling)
    assert batches == 4
    assert run(engine, prompts, tmp_path / "journal", sampling=sampling, stop_after=2) == (None, 2)
    resumed, batches = run(engine, prompts, tmp_path / "journal", sampling=sampling)
    assert batches == 2
    assert resumed == whole
    assert run(engine, prompts, tmp_path / "journal", sampling=sampling) == (whole, 0)


def test_a_torn_line_is_dropped_and_the_next_stands_whole(engine, prompts, tmp_path):
    path = tmp_path / "journal"
    whole, _ = run(engine, prompts, path, sampling=Sampling(max_new_tokens=6))
    content = path.read_bytes()
    for cut in (1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        assert run(engine, prompts, path, sampling=Sampling(max_new_tokens=6))[0] == whole
        assert len(Journal(path).read()) == len(prompts)


def test_other_settings_models_and_prompts_are_asked_anew(engine, prompts, tmp_path):
    path = tmp_path / "journal"
    run(engine, prompts, path)
    assert run(engine, prompts, path)[1] == 0
    assert run(engine, prompts, path, sampling=Sampling(max_new_tokens=7, temperature=1.0))[1] == 4
    assert run(engine, prompts, path, identity="another")[1] == 4
    assert run(engine, prompts[::-1], path)[1] > 0
