"""Which batch and which strategy fit a device."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from belle_core.planning.device import Device
from belle_core.planning.memory import StateBytes, training_memory
from belle_core.planning.method import Method, Precision
from belle_core.planning.passes import Pass
from belle_core.planning.sharing import Share, share
from belle_core.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    from belle_core.training.skeleton import Skeleton

CARD = Device("cuda", 80 * 10**9)
"""The GPU that is spoken of where this machine's do not suffice."""
MOST = 1024
"""More of those are not spoken of."""


@dataclass(frozen=True)
class Need:
    """A training step, as far as memory depends on it."""

    skeleton: Skeleton
    precision: Precision
    method: Method
    state: StateBytes | None
    longest: int
    """Tokens of the longest sequence that may come."""
    step: int
    """Tokens of the largest optimizer step."""
    learned: float = 1.0
    """Share of them that carry loss."""
    checkpointing: bool = False
    strategy: Strategy = field(default_factory=lambda: Strategy("single"))
    ranks: int = 1
    """Processes that train together."""

    @property
    def most(self) -> int:
        """The batch beyond which a pass does not grow: it holds the whole step."""
        return max(1, -(-self.step // self.ranks // self.longest))

    def batch(self, size: int) -> Pass:
        """The largest pass with ``trainer.batch`` of that *size*."""
        own = -(-self.step // self.ranks)
        tokens = min(size * self.longest, own)
        return Pass(tokens, self.longest, self.checkpointing, self.learned, tokens < own, self.ranks)

    def share(self, size: int, device: Device | None = None) -> Share:
        """What *device* needs with it."""
        one = training_memory(self.skeleton, self.batch(size), self.method, state=self.state, device=device)
        if device and device.kind != "cuda" and not self.strategy.divides:
            one = replace(one, weights=one.weights + self.skeleton.laid_out(self.ranks))
        return share(one, self.skeleton, self.precision, self.strategy, self.ranks, adapter=self.method.adapter)

    def largest(self, device: Device, processes: int = 1) -> int:
        """The largest batch that fits one of so many *processes* on this machine; 0: none does.

        Memory is nearly a straight line in the batch, so that few sizes need to be counted.
        """
        room = device.room(processes)
        taken = lambda size: self.share(size, device).device.total  # noqa: E731
        low, high = 1, self.most
        if (most := taken(high)) <= room:
            return high
        if high == 1 or (least := taken(low)) > room:
            return 0
        while high - low > 1:  # low fits, high does not
            guess = low + int((room - least) * (high - low) / (most - least))
            guess = min(max(guess, low + 1), high - 1)
            if (found := taken(guess)) <= room:
                low, least = guess, found
            else:
                high, most = guess, found
        return low


@dataclass(frozen=True)
class Way:
    """A way that fits."""

    strategy: str
    devices: int
    device_memory: int
    """Bytes of each device."""
    needed: int
    """Bytes that each device needs with one sequence in a pass and recomputation."""
    host: int
    """Bytes that the machines' main memory needs."""


@dataclass(frozen=True)
class Fits:
    """What fits the machine at hand, and where nothing does, what would."""

    device: Device
    batch: int
    """Largest ``trainer.batch`` that fits as the run is configured; 0: none."""
    recomputed: int
    """The same with ``trainer.gradient_checkpointing=true``."""
    ways: list[Way]
    """Where not even that fits."""


def fits(need: Need, device: Device, processes: int = 1) -> Fits:
    """What fits *device*, of which so many *processes* on this machine take one each."""
    batch = need.largest(device, processes)
    lean = replace(need, checkpointing=True)
    recomputed = batch if need.checkpointing else lean.largest(device, processes)
    if recomputed:
        return Fits(device, batch, recomputed, [])
    own = [way for name in ("fsdp", "deepspeed_zero3_offload") if device.kind == "cuda" and (way := _fewest(lean, name, device, device.count))]  # fmt: skip
    others = [way for name in ("ddp", "fsdp", "deepspeed_zero3_offload") if (way := _fewest(lean, name, CARD, MOST))]
    return Fits(device, batch, recomputed, own or others[:1] + others[-1:] * (len(others) > 1))


def _fewest(need: Need, strategy: str, device: Device, most: int) -> Way | None:
    """With the fewest devices that do."""
    ranks = 1
    while ranks <= most:
        one = replace(need, strategy=STRATEGIES[strategy], ranks=ranks).share(1, device)
        if one.device.total <= device.room():
            return Way("single_device" if strategy == "ddp" else strategy, ranks, device.memory, one.device.total, one.host)  # fmt: skip
        if strategy == "ddp":
            return None  # every device holds everything
        ranks *= 2
    return None
