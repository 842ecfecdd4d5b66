"""The form of a request and of its answer: a numbered list of tasks, begun by us and completed by the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from belle_generate.self_instruct.config import LISTED

NONE = "<无输入>"
NUMBER = r"\d+[ \t]*[.．、:：)]?"
LABEL = r"^[ \t#*>-]*{number}[ \t]*\**[ \t]*(类别|類別|指令|输入|輸入|输出|輸出)[ \t]*\**[ \t]*[:：][ \t]*\**"
NUMBERED = re.compile(LABEL.format(number=f"(?:{NUMBER})"), re.MULTILINE)
LOOSE = re.compile(LABEL.format(number=f"(?:{NUMBER})?"), re.MULTILINE)
"""Also reads labels whose number was left out, or stands before the instruction alone."""
FIELDS = {"类别": "category", "指令": "instruction", "输入": "input", "输出": "output"}
FIELDS |= {"類別": "category", "輸入": "input", "輸出": "output"}
BETWEEN = re.compile(
    r"#{3,}|-{3,}|\*{3,}|={3,}|\d+[.．、]|[#* ]*(?:任务|第) *[\d一二三四五六七八九十]+ *(?:个任务|题)?[* :：.、]*"
)
"""A line between two tasks: a separator, or a heading that was not asked for."""
REMARK = re.compile(r"以上.*任务")
"""What a line behind the last task says that speaks about the list."""
CATEGORIES = ("头脑风暴", "分类", "封闭式问答", "抽取", "生成", "开放式问答", "改写", "摘要", "数学", "代码")

HEAD = """请你想出一批多样的任务，用来训练和检验一个只能读写文字的中文助手。我们会把每个任务的指令和输入交给助手，请同时写出标准的输出。

要求：
1. 指令使用的动词和句式尽量各不相同，陈述、提问、祈使都可以，不要互相雷同。
2. 任务类型要广：开放式问答、封闭式问答、头脑风暴、分类、抽取、改写、摘要、写作、数学、编程等，题材也要广，涉及生活、科学、历史、文化、工作、学习等。
3. 助手看不到图片、图表和链接，也不能打开文件、播放声音或执行现实中的动作，不要出这样的任务。
4. 指令、输入和输出都用中文，指令为一到两句话。
5. 需要材料的任务要在“输入”中给出具体而真实的材料，一般不超过 100 个字；不需要材料时，输入写 <无输入>。
6. 输出要正确、切题、完整，长短与任务相称。
7. 格式必须与下面的列表完全一致，任务之间用 ### 隔开。
"""


@dataclass(frozen=True)
class Task:
    """An instruction with its input (or none) and output."""

    instruction: str
    input: str
    output: str
    category: str = ""

    @property
    def question(self) -> str:
        """Instruction and input joined as BELLE does."""
        return f"{self.instruction}\n{self.input}" if self.input else self.instruction


def prompt_of(shown: Sequence[Task], *, chat: bool, categories: bool) -> str:
    """The request: requirements, the tasks *shown*, and where to go on. A completion model goes on in the list itself."""
    first = len(shown) + 1
    head = HEAD
    if categories:
        head += f"8. 每个任务先写类别，从这些里选一个：{'、'.join(CATEGORIES)}。\n"
    tasks = "\n###\n".join(_written(number, task, categories) for number, task in enumerate(shown, 1))
    begin = beginning(first, categories)
    ending = f"请接着写第 {first} 到第 {LISTED} 个任务，从“{begin}”开始。" if chat else begin
    return f"{head}\n下面是 {LISTED} 个任务的列表：\n\n###\n{tasks}\n###\n{ending}"


def beginning(number: int, categories: bool) -> str:
    """What a task begins with."""
    return f"{number}. {'类别' if categories else '指令'}:"


def _written(number: int, task: Task, categories: bool) -> str:
    lines = [f"{number}. 类别: {task.category}"] if categories else []
    lines += [
        f"{number}. 指令: {task.instruction}",
        f"{number}. 输入:\n{task.input or NONE}",
        f"{number}. 输出:\n{task.output}",
    ]
    return "\n".join(lines)


def tasks_in(text: str, *, cut: bool, begin: str = "") -> list[Task | str]:
    """The tasks of an answer in order; a ``str`` is what stands where one is incomplete.

    ``begin``: what the request ended with; the answer may go on from there in the same line. With ``cut`` the last task is
    incomplete whatever it looks like, since the model was stopped in it.
    """
    readings = [_pieces(text, label, begin) for label in (NUMBERED, LOOSE)]
    tasks = [[_task(piece) for piece in pieces] for pieces in readings]
    best = max(
        (0, 1), key=lambda n: sum(isinstance(task, Task) for task in tasks[n])
    )  # numbered, where it reads as many
    if not readings[best]:
        return [text.strip()]
    found = tasks[best]
    if cut:
        found[-1] = readings[best][-1][1]
    return found


def _pieces(text: str, pattern: re.Pattern[str], begin: str) -> list[tuple[dict[str, str], str]]:
    """The fields of every task, and its text. A task begins with its category or, without one, its instruction."""
    first, begun, order = pattern.search(text), pattern.match(begin), list(FIELDS.values())
    if first and begun and order.index(FIELDS[first[1]]) > order.index(FIELDS[begun[1]]):
        text = f"{begin} {text.lstrip()}"
    labels = list(pattern.finditer(text))
    pieces: list[tuple[dict[str, str], str]] = []
    for label, after in zip(labels, [*labels[1:], None], strict=False):
        name = FIELDS[label[1]]
        end = after.start() if after else len(text)
        value = _value(text[label.end() : end])
        fields = pieces[-1][0] if pieces else {}
        if (
            not pieces
            or name == "category"
            or name in fields
            or (name == "instruction" and set(fields) != {"category"})
        ):
            pieces.append(({}, ""))
        fields, whole = pieces[-1]
        fields[name] = value
        pieces[-1] = fields, whole + text[label.start() : end]
    return pieces


def _value(text: str) -> str:
    """A field without what stands between tasks, and without the end of a bold line that its label began."""
    lines = _closed(text.rstrip().split("\n"))
    before = lines[-2].strip() if len(lines) > 1 else None
    if before == "###" or (before == "" and REMARK.search(lines[-1])):
        lines = _closed(lines[:-1])
    value = "\n".join(lines).strip().removesuffix("###").strip()
    return value[:-2].rstrip() if value.endswith("**") and value.count("**") % 2 else value


def _closed(lines: list[str]) -> list[str]:
    end = len(lines)
    while end > 1 and (not (line := lines[end - 1].strip()) or BETWEEN.fullmatch(line)):
        end -= 1
    return lines[:end]


def _task(piece: tuple[dict[str, str], str]) -> Task | str:
    fields, whole = piece
    if not {"instruction", "input", "output"} <= fields.keys():
        return whole
    given = fields["input"]
    empty = re.fullmatch(
        r"[<《（(【\[]?\s*(无|无需输入|不需要输入|没有输入|无输入|無輸入|無|空|none|n/?a|no ?input)\s*[>》）)】\]]?[。.]?",
        given,
        re.IGNORECASE,
    )
    return Task(fields["instruction"], "" if empty else given, fields["output"], fields.get("category", ""))
