"""Options of the objectives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class SftConfig:
    """Next token on answers: the questions are read, the answers and their end tokens are learned."""


@dataclass
class PretrainConfig:
    """Next token on text: every token of a document is learned, and what is too long is cut into several sequences."""
