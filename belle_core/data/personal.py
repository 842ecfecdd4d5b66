"""Finds personal data in text: telephone numbers, identity cards, e-mail addresses, bank cards, and accounts and passports that are called so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

WIDE = {ord(wide): narrow for wide, narrow in zip("＠．－（）＋　–—−‐‑", "@.-()+ -----", strict=True)}
WIDE |= {
    code: chr(code - 0xFEE0)
    for start in "０Ａａ"
    for code in range(ord(start), ord(start) + (10 if start == "０" else 26))
}
"""Full-width forms and dashes, as they are typed in Chinese text, to ASCII of the same length."""
POSSIBLE = re.compile(r"[0-9０-９][0-9０-９ \-()（）－–—−‐‑　]{5}")
"""How every number begins; most texts are done with this."""
EMAIL = re.compile(
    r"(?<![\w.+-])(?!git@)[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,63}(?![\w@])", re.A
)
NOBODY = re.compile(r"@(?:[\w-]+\.)*(?:example|test|invalid|localhost)(?:\.\w+){0,2}$", re.IGNORECASE)
"""Domains that RFC 2606 keeps for examples."""
CHINA = r"(?:\(?(?:\+|00)?86\)?[- ]?)"
NUMBER = re.compile(
    r"(?:(?<![0-9A-Za-z_])(?<![0-9]\.)|(?<=[Tt]el)|(?<=TEL))(?:\+86[- ]?)?(?:\((?:\+|00)?86\)[- ]?)?"
    r"(?:\((?=[0-9]{3,4}\)))?[0-9](?:[ \-)]{0,2}[0-9]){5,18}[Xx]?(?![0-9A-Za-z_]|\.[0-9])"
)
"""Runs of digits, grouped by single spaces or hyphens as people write them."""
MOBILE = re.compile(rf"{CHINA}?1[3-9][0-9](?:[0-9]{{8}}|([- ])[0-9]{{4}}\1[0-9]{{4}}|[- ][0-9]{{8}})")
AREA = r"(?:10|2[0-9]|[3-9][0-9]{2})"
LANDLINE = re.compile(
    rf"(?:\(0{AREA}\) ?|{CHINA}0?{AREA}[- ]|0{AREA}[- ]|0(?:10|2[0-9])(?=[0-9]{{8}}\Z))[2-9][0-9]{{2,3}}[- ]?[0-9]{{4}}(?:-[0-9]{{1,5}})?"
)
HOTLINE = re.compile(r"[48]00[- ]?[0-9]{3}[- ]?[0-9]{4}")
"""Companies' numbers; nobody's own."""
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split()
)
BANK = re.compile(r"(?:62[0-9]{14,17}|4[0-9]{15}|5[1-5][0-9]{14}|3[47][0-9]{13}|35[0-9]{14})")
"""UnionPay, Visa, Mastercard, American Express, JCB."""
NAMED = re.compile(
    r"(?i:QQ|扣扣) ?(?:群|账号|帐号)?(?:号码?)?(?:是|为)?[:： ]{0,2}(?P<qq>[1-9][0-9]{5,10})(?![0-9A-Za-z.@])"
    r"|(?i:微信|we ?chat|(?<![a-z])[vw]x) ?(?:号码?|账号|帐号|(?i: ?id))?(?:是|为)?(?:(?<=[号是为])|[:：]) ?(?P<wechat>[A-Za-z][\w-]{5,19})(?![\w.@/(])"
    r"|护照(?:号码?)?(?:是|为)?[:： ]{0,2}(?P<passport>[A-Z][A-Z0-9]?[0-9]{7})(?![0-9A-Za-z])"
    r"|(?:电话|座机|传真|热线)(?:号码?)?(?:是|为)?[:： ]{0,2}(?P<phone>(?!20[0-9]{2}[01][0-9])[2-8][0-9]{6,7}(?:-[0-9]{1,5})?(?:(?:[、,，/和或]| (?=[0-9]))[2-8][0-9]{6,7}(?:-[0-9]{1,5})?)*)(?![0-9A-Za-z.])",
    re.A,
)
"""What only its name tells from any other word or number."""
NAMES = ("微信", "eChat", "vx")
"""Before accounts that may have no digits; the others are looked for where a number begins."""
COUNTED = re.compile(
    r"\s*(?:[×÷*=≈]\s*[0-9(]|\+\s*[0-9]|(?:亿|万|千|百|多|余)?(?:美元|欧元|日元|元|人次?|个|只|头|棵|本|册|件|箱|米|厘米|毫米|千米|公里|克|千克|公斤|吨|升|毫升|平方|立方|秒|分钟|小时|天|年|光年|字节|次|种|倍))"
)
"""Behind a number with which somebody reckons."""
RECKONED = re.compile(r"[0-9)]\s*[=×÷*≈+]\s*\Z")
"""Before one."""
ORDER = re.compile(
    r"(?:(?:[订运货]单|快递单?|单据|流水|批|货|条码?|序列|学|工|考|准考证)号码?|(?<!卡)(?<!证)编号|单号|号段)(?:是|为)?[^\w，。；]{0,3}\Z"
)
"""Before the number of a thing; nobody's own, whatever it looks like."""
ADDRESS = re.compile(r"https?://[^\s?]*\Z")
"""Before a number that is part of the address of a page."""
LONGEST = 100
"""Characters beyond a cut in which the rest of what it divides is looked for."""


