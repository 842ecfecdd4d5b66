"""The schema of a run: one field per config group, and the bases that plugins' options share."""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass
from typing import Any

from omegaconf import MISSING

from belle_core.errors import BelleError, Invalid


def option(
    default: Any,
    *,
    identity: bool = True,
    file: bool = False,
    streamed: bool = False,
    ordered: bool = False,
    artifact: bool = False,
    questions: bool = False,
) -> Any:
    """A field of a config dataclass.

    ``identity=False`` marks what cannot change the result, so it stays out of the fingerprint.
    ``file=True`` marks input paths (file, directory, glob or a list): their bytes count, not their names.
    ``streamed=True`` marks those of them that are read while the step works: no artifact is made when they change meanwhile.
    ``ordered=True`` marks mappings whose order counts too.
    ``artifact=True`` marks earlier results (a run, ``run/step``, fingerprint or directory; a list, or a dict that has them as
    keys): they are hashed by their fingerprints.
    ``questions=True`` marks an option of a filter that stands for the question files of the run's evaluations where it is ``None``.
    """
    metadata = {
        "identity": identity,
        "file": file,
        "streamed": streamed,
        "ordered": ordered,
        "artifact": artifact,
        "questions": questions,
    }
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def at_least(config: Any, **least: float) -> None:
    """Raise ``Invalid`` for the first option of *config* below its least value."""
    for name, bound in least.items():
        value = getattr(config, name)
        if value is not None and value < bound:
            raise Invalid(name, f"must be at least {bound}, got {value}", f"至少为 {bound}，现在是 {value}")


def between(config: Any, name: str, low: float, high: float) -> None:
    """Raise ``Invalid`` when option *name* is not from *low* to *high*."""
    value = getattr(config, name)
    if not low <= value <= high:
        raise Invalid(
            name, f"must be from {low:g} to {high:g}, got {value}", f"应在 {low:g} 到 {high:g} 之间，现在是 {value}"
        )


def one_of(config: Any, name: str, known: tuple[str, ...]) -> None:
    """Raise ``Invalid`` when option *name* is none of the *known* values."""
    value = getattr(config, name)
    if value not in known:
        words = ", ".join(known)
        raise Invalid(name, f"must be one of {words}, got {value!r}", f"只能是 {words} 之一，现在是 {value!r}")


AUTO = "auto"
UNKNOWN_BATCH = 8
"""``trainer.batch=auto`` where memory cannot be predicted."""


@dataclass
class ModelConfig:
    """What a run starts from when no earlier step made a model. Models are data: one YAML each in ``conf/model``."""

    checkpoint: str | None = option(None, file=True)
    """Directory of weights, or repository name on a hub; ``None`` builds *architecture* with random weights."""
    adapter: str | None = option(None, file=True)
    """Directory of an adapter that peft or another tool made for the checkpoint; it is merged before anything else."""
    revision: str | None = None
    """Commit on the hub, pinned so that the fingerprint means something."""
    hub: str = option("huggingface", identity=False)
    """Where a name is looked up: ``huggingface`` (``HF_ENDPOINT`` and ``HF_TOKEN`` apply) or ``modelscope``."""
    architecture: dict[str, Any] = field(default_factory=dict)
    """Hugging Face config values; used to build from scratch, and by the planner before weights are there."""
    template: str = "belle"
    """How a conversation becomes text; a template that a plugin offers."""
    context_length: int = 2048
    """Longest sequence, in tokens."""
    dtype: str = "float32"
    """Precision of the stored weights: ``float32``, ``bfloat16`` or ``float16``."""
    implicit: dict[str, str] = option({}, identity=False)
    """Stages that come in by themselves with this model, by kind, before the run's own ``implicit``."""
    trust_remote_code: bool = False
    """Run Python code that the checkpoint brings along. Only for sources you trust."""
    licence: str = option("", identity=False)
    """Licence of the weights, as stated by their authors."""

    def __post_init__(self) -> None:
        at_least(self, context_length=8)
        one_of(self, "dtype", ("float32", "bfloat16", "float16"))
        one_of(self, "hub", ("huggingface", "modelscope"))


