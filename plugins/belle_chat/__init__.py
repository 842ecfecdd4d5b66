"""Talks to a model: a conversation in the terminal, or a file of questions."""

from belle_core import Command, hookimpl


@hookimpl
def belle_commands() -> list[Command]:
    return [
        Command(
            name="chat",
            run="belle_chat.chat:command",
            help="Talk to a model: a run's, an artifact's, a directory's or a GGUF file's.",
            help_zh="与模型对话：运行、产物、目录或 GGUF 文件均可。",
        ),
        Command(
            name="predict",
            run="belle_chat.predict:command",
            help="Answer the questions in a file.",
            help_zh="回答文件中的问题。",
        ),
    ]
