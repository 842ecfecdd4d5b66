"""The plugin keeps belle's rules, and its two ideas do what they promise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from belle_example.quiz import FORMAT
from belle_example.vectors import freeze_matrices
from torch import nn

from belle_core.data import Dropped, Place, Unreadable
from belle_core.data.places import sources_of
from belle_core.errors import BelleError
from belle_core.testing import check_plugin

HERE = Place(sources_of([Path("quiz.jsonl")])[0], line=1, number=0)


def test_the_plugin_keeps_the_rules():
    assert check_plugin("example") == []


def model() -> nn.Sequential:
    """A layer with a bias and one without, and a norm with a scale alone."""
    return nn.Sequential(nn.Linear(4, 3), nn.RMSNorm(3), nn.Linear(3, 2, bias=False))


@pytest.mark.parametrize(("norms", "trains"), [(True, {"0.bias", "1.weight"}), (False, {"0.bias"})])
def test_a_step_changes_vectors_and_nothing_else(norms, trains):
    tuned = model()
    assert freeze_matrices(tuned, norms=norms) == 3 * len(trains)
    before = {name: p.clone() for name, p in tuned.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], lr=0.1)
    tuned(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    assert {name for name, p in tuned.named_parameters() if not torch.equal(p, before[name])} == trains


def test_a_model_without_biases_needs_its_norms():
    with pytest.raises(BelleError, match=r"train\.norms=true"):
        freeze_matrices(nn.Linear(2, 2, bias=False), norms=False)


def test_a_question_becomes_a_conversation():
    record = {"question": "1 + 1?", "options": ["1", "2"], "answer": "B", "subject": "sums"}
    assert FORMAT.matches(record)
    (example,) = FORMAT.examples(record, HERE)
    assert example.conversation.question == "1 + 1?\nA. 1\nB. 2"
    assert example.conversation.answer == "B. 2"
    assert (example.id, example.category) == ("quiz-0", "sums")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"answer": "C"}, Dropped),
        ({"answer": 1}, Unreadable),
        ({"options": "1, 2"}, Unreadable),
        ({"options": [1, 2]}, Unreadable),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(change, refusal):
    with pytest.raises(refusal):
        FORMAT.examples({"question": "1 + 1?", "options": ["1", "2"], "answer": "B"} | change, HERE)
