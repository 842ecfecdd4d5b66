"""Options of the objectives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class SftConfig:
    """Next token on answers: the questions are read, the answers and their end tokens are learned."""
