"""Text generation: with transformers and with llama.cpp."""

from __future__ import annotations

from belle_core.generation.engine import Answer, Engine, Sampling
from belle_core.generation.opening import open_engine

__all__ = ["Answer", "Engine", "Sampling", "open_engine"]
