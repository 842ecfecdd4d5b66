"""The language of a text: by its script where that decides, by py3langid where Latin or other letters leave it open."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

OTHER_EAST = re.compile("[\u3040-\u30fa\u30fc-\u30ff\uac00-\ud7af\u1100-\u11ff\u0900-\u0fff\u1000-\u109f\u1780-\u17ff]")
"""Scripts whose letters take three bytes in UTF-8, as Chinese characters do: kana, Hangul, Indic, Thai, Tibetan, Burmese, Khmer."""
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
KANA = re.compile("[\u3040-\u30fa\u30fc-\u30ff]")
SINITIC = re.compile("[这這们們吗嗎呢么麼说說您你还還让讓请样问没]")
"""Chinese characters that Japanese does without."""
HANGUL = re.compile("[\uac00-\ud7af\u1100-\u11ff]")
LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
FENCE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|\$\$.*?\$\$|\$[^$\n]+\$|https?://\S+", re.DOTALL)
"""Code, formulas and links, which are in no language."""
ENGLISH = frozenset(
    (
        "the of and to in is that for it was with as his on be at by had not are but from or have an they which one you "
        "were her all she there would their we him been has when who will more no if out so what up said its about than "
        "into them can only other time some could these two may then do first any my now such like our over me even "
        "most made after also did many must this your how why a i please write given following using make use create"
    ).split()
)
CODE = re.compile(
    r"[{};=<>()（）；\[\]#\\|&*+/_]|\b(?:def|return|import|function|var|const|int|print|SELECT|FROM|public|void)\b"
)
LONGEST = 1000
"""Characters that are looked at."""


def language_of(text: str, *, detect: bool = True) -> str:
    """ISO 639-1 code of the language that most of *text* is in; empty for numbers, formulas, code and what cannot be told.

    Without *detect* only script and common words are asked, so that the answer is the same wherever py3langid is missing.
    """
    text = text[:LONGEST]
    wide = (len(text.encode("utf-8", "surrogatepass")) - len(text)) / 2  # three-byte characters, at most
    if wide >= 0.25 * len(text) and not OTHER_EAST.search(text) and HAN.search(text):
        return "zh"
    return _looked_at(FENCE.sub(" ", text), detect)


def han_share(text: str) -> float:
    """Chinese characters among Chinese characters and other words, 0 to 1; 0 where there is neither."""
    han = len(HAN.findall(text))
    words = len(WORD.findall(HAN.sub(" ", text)))
    return han / (han + words) if han + words else 0.0


def is_code(text: str) -> bool:
    """Whether *text* looks like a program: signs of one among few words."""
    if text.lstrip().startswith(("<", "#!", "def ", "import ", "SELECT ", "public ", "function ")):
        return True
    return len(CODE.findall(text)) > 0.4 * max(len(WORD.findall(text)), 1)


def _looked_at(text: str, detect: bool) -> str:
    han, kana, hangul = (0, 0, 0) if text.isascii() else (len(p.findall(text)) for p in (HAN, KANA, HANGUL))
    if kana > 0.2 * (han + kana) and not (kana <= han and SINITIC.search(text)):  # not a name among Chinese
        return "ja"
    words = WORD.findall(HAN.sub(" ", text)) if han else WORD.findall(text)
    if hangul > 0.5 * (han + len(words)):
        return "ko"
    if han >= 0.3 * (han + len(words)) and han:
        return "zh"
    if detect and _foreign(words):
        return str(_detector().classify(text)[0])
    if len(words) < 3 or is_code(text):
        return ""
    common = sum(word.lower() in ENGLISH for word in words)
    if common >= 0.15 * len(words) and text.isascii():
        return "en"
    return _guessed(text, len(words)) if detect else ""


def _foreign(words: list[str]) -> bool:
    """Whether most letters are neither Latin nor Chinese, however few; single ones (Greek letters in formulas) do not count."""
    foreign = sum(len(word) for word in words if len(word) > 1 and not LATIN.search(word))
    return foreign >= 3 and foreign * 2 > len("".join(words))


def _guessed(text: str, words: int) -> str:
    """The detector's word, where it is sure; a few words of Latin letters are easily taken for the wrong language."""
    code, certainty = _detector().classify(text)
    if code in (
        "zxx",
        "la",
    ):  # its words for what is in no language, a cipher for instance, and for names of elements, species and Romans
        return ""
    sure = certainty > (0.95 if words >= 5 else 0.999)
    return str(code) if sure and not (text.isascii() and words < 8 and code != "en") else ""


@cache
def _detector() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
