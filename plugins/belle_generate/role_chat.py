"""``+data=role_chat``: a setting and a dialogue between two roles, as in BELLE's generated chat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example, Turn
from belle_core.generation.calls import Request
from belle_core.generation.calls.request import LENGTH
from belle_generate.config import RoleChatConfig
from belle_generate.producing import Callers, Job, Outcome, Production, Rejected, about
from belle_generate.scenes import MOODS, OCCASIONS, PAIRS

LINE = re.compile(r"^\s*\**([^\s:：*（(]{1,12})\**\s*(?:[（(][^）)]*[）)])?\s*\**[:：]\**\s*(.+?)\s*$")
FEWEST = 4
"""Turns of a dialogue that is kept."""
ASK = """请写一段两个人之间的中文对话。

角色：{first}与{second}
情境：{occasion}
气氛：{mood}

要求：
1. 第一行以“设定：”开头，用不超过 80 个字交代两人的名字、身份、性格、关系和场合。
2. 从第二行起写对话，每行一句，写成“名字：内容”，不写旁白和动作。
3. 由{first}先开口，两人轮流说话，一共 {lines} 句左右，最后一句由{second}说。
4. 内容具体、前后连贯，语言符合各自的身份。"""


def make(config: RoleChatConfig, context: StageContext) -> Examples:
    """Dialogues until ``size`` are kept; the second speaker is the assistant and gets the setting as system text."""

    async def work(job: Job, callers: Callers) -> Outcome:
        request = request_of(config, job)
        reply = await callers["endpoint"].ask(request)
        found = dialogue_in(reply.text, cut=reply.ended == LENGTH)
        if isinstance(found, str):
            return [Rejected(job.id, found, reply.text)]
        meta = about(request, reply, config.endpoint)
        return [Example(job.id, found, category="role_chat", source="role_chat", meta=meta)]

    production = Production(config, context, size=config.size)
    return production.make(jobs(context.shared["seed"]), work, total=production.target or config.size)


def jobs(seed: int) -> Iterator[Job]:
    """Dialogues without end."""
    return (Job(number, f"dialogue-{number + 1}", seed) for number in count())


def request_of(config: RoleChatConfig, job: Job) -> Request:
    """The request for one dialogue."""
    random = job.random()
    first, second = random.choice(PAIRS).split(",")
    text = ASK.format(
        first=first,
        second="另一位" + second if first == second else second,
        occasion=random.choice(OCCASIONS),
        mood=random.choice(MOODS),
        lines=config.lines,
    )
    return Request.of(text, seed=job.draw())


def dialogue_in(text: str, *, cut: bool) -> Conversation | str:
    """The dialogue, or why there is none: ``malformed``, ``not_two_speakers``, ``too_few_turns``."""
    lines = [match.groups() for line in text.split("\n") if (match := LINE.match(line))]
    setting = next((said for name, said in lines if name == "设定"), "")
    spoken = [(name, said) for name, said in lines if name != "设定"]
    if cut:
        spoken = spoken[:-1]
    if not setting or not spoken:
        return "malformed"
    turns: list[tuple[str, str]] = []
    for name, said in spoken:
        if turns and turns[-1][0] == name:
            turns[-1] = name, f"{turns[-1][1]}\n{said}"
        else:
            turns.append((name, said))
    names = list(dict.fromkeys(name for name, _ in turns))
    if len(names) != 2:
        return "not_two_speakers"
    turns = turns[: len(turns) // 2 * 2]  # the second one has the last word
    if len(turns) < FEWEST:
        return "too_few_turns"
    roles = dict(zip(names, ("user", "assistant"), strict=True))
    system = f"{setting}\n你是{names[1]}，正在与{names[0]}对话。"
    return Conversation(tuple(Turn(roles[name], said) for name, said in turns), system)
