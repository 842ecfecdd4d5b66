"""A model as a training step has it, without the numbers in it: what it holds, and what a pass needs beside.

Counted, not computed: the model, the method, our own layers and the loss are the real ones, on tensors without content.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cached_property, wraps
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM

from belle_core.config import TrainConfig, TrainerConfig
from belle_core.errors import BelleError, in_one_line
from belle_core.planning.device import Device
from belle_core.planning.passes import Pass
from belle_core.training.batches import Batch
from belle_core.training.blame import is_ours
from belle_core.training.blocks import blocks_of, ends_and_middles, mark, only
from belle_core.training.counting import Watch, say_where, size, tensors
from belle_core.training.fast import faster, has_own_layers, laid_out
from belle_core.training.fast.attention import SCORES
from belle_core.training.fast.sizes import at_once
from belle_core.training.floats import left_in_floats
from belle_core.training.losses import answer_loss, label_logits, last_hidden, token_losses
from belle_core.training.optimizer import weight_groups
from belle_core.training.packing import PLAIN, can_pack
from belle_core.training.precision import precision_of, weights_dtype
from belle_core.training.preparing import prepare
from belle_core.training.quiet import quiet
from belle_core.training.segments import NAME

Peaks = dict[Any, tuple[int, int]]
"""For each stretch of the way the most bytes beside the model, and the gradients among them as it began."""


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """*function*, of which what stands in the way of counting in the model's code is a ``BelleError``; our own mistakes stay what they are."""

    @wraps(function)
    def guarded(self: Skeleton, *given: Any, **named: Any) -> Any:
        try:
            with quiet():
                return function(self, *given, **named)
        except BelleError:
            raise
        except Exception as error:  # the code of any model that there is
            if is_ours(error):
                raise
            why = in_one_line(error, 200)
            raise BelleError(
                f"{self.name} cannot be counted without its weights: {why}", f"无法在没有权重时统计 {self.name}：{why}"
            ) from error

    return guarded


def kind_of(device: Device | None) -> str:
    """``cuda`` where training will be on a GPU and this PyTorch knows of it: layers and losses do other things there."""
    return "cuda" if device and device.kind == "cuda" and torch.cuda.is_available() else "cpu"


