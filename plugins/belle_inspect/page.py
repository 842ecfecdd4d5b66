"""Prints an encoded example; what is learned stands in brackets, so that colour only helps."""

from __future__ import annotations

import re
from typing import Any

import click

from belle_core.language import say
from belle_core.terminal import visible

MARK = "⟦{}⟧"
BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def show(found: dict[str, Any]) -> None:
    """The example for people. Text from data never reaches the terminal as it is: control characters are made visible."""
    example = found["example"]
    where = f"{found['split']}[{found['index']}] / {found['of']}" if found["split"] else say("as typed", "自行输入")
    about = [where, *(visible(str(example[name])) for name in ("id", "category", "source") if example.get(name))]
    click.echo(" · ".join(about))
    vocabulary = f"{found['tokenizer']['vocabulary']:,}"
    click.echo(say(f"template {found['template']} · {vocabulary} tokens in the vocabulary · cut at {found['max_length']}",
                   f"模板 {found['template']} · 词表 {vocabulary} 个词元 · 最长 {found['max_length']}"))  # fmt: skip
    for number, sequence in enumerate(found["sequences"], 1):
        if len(found["sequences"]) > 1:
            name = f" · {sequence['name']}" if sequence["name"] else ""
            click.echo(say(f"sequence {number}{name}", f"序列 {number}{name}"))
        _show_sequence(sequence)
    if found["dropped"]:
        click.echo(say("nothing is learned from it", "其中没有可学习的词元"))


def _show_sequence(sequence: dict[str, Any]) -> None:
    tokens, learned, cut = sequence["tokens"], sequence["learned"], sequence["tokens"] - sequence["kept"]
    click.echo(
        say(
            f"{tokens} tokens, {learned} learned, {cut} cut off",
            f"共 {tokens} 个词元，学习 {learned} 个，截断 {cut} 个",
        )
    )
    for number, segment in enumerate(sequence["segments"], 1):
        click.echo(_segment(number, segment, sequence))
    click.echo(say(f"tokens with their ids; {MARK.format('learned')}", f"词元与编号；{MARK.format('学习')}"))
    click.echo("  " + " ".join(_token(sequence, i) for i in range(sequence["kept"])))
    if cut:
        rest = " ".join(
            f"{_piece(sequence['pieces'][i])}:{sequence['ids'][i]}" for i in range(sequence["kept"], tokens)
        )
        click.echo(say("cut off:", "被截断：") + "\n  " + click.style(rest, fg="red", strikethrough=True))


def _segment(number: int, segment: dict[str, Any], sequence: dict[str, Any]) -> str:
    """Number, tokens, what is learned, and the text in full."""
    text = sequence["pieces"][segment["begin"]] if segment["special"] else segment["text"]
    count, weight = segment["end"] - segment["begin"], segment["weight"]
    mark = say("read   ", "阅读") if weight <= 0 else say("learned", "学习") + ("" if weight == 1 else f" × {weight:g}")
    return f"  {number:>2} {count:>5} {mark}  {visible(text)}"


def _piece(piece: str) -> str:
    """A piece as it is read: byte tokens of ASCII as their character, no control characters."""
    match = BYTE.fullmatch(piece)
    code = int(match.group(1), 16) if match else 0x80
    return visible(chr(code) if code < 0x80 else piece)


def _token(sequence: dict[str, Any], place: int) -> str:
    """``piece:id``; in brackets and coloured when it is learned."""
    text = f"{_piece(sequence['pieces'][place])}:{sequence['ids'][place]}"
    if sequence["weights"][place] > 0:
        return click.style(MARK.format(text), fg="green", bold=True)
    return click.style(text, dim=True)
