"""Prints an encoded example; what is learned stands in brackets, so that colour only helps."""

from __future__ import annotations

from typing import Any

import click

from belle_core.commands.options import visible
from belle_core.console import print_table
from belle_core.language import say

MARK = "⟦{}⟧"


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
            click.echo(say(f"sequence {number}", f"序列 {number}"))
        _show_sequence(sequence)
    if found["dropped"] and any(sequence["learned"] == 0 for sequence in found["sequences"]):
        click.echo(say("nothing is learned from it", "其中没有可学习的词元"))


def _show_sequence(sequence: dict[str, Any]) -> None:
    tokens, learned, cut = sequence["tokens"], sequence["learned"], sequence["tokens"] - sequence["kept"]
    click.echo(
        say(
            f"{tokens} tokens, {learned} learned, {cut} cut off",
            f"共 {tokens} 个词元，学习 {learned} 个，截断 {cut} 个",
        )
    )
    if sequence["segments"]:
        headings = ["#", say("kind", "类型"), say("learned", "学习"), say("tokens", "词元"), say("text", "文本")]
        print_table(headings, [_row(n, s, sequence) for n, s in enumerate(sequence["segments"], 1)])
    click.echo(say(f"tokens with their ids; {MARK.format('learned')}", f"词元与编号；{MARK.format('学习')}"))
    click.echo("  " + " ".join(_token(sequence, i) for i in range(sequence["kept"])))
    if cut:
        rest = " ".join(
            f"{visible(sequence['pieces'][i])}:{sequence['ids'][i]}" for i in range(sequence["kept"], tokens)
        )
        click.echo(say("cut off:", "被截断：") + "\n  " + click.style(rest, fg="red", strikethrough=True))


def _row(number: int, segment: dict[str, Any], sequence: dict[str, Any]) -> list[str]:
    kind = segment["special"] or say("text", "文本")
    text = sequence["pieces"][segment["begin"]] if segment["special"] else segment["text"]
    learned = "-" if segment["weight"] <= 0 else "✓" if segment["weight"] == 1 else f"× {segment['weight']:g}"
    return [str(number), visible(kind), learned, str(segment["end"] - segment["begin"]), visible(text)]


def _token(sequence: dict[str, Any], place: int) -> str:
    """``piece:id``; in brackets and coloured when it is learned."""
    text = f"{visible(sequence['pieces'][place])}:{sequence['ids'][place]}"
    if sequence["weights"][place] > 0:
        return click.style(MARK.format(text), fg="green", bold=True)
    return click.style(text, dim=True)