class Skeleton:
    """The model that *values* (of a Hugging Face config) describe, as *section* trains it.

    *kind* is that of the device that it trains on, *stored* is the format of its file, *frozen* says that an adapter trains alone, *logits* is ``Objective.logits``.
    Raises ``BelleError`` where transformers has no such model, or it does what cannot be done without content.
    """

    @_told
    def __init__(
        self,
        values: dict[str, Any],
        section: TrainConfig,
        trainer: TrainerConfig,
        *,
        stored: str,
        frozen: bool,
        logits: str,
        kind: str = "cpu",
    ) -> None:
        self.name = f"model_type={values.get('model_type')}"
        self.trainer, self.logits = trainer, logits
        self.device = torch.device("cuda", 0) if kind == "cuda" else torch.device("cpu")
        self.precision = precision_of(trainer.precision, stored)
        held = getattr(torch, weights_dtype(trainer.precision, stored, frozen=frozen))
        config = AutoConfig.for_model(**{k: v for k, v in values.items() if k not in ("dtype", "quantization_config")})
        with torch.device("meta"):
            base: Any = AutoModelForCausalLM.from_config(config, dtype=held)
        self.parameters = sum(p.numel() for p in base.parameters())
        """Number of weights; tied ones count once."""
        self.floats = size(tensors(base))
        """Bytes of the model as it is loaded."""
        if (found := blocks_of(base)) is None:
            found_class = type(base).__name__
            raise BelleError(
                f"{self.name} cannot be counted: {found_class} has no list of layers",
                f"无法统计 {self.name}：{found_class} 没有层列表",
            )
        self.layers = len(found[1])
        self.block = max(sum(p.numel() for p in block.parameters()) for block in found[1])
        """Weights of its largest layer."""
        self.outside = self.parameters - sum(p.numel() for p in found[1].parameters())
        """Weights that are in no layer."""
        self.model = section.prepared(base, 0)
        prepare(self.model, trainer, self.precision)
        self.adapter = hasattr(self.model, "get_base_model")
        self.quantized = any(not p.is_floating_point() for p in self.model.parameters())
        self.in_floats = left_in_floats(self.model) / max(1, self.parameters)
        """Share of the weights that few bits should hold and do not, since their layers are no linear ones."""
        self.own_layers = trainer.fast and has_own_layers(self.model)
        """Its norms and MLPs have a backward pass of our own."""
        self.weights = size(tensors(self.model))
        """Bytes of the model as it trains, with what was added to it."""
        kept = [t for block in self._blocks for t in tensors(block) if not (self.adapter and t.requires_grad)]
        self.width = size(kept) / max(1, self.parameters - self.outside)
        """Bytes in which the layers hold a weight."""
        self.trained = [
            (group["role"], tuple(p.shape), p.numel(), p.element_size())
            for group in weight_groups(self.model, section)
            for p in group["params"]
        ]
        """Role (as optimizers are told), shape, numbers and bytes of a number of each tensor that trains."""
        self.trainable = sum(numbers for _, _, numbers, _ in self.trained)
        self._ends, self._middles = ends_and_middles(self.base)
        self._peaks_of: dict[Pass, tuple[int, int]] = {}
        self._packs: dict[int, bool] = {}
        self._mode = FakeTensorMode(allow_non_fake_inputs=True)
        say_where(self.model, self._mode, self.device)

    @property
    def base(self) -> Any:
        """The model without what was put around it."""
        return self.model.get_base_model() if self.adapter else self.model

    @property
    def _blocks(self) -> Any:
        found = blocks_of(self.base)
        assert found is not None
        return found[1]

    @cached_property
    def reached(self) -> float:
        """Share of the layers that a gradient goes through."""
        if any(p.requires_grad for p in self.base.get_input_embeddings().parameters()):
            return 1.0
        first = (n for n, block in enumerate(self._blocks) if any(p.requires_grad for p in block.parameters()))
        return 1 - next(first, self.layers) / self.layers

    @_told
    def packs(self, longest: int) -> bool:
        """Whether training would pack sequences of up to *longest* tokens; what only numbers show is not seen."""
        if longest not in self._packs:
            with self._mode, Watch(), self._computing(), only(self.base, self._ends):
                self._packs[longest] = self.trainer.packing and can_pack(self.base, longest)
        return self._packs[longest]

    @_told
    def peak(self, one: Pass, *, whole: bool = False) -> tuple[int, int]:
        """The most bytes beside the model, and the gradients among them.

        Layers that are alike add alike, so a few of each kind are run, and once with one more; *whole*: all of them.
        """
        if one in self._peaks_of and not whole:
            return self._peaks_of[one]
        everything = list(range(self.layers))
        ends, middles = self._ends, self._middles
        if whole or len(ends) + len(middles) >= self.layers:
            return max(self._peaks(one, everything).values())
        base = self._peaks(one, ends)
        total = dict(base)
        for middle in middles:
            further = self._peaks(one, sorted([*ends, middle[0]]))
            for stretch, found in base.items():
                most, gradients = (len(middle) * (b - a) for a, b in zip(found, further[stretch], strict=True))
                total[stretch] = total[stretch][0] + most, total[stretch][1] + gradients
        self._peaks_of[one] = max(total.values())
        return self._peaks_of[one]

    @cached_property
    @_told
    def cached(self) -> int:
        """Bytes that the model remembers of a token while it writes."""
        tokens = 8
        with self._mode, torch.no_grad(), Watch(), self._computing():
            made = self.model(input_ids=torch.zeros((1, tokens), dtype=torch.int64, device=self.device), use_cache=True)
        layers = getattr(made.past_key_values, "layers", [])
        return sum(value.nbytes for layer in layers for value in (layer.keys, layer.values)) // tokens

    def laid_out(self, processes: int) -> int:
        """Bytes of the copies of frozen weights that *processes* on this machine make each, to multiply faster on its processor."""
        computed = self.trainer.fast and self.precision != "32-true"
        return laid_out(self.model, processes) if computed else 0

    def _peaks(self, one: Pass, chosen: list[int]) -> Peaks:
        packed = self.packs(one.longest)
        with self._mode, ExitStack() as undo:
            undo.enter_context(faster(self.model, wanted=self.trainer.fast, processes=one.processes))
            blocks = undo.enter_context(only(self.base, chosen))
            if packed:
                self.base.set_attn_implementation(NAME)
                undo.callback(self.base.set_attn_implementation, PLAIN)
            if one.checkpointing:
                self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            else:
                self.model.gradient_checkpointing_disable()
            trained = [p for p in self.model.parameters() if p.requires_grad]
            for p in trained:
                p.grad = torch.empty_like(p) if one.accumulated else None
            batch = _batch(one, packed, self.device)
            there = [p.grad for p in trained if p.grad is not None]
            watch = Watch(
                tensors(self.model) + there, lambda: sum(p.grad.nbytes for p in trained if p.grad is not None)
            )
            mark(zip(chosen, blocks, strict=True), watch.enter, undo)
            undo.enter_context(watch)
            with self._computing():
                loss = self._loss(batch)
            loss.backward()
            for p in trained:
                p.grad = None
        return {stretch: (most, min(most, watch.held[stretch])) for stretch, most in watch.peaks.items()}

    def _computing(self) -> AbstractContextManager[Any]:
        mixed = self.precision == "bf16-mixed"
        return torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False) if mixed else nullcontext()

    def _loss(self, batch: Batch) -> Tensor:
        if self.logits == "parts":
            return answer_loss(self.model, batch)
        if self.logits == "scores":
            return token_losses(self.model, batch).sum()
        if self.logits == "none":
            return last_hidden(self.model, batch).float().sum()
        return functional.cross_entropy(label_logits(self.model, batch).float(), batch.targets, reduction="sum")


def _batch(one: Pass, packed: bool, device: torch.device) -> Batch:
    """A batch of that size. Of a pack only so many sequences are named as attention works on at a time."""
    longest = min(one.longest, one.tokens)
    sequences = -(-one.tokens // longest)
    together = min(one.tokens // longest, max(1, at_once(SCORES, device) // longest**2)) if packed else sequences
    shape = (1, one.tokens) if packed else (sequences, longest)
    labels = max(1, min(one.tokens - sequences, int(one.tokens * one.learned)))
    whole = lambda *of: torch.zeros(of, dtype=torch.int64, device=device)  # noqa: E731
    return Batch(
        ids=whole(*shape),
        positions=whole(*shape) if packed else None,
        lengths=(longest,) * together,
        lasts=whole(sequences),
        keep=whole(labels),
        rows=whole(labels),
        targets=whole(labels),
        weights=torch.zeros(labels, device=device),
        marks=torch.zeros(sequences, device=device),
        reference=torch.zeros(sequences, device=device),
    )
