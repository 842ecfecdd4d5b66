"""Options of the optimizers; ``train.learning_rate``, ``train.weight_decay`` and ``train.clip`` hold for all of them.

``state_bytes(role, shape, width)`` says what an optimizer keeps of one weight of *width* bytes a number, for ``belle plan``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from belle_core.config import at_least
from belle_core.errors import Invalid


def check_betas(config: Any) -> None:
    """Raise ``Invalid`` unless ``betas`` are two shares."""
    if len(config.betas) != 2 or not all(0 <= beta < 1 for beta in config.betas):
        raise Invalid(
            "betas",
            f"must be two numbers from 0 to below 1, got {config.betas}",
            f"应为两个不小于 0 且小于 1 的数，现在是 {config.betas}",
        )


def averaged(size: int, *, bits: int) -> int:
    """Bytes of an average of bitsandbytes: 32 bits, or 8 with a scale per 256; small tensors always have 32."""
    return 4 * size if bits == 32 or size < 4096 else size + 4 * -(-size // 256)


@dataclass
class AdamwConfig:
    """AdamW (arXiv 1711.05101), PyTorch's fused one: 8 bytes of state per weight in float32."""

    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    """Decay of the averages of the gradient and of its square."""
    eps: float = 1e-8
    """Added to the root of the squares' average."""

    def __post_init__(self) -> None:
        check_betas(self)

    def state_bytes(self, role: str, shape: tuple[int, ...], width: int) -> int:
        """Two averages in the weight's own format."""
        return 2 * width * math.prod(shape)


@dataclass
class Adamw8bitConfig(AdamwConfig):
    """AdamW with its averages in 8 bits, block by block (arXiv 2110.02861), from bitsandbytes: 2 bytes per weight.

    Tensors with fewer than 4,096 weights keep averages in 32 bits.
    """

    paged: bool = False
    """Let the averages move to main memory when that of the GPU is full; without effect on a CPU."""

    def state_bytes(self, role: str, shape: tuple[int, ...], width: int) -> int:
        """Two averages, and a scale of each for every 256 numbers."""
        return 2 * averaged(math.prod(shape), bits=8)


@dataclass
class AdafactorConfig:
    """Adafactor (arXiv 1804.04235), PyTorch's: one average per row and per column of a matrix.

    The learning rate is relative to the size of each weight matrix, so it is higher than AdamW's, about 1e-3 to 1e-2.
    """

    beta2_decay: float = -0.8
    """The average of the squares forgets with ``1 - step ** beta2_decay``."""
    clip: float = 1.0
    """Largest root mean square of an update, before the learning rate."""

    def __post_init__(self) -> None:
        at_least(self, clip=1)
        if self.beta2_decay > 0:
            raise Invalid("beta2_decay", f"must not be above 0, got {self.beta2_decay}", f"不能大于 0，现在是 {self.beta2_decay}")  # fmt: skip

    def state_bytes(self, role: str, shape: tuple[int, ...], width: int) -> int:
        """A number for each row and column, or for each number of a vector."""
        return width * (sum(shape) if len(shape) > 1 else math.prod(shape))


@dataclass
class LionConfig:
    """Lion (arXiv 2302.06675), from bitsandbytes: the sign of one average. Wants about a tenth of AdamW's learning rate."""

    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])
    """Weight of the average in the update, and decay of the average."""
    bits: int = 32
    """Bits per number of the average: 32 or 8."""

    def __post_init__(self) -> None:
        check_betas(self)
        if self.bits not in (8, 32):
            raise Invalid("bits", f"must be 8 or 32, got {self.bits}", f"只能是 8 或 32，现在是 {self.bits}")

    def state_bytes(self, role: str, shape: tuple[int, ...], width: int) -> int:
        """One average."""
        return averaged(math.prod(shape), bits=self.bits)


@dataclass
class MuonConfig:
    """Muon, PyTorch's: momentum made orthogonal for matrices; AdamW for embeddings, output layer and vectors.

    Updates have the size of AdamW's (arXiv 2502.16982), so that one learning rate serves both.
    """

    momentum: float = 0.95
    """Decay of the momentum."""
    nesterov: bool = True
    """Look ahead along the momentum."""
    iterations: int = 5
    """Newton-Schulz iterations per update."""
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    """AdamW's averages for what is no matrix."""

    def __post_init__(self) -> None:
        check_betas(self)
        at_least(self, momentum=0, iterations=1)

    def state_bytes(self, role: str, shape: tuple[int, ...], width: int) -> int:
        """The momentum of a matrix, two averages of anything else."""
        return (1 if role == "matrix" else 2) * width * math.prod(shape)


@dataclass
class GaloreConfig(AdamwConfig):
    """GaLore (arXiv 2403.03507): AdamW in the space of a matrix gradient's largest singular directions.

    State per matrix of ``m >= n``: ``2 m rank + n rank`` numbers instead of ``2 m n``. Embeddings, the output layer and
    vectors have plain AdamW.
    """

    rank: int = 128
    """Directions that are kept."""
    gap: int = 200
    """Optimizer steps between two looks for the directions."""
    scale: float = 0.25
    """The update of a matrix is multiplied by this."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, rank=1, gap=1)
        if self.scale <= 0:
            raise Invalid("scale", f"must be above 0, got {self.scale}", f"必须大于 0，现在是 {self.scale}")

    def state_bytes(self, role: str, shape: tuple[int, ...], width: int) -> int:
        """Directions of a matrix and two averages along them."""
        if role != "matrix" or min(shape) <= self.rank:
            return super().state_bytes(role, shape, width)
        return width * self.rank * (min(shape) + 2 * max(shape))
