"""The layers that a decoder is made of: which are alike, and a model with a few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn


def blocks_of(model: Any) -> tuple[str, nn.ModuleList] | None:
    """Name and list of the decoder's layers; ``None`` where there is no list of ``num_hidden_layers``."""
    count = model.config.get_text_config().num_hidden_layers
    found = ((n, m) for n, m in model.named_modules() if isinstance(m, nn.ModuleList) and len(m) == count)
    return next(found, None)


def ends_and_middles(model: Any) -> tuple[list[int], list[list[int]]]:
    """Numbers of the first and the last block of each kind, and for each kind those of its others."""
    found = blocks_of(model)
    assert found is not None
    kinds: dict[Any, list[int]] = {}
    for number, block in enumerate(found[1]):
        kinds.setdefault(_kind(block), []).append(number)
    ends = sorted({end for numbers in kinds.values() for end in (numbers[0], numbers[-1])})
    return ends, [numbers[1:-1] for numbers in kinds.values() if len(numbers) > 2]


def _kind(block: nn.Module) -> tuple[Any, ...]:
    """Equal for blocks that compute alike: their modules' classes, weights and settings, but not their numbers."""
    parts: list[Any] = []
    for name, module in block.named_modules():
        plain = {k: v for k, v in vars(module).items() if type(v) in (bool, int, str, type(None)) and "layer" not in k}
        parts.append((name, type(module), tuple(sorted(plain.items(), key=lambda item: item[0]))))
    weights = ((name, p.shape, p.dtype, p.requires_grad) for name, p in block.named_parameters())
    return (*parts, *weights)


def mark(blocks: Iterable[tuple[int, nn.Module]], enter: Callable[[Any], None], undo: ExitStack) -> None:
    """Let ``enter`` be told ``(direction, number)`` as each block begins, forward, and then backward."""
    seen: set[int] = set()

    def hook(number: int, block: nn.Module) -> None:
        def before(*_: Any) -> None:
            if number not in seen:
                enter(("forward", number))

        def after(module: nn.Module, inputs: Any, output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            if number not in seen and hidden.requires_grad:
                hidden.register_hook(lambda grad: enter(("backward", number)))
            seen.add(number)  # the forward pass may be made again, backwards

        undo.callback(block.register_forward_pre_hook(before).remove)
        undo.callback(block.register_forward_hook(after).remove)

    for number, block in blocks:
        hook(number, block)


@contextmanager
def only(model: Any, chosen: list[int]) -> Iterator[list[nn.Module]]:
    """Inside, *model* has the blocks with these numbers and no others; yields them."""
    found = blocks_of(model)
    assert found is not None
    name, blocks = found
    parent, _, last = name.rpartition(".")
    config, own = model.config.get_text_config(), model.get_submodule(parent)
    types = getattr(config, "layer_types", None)
    kept = [blocks[number] for number in chosen]
    before = config.num_hidden_layers
    setattr(own, last, nn.ModuleList(kept))
    config.num_hidden_layers = len(chosen)
    if types:
        config.layer_types = [types[number] for number in chosen]
    try:
        yield kept
    finally:
        setattr(own, last, blocks)
        config.num_hidden_layers = before
        if types:
            config.layer_types = types
