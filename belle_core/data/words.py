"""Divides Chinese text into words, with jieba."""

from __future__ import annotations

import tempfile
from functools import cache
from typing import Any


@cache
def tokenizer() -> Any:
    """jieba's, silent, and without the cache that it shares with whoever uses the machine; raises ``ModuleNotFoundError``."""
    import jieba

    jieba.setLogLevel("WARNING")
    made = jieba.Tokenizer()
    with tempfile.TemporaryDirectory() as folder:
        made.tmp_dir = folder
        made.initialize()
    return made
