"""``belle data diff``: what differs between two sets of examples."""

from __future__ import annotations

from typing import Any

import click

from belle_core.commands.options import print_json, run_arguments, with_json
from belle_core.conversation import Example
from belle_core.language import say
from belle_core.terminal import visible
from belle_data.opening import open_examples
from belle_data.tables import print_table
from belle_data.transcript import transcript

AROUND = 20
"""Characters shown on both sides of a change."""
LINE = 100
"""Characters shown of an example that was added or removed."""


@click.command("diff", help=say("What was added, removed and changed from FIRST to SECOND.", "从 FIRST 到 SECOND 增加、删除和改动了什么。"))  # fmt: skip
@run_arguments("first", files=True)
@run_arguments("second", files=True)
@click.option("--count", type=click.IntRange(min=0), default=3, show_default=True, help=say("Examples shown of each kind.", "每类显示多少条样本。"))  # fmt: skip
@with_json
def diff(first: str, second: str, count: int, as_json: bool) -> None:
    """Prints a comparison."""
    one, other = open_examples(first), open_examples(second)
    from belle_data.comparison import compare

    found = compare(one.examples, other.examples, count)
    names = (first, second) if one.name == other.name else (one.name, other.name)
    print_json(found) if as_json else _print(found, *names)


def _print(found: dict[str, Any], first: str, second: str) -> None:
    headings = ["", visible(first), visible(second), say("difference", "差异")]
    for title, counts in ((say("Examples", "样本"), found["splits"]), (say("Dropped, by reason", "按原因统计的丢弃"), found["rejected"])):  # fmt: skip
        print_table(
            title, headings, [[name, a, b, f"{b - a:+,}" if a != b else "0"] for name, (a, b) in counts.items()]
        )
    words = {name: say(*text) for name, text in WORDS.items()}
    many = say("examples", "样本数")
    print_table(say("By id", "按 id"), ["", many], [[words[name], count] for name, count in found["by_id"].items()])
    texts = say("texts", "文本数")
    print_table(
        say("By text", "按文本"), ["", texts], [[words[name], count] for name, count in found["by_text"].items()]
    )
    for kind, sign in (("removed", "-"), ("added", "+")):
        for record in found["examples"][kind]:
            click.echo(f"{sign} {_line(record)}")
    for before, after in found["examples"]["changed"]:
        click.echo(f"~ {visible(before['id'])}: {_change(_text(before), _text(after))}")


WORDS = {
    "same": ("same text", "文本相同"),
    "changed": ("other text", "文本不同"),
    "moved": ("in another split", "换了划分"),
    "added": ("added", "增加"),
    "removed": ("removed", "删除"),
    "shared": ("in both", "两者都有"),
    "only_first": ("only in the first", "仅在第一个中"),
    "only_second": ("only in the second", "仅在第二个中"),
}


def _line(record: dict[str, Any]) -> str:
    reason = f" [{record['reason']}]" if "reason" in record else ""
    text = _text(record)
    return visible(f"{record['split']} {record['id']}{reason}: {text[:LINE]}{'…' if len(text) > LINE else ''}")


def _text(record: dict[str, Any]) -> str:
    """What is said, one after the other."""
    return " → ".join(text for _, text in transcript(Example.from_json(record)))


def _change(before: str, after: str) -> str:
    """The first place that differs."""
    begin = next((n for n, (a, b) in enumerate(zip(before, after)) if a != b), min(len(before), len(after)))
    return f"{_around(before, begin)} ⇒ {_around(after, begin)}"


def _around(text: str, place: int) -> str:
    left, right = max(0, place - AROUND), place + 2 * AROUND
    return f"{'…' if left else ''}{visible(text[left:right])}{'…' if right < len(text) else ''}"
