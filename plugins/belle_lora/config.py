"""Options of ``train=lora`` and ``train=qlora``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from belle_core.config import TrainConfig, at_least, one_of
from belle_core.errors import Invalid


@dataclass
class LoraConfig(TrainConfig):
    """Trains ``B A`` with ``W + alpha / rank * B A`` in chosen layers."""

    rank: int = 8
    """Width of the low-rank update."""
    alpha: float = 16.0
    """The update is scaled by ``alpha / rank``."""
    dropout: float = 0.0
    """Share of the update's inputs set to 0 in training."""
    targets: list[str] = field(default_factory=lambda: ["all-linear"])
    """Names of the layers that get an update; ``all-linear`` takes every linear layer but the output."""
    whole: list[str] = field(default_factory=list)
    """Names of layers that train as a whole beside the updates and are saved with the adapter, e.g. ``embed_tokens, lm_head``."""
    learning_rate: float = 2e-4
    """Highest learning rate."""
    rslora: bool = False
    """Scale by ``alpha / sqrt(rank)`` instead, which stays stable at high ranks (rsLoRA, arXiv 2312.03732)."""
    dora: bool = False
    """Train the length of each row of ``W`` apart from its direction (DoRA, arXiv 2402.09353)."""
    init: str = "zero"
    """Where the update begins: ``zero`` (``B = 0``), or ``pissa``: the largest singular directions of ``W``, which are
    taken out of the base while it trains (PiSSA, arXiv 2404.02948); the saved adapter has twice the rank and fits ``W``."""
    b_ratio: float = 1.0
    """Learning rate of ``B`` over that of ``A`` (LoRA+, arXiv 2402.12354, recommends about 16)."""

    INITS: ClassVar[tuple[str, ...]] = ("zero", "pissa")

    def prepared(self, model: Any, seed: int) -> Any:
        """With the updates beside it."""
        from belle_lora.adapters import add_adapter

        return add_adapter(model, self, seed=seed)

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, rank=1)
        one_of(self, "init", self.INITS)
        if self.alpha <= 0:
            raise Invalid("alpha", f"must be above 0, got {self.alpha}", f"必须大于 0，现在是 {self.alpha}")
        if self.b_ratio <= 0:
            raise Invalid("b_ratio", f"must be above 0, got {self.b_ratio}", f"必须大于 0，现在是 {self.b_ratio}")
        if self.init == "pissa" and self.dora:
            raise Invalid("init", "pissa cannot be combined with dora", "pissa 不能与 dora 同时使用")
        if not 0 <= self.dropout < 1:
            raise Invalid(
                "dropout",
                f"must be at least 0 and below 1, got {self.dropout}",
                f"应不小于 0 且小于 1，现在是 {self.dropout}",
            )
        if not self.targets:
            raise Invalid("targets", "must name at least one layer", "至少写一个层名")


@dataclass
class QloraConfig(LoraConfig):
    """The same beside a base whose linear layers are held in few bits."""

    format: str = "nf4"
    """``nf4`` (4 bits, QLoRA, arXiv 2305.14314) or ``int8`` (LLM.int8(), arXiv 2208.07339)."""
    double_quant: bool = True
    """nf4: quantize the scales too, which saves about 0.4 bits per weight."""
    init: str = "zero"
    """Where the update begins: ``zero`` (``B = 0``), or, for nf4, ``loftq``: with what the 4 bits lost (LoftQ, arXiv
    2310.08659); the saved adapter then has twice the rank and fits the base in floats."""
    INITS: ClassVar[tuple[str, ...]] = ("zero", "loftq")

    def prepared(self, model: Any, seed: int) -> Any:
        """With quantized layers and the updates beside them, which may begin with what the bits lost."""
        import torch

        from belle_lora.adapters import begin_with
        from belle_lora.quantized import quantize

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            updates = quantize(model, self)
        tuned = super().prepared(model, seed)
        begin_with(tuned, updates)
        return tuned

    def __post_init__(self) -> None:
        if self.init == "pissa":
            raise Invalid(
                "init", "pissa needs a base in floats; say train=lora", "pissa 需要浮点基座；请使用 train=lora"
            )
        super().__post_init__()
        one_of(self, "format", ("nf4", "int8"))
        if self.init == "loftq" and (self.format != "nf4" or self.dora):
            raise Invalid(
                "init",
                "loftq goes with format=nf4 and without dora",
                "loftq 只能与 format=nf4 一起使用，且不能与 dora 同时使用",
            )
