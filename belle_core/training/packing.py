"""Finds out whether a model computes the same for sequences in a pack as for each alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from belle_core.language import say
from belle_core.training.losses import UNMASKED
from belle_core.training.quiet import quiet
from belle_core.training.segments import NAME, CannotPack, Segments, attention

LENGTHS = (5, 3, 6)
"""Tokens of the sequences on which a model is tried."""
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 1e-2}
"""Largest difference by rounding, as a share of the largest logit."""
PLAIN = "sdpa"
"""The attention that transformers takes by itself."""
DROPOUTS = ("attention_dropout", "attn_pdrop", "attention_probs_dropout_prob")
"""Where configs say what attention forgets on purpose."""

AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, sdpa_mask)  # for passes that are no packs, such as generation


@contextmanager
def packing(model: Any, longest: int, *, wanted: bool = True, agreed: Callable[[bool], bool] = bool) -> Iterator[bool]:
    """Inside, the model takes packs of sequences of up to *longest* tokens; yields whether it can and is *wanted*.
    *agreed* turns a process's own opinion into that of all, of which some have no weights yet.

    What cannot: positions that restart nowhere (ALiBi), states that run on (linear attention, convolutions), windows
    shorter than a sequence, attention that is no function of transformers' registry. It is tried out, not looked up.
    """
    if not wanted:
        yield False
        return
    if not agreed(can_pack(model, longest)):
        print(say("      this model's attention takes no packs: sequences are padded",
                  "      该模型的注意力不支持打包：改用填充"), flush=True)  # fmt: skip
        yield False
        return
    try:
        model.set_attn_implementation(NAME)
        yield True
    finally:
        model.set_attn_implementation(PLAIN)


def can_pack(model: Any, longest: int) -> bool:
    """Whether sequences of up to *longest* tokens may be packed; leaves the model as it is."""
    config = model.config.get_text_config()
    drops = any(getattr(config, name, 0) for name in DROPOUTS)
    with quiet():
        return config._attn_implementation == PLAIN and not drops and _same(model, longest)


@torch.no_grad()
def _same(model: Any, longest: int) -> bool:
    """Each sequence in a pack has the logits that it has alone, and a change of the others does not reach it."""
    vocabulary, training = model.get_input_embeddings().weight.shape[0], model.training
    device = model.get_input_embeddings().weight.device
    if device.type == "meta":
        return False
    draw = torch.Generator().manual_seed(0)
    sequences = [torch.randint(vocabulary, (n,), generator=draw).to(device) for n in LENGTHS]
    others = [(ids + 1 + i) % vocabulary for i, ids in enumerate(sequences)]
    model.eval()
    try:
        alone = [model(input_ids=ids[None], use_cache=False).logits[0] for ids in sequences]
        model.set_attn_implementation(NAME)
        together = _packed(model, sequences, longest)
        middle = _packed(model, [others[0], sequences[1], others[2]], longest)[1]
    except (CannotPack, TypeError, ValueError, KeyError, AttributeError):
        return False
    finally:
        model.set_attn_implementation(PLAIN)
        model.train(training)
    tolerance = TOLERANCE.get(alone[0].dtype, 0.0) * max(float(logits.abs().max()) for logits in alone)
    close = all(float((a - b).abs().max()) <= tolerance for a, b in zip(alone, together, strict=True))
    return close and torch.equal(middle, together[1])


def _packed(model: Any, sequences: list[Tensor], longest: int) -> list[Tensor]:
    lengths = tuple(len(ids) for ids in sequences)
    positions = torch.cat([torch.arange(n, device=sequences[0].device) for n in lengths])[None]
    segments = Segments(lengths, longest)
    logits = model(
        input_ids=torch.cat(sequences)[None],
        position_ids=positions,
        segments=segments,
        attention_mask=UNMASKED,
        use_cache=False,
    ).logits
    if not segments.used:
        raise CannotPack("the attention is not transformers' interface")
    return list(logits[0].split(lengths))
