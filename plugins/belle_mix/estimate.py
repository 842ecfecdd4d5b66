"""What ``belle plan`` can say beforehand, from the figures of the sources."""

from __future__ import annotations

from typing import Any

from belle_mix.amounts import amounts
from belle_mix.config import MixConfig
from belle_mix.licences import together

RATE = 20_000.0  # examples per second of one core, rather too low


def estimate(config: MixConfig, known: dict[str, Any]) -> dict[str, Any]:
    """Examples by split, characters, bytes to write and seconds; nothing when a source cannot be estimated.

    Raises ``BelleError`` when the sources do not hold what is asked for.
    """
    sources, limit = known["sources"], known["limit"]
    licences = together(figures.get("licences", ()) for figures in sources.values())
    if not all("splits" in figures for figures in sources.values()):
        return {"licences": licences}
    trains = {name: figures["splits"].get("train", 0) for name, figures in sources.items()}
    taken = amounts(trains, config, smoke=limit is not None)
    splits = {split: sum(figures["splits"].get(split, 0) for figures in sources.values()) for split in ("test", "dev")}
    splits = {split: count for split, count in splits.items() if count}
    splits["train"] = sum(amount.taken for amount in taken.values())
    if limit is not None:
        splits = {name: min(count, limit) for name, count in splits.items()}
    characters = sum(figures.get("characters", 0) / max(trains[name], 1) * taken[name].taken
                     for name, figures in sources.items())  # fmt: skip
    return {
        "examples": splits["train"],
        "splits": splits,
        "characters": int(characters),
        "bytes": int(characters * 3.5),  # Chinese in UTF-8, and the frame of JSON
        "about": any(figures.get("about") or figures.get("undecided") for figures in sources.values()),
        "undecided": list(config.clean),
        "seconds": sum(splits.values()) / RATE,
        "licences": licences,
    }
