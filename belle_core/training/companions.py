"""What goes along with a run and is there only when it is wanted: averages, noise, a selection, answers, an alarm."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback

from belle_core.artifacts import Examples
from belle_core.config import TrainConfig, TrainerConfig
from belle_core.data import read_examples
from belle_core.report.sections import ANSWERS
from belle_core.stages import StageContext
from belle_core.training.alarm import Alarm
from belle_core.training.averaging import Averages
from belle_core.training.continuing import Continuation, course_of
from belle_core.training.loading import Loaded
from belle_core.training.neftune import Neftune
from belle_core.training.samples import Samples
from belle_core.training.selection import Selection


class Companions:
    """The callbacks that the options of a run ask for, in the order in which they act after a step."""

    def __init__(self, module: Any, loaded: Loaded, settings: TrainerConfig, context: StageContext) -> None:
        config = module.config
        config.check_dev(len(module.dev or ()))
        self.module = module
        self.averages = Averages(config.ema, module) if config.ema else None
        self.selection = Selection(module.scratch, config.patience) if config.keeps_best else None
        noise = Neftune(config.neftune) if config.neftune else None
        self.samples = _samples(loaded, settings, context)
        self.continuation = _continuation(config, loaded, context)
        wanted = (self.averages, noise, self.selection, self.samples, self.continuation)
        self.callbacks: list[Callback] = [one for one in wanted if one is not None]
        module.averages = self.averages
        module.alarm = Alarm(context.scratch, loaded.tokenizer.decode, settings.spike)

    def settle(self) -> None:
        """Put the averages in the model, part by part, before it is put together."""
        if self.averages:
            self.averages.apply()

    def finish(self, directory: Path) -> None:
        """Put the best weights in the whole model, and answers into the artifact's *directory*."""
        if self.samples:
            self.samples.write(directory / ANSWERS)
        if self.selection and self.selection.step:  # 0: nothing was left to do
            self.selection.apply(self.module)

    @property
    def figures(self) -> dict[str, float]:
        """What the artifact states beside the loop's figures."""
        if not (self.selection and self.selection.step):
            return {}
        best = next(point for point in self.module.curve.dev if point.step == self.selection.step)
        told = {f"dev_{name}": value for name, value in best.dev_figures.items()}
        return {"dev_loss": self.selection.loss, **told, "best_step": best.step}


def _samples(loaded: Loaded, settings: TrainerConfig, context: StageContext) -> Samples | None:
    examples = context.input(Examples)
    if not settings.sample_every or not examples.splits.get("dev"):
        return None
    asked = islice(read_examples(examples, "dev"), settings.samples)
    length = loaded.context_length
    return Samples(list(asked), loaded.encoder, length, every=settings.sample_every, show=context.show)


def _continuation(config: TrainConfig, loaded: Loaded, context: StageContext) -> Continuation | None:
    if not config.keep_state and config.resume_from is None:
        return None
    course = course_of(config, loaded, context)
    return Continuation(config, course, context.directory, context.directory / "scratch")
