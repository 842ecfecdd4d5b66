"""Runs steps in order, taking from the store what is there already."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from belle_core.artifacts import Artifact, Examples
from belle_core.checkpoint import check_checkpoint
from belle_core.config import CleaningConfig, RunConfig, TrainConfig
from belle_core.errors import BelleError, Several, why_refused
from belle_core.events import Answers, Event, Metrics, StepFinished, StepStarted
from belle_core.identity import Identities, Recipe, inputs_of, shared_of, sources_of
from belle_core.notices import tell
from belle_core.plugins import Catalog, load_catalog
from belle_core.processes import carry_out
from belle_core.provenance import provenance
from belle_core.stages import StageContext
from belle_core.store import Store
from belle_core.strategies import check_shares, check_trainer, processes_of
from belle_core.wiring import Step, check_record

Observer = Callable[[Event], None]


def recipes_of(steps: list[Step], config: RunConfig, catalog: Catalog, store: Store) -> dict[str, Recipe]:
    """The identity of every step, computed before anything runs."""
    identities = Identities(config, catalog, store.digests)
    recipes = {step.name: identities.of(step) for step in steps}
    store.digests.save()
    return recipes


def preflight(steps: list[Step], recipes: dict[str, Recipe], config: RunConfig, store: Store) -> None:
    """Find out what cannot work before any work is done; steps that are in the store need no check."""
    errors: list[BelleError] = []
    for step in steps:
        if store.find(step.produces, recipes[step.name].key) is not None:
            continue
        try:
            key = step.sources.get(Examples)
            _check_data(step, config, store.find(Examples, recipes[key].key) if key else None)
            if step.initial:
                check_checkpoint(config.model)
                load_catalog().part("template", name := config.model.template, typed=f"model.template={name}")
            if isinstance(step.section, CleaningConfig) and step.section.clean:
                _check_cleaning(step.section)
            if "trainer" in step.stage.reads:
                check_trainer(config.trainer)
            if step.stage.check:
                _load_check(step)(step.section, shared_of(step, config))
        except BelleError as error:
            error = _located(step, error)
            if str(error) not in map(str, errors):
                errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else Several(errors)


def _check_data(step: Step, config: RunConfig, data: Examples | None) -> None:
    """What can be told of a step's data, or without them if they are not made yet."""
    if data:
        check_record(step, data.record)
        if isinstance(step.section, TrainConfig):
            step.section.check_dev(data.splits.get("dev", 0))
    if "trainer" in step.stage.reads and (batch := getattr(step.section, "batch", None)):
        check_shares(min(batch, data.splits.get("train", batch)) if data else batch, config.trainer)


def _check_later(step: Step, config: RunConfig, data: Examples, made: Artifact | None) -> None:
    """What is wrong with the *data* of a step is told as soon as they are there, unless it is made already."""
    if made is None:
        try:
            _check_data(step, config, data)
        except BelleError as error:
            raise _located(step, error) from error


def _tell_licence(step: Step, data: Examples) -> None:
    """A licence explains data without deciding what they are: those made before keep what was stated then, which is said."""
    stated = getattr(step.section, "licence", "")
    if not stated or stated in data.licences:
        return
    before = ", ".join(data.licences)
    tell(
        f"{step.name} was made before with {f'the licence {before}' if before else 'no licence stated'}, so {stated} does not stand in it; "
        f"to have it noted, remove {data.directory} and repeat the command (what was trained on it stays)",
        f"{step.name} 此前已生成，当时{f'注明的许可证为 {before}' if before else '未注明许可证'}，因此其中没有 {stated}；"
        f"如需记录，请删除 {data.directory} 后重复同一命令（用它训练的结果不受影响）",
    )


def _located(step: Step, error: BelleError) -> BelleError:
    """*error* with the step that it is about, where more than one of its kind can be there."""
    if step.where == step.stage.kind or isinstance(error, Several):
        return error
    return BelleError(f"{step.where}: {error.english}", f"{step.where}：{error.chinese}")


def _check_cleaning(section: CleaningConfig) -> None:
    from belle_core.data.filters import build_filters
    from belle_core.data.runner import runner_of

    build_filters(section.clean)
    runner_of(section.runner)


def _load_check(step: Step) -> Callable[[Any, dict[str, Any]], None]:
    from belle_core.stages import load_object

    assert step.stage.check is not None
    check: Callable[[Any, dict[str, Any]], None] = load_object(
        step.stage.check, wanted_by=step.stage.title, extra=step.stage.extra
    )
    return check


