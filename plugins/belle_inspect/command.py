"""``belle inspect``: how an example reaches the model."""

from __future__ import annotations

import click

from belle_core.commands.options import print_json, with_json, with_overrides
from belle_core.conversation import Conversation, Example
from belle_core.errors import BelleError
from belle_core.language import say


@click.command("inspect", help=say(
    "Show how an example is encoded: segments, tokens, what is learned, what is cut. Missing data and tokenizers are made.",
    "显示样本的编码：片段、词元、学习哪些、截断哪些。缺少的数据和分词器会先生成。"))  # fmt: skip
@with_overrides
@click.option(
    "--index",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help=say("Number of the example, from 0.", "样本序号，从 0 开始。"),
)
@click.option(
    "--split",
    default="train",
    show_default=True,
    help=say("Split: train, dev or test.", "数据划分：train、dev 或 test。"),
)
@click.option(
    "--step", help=say("Training step to look at, if the run has several.", "有多个训练步骤时，指定查看哪一个。")
)
@click.option("--text", help=say("A question of your own instead of an example.", "不用样本，改用自己的问题。"))
@click.option("--answer", help=say("The answer to --text.", "--text 对应的回答。"))
@with_json
def command(
    overrides: tuple[str, ...],
    config_dir: str | None,
    index: int,
    split: str,
    step: str | None,
    text: str | None,
    answer: str | None,
    as_json: bool,
) -> None:
    """Prints one example."""
    if answer is not None and text is None:
        raise BelleError("--answer needs --text, the question", "--answer 需要同时给出 --text（问题）")
    from belle_inspect.anatomy import dissect
    from belle_inspect.materials import gather
    from belle_inspect.page import show

    own = None if text is None else Example(id="", conversation=Conversation.of(text, answer))
    found = dissect(gather(list(overrides), config_dir, step, split, index, own))
    print_json(found) if as_json else show(found)
