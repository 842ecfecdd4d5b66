"""Options of ``quantize=bnb``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.config import one_of


@dataclass
class BnbConfig:
    """Quantizes the linear layers; embeddings, norms and the output stay as they are."""

    format: str = "nf4"
    """``nf4`` (4 bits, QLoRA, arXiv 2305.14314) or ``int8`` (LLM.int8(), arXiv 2208.07339)."""
    double_quant: bool = True
    """nf4: quantize the scales too, which saves about 0.4 bits per weight."""

    def __post_init__(self) -> None:
        one_of(self, "format", ("nf4", "int8"))
