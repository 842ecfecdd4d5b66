"""Options of ``+data=mix``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from belle_core.config import CleaningConfig, at_least, option
from belle_core.errors import Invalid
from belle_core.names import nearest


@dataclass
class MixConfig(CleaningConfig):
    """Every source is a data stage of its own, made once and found again; its held-out parts stay held out of all of them."""

    sources: dict[str, Any] = option({}, ordered=True)
    """Sources by names of your choice: ``+data@data.sources.<name>=<stage>``."""
    weights: Any = None
    """Shares of the sources in the mix, such as ``{chat: 3, math: 1}``; a source that is not named has 1. None: all there is."""
    epochs: Any = None
    """How often a source may be read (``{math: 2}``, also ``0.5``): without weights that often, with weights at most."""
    cap: Any = None
    """Largest number of different examples taken from a source (``{chat: 50000}``), chosen by the run's seed."""
    size: int | None = None
    """Number of training examples; none: as many as epochs and weights allow."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, size=1)
        for name in ("weights", "epochs", "cap"):
            self._check(name, getattr(self, name))

    def _check(self, option: str, values: Any) -> None:
        """Raise ``Invalid`` unless *values* maps names of sources to positive numbers."""
        if values is None:
            return
        if not isinstance(values, dict):
            raise Invalid(
                option,
                f"must be a mapping from sources to numbers such as {{a: 2}}, got {values!r}",
                f"应为从来源到数字的映射，如 {{a: 2}}，现在是 {values!r}",
            )
        for source, number in values.items():
            if source not in self.sources:
                near = nearest(str(source), self.sources)
                raise Invalid(
                    option,
                    f"names {source!r}, which is no source" + (f"; did you mean {near!r}?" if near else ""),
                    f"中的 {source!r} 不是来源" + (f"；是不是 {near!r}？" if near else ""),
                )
            kinds = (int,) if option == "cap" else (int, float)
            if isinstance(number, bool) or not isinstance(number, kinds) or number <= 0:
                raise Invalid(
                    option,
                    f"must be above 0{' and whole' if option == 'cap' else ''} for {source}, got {number!r}",
                    f"对 {source} 必须是大于 0 的{'整数' if option == 'cap' else '数'}，现在是 {number!r}",
                )
