"""Calls of language models that cost something: within a budget, in a journal, several at a time, in a fixed order."""

from belle_core.generation.calls.config import EndpointConfig
from belle_core.generation.calls.request import Refused, Reply, Request

__all__ = ["EndpointConfig", "Refused", "Reply", "Request"]