@dataclass
class TrainerConfig:
    """Lightning's settings: they say where and how fast a run trains, not what comes out."""

    precision: str = "auto"
    """Lightning's precision, e.g. ``bf16-mixed``; ``auto`` follows ``model.dtype``."""
    batch: Any = option(8, identity=False)
    """Sequences per device and forward pass; gradients add up until ``train.batch`` examples are seen. ``auto`` takes as
    many as the device's memory is predicted to hold (8 where that is not known), and half as many whenever they are too many.
    When packing, the tokens of a pass are at most this many times ``train.max_length``."""
    packing: bool = option(True, identity=False)
    """Put the sequences of a pass into one row without padding; none sees another. Models that cannot do this are padded."""
    accelerator: str = option("auto", identity=False)
    """Kind of device by Lightning's name: ``cpu``, ``cuda``, ``mps`` …"""
    devices: int = option(1, identity=False)
    """Devices per node."""
    nodes: int = option(1, identity=False)
    """Machines that train together."""
    strategy: str = option("auto", identity=False)
    """How several devices share the work, by Lightning's name."""
    fast: bool = option(True, identity=False)
    """Let known layers of LLaMA, Mistral, Qwen 2 and 3 and of LoRA have a backward pass of their own: the same up to rounding."""
    gradient_checkpointing: bool = option(False, identity=False)
    """Recompute activations in the backward pass: less memory, about a third more time."""
    checkpoint_seconds: float = option(300.0, identity=False)
    """Seconds between saved states to resume from."""
    log_every: int = option(10, identity=False)
    """Optimizer steps between logged metrics."""
    spike: float = option(3.0, identity=False)
    """Stop when a step's loss is so many nats above the highest of the 32 steps before, and farther than
    these lie apart; 0: never."""
    sample_every: int = option(0, identity=False)
    """Optimizer steps between answers to dev questions, which are kept, shown in the report and sent to trackers; 0: none."""
    samples: int = option(4, identity=False)
    """Dev questions that are answered then."""

    def __post_init__(self) -> None:
        if self.batch != AUTO and (type(self.batch) is not int or self.batch < 1):
            raise Invalid(
                "batch",
                f"must be a whole number of at least 1, or auto, got {self.batch!r}",
                f"应为不小于 1 的整数或 auto，现在是 {self.batch!r}",
            )
        at_least(self, devices=1, nodes=1, log_every=1, checkpoint_seconds=0, spike=0)
        at_least(self, sample_every=0, samples=1)


@dataclass
class CleaningConfig:
    """Options of every data stage that cleans what it reads or makes; ``data/clean=<preset>`` fills ``clean``."""

    clean: dict[str, Any] = option({}, ordered=True)
    """Filters by names of your choice, applied in this order: ``+filter@data.clean.<name>=<filter>``; ``null`` switches one off."""
    workers: int = option(0, identity=False)
    """Processes that filter; 0: one for every core."""
    runner: str = option("local", identity=False)
    """Where they run: on this machine (``local``), or what a plugin offers, such as ``ray``."""

    def __post_init__(self) -> None:
        at_least(self, workers=0)
        if is_dataclass(self.clean):
            raise Invalid(
                "clean",
                "holds filters by names of your choice: write +filter@data.clean.<name>=<filter>",
                "按自定的名称存放过滤器：请写 +filter@data.clean.<名称>=<过滤器>",
            )


@dataclass
class DataConfig(CleaningConfig):
    """Options that data stages with held-out parts have."""

    dev: str = "0"
    """Held-out part for the loss curve: a count (``1000``), a fraction (``0.02``) or a file."""
    test: str = "0"
    """Held-out part for evaluation: a count, a fraction or a file."""


