"""Perplexity against a plain loop over transformers, resuming, and exact token counts of pieces."""

from __future__ import annotations

import json
import math
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
from belle_filters.config import PiecesConfig
from belle_filters.corpus_config import PerplexityConfig
from belle_filters.perplexity import Perplexity
from belle_filters.pieces import Pieces
from transformers import LlamaConfig, LlamaForCausalLM

from belle_core.conversation import Conversation, Example
from belle_core.data.filters import Drop
from belle_core.errors import BelleError
from belle_core.generation.checkpoint import open_directory
from belle_core.tokenization import load_tokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tiny_training


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A random model of a few thousand weights in Hugging Face layout."""
    directory = tmp_path_factory.mktemp("model")
    tokenizer = load_tokenizer(tiny_training.tokenizer_files())
    torch.manual_seed(0)
    sizes = {key: value for key, value in tiny_training.ARCHITECTURE.items() if key != "model_type"}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), initializer_range=0.4, **sizes)).save_pretrained(directory)
    from belle_core.tokenization import save_tokenizer

    tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}"
    save_tokenizer(tokenizer, directory, tiny_training.tokenizer_files() / "tokenizer.model")
    return directory


class Corpus:
    """Passing examples."""

    def __init__(self, examples, scratch: Path) -> None:
        self._examples, self.scratch = examples, scratch

    def examples(self):
        return iter(self._examples)


def examples(count: int) -> list[Example]:
    return [Example(str(n), tiny_training.conversation(n, turns=1 + n % 3)) for n in range(count)]


def by_hand(directory: Path, example: Example, of: str) -> float:
    """One example, one forward pass, the logarithms added up."""
    engine = open_directory(directory)
    if of == "answer":
        prompt = engine.encoder.prompt(example.conversation)
        ids = engine.encoder.encode(example.conversation).ids
    else:
        tokenizer = engine.encoder.tokenizer
        text = "".join(turn.text for turn in example.conversation.turns)
        prompt, ids = [tokenizer.bos_token_id], tokenizer(text).input_ids
    with torch.inference_mode():
        logs = engine.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    losses = [-logs[place - 1, ids[place]].item() for place in range(len(prompt), len(ids))]
    return math.exp(sum(losses) / len(losses))


@pytest.mark.parametrize("of", ["answer", "text"])
def test_it_is_what_a_plain_loop_says(tmp_path, model, of):
    """In batches of like length as one by one."""
    given = examples(20)
    filter = Perplexity(PerplexityConfig(model=str(model), of=of, max=0.0, batch=4))
    found = [float(drop.evidence) for drop in filter.decide(Corpus(given, tmp_path))]
    assert found == pytest.approx([by_hand(model, one, of) for one in given], rel=1e-3, abs=0.06)


def test_both_bounds(tmp_path, model):
    given = examples(12)
    values = sorted(
        float(d.evidence)
        for d in Perplexity(PerplexityConfig(model=str(model), max=0.0)).decide(Corpus(given, tmp_path / "a"))
    )
    filter = Perplexity(PerplexityConfig(model=str(model), min=values[3] + 0.06, max=values[-4] - 0.06))
    drops = list(filter.decide(Corpus(given, tmp_path / "b")))
    assert [drop.reason for drop in drops if isinstance(drop, Drop)].count("low") >= 3
    assert [drop.reason for drop in drops if isinstance(drop, Drop)].count("high") >= 3
    assert any(drop is None for drop in drops)


def test_scores_survive_a_broken_run(tmp_path, model, monkeypatch):
    """What was scored before is not scored again, and the decisions are the same."""
    from belle_filters.scorer import Scorer

    scored: list[int] = []
    losses = Scorer.losses
    monkeypatch.setattr(Scorer, "losses", lambda self, numbers: scored.extend(numbers) or losses(self, numbers))
    config, given = PerplexityConfig(model=str(model), max=300.0, batch=2), examples(80)
    whole = list(Perplexity(config).decide(Corpus(given, tmp_path / "whole")))
    assert len(scored) == 80
    scored.clear()
    list(islice(Perplexity(config).decide(Corpus(given, tmp_path / "broken")), 40))
    first = len(scored)
    assert list(Perplexity(config).decide(Corpus(given, tmp_path / "broken"))) == whole
    assert 32 <= first < 80 and len(scored) == 80


def test_scores_do_not_stay_in_memory(tmp_path, model):
    """Neither when they are made nor when they are read."""
    config, given = PerplexityConfig(model=str(model), max=300.0, batch=1), examples(80)
    for _ in ("made", "read"):
        decided = Perplexity(config).decide(Corpus(given, tmp_path))
        for _ in range(70):
            next(decided)
            assert len(decided.gi_frame.f_locals["known"]) <= 16
        assert len(list(decided)) == 10


def test_a_directory_without_a_model_is_told(tmp_path):
    with pytest.raises(BelleError, match="no such directory"):
        Perplexity(PerplexityConfig(model=str(tmp_path)))


def test_pieces_by_the_tokenizer_itself():
    """Its tokens are characters, so the answer is known."""
    filter = Pieces(PiecesConfig(tokens=16, overhead=0, tokenizer=str(tiny_training.tokenizer_files())))
    texts = ["天地玄黄", "宇宙洪荒"] * 4
    messages = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]
    pieces = filter(Example("x", Conversation.of_messages(messages)))
    lengths = [len(piece.conversation.turns) for piece in pieces]
    count = filter.count("天地玄黄") + filter.count("宇宙洪荒")
    assert lengths == [2 * (16 // count)] * (len(texts) // (2 * (16 // count)))


def test_the_plan_does_not_know_the_time_of_a_model_and_tries_it_when_asked(model, tmp_path):
    from belle_core.commands.plan import step_lines
    from belle_core.planning import make_plan

    with (tmp_path / "a.jsonl").open("w") as file:
        file.writelines(
            json.dumps({"instruction": f"问题{n}", "output": "好的，明白。" * 9}) + "\n" for n in range(200)
        )
    chosen = [
        "+filter@data.clean.perplexity=perplexity",
        f"data.clean.perplexity.model={model}",
        "data.clean.perplexity.max=9",
    ]
    overrides = ["+data=files", f"data.path={tmp_path / 'a.jsonl'}", *chosen]
    (step,) = make_plan(overrides).steps
    assert step.seconds is None and "perplexity asks a model; --measure tries it" in step_lines(step)[-1]
    (alone,) = make_plan(overrides[:2], measure=True).steps
    (step,) = make_plan(overrides, measure=True).steps
    assert step.seconds > alone.seconds and "unknown" not in step_lines(step)[-1]
