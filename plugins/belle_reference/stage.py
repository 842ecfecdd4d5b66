"""Answers, scores and writes an evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from belle_core import StageContext
from belle_core.artifacts import Evaluation, Examples
from belle_core.generation import Answer, Engine, Sampling
from belle_core.generation.progress import Progress
from belle_core.generation.resuming import complete_all, digest
from belle_core.language import say
from belle_reference.config import ReferenceConfig
from belle_reference.contamination import findings, hits, in_words
from belle_reference.metrics import METRICS
from belle_reference.page import evaluation_page
from belle_reference.questions import Question, read_questions
from belle_reference.scoring import Scores, summarise

RENDERED = 20  # prompts in the rendering's hash


def evaluate(config: ReferenceConfig, context: StageContext) -> Evaluation:
    """``answers.jsonl``, ``scores.json`` and ``report.html``; raises ``BelleError`` when there is nothing to compare."""
    examples = context.input(Examples)
    questions = read_questions(examples, config.split, context.limit)
    engine = _engine(context)
    prompts = [engine.encoder.prompt(question.prompt) for question in questions]
    sampling = Sampling(max_new_tokens=config.max_new_tokens, temperature=config.temperature, seed=config.seed)
    answers = _ask(engine, prompts, sampling, config.batch, context)
    scored = [_scores(config, question, answer) for question, answer in zip(questions, answers, strict=True)]
    summary = summarise([(question.category, scores) for question, scores in zip(questions, scored, strict=True)])
    summary |= {"ended": _endings(answers), "rendering": _rendering(engine, prompts), "generation": vars(sampling)}
    summary["contamination"] = findings(examples)
    records = [_record(q, a, s) for q, a, s in zip(questions, answers, scored, strict=True)]
    _write(context.directory, summary, records, hits(examples))
    _tell(summary["ended"])
    for finding in summary["contamination"]:
        print(f"      {in_words(finding)}", flush=True)
    return _artifact(context.directory, summary)


def _engine(context: StageContext) -> Engine:
    from belle_core.generation.checkpoint import CheckpointEngine
    from belle_core.training.loading import load_start

    loaded = load_start(context)
    return CheckpointEngine(loaded.model, loaded.tokenizer, loaded.template)


def _ask(
    engine: Engine, prompts: list[list[int]], sampling: Sampling, batch: int, context: StageContext
) -> list[Answer]:
    def notify(progress: Progress) -> None:
        context.emit("eval", {"answers": progress.done, "answers_per_second": progress.rate}, progress.done)

    journal = context.scratch / "answers.jsonl"
    return complete_all(engine, prompts, sampling, batch=batch, journal=journal, notify=notify)


def _scores(config: ReferenceConfig, question: Question, answer: Answer) -> Scores:
    return {name: METRICS[name](question.reference, answer.text) for name in METRICS if name in config.metrics}


def _endings(answers: Iterable[Answer]) -> dict[str, int]:
    ended = [answer.ended for answer in answers]
    return {how: ended.count(how) for how in ("stop", "length", "no_room")}


def _rendering(engine: Engine, prompts: list[list[int]]) -> dict[str, Any]:
    """What a score depends on besides model and questions: how these were written for the model."""
    template = engine.encoder.template
    return {"template": template.name, "hash": digest([template.jinja, prompts[:RENDERED]])}


def _record(question: Question, answer: Answer, scores: Scores) -> dict[str, Any]:
    record: dict[str, Any] = {"id": question.id, "category": question.category, "question": question.prompt.question}
    if len(question.prompt.turns) > 1 or question.prompt.system:
        record["messages"] = question.prompt.messages()
    return record | {"reference": question.reference, "answer": answer.text, "ended": answer.ended, "scores": scores}


def _write(
    directory: Path, summary: dict[str, Any], records: list[dict[str, Any]], found: list[dict[str, Any]]
) -> None:
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (directory / "answers.jsonl").write_text(lines, encoding="utf-8", newline="\n")
    text = json.dumps(summary, ensure_ascii=False, indent=1)
    (directory / "scores.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    (directory / "report.html").write_text(evaluation_page(summary, records, found), encoding="utf-8", newline="\n")


def _tell(ended: dict[str, int]) -> None:
    if ended["length"]:
        print(say(f"      {ended['length']} answers were cut at eval.max_new_tokens or at the model's context",
                  f"      {ended['length']} 个答案达到 eval.max_new_tokens 或上下文长度而被截断"), flush=True)  # fmt: skip
    if ended["no_room"]:
        print(say(f"      {ended['no_room']} questions fill the model's whole context; they count as answered with nothing",
                  f"      {ended['no_room']} 个问题占满了模型的上下文，按空答案计分"), flush=True)  # fmt: skip


def _artifact(directory: Path, summary: dict[str, Any]) -> Evaluation:
    categories = {
        category: {name: value for name, value in figures.items() if name not in ("count", "interval")}
        for category, figures in summary["categories"].items()
    }
    scores = summary["overall"] | {"exact_macro": summary["macro"]["exact"]}
    return Evaluation(directory=directory, scores=scores, categories=categories, count=summary["count"])
