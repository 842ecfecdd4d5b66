"""``+data=multi_turn``: as in BELLE's report (arXiv 2304.07854), the first question is given and the dialogue goes on from there."""

from __future__ import annotations

import re

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example, Turn
from belle_core.generation.calls import Refused, Request
from belle_generate.answers import said, why_useless
from belle_generate.asking import count, jobs_from
from belle_generate.config import MultiTurnConfig
from belle_generate.producing import Callers, Job, Outcome, Production, Rejected, about

END = "<结束>"
USER = ("用户", "人类", "human", "user")
SPEAKER = re.compile(
    r"^[ \t]*\**(用户|人类|human|user|(?:AI)?助手|assistant|AI)\**[ \t]*[:：]\**", re.IGNORECASE | re.MULTILINE
)
LONGEST = 300
"""Characters of a further question."""
ASK = """下面是用户与助手的一段对话。请站在这位用户的角度，写出他接下来要说的话：可以追问细节，可以提出相关的新要求，也可以请助手修改刚才的回答。
要承接上文，像真人说话那样简短自然，不要重复已经问过的内容，也不要替助手回答。只输出用户要说的话；如果话题已经谈完，只输出 {end}。

{dialogue}
用户："""


def make(config: MultiTurnConfig, context: StageContext) -> Examples:
    """A dialogue for every question; one that does not get beyond its first answer is rejected."""

    async def work(job: Job, callers: Callers) -> Outcome:
        assert job.asked is not None
        dialogue, first = job.asked, len(job.asked.turns)
        while True:
            request = Request(dialogue, seed=job.draw(len(dialogue.turns)))
            try:
                reply = await callers["endpoint"].ask(request)
                useless = why_useless(reply)
            except Refused:
                if len(dialogue.turns) == first:
                    raise
                useless = "refused"
            if useless and len(dialogue.turns) == first:
                return [Rejected(job.id, useless, reply.text)]
            if useless:
                dialogue = Conversation(dialogue.turns[:-1], dialogue.system)  # a question without an answer
                break
            meta = about(request, reply, config.endpoint)
            dialogue = _with(dialogue, "assistant", said(reply))
            if len(dialogue.turns) >= 2 * config.turns:
                break
            question = await _next_question(dialogue, job, callers)
            if not question:
                break
            dialogue = _with(dialogue, "user", question)
        if len(dialogue.turns) < 4:
            return [Rejected(job.id, "one_turn", dialogue.question)]
        return [Example(job.id, dialogue, category=job.category, source="multi_turn", meta=meta)]

    return Production(config, context, size=None).make(jobs_from(config, context), work, total=count(config, context))


def _with(dialogue: Conversation, role: str, text: str) -> Conversation:
    return Conversation((*dialogue.turns, Turn(role, text)), dialogue.system)


async def _next_question(dialogue: Conversation, job: Job, callers: Callers) -> str:
    """What the user says next; empty when there is nothing more to say."""
    names = {"user": "用户", "assistant": "助手"}
    written = "\n".join(f"{names[turn.role]}：{turn.text}" for turn in dialogue.turns)
    request = Request.of(ASK.format(end=END, dialogue=written), seed=job.draw(len(dialogue.turns)))
    try:
        reply = await callers["endpoint"].ask(request)
    except Refused:  # what was said so far stays
        return ""
    text = _words(reply.text)
    asked = {turn.text for turn in dialogue.turns if turn.role == "user"}
    useless = not text or END in text or len(text) > LONGEST or text in asked or why_useless(reply)
    return "" if useless else text


def _words(text: str) -> str:
    """What the user says: without a name before it, without the lines of others, without quotes around it all."""
    lines = SPEAKER.split(text.strip(), maxsplit=2)  # what comes before a name, the name, what comes behind it …
    if len(lines) > 1 and not lines[0].strip():
        text = lines[2] if lines[1].lower() in USER else ""
        text = SPEAKER.split(text)[0]
    else:
        text = lines[0]
    quoted = re.fullmatch(r"[“\"]([^“”\"]*)[”\"]", text.strip())
    return (quoted[1] if quoted else text).strip()
