"""What English questions ask for, by rules: the first word that names a task, and the head of the words that follow it.

No parser and no parts of speech: a list of verbs, and words at which a noun phrase ends. "Write a short poem about spring" gives
``write poem``. What is asked with "what" or "how" has no verb here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

WORD = re.compile(r"[a-z]+(?:[-'’][a-z]+)*|[.,:;!?()\x22“”\n]")
VERBS = frozenset("""
add analyse analyze answer arrange assemble assess assign brainstorm build calculate categorise categorize change check choose cite classify
collect combine come compare compile complete compose compress compute connect construct convert correct count create debate decide define
delete derive describe design detect determine develop devise differentiate distinguish discuss divide draft draw edit elaborate estimate evaluate examine
expand explain express extract fill find fix form formulate gather generate give group guess highlight identify illustrate imagine improve
infer insert interpret invent list make match modify multiply name narrate offer order organise organize outline paraphrase parse perform pick plan
point predict prepare present produce proofread propose prove provide pull rank rate rearrange recommend reduce reformulate remove reorder
reorganize rephrase replace report reverse revise reword rewrite search select share show simplify solve sort specify spell split state suggest
summarise summarize tell transform translate turn update write
""".split())  # fmt: skip
"""First words of tasks, as instructions have them."""
SKIPPED = frozenset("""
a an the some any my your his her its our their this these those me us him them it you one all each every
""".split())  # fmt: skip
"""What may stand between a verb and its object."""
ENDS = frozenset("""
about above across after against along among and around as at based because before behind being below between but by can containing describing
do does during explaining for from had has have how if in include including inside into involving is are was were like of off
on onto or out over per regarding related should since so such than that through to toward towards under until up upon using via what when
where which while who whom whose why will with within without would
""".split())  # fmt: skip
"""Where a noun phrase is over."""
POINTING = frozenset(("given", "following"))
"""Before a noun they point to it ("the given text"), behind one they begin something else ("a poem given the input")."""
OTHERS = frozenset("""
also been both could did don't down few get got here i i'm it it's just let made may more most much must need no not now only other own please
same she he they then there too two three four five very want way we well
""".split())  # fmt: skip
"""Further words that are no topic."""
NO_TOPIC = VERBS | SKIPPED | ENDS | POINTING | OTHERS
SHORTEST = 3
"""Letters of a topic."""


def asked_in_english(questions: Sequence[str]) -> dict[str, Counter[Any]]:
    """``pairs``, ``verbs`` and ``topics``; every one counts once a question."""
    found: dict[str, Counter[Any]] = {"pairs": Counter(), "verbs": Counter(), "topics": Counter()}
    for question in questions:
        words = WORD.findall(question.lower())
        found["topics"].update({word for word in words if len(word) >= SHORTEST and word not in NO_TOPIC})
        verb, thing = verb_and_object(words)
        if verb:
            found["verbs"][verb] += 1
        if thing:
            found["pairs"][verb, thing] += 1
    return found


def verb_and_object(words: Sequence[str]) -> tuple[str, str]:
    """The first word that names a task, and the last one before its noun phrase ends."""
    start = next((place for place, word in enumerate(words) if word in VERBS), None)
    if start is None:
        return "", ""
    thing = ""
    for word in words[start + 1 :]:
        if word in ENDS or not word[0].isalpha() or (thing and word in POINTING):
            break
        if word not in SKIPPED and word not in POINTING:
            thing = word
    return words[start], thing
