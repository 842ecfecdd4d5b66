"""The commands within a conversation: lines that begin with a slash."""

from __future__ import annotations

from enum import Enum

from belle_core.errors import BelleError


class Word(Enum):
    """What a line is."""

    QUESTION = ""
    HELP = "/help"
    RESET = "/reset"
    SYSTEM = "/system"
    RETRY = "/retry"
    SAVE = "/save"
    EXIT = "/exit"


HELP = (
    "/help          this list\n"
    "/reset         forget the conversation\n"
    "/system TEXT   begin anew with this system text\n"
    "/retry         answer the last question again, with the next seed\n"
    "/save FILE     add the conversation to a JSON Lines file\n"
    "/exit          end (also Ctrl-D)\n"
    "//...          a question that begins with a slash",
    "/help          显示本列表\n"
    "/reset         清空对话\n"
    "/system 文本   以此系统提示重新开始\n"
    "/retry         换下一个随机种子，重新回答上一个问题\n"
    "/save 文件     把对话追加到 JSON Lines 文件\n"
    "/exit          退出（或 Ctrl-D）\n"
    "//...          以斜杠开头的问题",
)


def parse(line: str) -> tuple[Word, str]:
    """The kind of *line* and what it carries; raises ``BelleError`` for an unknown command."""
    if line.startswith("//"):
        return Word.QUESTION, line[1:]
    if not line.startswith("/"):
        return Word.QUESTION, line
    typed, _, rest = line.partition(" ")
    for word in Word:
        if word.value == typed:
            return word, rest.strip()
    known = " ".join(word.value for word in Word if word.value)
    raise BelleError(f"no command {typed}; there are {known}", f"没有命令 {typed}；可用：{known}")
