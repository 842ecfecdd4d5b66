"""How a command is called wrongly is told like every other mistake: one line, in the user's language, with what to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from belle_core import language
from belle_core.commands import group
from belle_core.commands.usage import call
from belle_core.errors import BelleError

WRONG = [
    ("runs show", "Missing argument 'REFERENCE'", "缺少参数 'REFERENCE'"),
    ("predict a b", "Missing option '--out'", "缺少选项 '--out'"),
    ("completion", "bash, zsh, fish", "可用：bash, zsh, fish"),
    ("runs --jsno", "No such option '--jsno'. Did you mean '--json'?", "没有选项 '--jsno'。 是不是 '--json'？"),
    ("data show --split", "Option '--split' requires an argument", "选项 '--split' 需要一个值"),
    ("data show x --json=1", "Option '--json' does not take a value", "选项 '--json' 不带值"),
    ("data show --count x y", "'x' is not a valid integer", "'x' 不是所需的数"),
    ("data show --count 0 y", "0 is not in the range x>=1", "0 不在范围 x>=1 内"),
    ("runs gc --keep-days nan", "nan is no number to reckon with", "nan 不是可用的数"),
    ("completion tcsh", "'tcsh' is not one of", "'tcsh' 不在其中"),
    ("doctor a b", "Got unexpected extra arguments (a b)", "多出了参数 a b"),
    ("predict a b --out .", "'.' is a directory", "'.' 是目录"),
    ("runs gcc", "No such command 'gcc'. Did you mean 'gc'?", "没有命令 'gcc'。 是不是 'gc'？"),
]


@pytest.fixture(params=["en", "zh"])
def speaking(request, monkeypatch):
    language.chinese.cache_clear()
    monkeypatch.setenv("BELLE_LANG", request.param)
    yield request.param
    language.chinese.cache_clear()


def test_what_click_finds_wrong(speaking):
    for line, english, chinese in WRONG:
        with pytest.raises(BelleError) as caught:
            call(group, line.split())
        said, command = str(caught.value), f"belle {' '.join(word for word in line.split()[:2] if word.isalpha())}"
        assert (english if speaking == "en" else chinese) in said and "\n" not in said
        assert said.endswith(" --help") and said.split(" --help")[0].rpartition("belle ")[2] in command


HELP = """
import click
from belle_core.commands import group
from belle_core.commands.usage import speak

def look(context):
    command = context.command
    texts = [command.help, *(p.help for p in command.get_params(context) if isinstance(p, click.Option))]
    for text in texts if context.parent else []:
        if not any("\u4e00" <= c <= "\u9fff" for c in text or ""):
            print(context.command_path, text)
    for name in command.list_commands(context) if isinstance(command, click.Group) else []:
        look(click.Context(command.get_command(context, name), parent=context, info_name=name, help_option_names=["-h"]))

speak()
look(click.Context(group, info_name="belle"))
print(click.Context(group.get_command(None, "doctor"), info_name="belle doctor").get_help())
"""


def test_every_command_and_option_is_explained_in_chinese():
    environment = os.environ | {"BELLE_LANG": "zh"}
    done = subprocess.run([sys.executable, "-c", HELP], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("用法: belle doctor") and "\n选项:\n" in done.stdout
