"""``belle chat``: a conversation in the terminal, or over standard input."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from belle_chat.options import generation_options
from belle_chat.session import Session
from belle_chat.words import HELP, Word, parse
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.notices import tell, write

PROMPT = "› "


@click.command(
    "chat",
    help=say(
        "Talk to MODEL: a run, <run>/<step>, an artifact, a Hugging Face directory or a .gguf file.\n\n"
        "Without MODEL it is the last model of the latest run. Where standard input is no terminal, every line is a question.",
        "与 MODEL 对话：运行、<运行>/<步骤>、产物、Hugging Face 目录或 .gguf 文件。\n\n"
        "不写 MODEL 时用最近一次运行的最后一个模型。标准输入不是终端时，每行是一个问题。",
    ),
)
@click.argument("model", required=False)
@generation_options(temperature=0.0, max_tokens=256)
@click.option(
    "--system", default="", help=say("What the model is told before the conversation.", "对话开始前给模型的系统提示。")
)
@click.option(
    "--once", metavar="QUESTION", help=say("Print the answer to one question and exit.", "只回答这一个问题，然后退出。")
)
@click.option(
    "--json", "as_json", is_flag=True, help=say("One JSON object per answer.", "每个回答输出一个 JSON 对象。")
)
def command(
    model: str | None,
    temperature: float,
    top_p: float,
    max_tokens: int,
    seed: int,
    template: str | None,
    system: str,
    once: str | None,
    as_json: bool,
) -> None:
    """Answers at the terminal, to one question, or to every line of standard input."""
    from belle_chat.source import find_source, name_of, open_source
    from belle_core.generation import Sampling

    source = find_source(model)
    engine = open_source(source, template)
    session = Session(
        engine, Sampling(max_new_tokens=max_tokens, temperature=temperature, top_p=top_p, seed=seed), system
    )
    talk = Talk(session, as_json=as_json)
    try:
        if once is not None:
            talk.answer(once)
        elif sys.stdin.isatty():
            _greet(name_of(source))
            talk.go_on(_typed())
        else:
            talk.go_on(line.rstrip("\r\n") for line in sys.stdin)
    finally:
        engine.close()


def _greet(name: str) -> None:
    print(
        say(
            f"{name} · /help shows the commands, /exit or Ctrl-D ends",
            f"{name} · 输入 /help 查看命令，/exit 或 Ctrl-D 退出",
        ),
        flush=True,
    )


def _typed() -> Iterator[str]:
    """Lines as the user types them, with history and editing where the system has them."""
    try:
        import readline  # noqa: F401 (changes what input() does)
    except ImportError:
        pass
    while True:
        try:
            yield input(PROMPT)
        except (EOFError, KeyboardInterrupt):
            print()
            return


class Talk:
    """Carries lines to the session and prints what comes back."""

    def __init__(self, session: Session, *, as_json: bool) -> None:
        self.session, self.as_json = session, as_json

    def go_on(self, lines: Iterator[str]) -> None:
        """Answer until the lines or the user end it; a mistake is told and the conversation goes on."""
        for line in lines:
            try:
                if line.strip() and not self._line(line.strip()):
                    return
            except BelleError as error:
                tell(str(error), str(error))

    def _line(self, line: str) -> bool:
        """Do what the line says; false when it says to end."""
        word, rest = parse(line)
        if word is Word.QUESTION:
            self.answer(rest)
        elif word is Word.RETRY:
            if (question := self.session.take_back()) is None:
                raise BelleError("nothing was asked yet", "还没有提过问题")
            self.answer(question)
        elif word is Word.RESET:
            self.session.reset()
            self._say(say("forgotten", "已清空对话"))
        elif word is Word.SYSTEM:
            self.session.reset(rest)
            self._say(say("begins anew with this system text", "已设置系统提示并重新开始"))
        elif word is Word.SAVE:
            if not rest:
                raise BelleError("say where: /save FILE", "请写明文件：/save 文件")
            self.session.save(Path(rest))
            self._say(say(f"added to {rest}", f"已追加到 {rest}"))
        elif word is Word.HELP:
            self._say(say(*HELP))
        return word is not Word.EXIT

    def answer(self, question: str) -> None:
        """Print an answer as it comes; Ctrl-C ends it, not the conversation."""
        started, text = time.monotonic(), ""
        try:
            with closing(self.session.ask(question)) as pieces:
                for piece in pieces:
                    text += piece
                    if not self.as_json:
                        print(piece, end="", flush=True)
        except KeyboardInterrupt:
            if not sys.stdin.isatty():
                raise
        if self.as_json:
            seconds = round(time.monotonic() - started, 3)
            print(
                json.dumps({"question": question, "answer": text, "seconds": seconds}, ensure_ascii=False), flush=True
            )
        else:
            print(flush=True)
        if count := self.session.forgotten:
            self._say(
                say(
                    f"the context is full: the first {count} messages were left out",
                    f"上下文已满：最早的 {count} 条消息未送入模型",
                )
            )

    def _say(self, text: str) -> None:
        """What is no answer goes to standard error, so that standard output holds answers only."""
        write(text + "\n")
