"""``belle predict``: answers to the questions of a file, written to a file."""

from __future__ import annotations

import json
import time
from itertools import islice
from pathlib import Path
from typing import Any

import click

from belle_chat.options import generation_options
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.smallfiles import write_text


@click.command(
    "predict",
    help=say(
        "Answer QUESTIONS with MODEL: lines of text, or JSON Lines with question, instruction or messages.\n\n"
        "Interrupted, the same command goes on where it was; OUT appears when all is answered.",
        "用 MODEL 回答 QUESTIONS：每行一个问题的文本，或带有 question、instruction 或 messages 的 JSON Lines。\n\n"
        "中断后重复同一命令即可继续；全部回答完毕后才会出现输出文件。",
    ),
)
@click.argument("model")
@click.argument("questions", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help=say("JSON Lines file of the answers.", "存放答案的 JSON Lines 文件。"),
)
@generation_options(temperature=0.0, max_tokens=256)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help=say("Questions at a time.", "一次回答多少个问题。"),
)
@click.option("--limit", type=click.IntRange(min=1), help=say("At most this many questions.", "最多回答多少个问题。"))
@click.option("--json", "as_json", is_flag=True, help=say("The summary as JSON.", "以 JSON 输出摘要。"))
def command(
    model: str,
    questions: Path,
    out: Path,
    batch: int,
    limit: int | None,
    as_json: bool,
    template: str | None,
    **options: Any,
) -> None:
    """Writes all answers or none."""
    from belle_chat.source import find_source, name_of, open_source
    from belle_core.data.asking import read_questions
    from belle_core.generation import Sampling
    from belle_core.generation.resuming import complete_all

    started = time.monotonic()
    if not out.absolute().parent.is_dir():
        raise BelleError(f"--out {out}: the directory does not exist", f"--out {out}：目录不存在")
    asked = list(islice(read_questions(questions), limit))
    source = find_source(model)
    engine = open_source(source, template)
    sampling = Sampling(max_new_tokens=options.pop("max_tokens"), **options)
    prompts = [engine.encoder.prompt(conversation) for _, conversation in asked]
    journal = out.with_name(f".{out.name}.journal")
    try:
        answers = complete_all(engine, prompts, sampling, batch=batch, journal=journal, identity=name_of(source))
    finally:
        engine.close()
    records = [{**record, "answer": a.text, "ended": a.ended} for (record, _), a in zip(asked, answers, strict=True)]
    write_text(out, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    journal.unlink(missing_ok=True)
    _tell(out, answers, round(time.monotonic() - started, 2), as_json)


def _tell(out: Path, answers: list[Any], seconds: float, as_json: bool) -> None:
    ended = [answer.ended for answer in answers]
    counts = {how: ended.count(how) for how in ("stop", "length", "no_room")}
    tokens = sum(answer.tokens for answer in answers)
    if as_json:
        summary = {"out": str(out), "answers": len(answers), "tokens": tokens, "seconds": seconds, "ended": counts}
        print(json.dumps(summary, ensure_ascii=False))
        return
    cut = counts["length"] + counts["no_room"]
    english, chinese = (
        f"{len(answers)} answers in {seconds} s: {out}",
        f"{len(answers)} 个答案，用时 {seconds} 秒：{out}",
    )
    print(
        say(
            english + (f" ({cut} cut or without room)" if cut else ""),
            chinese + (f"（其中 {cut} 个被截断或没有空间）" if cut else ""),
        )
    )
