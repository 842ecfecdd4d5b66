"""Objectives: what they take and what they refuse."""

from __future__ import annotations

import pytest
from belle_objectives.config import SftConfig
from belle_objectives.sft import Sft

from belle_core.conversation import Example
from belle_core.encoding import Encoded
from belle_core.errors import BelleError


def test_sft_counts_label_weights_but_not_the_first_token():
    assert Sft(SftConfig()).amount([Encoded([1, 2, 3, 4], [1.0, 0.0, 1.0, 0.5])]) == 1.5


def test_sft_refuses_plain_text():
    with pytest.raises(BelleError, match="example a1 is no conversation"):
        Sft(SftConfig()).encode(Example("a1", text="天地"), encoder=None)
