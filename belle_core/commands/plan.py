"""``belle plan``: what a run would do, before anything runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from belle_core.commands.options import print_json, with_json, with_overrides
from belle_core.console import print_table, size_text
from belle_core.language import say
from belle_core.planning import Plan, make_plan
from belle_core.planning.fitting import Fits, Way
from belle_core.planning.plan import PlannedStep
from belle_core.planning.training import Training
from belle_core.terminal import visible

UNKNOWN = ("unknown", "未知")
TOLD = 0.001
"""Share of weights left in floats (a router's) below which nothing is said."""


@click.command(
    "plan",
    help=say(
        "Show what a run would do, before anything runs. Nothing is written.",
        "在运行之前显示将要做什么，不写入任何内容。",
    ),
)
@with_overrides
@click.option(
    "--measure",
    is_flag=True,
    help=say(
        "Measure this machine's speed where no earlier run tells it (imports torch).",
        "没有历史记录时实测本机速度（会导入 torch）。",
    ),
)
@with_json
def command(overrides: tuple[str, ...], config_dir: str | None, measure: bool, as_json: bool) -> None:
    """Prints the plan; exits with 1 when something stands in its way."""
    matmul = _measure(list(overrides), config_dir) if measure else None
    plan = make_plan(list(overrides), config_dir, matmul=matmul, measure=measure)
    print_json(as_dict(plan)) if as_json else show(plan)
    if plan.problems:
        raise SystemExit(1)


def _measure(overrides: list[str], config_dir: str | None) -> float:
    """Operations per second in the dtype that the run computes with."""
    from belle_core.compose import compose_run
    from belle_core.planning.rate import measure_matmul
    from belle_core.training.precision import precision_of

    config = compose_run(overrides, config_dir).config
    return measure_matmul(
        "float32" if precision_of(config.trainer.precision, config.model.dtype) == "32-true" else "bfloat16"
    )


def as_dict(plan: Plan) -> dict[str, Any]:
    """The plan as plain values."""
    return {
        "steps": [step_dict(step) for step in plan.steps],
        "totals": {
            "bytes": _sum([step.bytes for step in plan.steps]),
            "seconds": _sum([step.seconds for step in plan.steps]),
            "calls": sum(step.calls for step in plan.steps),
            "cost": sum(step.cost for step in plan.steps),
        },
        "licences": {"data": plan.data_licences, "model": plan.model_licence},
        "store": str(plan.store),
        "problems": [str(problem) for problem in plan.problems],
    }


def step_dict(step: PlannedStep) -> dict[str, Any]:
    """One step as plain values."""
    training = asdict(step.training) if step.training else None
    if training and step.training and step.training.memory:
        training["memory"]["total"] = step.training.memory.total
    return {
        "name": step.name,
        "stage": step.title,
        "type": step.type,
        "cached": step.cached,
        "fingerprint": step.fingerprint,
        "inputs": step.inputs,
        "figures": step.figures,
        "training": training,
        "bytes": step.bytes,
        "seconds": step.seconds,
        "calls": step.calls,
        "cost": step.cost,
    }


def _sum(values: list[Any]) -> Any:
    """The sum, ``None`` as soon as one of the values is unknown."""
    return None if any(value is None for value in values) else sum(values)


def show(plan: Plan) -> None:
    """The plan for people."""
    headings = [
        say("step", "步骤"),
        say("stage", "阶段"),
        say("state", "状态"),
        say("fingerprint", "指纹"),
        say("from", "来自"),
    ]
    states = {True: say("stored", "已有"), False: say("to make", "待生成")}
    rows = [[s.name, s.title, states[s.cached], s.fingerprint, ", ".join(s.inputs.values()) or "-"] for s in plan.steps]
    print_table(headings, rows)
    for step in plan.steps:
        for line in step_lines(step):
            click.echo(line)
    totals = as_dict(plan)["totals"]
    written, seconds = size(totals["bytes"]), duration(totals["seconds"])
    click.echo(say(f"to write {written} · time {seconds} · paid calls {totals['calls']}, cost {totals['cost']:.4g}",
                   f"将写入 {written} · 用时 {seconds} · 付费调用 {totals['calls']} 次，费用 {totals['cost']:.4g}"))  # fmt: skip
    data, model = (
        "; ".join(map(visible, plan.data_licences)) or say(*UNKNOWN),
        visible(plan.model_licence) or say(*UNKNOWN),
    )
    click.echo(say(f"licences: data {data} · model {model}", f"许可证：数据 {data} · 模型 {model}"))
    for problem in plan.problems:
        click.echo(say(f"problem: {problem}", f"问题：{problem}"))


def step_lines(step: PlannedStep) -> list[str]:
    """What is known of a step beyond the table; nothing for most."""
    if step.training:
        return training_lines(step.name, step.training)
    why = step.figures.get("time_unknown")
    unknown = [say(f"  time     unknown: {why}", f"  用时     未知：{why}")] if why and not step.cached else []
    if (examples := step.figures.get("examples")) is None:
        return [] if step.type != "Examples" else [f"{step.name}: {say(*UNKNOWN)}", *unknown]
    characters = number(step.figures.get("characters"))
    about = say("about ", "约 ") if step.figures.get("about") else ""
    filters = ", ".join(step.figures.get("undecided", ()))
    more = say(f", of which {filters} may drop more", f"（{filters} 可能再去掉一些）") if filters else ""
    lines = [say(f"{step.name}: {about}{number(examples)} training examples, {characters} characters{more}",
                 f"{step.name}：训练样本{about}{number(examples)} 条，{characters} 个字符{more}")]  # fmt: skip
    return lines + ([calls_line(step)] if "tokens" in step.figures and not step.cached else []) + unknown


def calls_line(step: PlannedStep) -> str:
    """What a language model will be asked, roughly."""
    tokens, price = number(step.figures["tokens"]), f"{step.cost:.4g} {step.figures.get('currency', '')}".rstrip()
    if not step.calls:
        return say(f"  calls    none that is paid: {tokens} tokens are for a model on this machine",
                   f"  调用     没有付费调用：{tokens} 个词元由本机模型处理")  # fmt: skip
    if not step.cost:  # nothing is known to be free
        cost = say("no prices given (price_input, price_output)", "未给出价格（price_input、price_output）")
    else:
        cost = say(f"cost {price}", f"费用 {price}")
    return say(f"  calls    about {step.calls:,}, {tokens} tokens, {cost}",
               f"  调用     约 {step.calls:,} 次，{tokens} 个词元，{cost}")  # fmt: skip


def training_lines(name: str, training: Training) -> list[str]:
    """Tokens, steps, memory and time of a training step."""
    t, epoch = training, number(training.tokens)
    if t.examples is None and t.parameters is None:
        return [say(f"{name}: unknown until its data and its tokenizer are made", f"{name}：数据和分词器生成之前未知")]
    if t.tokens is not None and t.counted is not None and t.counted != t.examples:
        epoch = f"≈{epoch}"
    lines = [
        say(f"{name}: {number(t.examples)} examples, {epoch} tokens per epoch ({number(t.learned)} learned), {number(t.optimizer_steps)} optimizer steps",
            f"{name}：样本 {number(t.examples)} 条，每轮 {epoch} 个词元（其中学习 {number(t.learned)} 个），优化器 {number(t.optimizer_steps)} 步"),
        say(f"  weights  {number(t.parameters)}, of which {number(t.trainable)} train", f"  参数     {number(t.parameters)}，其中训练 {number(t.trainable)}"),
    ]  # fmt: skip
    if t.in_floats > TOLD:
        lines.append(say(f"  floats   {t.in_floats:.1%} of the weights are not quantized: their layers are no linear ones",
                         f"  浮点     {t.in_floats:.1%} 的参数不会量化：所在的层不是线性层"))  # fmt: skip
    if t.dropped:
        lines.append(say(f"  dropped  {number(t.dropped)} examples have nothing to learn within the limit of length",
                         f"  舍弃     {number(t.dropped)} 条样本在长度限制内没有可学习的内容"))  # fmt: skip
    lines += memory_lines(t)
    return [*lines, f"  {say('time', '用时')}{say('     ', '     ')}{time_text(t)}"]


def memory_lines(training: Training) -> list[str]:
    """Memory by what takes it, and what fits this machine."""
    m, fits = training.memory, training.fits
    if training.why:
        return [say(f"  memory   unknown: {training.why}", f"  内存     未知：{training.why}")]
    if m is None or training.batch is None:
        return [say("  memory   unknown until the vocabulary and the architecture are known", "  内存     词表和结构确定之前未知")]  # fmt: skip
    tokens = number(training.batch.tokens)
    program = (f" + program {size(m.program)}", f" + 程序 {size(m.program)}") if m.program else ("", "")
    if m.heap:
        program = (f"{program[0]} + heap {size(m.heap)}", f"{program[1]} + 堆 {size(m.heap)}")
    if m.loading:
        program = (f"{program[0]} + loading {size(m.loading)}", f"{program[1]} + 加载 {size(m.loading)}")
    line = say(
        f"  memory   {size(m.total)} = weights {size(m.weights)} + gradients {size(m.gradients)} + optimizer {size(m.optimizer)} "
        f"+ activations {size(m.activations)} (a pass of at most {tokens} tokens){program[0]}, per device",
        f"  内存     {size(m.total)} = 权重 {size(m.weights)} + 梯度 {size(m.gradients)} + 优化器 {size(m.optimizer)} "
        f"+ 激活 {size(m.activations)}（每次最多 {tokens} 个词元）{program[1]}，每台设备")  # fmt: skip
    return [line, f"  {say('fits     ', '适配     ')}{fits_text(fits)}"] if fits else [line]


def fits_text(fits: Fits) -> str:
    """The largest batch for this machine, or what would do."""
    here = f"{fits.device.count} × {fits.device.kind} {size(fits.device.memory)}"
    if fits.batch:
        return say(f"{here}: trainer.batch up to {fits.batch}", f"{here}：trainer.batch 最大 {fits.batch}")
    if fits.recomputed:
        return say(f"{here}: not as it is; with trainer.gradient_checkpointing=true trainer.batch up to {fits.recomputed}",
                   f"{here}：当前设置放不下；加上 trainer.gradient_checkpointing=true 后 trainer.batch 最大 {fits.recomputed}")  # fmt: skip
    ways = say(" or ", " 或 ").join(map(way_text, fits.ways)) or say("nothing known here", "未知")
    return say(f"{here}: no; with trainer.gradient_checkpointing=true and trainer.batch=1 it takes {ways}",
               f"{here}：放不下；在 trainer.gradient_checkpointing=true 且 trainer.batch=1 时需要 {ways}")  # fmt: skip


def way_text(way: Way) -> str:
    """Strategy, devices, and main memory where that is needed."""
    text = f"trainer.strategy={way.strategy} trainer.devices={way.devices} ({size(way.needed)} / {size(way.device_memory)})"
    return text + (say(f" + {size(way.host)} main memory", f" + 主机内存 {size(way.host)}") if way.host else "")


def time_text(training: Training) -> str:
    """The time and where it is known from."""
    if training.seconds is None:
        return say("unknown: no earlier run of this stage with this model in the store; --measure gives a lower bound",
                   "未知：存储中没有同阶段同模型的历史运行；--measure 可给出下限")  # fmt: skip
    if training.basis == "measured":
        return say(
            f"at least {duration(training.seconds)} (matrix products as measured)",
            f"至少 {duration(training.seconds)}（按实测矩阵乘速度）",
        )
    where = training.basis.removeprefix("earlier ")
    return say(f"{duration(training.seconds)}, as fast as {where}", f"{duration(training.seconds)}，速度同 {where}")


def number(value: int | None) -> str:
    return say(*UNKNOWN) if value is None else f"{value:,}"


def size(value: int | None) -> str:
    return say(*UNKNOWN) if value is None else size_text(value)


def duration(seconds: float | None) -> str:
    """Seconds for people."""
    if seconds is None:
        return say(*UNKNOWN)
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
