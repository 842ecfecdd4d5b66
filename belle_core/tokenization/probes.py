"""Texts that tokenizers disagree on, to compare two of them."""

from __future__ import annotations

import random

FRAGMENTS = (
    *(
        "你好",
        "人工智能",
        "我们的模型",
        "，",
        "。”",
        "Ａ１，！",
        "　",
        "龘",
        "𠀀𠀁",
        "𫝆",
        "繁體中文",
        "こんにちは",
        "한국어",
    ),
    *("👨\u200d👩\u200d👧", "👩🏽\u200d🚀", "🇨🇳", "é", "e\u0301", "\u200d", "\ufeff", "ñandú", "Привет"),
    *(" ", "  ", "    ", "\n", "\n\n", "\t", "\r\n", " \n ", "\x01", "\u00a0"),
    *(
        "hello",
        " the",
        " of",
        "'s",
        "I'M",
        "aaa",
        "aaaa",
        "=====",
        "...",
        "1234567890",
        "3.14",
        "def f(x):\n    return x",
    ),
    *("<s>", "</s>", "<unk>", "<0x0A>", "<|im_end|>", "[PAD]", "{}", "\\n"),
)


def probe_texts(count: int, seed: int = 0) -> list[str]:
    """``count`` strings of Chinese, rare characters, emoji, white space, digits and written-out special tokens."""
    draw = random.Random(seed)
    return [
        "".join(draw.choice(FRAGMENTS) * draw.choice((1, 1, 1, 2, 5)) for _ in range(draw.randint(1, 12)))
        for _ in range(count)
    ]
