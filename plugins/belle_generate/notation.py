"""Signs of school, of LaTeX and of Markdown, and numbers in words, written as programs write them."""

from __future__ import annotations

import re
import unicodedata

SIGNS = str.maketrans({"×": "*", "✕": "*", "·": "*", "∙": "*", "∶": "/", "−": "-", "–": "-", "【": "(", "】": ")", "[": "(", "]": ")", "{": "(", "}": ")", "²": "^2", "³": "^3", "`": None})  # fmt: skip
TIMES = re.compile(r"(?<=[\d)]) *[xX] *(?=[\d(])")
LATEX = (
    (r"(?<![\d*/+\-=×÷(])\$\$?(?=\S)([^$\n]*[=\\][^$\n]*?)(?<![\s=+\-*/×÷(])\$\$?(?!\d)", r" \1 "),
    (r"\\(?:text|textbf|mathrm|mathbf|boxed) *\{([^{}]*)\}", r"\1"),
    (r"\\(?:left|right|quad|qquad|displaystyle)\b|\\[,;:! ()\[\]]|&(?=[=≈]|\\)", " "),
    (r"\\(?:times|cdot|ast)\b", "*"),
    (r"\\div\b", "÷"),
    (r"\\approx\b", "≈"),
    (r"\^? *(?:\{ *)?\\circ\b(?: *\})?", "°"),
    (r"\\([%$])", r"\1"),
)
FRACTION = re.compile(r"(\d+)? *\\[dt]?frac *\{([^{}]*)\} *\{([^{}]*)\}")
DIGITS = dict(zip("零〇一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
TENS = {"十": 10, "百": 100, "千": 1000}
LARGE = {"万": 10**4, "亿": 10**8}
NUMERAL = f"[{''.join((*DIGITS, *TENS, *LARGE))}]+(?:点[{''.join(DIGITS)}]+)?"
AMOUNT = rf"(?:\d+(?:\.\d+)?|{NUMERAL})"
SHARE = re.compile(rf"(?:({AMOUNT})又)?(百|{AMOUNT})分之({AMOUNT})")
"""``百分之20``, ``三分之二``, ``一又二分之一``."""


def plain(text: str) -> str:
    """``×`` ``（`` ``1,000`` ``1又1/2`` ``1(1/2)`` ``1 1/2`` ``三分之二`` ``\\times`` ``**208**`` with the signs of programs.

    ``÷`` stays: beside it ``/`` writes a fraction, and ``1÷1/6`` is 6.
    """
    if "\\" in text or "$" in text:
        text = _without_latex(text)
    text = unicodedata.normalize("NFKC", text.translate(SIGNS)).translate(SIGNS)
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"(?<=[\d)])\*\*(?=\(?\d)", "^", text).replace("**", "")
    text = SHARE.sub(_share, TIMES.sub("*", text))
    text = re.sub(r"(?<![\d./])(?<![\d./] )(\d+) (?:and )?(\d+)/(\d+)(?![\d/.])", _mixed, text)
    return re.sub(r"(?<![\d./])(\d+)(?:又(\d+/\d+)|\((\d+/\d+)\))", r"(\1+\2\3)", text)


def number_of(words: str) -> str | None:
    """``一百八十八`` as ``188``, ``三点五`` as ``3.5``, digits as they are; ``None`` for what is surely no number, or may be two."""
    if words[:1].isascii():
        return words
    whole, point, decimals = words.partition("点")
    value = _whole(whole)
    return None if value is None else f"{value}{'.' * bool(point)}{''.join(str(DIGITS[word]) for word in decimals)}"


def _whole(words: str) -> int | None:
    total = section = 0
    digit: int | None = None
    smallest = 10**4
    for place, word in enumerate(words):
        if word in DIGITS:
            if digit:  # 三四个
                return None
            digit = DIGITS[word]
        elif word in TENS:
            if TENS[word] >= smallest or not (digit or (word == "十" and place == 0)):
                return None
            section, smallest, digit = section + (digit or 1) * TENS[word], TENS[word], None
        else:
            section += digit or 0
            if not section:
                return None
            total = (total + section) * LARGE[word] if word == "亿" else total + section * LARGE[word]
            section, smallest, digit = 0, 10**4, None
    if digit and len(words) > 1 and words[-2] in ("百", "千", "万", "亿"):  # 一百五 is 150
        return None
    return total + section + (digit or 0)


def _without_latex(text: str) -> str:
    for pattern, sign in LATEX:
        text = re.sub(pattern, sign, text)
    for _ in range(3):  # one in another
        text = FRACTION.sub(_fraction, text)
    return text.replace("\\\\", " , ")


def _fraction(found: re.Match[str]) -> str:
    above, below = (part.strip() if part.strip().isdigit() else f"({part})" for part in (found[2], found[3]))
    return f"({found[1]}+{above}/{below})" if found[1] else f"({above}/{below})"


def _share(found: re.Match[str]) -> str:
    whole, below, above = (number_of(part) if part else None for part in (found[1], found[2], found[3]))
    if found[2] == "百":
        return found[0] if above is None or found[1] else f"{above}%"
    if below is None or above is None or (found[1] and whole is None):
        return found[0]
    return f"({whole}+{above}/{below})" if whole else f"({above}/{below})"


def _mixed(found: re.Match[str]) -> str:
    proper = int(found[2]) < int(found[3])
    return f"({found[1]}+{found[2]}/{found[3]})" if proper else found[0]