@dataclass(frozen=True)
class Finding:
    """Personal data at ``text[start:end]``."""

    start: int
    end: int
    kind: str
    """``phone``, ``id_card``, ``email``, ``bank_card``, ``account`` or ``passport``."""


def find_personal(text: str) -> list[Finding]:
    """All personal data in *text*, in order, without overlap."""
    named = POSSIBLE.search(text) or any(name in text for name in NAMES)
    if not (named or "@" in text or "＠" in text):
        return []
    if not text.isascii():
        text = text.translate(WIDE)  # every character keeps its place
    found = [Finding(*m.span(), "email") for m in EMAIL.finditer(text) if not NOBODY.search(m.group())]
    for match in NAMED.finditer(text) if named else ():
        name = str(match.lastgroup)
        found.append(Finding(*match.span(name), name if name in ("passport", "phone") else "account"))
    others = tuple(found)
    for start, end, kind in _numbers(text):
        if any(f.start <= start < f.end for f in others):
            continue
        plain = text[start:end].isdigit()
        if not (plain and (_reckoned(text, start, end) or _counts_orders(text, start, kind))):
            found.append(Finding(start, end, kind))
    return sorted(found, key=lambda finding: finding.start)


def _numbers(text: str) -> Iterator[tuple[int, int, str]]:
    """Where somebody's own numbers stand and what they are; of several between which there is no more than a space each is one."""
    at = 0
    while match := NUMBER.search(text, at):
        start, end = match.span()
        cut = end
        while cut > start and not (kind := _kind(text[start:cut])):
            cut = text.rfind(" ", start, cut)
        if cut > start:
            yield start, cut, kind
        space = text.find(" ", start, end)
        at = cut if cut > start else end if space < 0 else space + 1


def replaced(text: str, findings: list[Finding], word: Callable[[Finding], str]) -> str:
    """*text* with ``word(finding)`` in place of every finding."""
    return "".join(_pieces(text, findings, word))


def redacted(text: str) -> str:
    """*text* with ``<phone>`` and the like in place of personal data."""
    return replaced(text, find_personal(text), lambda finding: f"<{finding.kind}>")


def excerpt(text: str, start: int = 0, end: int | None = None, *, around: int = 40) -> str:
    """``text[start:end]`` with a little of what is around it, redacted: of half a number nobody could tell afterwards what it was."""
    first, last = max(0, start - around), min(len(text), (start if end is None else end) + around)
    before = max(0, first - LONGEST)
    findings = [
        Finding(before + found.start, before + found.end, found.kind)
        for found in find_personal(text[before : last + LONGEST])
        if before + found.start < last and before + found.end > first
    ]
    words = replaced(text[:last], findings, lambda finding: f"<{finding.kind}>")
    return words[min([first, *(found.start for found in findings)]) :]


def _pieces(text: str, findings: list[Finding], word: Callable[[Finding], str]) -> Iterator[str]:
    at = 0
    for finding in findings:
        yield text[at : finding.start]
        yield word(finding)
        at = finding.end
    yield text[at:]


def _kind(number: str) -> str:
    """What a number is; empty when it is nobody's."""
    digits = re.sub(r"[^0-9Xx+]", "", number).upper()
    if len(digits) == 18 and _is_id_card(digits):
        return "id_card"
    bare = digits.removeprefix("+86")
    if BANK.fullmatch(bare) and luhn(bare):
        return "bank_card"
    if MOBILE.fullmatch(number):
        return "phone"
    return "phone" if LANDLINE.fullmatch(number) and not HOTLINE.fullmatch(number) else ""


def _reckoned(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is a quantity, or stands in the address of a page."""
    before = text[max(0, start - 200) : start]
    return bool(COUNTED.match(text, end) or RECKONED.search(before[-8:]) or ADDRESS.search(before))


def _counts_orders(text: str, start: int, kind: str) -> bool:
    """Whether what looks like a telephone number or a bank card is called the number of an order and the like."""
    return kind in ("phone", "bank_card") and bool(ORDER.search(text, max(0, start - 16), start))


def _is_id_card(digits: str) -> bool:
    """Province, date of birth and check digit of GB 11643 are right."""
    if digits[:2] not in PROVINCES or not digits[:17].isdigit():
        return False
    year, month, day = int(digits[6:10]), int(digits[10:12]), int(digits[12:14])
    if not (1880 <= year <= 2100 and 1 <= month <= 12 and 1 <= day <= 31):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, digits))
    return "10X98765432"[total % 11] == digits[17]


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
