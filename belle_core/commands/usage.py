"""What Click itself says: mistakes on one line, and in Chinese where Chinese is spoken."""

from __future__ import annotations

from typing import Any

import click

from belle_core.errors import BelleError
from belle_core.language import say

WORDS = {
    "Usage:": "用法:",
    "Options": "选项",
    "Commands": "命令",
    "Show this message and exit.": "显示本说明。",
    "default: {default}": "默认：{default}",
    "required": "必填",
    "No such option {name!r}.": "没有选项 {name!r}。",
    "No such option: {name}": "没有选项 {name}",
    "No such command {name!r}.": "没有命令 {name!r}。",
    "Did you mean {possibility}?": "是不是 {possibility}？",
    "(Did you mean one of: {possibilities}?)": "是不是其中之一：{possibilities}？",
    "(Possible options: {possibilities})": "是不是其中之一：{possibilities}？",
    "Missing command.": "缺少命令。",
    "Missing argument": "缺少参数",
    "Missing option": "缺少选项",
    "Missing parameter": "缺少参数",
    "Choose from:\n\t{choices}": "可用：{choices}",
    "Invalid value: {message}": "值不对：{message}",
    "Invalid value for {param_hint}: {message}": "{param_hint} 的值不对：{message}",
    "Option {name!r} requires an argument.": "选项 {name!r} 需要一个值。",
    "Option {name!r} does not take a value.": "选项 {name!r} 不带值。",
    "Argument {name!r} takes {nargs} values.": "参数 {name!r} 需要 {nargs} 个值。",
    "Got unexpected extra argument ({args})": "多出了参数 {args}",
    "Got unexpected extra arguments ({args})": "多出了参数 {args}",
    "{value!r} is not a valid {number_type}.": "{value!r} 不是所需的数（{number_type}）。",
    "{value!r} is not {choice}.": "{value!r} 不是 {choice}。",
    "{value!r} is not one of {choices}.": "{value!r} 不在其中：{choices}。",
    "{value} is not in the range {range}.": "{value} 不在范围 {range} 内。",
    "{value!r} is not a valid boolean. Recognized values: {states}": "{value!r} 不是布尔值，可用：{states}",
    "{name} {filename!r} does not exist.": "{filename!r} 不存在。",
    "{name} {filename!r} is a file.": "{filename!r} 是文件。",
    "{name} {filename!r} is a directory.": "{filename!r} 是目录。",
    "{name} {filename!r} is not readable.": "{filename!r} 不可读。",
    "{name} {filename!r} is not writable.": "{filename!r} 不可写。",
}


def in_chinese(text: str) -> str:
    """Click's text as it is looked up before it is filled in, in the user's language; what is not known stays English."""
    return say(text, WORDS.get(text, text))


def several_in_chinese(one: str, more: str, count: int) -> str:
    """The same for a text with a singular."""
    return in_chinese(one if count == 1 else more)


def speak() -> None:
    """Let Click speak as we do. It asks gettext, whose catalogues follow the locale instead of ``BELLE_LANG``."""
    for module in (click.core, click.decorators, click.exceptions, click.formatting, click.parser, click.types):
        for name, function in (("_", in_chinese), ("ngettext", several_in_chinese)):
            if hasattr(module, name):
                setattr(module, name, function)


def call(group: click.Group, arguments: list[str]) -> None:
    """Carry out a subcommand; raises ``BelleError`` for a mistake in how it is called, ``KeyboardInterrupt`` for Ctrl-C."""
    speak()
    try:
        status: Any = group.main(prog_name="belle", args=arguments, standalone_mode=False)
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except click.ClickException as error:
        context = getattr(error, "ctx", None) or _reached(group, arguments)
        raise _mistake(error, context.command_path) from error
    if status and isinstance(status, int):  # what a command ends with by `context.exit`
        raise SystemExit(status)


def _reached(group: click.Group, arguments: list[str]) -> click.Context:
    """Where the words lead; some of Click's errors do not tell."""
    context = click.Context(group, info_name="belle")
    for word in arguments:
        command = context.command
        if not isinstance(command, click.Group) or word not in command.list_commands(context):
            break
        below = command.get_command(context, word)
        assert below is not None
        context = click.Context(below, parent=context, info_name=word)
    return context


def _mistake(error: click.ClickException, command: str) -> BelleError:
    said = " ".join(error.format_message().split()).rstrip(".。")
    return BelleError(f"{command}: {said}; see {command} --help", f"{command}：{said}；参见 {command} --help")
