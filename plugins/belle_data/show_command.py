"""``belle data show``: whole records, one after another."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import click

from belle_core.artifacts import Examples
from belle_core.commands.options import print_json, run_arguments, with_json
from belle_core.conversation import Example
from belle_core.language import say
from belle_core.names import unknown
from belle_core.notices import tell
from belle_core.terminal import printable
from belle_data.conditions import chosen
from belle_data.opening import open_examples
from belle_data.transcript import transcript


@click.command("show", help=say("Examples in full, or dropped records with --reason.", "完整显示样本；用 --reason 显示被丢弃的记录。"))  # fmt: skip
@run_arguments("reference", files=True)
@click.option("--split", help=say("Only train, dev or test.", "只看 train、dev 或 test。"))
@click.option("--where", multiple=True, help=say(
    "name=value or name~part: id, category, source, question, answer, system, text, turns, meta.<key>. Several must all hold.",
    "名称=值 或 名称~部分文字：id、category、source、question、answer、system、text、turns、meta.<键>。多个条件须同时满足。"))  # fmt: skip
@click.option("--reason", help=say("Records dropped for this reason (or its beginning: length).", "按原因（或其开头，如 length）显示被丢弃的记录。"))  # fmt: skip
@click.option("--skip", type=click.IntRange(min=0), default=0, show_default=True, help=say("Leave out so many first.", "先跳过多少条。"))  # fmt: skip
@click.option("--count", type=click.IntRange(min=1), default=5, show_default=True, help=say("Show so many.", "显示多少条。"))  # fmt: skip
@with_json
def show(
    reference: str,
    split: str | None,
    where: tuple[str, ...],
    reason: str | None,
    skip: int,
    count: int,
    as_json: bool,
) -> None:
    """Prints records."""
    examples = open_examples(reference).examples
    records = _dropped(examples, reason) if reason is not None else _kept(chosen(examples, split, where))
    page: Iterator[dict[str, Any]] = islice(records, skip, skip + count)
    if as_json:
        print_json({"fingerprint": examples.fingerprint, "skip": skip, "records": list(page)})
        return
    if (first := next(page, None)) is None:
        after, after_zh = (f" after the first {skip:,}", f"（已跳过 {skip:,} 条）") if skip else ("", "")
        tell(f"no record fits{after}", f"没有符合条件的记录{after_zh}")
        return
    page = chain([first], page)
    texts = (_dropped_text(one) if reason is not None else _kept_text(one) for one in page)
    if sys.stdout.isatty():
        click.echo_via_pager(texts)
    else:
        for text in texts:
            click.echo(text, nl=False)


def _kept(found: Iterator[tuple[str, Example]]) -> Iterator[dict[str, Any]]:
    for split, example in found:
        yield {"split": split, **example.to_json()}


def _dropped(examples: Examples, reason: str) -> Iterator[dict[str, Any]]:
    """Records of ``rejected.jsonl`` with this reason, or one that it begins (``length`` of ``length:short``)."""
    if not any(_is(known, reason) for known in examples.rejected):
        raise unknown("reason", reason, examples.rejected, typed=f"--reason {reason}")
    with (examples.directory / "rejected.jsonl").open(encoding="utf-8") as file:
        yield from (record for record in map(json.loads, file) if _is(record["reason"], reason))


def _is(known: str, reason: str) -> bool:
    return known == reason or known.startswith(f"{reason}:")


def _kept_text(record: dict[str, Any]) -> str:
    """One record for people."""
    example = Example.from_json(record)
    head = [record["split"], example.id, example.category, example.source]
    lines = [f"── {' · '.join(filter(None, head))}"]
    lines += [f"{speaker}: {text}" if speaker else text for speaker, text in transcript(example)]
    lines += [f"meta: {json.dumps(example.meta, ensure_ascii=False)}"] if example.meta else []
    return printable("\n".join(lines)) + "\n\n"


def _dropped_text(record: dict[str, Any]) -> str:
    head = [record["reason"], record["where"], record.get("id", "")]
    return printable(f"── {' · '.join(filter(None, head))}\n{record['evidence']}") + "\n\n"
