"""``belle data sample``: examples drawn at random, as JSON Lines."""

from __future__ import annotations

import json
from pathlib import Path

import click

from belle_core.commands.options import print_json, run_arguments, with_json
from belle_core.errors import BelleError, why_refused
from belle_core.language import say
from belle_core.smallfiles import write_text
from belle_data.conditions import known
from belle_data.drawing import draw, lines
from belle_data.opening import open_examples


@click.command("sample", help=say("Draw examples by a seed, as JSON Lines that +data=files reads.", "按种子抽样，输出 +data=files 可读的 JSON Lines。"))  # fmt: skip
@run_arguments("reference", files=True)
@click.option("--count", type=click.IntRange(min=1), default=10, show_default=True, help=say("How many; with --by of each group.", "抽取多少条；使用 --by 时为每组的条数。"))  # fmt: skip
@click.option("--by", help=say("Draw from every group alike: category, source, meta.<key> …", "按组分层抽取：category、source、meta.<键> 等。"))  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help=say("Another seed, another draw.", "随机种子。"))
@click.option("--split", help=say("Only train, dev or test.", "只从 train、dev 或 test 中抽取。"))
@click.option("--where", multiple=True, help=say("Only examples for which this holds, as for show.", "只从满足条件的样本中抽取，写法同 show。"))  # fmt: skip
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help=say("File to write; otherwise standard output.", "输出文件；默认为标准输出。"))  # fmt: skip
@with_json
def sample(
    reference: str,
    count: int,
    by: str | None,
    seed: int,
    split: str | None,
    where: tuple[str, ...],
    output: Path | None,
    as_json: bool,
) -> None:
    """Writes a sample."""
    if by is not None:
        known(by, f"--by {by}")
    examples = open_examples(reference).examples
    numbers, groups = draw(examples, count, seed=seed, by=by, split=split, where=where)
    if not numbers:
        raise BelleError("no example fits", "没有符合条件的样本")
    text = "".join(lines(examples, numbers, split=split, where=where))
    about = {"fingerprint": examples.fingerprint, "seed": seed, "drawn": len(numbers), "groups": groups if by else {}}
    if output is not None:
        _write(output, text)
    if as_json:
        drawn = {} if output else {"examples": [json.loads(line) for line in text.splitlines()]}
        print_json(about | {"of": sum(groups.values()), "output": output and str(output)} | drawn)
    elif output is not None:
        click.echo(say(f"{len(numbers):,} of {sum(groups.values()):,} examples written to {output}",
                       f"已将 {sum(groups.values()):,} 条中的 {len(numbers):,} 条写入 {output}"))  # fmt: skip
    else:
        click.echo(text.encode("utf-8"), nl=False)  # data, whatever the terminal speaks


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        why, why_zh = why_refused(error)
        raise BelleError(
            f"--output {path}: cannot be written ({why})",
            f"--output {path}：无法写入（{why_zh}）",
        ) from error
