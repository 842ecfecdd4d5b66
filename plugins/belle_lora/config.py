"""Options of ``train=lora`` and ``train=qlora``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from belle_core.config import TrainConfig, at_least, one_of
from belle_core.errors import Invalid

if TYPE_CHECKING:
    from belle_core.planning.architecture import Architecture, Weight


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

    def trained(self, model: Architecture) -> list[Weight] | None:
        """The updates, and copies of the layers that train as a whole."""
        updates = model.adapter(self.rank, list(self.targets))
        known = {weight.name: weight for weight in model.weights()}
        if updates is None or not all(name in known for name in self.whole):
            return None
        lengths = [replace(w, name=w.name.replace("lora", "length"), shape=w.shape[:1]) for w in updates[1::2]]
        return [*updates, *(lengths if self.dora else ()), *(known[name] for name in self.whole)]

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

    def held_bits(self) -> float:
        """With one scale for each row (int8) or 64 weights (nf4), there in float32, or in 8 bits and again a scale for 256."""
        if self.format == "int8":
            return 8.0
        return 4 + (8 + 32 / 256 if self.double_quant else 32) / 64

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