def execute(
    steps: list[Step], recipes: dict[str, Recipe], config: RunConfig, store: Store, observe: Observer
) -> dict[str, Artifact]:
    """Make or find the artifact of every step; returns them by step name."""
    made: dict[str, Artifact] = {}
    for number, step in enumerate(steps, 1):
        started = time.monotonic()
        recipe = recipes[step.name]
        artifact: Artifact | None = store.find(step.produces, recipe.key)
        cached = artifact is not None
        if artifact is None:
            with _clear_disk_errors(store.root), store.lock(step.produces, recipe.key):
                artifact = store.find(step.produces, recipe.key)  # another process may have made it meanwhile
                cached = artifact is not None
                if artifact is None:
                    about = {"step": step.name, "title": step.stage.title, "number": number, "total": len(steps)}
                    observe(StepStarted(fingerprint=recipe.key, **about))  # type: ignore[arg-type]
                    artifact = _make(step, recipe, config, made, store, observe)
        made[step.name] = artifact
        if isinstance(artifact, Examples):
            _tell_licence(step, artifact)
            for later in steps[number:]:
                if later.sources.get(Examples) == step.name:
                    _check_later(later, config, artifact, store.find(later.produces, recipes[later.name].key))
        seconds = time.monotonic() - started
        observe(
            StepFinished(
                step=step.name,
                title=step.stage.title,
                number=number,
                total=len(steps),
                artifact=artifact,
                cached=cached,
                seconds=seconds,
            )
        )
    return made


def _make(
    step: Step,
    recipe: Recipe,
    config: RunConfig,
    made: dict[str, Artifact],
    store: Store,
    observe: Observer,
) -> Artifact:
    inputs, sources = inputs_of(step, made), sources_of(step, made)
    data = inputs.get(Examples)
    _check_data(step, config, data if isinstance(data, Examples) else None)
    together = "trainer" in step.stage.reads and processes_of(config.trainer) > 1
    run = partial(carry_out, step.stage) if together else step.stage.load()
    for artifact in (*inputs.values(), *sources.values()):
        store.verify(artifact)
    context = StageContext(
        directory=store.partial(step.produces, recipe.key),
        shared=shared_of(step, config),
        inputs=inputs,
        limit=config.limit,
        emit=lambda stream, values, at: observe(Metrics(step=step.name, stream=stream, values=values, at=at)),
        show=lambda answers, at: observe(Answers(step=step.name, answers=answers, at=at)),
        sources=sources,
    )
    started = time.time()
    try:
        artifact = run(step.section, context)
    except BelleError as error:
        where = f"{step.name} ({step.stage.title})"
        raise BelleError(f"{where}: {error.english}", f"{where}：{error.chinese}") from error
    made_from = [*inputs.values(), *sources.values()]
    if path := recipe.changed(store.digests):  # else the artifact would pass for what the file held before
        raise BelleError(
            f"{path} changed while it was read; repeat the command when nothing writes to it any more",
            f"{path} 在读取过程中被改动；请等它不再变化后重复同一命令",
        )
    if isinstance(artifact, Examples):
        from belle_core.data.card import write_card

        files = {"files": recipe.files, "compared": recipe.compared}
        write_card(artifact, recipe.values, **files, inputs=made_from, digest=store.digests.of)
    about = provenance(step.stage, made_from, recipe, started)
    return store.commit(artifact, {"type": type(artifact).__name__, "recipe": recipe.values, "provenance": about})


@contextmanager
def _clear_disk_errors(root: Path) -> Iterator[None]:
    """A full or read-only disk, and a store that is gone, become one line; what was written stays to be resumed."""
    try:
        yield
    except OSError as error:
        if (translated := disk_error(error, root)) is None:
            raise
        raise translated from error


def disk_error(error: OSError, root: Path) -> BelleError | None:
    """What to tell a user about a disk that does not take more or lost something, ``None`` for other errors."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):  # Windows has no quota error
        return BelleError(
            f"no space left on the disk of the store {root}; free some (`belle runs gc`) and repeat the command: it continues",
            f"存储目录 {root} 所在磁盘已满；释放空间（`belle runs gc`）后重复同一命令即可继续",
        )
    if error.errno == errno.EFBIG:
        file, file_zh = (error.filename,) * 2 if error.filename else (f"a file in {root}", f"{root} 中的文件")
        return BelleError(
            f"{file} would be larger than its file system or `ulimit -f` allows; choose another place with store=<directory> or BELLE_STORE",
            f"{file_zh} 超出文件系统或 `ulimit -f` 允许的大小；用 store=<目录> 或环境变量 BELLE_STORE 换一个位置",
        )
    inside = str(error.filename or "").startswith(str(root))
    if error.errno == errno.ENOENT and inside and not (folder := Path(error.filename).parent).exists():
        return BelleError(
            f"{folder} was removed while a step wrote into it; repeat the command",
            f"{folder} 在步骤写入期间被删除；请重复同一命令",
        )
    refused = error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) and inside
    if refused or (error.errno == errno.ENOENT and error.filename == str(root)):  # /proc and the like take no directory
        why, why_zh = why_refused(error)
        return BelleError(
            f"the store {root} cannot be written ({why}); choose another with store=<directory> or BELLE_STORE",
            f"存储目录 {root} 不可写（{why_zh}）；用 store=<目录> 或环境变量 BELLE_STORE 换一个",
        )
    return None
