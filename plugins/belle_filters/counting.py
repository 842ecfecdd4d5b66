"""How long a text is, in characters or tokens."""

from __future__ import annotations

from collections.abc import Callable

from belle_core.data.languages import HAN


def token_counter(tokenizer: str | None) -> Callable[[str], int]:
    """Counts the tokens of a text with the tokenizer of a directory; estimates without one."""
    if tokenizer is None:
        return estimated_tokens
    from belle_core.tokenization import load_tokenizer

    backend = load_tokenizer(tokenizer).backend_tokenizer
    return lambda text: len(backend.encode(text, add_special_tokens=False).ids)


def estimated_tokens(text: str) -> int:
    """One token for every Chinese character, one for four other characters."""
    han = len(HAN.findall(text))
    return han + (len(text) - han + 3) // 4
