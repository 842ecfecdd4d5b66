"""Which number format the weights are held in and computed with."""

from __future__ import annotations

from belle_core.errors import BelleError

KNOWN = ("32-true", "bf16-mixed", "bf16-true")


def precision_of(setting: str, stored: str) -> str:
    """Lightning's precision for ``trainer.precision`` and a model stored as *stored*.

    ``auto``: float32 models in float32; others in bfloat16 with float32 for what trains (``bf16-mixed``), since an
    update below 0.4% of a weight is lost in bfloat16. Raises ``BelleError`` for an unknown setting.
    """
    if setting == "auto":
        return "32-true" if stored == "float32" else "bf16-mixed"
    if setting not in KNOWN:
        known = ", ".join(("auto", *KNOWN))
        raise BelleError(
            f"trainer.precision={setting}: known are {known}",
            f"trainer.precision={setting}：可用的有 {known}",
        )
    return setting


def weights_dtype(setting: str, stored: str, *, frozen: bool) -> str:
    """The format to load weights in: reduced if they stay *frozen* or all is reduced, else float32."""
    precision = precision_of(setting, stored)
    reduced = precision == "bf16-true" or (precision == "bf16-mixed" and frozen and stored != "float32")
    return "bfloat16" if reduced else "float32"