@dataclass
class TrainConfig:
    """Options that every training method has; a method adds its own."""

    objective: Any = None
    """What the loss is; a config group of its own (``train/objective=sft``)."""
    optimizer: Any = None
    """How gradients become updates; a config group of its own (``train/optimizer=muon``)."""
    epochs: float = 3.0
    """Passes over the training examples."""
    batch: int = 32
    """Examples per optimizer step, over all devices."""
    learning_rate: float = 2e-5
    """Highest learning rate."""
    schedule: str = "cosine"
    """Course of the learning rate after the warm-up, in optimizer steps: ``cosine``, ``linear``, ``constant``, or ``wsd``:
    constant until the last ``decay`` steps, then down with ``1 - sqrt`` (arXiv 2405.18392)."""
    warmup: float = 0.03
    """Share of the optimizer steps (below 1) or their number (1 and above) in which the rate rises from 0."""
    decay: float = 0.1
    """``wsd`` only: share of the optimizer steps (below 1) or their number (1 and above) in which the rate falls."""
    floor: float = 0.0
    """Share of the highest learning rate at which the schedule ends."""
    weight_decay: float = 0.0
    """Share of a weight, times the learning rate, that each step takes away; biases, norms and other vectors are left out."""
    clip: float = 1.0
    """Largest norm of the gradient; 0 leaves it alone."""
    max_length: int = 1024
    """Longest training sequence, in tokens; longer ones are cut at the end."""
    neftune: float = 0.0
    """NEFTune's alpha (arXiv 2310.05914, from 5 to 15): noise on the embeddings while learning; 0: none."""
    ema: float = 0.0
    """Decay of an average of the weights over the steps, which is evaluated and kept instead of them (0.999); 0: none."""
    looks: int = 5
    """How often the dev loss is taken, besides the one before the first step."""
    keep: str = "last"
    """Which weights the result has: the ``last``, or the ``best`` by dev loss."""
    patience: int = 0
    """End the run after so many looks in a row without a better dev loss, and keep the best; 0: never."""
    keep_state: bool = False
    """Keep the state after the last step in the result (with AdamW three times what trains), for ``resume_from``."""
    resume_from: str | None = option(None, file=True)
    """Directory of a result with its state: go on from its last step, up to ``epochs`` in all."""

    def prepared(self, model: Any, seed: int) -> Any:
        """*model* as it trains: some of it frozen, held in fewer bits, something added. Imports torch.

        Also ``belle plan`` asks, with a model on the meta device. A method that trains not simply all weights says so here.
        """
        return model

    @property
    def keeps_best(self) -> bool:
        """Whether the result has the weights of the best look."""
        return self.keep == "best" or self.patience > 0

    def check_dev(self, examples: int) -> None:
        """Raise ``BelleError`` when the best weights are wanted and there are no dev examples to judge by."""
        if self.keeps_best and not examples:
            raise BelleError(
                "train.keep=best and train.patience need dev examples to judge by, and the data has none; say data.dev=0.02",
                "train.keep=best 与 train.patience 需要 dev 样本作为依据，但数据中没有；请设置 data.dev=0.02",
            )

    def __post_init__(self) -> None:
        at_least(self, batch=1, warmup=0, decay=0, floor=0, weight_decay=0, clip=0, max_length=8)
        at_least(self, neftune=0, ema=0, looks=1, patience=0)
        one_of(self, "keep", ("last", "best"))
        if self.ema >= 1:
            raise Invalid("ema", f"must be below 1, got {self.ema}", f"必须小于 1，现在是 {self.ema}")
        one_of(self, "schedule", ("cosine", "linear", "constant", "wsd"))
        between(self, "floor", 0, 1)
        for name in ("epochs", "learning_rate"):
            if (value := getattr(self, name)) <= 0:
                raise Invalid(name, f"must be above 0, got {value}", f"必须大于 0，现在是 {value}")


@dataclass
class NoTracker:
    """Metrics go to the local JSON Lines record only."""


@dataclass
class RunConfig:
    """Everything a command line can say."""

    model: ModelConfig = field(default_factory=ModelConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    tracker: Any = None
    data: Any = None
    tokenizer: Any = None
    train: Any = None
    quantize: Any = None
    eval: Any = None
    deploy: Any = None
    steps: dict[str, Any] = field(default_factory=dict)
    """Further steps by name, run in the order written: ``+train@steps.math=lora``."""
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    """Which step an input comes from when it is not the latest: ``inputs.math.examples=sums``."""
    implicit: dict[str, str] = field(default_factory=dict)
    """Stages that come in by themselves where a selected step needs them, by kind."""
    seed: int = 42
    """Seed of everything that is random."""
    limit: int | None = None
    """Smoke run: at most this many examples per split."""
    name: str = ""
    """Readable name of the run; empty: made from its steps."""
    note: str = ""
    """Free text kept with the run."""
    store: str = MISSING
    """Directory of the artifacts."""

    def __post_init__(self) -> None:
        at_least(self, seed=0, limit=1)
        if is_dataclass(self.steps):
            raise Invalid(
                "steps",
                "holds steps by names of your choice: write +<kind>@steps.<name>=<choice>",
                "按自定的名称存放步骤：请写 +<类型>@steps.<名称>=<选项>",
            )
