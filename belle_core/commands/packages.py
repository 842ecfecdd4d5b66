"""Installed packages beside those that this project asks for, from metadata alone: nothing is imported."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from belle_core.errors import BelleError
from belle_core.plugins import load_catalog

PROJECT = "belle"
NO_EXTRA = {"extra": ""}


def requirements() -> list[Requirement]:
    """What the project's metadata asks for on this system, extras included."""
    return [Requirement(text) for text in requires(PROJECT) or ()]


def required() -> list[dict[str, Any]]:
    """``name``, ``wanted``, ``version`` (``None``: absent), ``tested`` and ``ok`` of every package of the base install."""
    tested = tested_versions()
    return [_package(need, tested) for need in requirements() if need.marker is None or need.marker.evaluate(NO_EXTRA)]


def optional() -> list[dict[str, Any]]:
    """Every extra: its packages, those that are missing, and the stages and parts that need it."""
    extras: dict[str, list[dict[str, Any]]] = {}
    tested = tested_versions()
    for extra, need in _by_extra():
        extras.setdefault(extra, []).append(_package(need, tested))
    needed_by = _needed_by()
    return [
        {
            "extra": extra,
            "packages": packages,
            "missing": [package["name"] for package in packages if not package["ok"]],
            "needed_by": needed_by.get(extra, []),
        }
        for extra, packages in extras.items()
    ]


def _by_extra() -> Iterator[tuple[str, Requirement]]:
    """(extra, requirement) without the extras that only gather others."""
    for need in requirements():
        if need.marker is None or need.marker.evaluate(NO_EXTRA) or need.name == PROJECT:
            continue
        for extra in _extras_in(str(need.marker)):
            if need.marker.evaluate({"extra": extra}):
                yield extra, need


def _extras_in(marker: str) -> list[str]:
    words = marker.replace("(", " ").replace(")", " ").replace('"', "'").split()
    return [words[i + 2].strip("'") for i, word in enumerate(words[:-2]) if word == "extra" and words[i + 1] == "=="]


def _package(need: Requirement, tested: dict[str, str]) -> dict[str, Any]:
    try:
        found: str | None = version(need.name)
    except PackageNotFoundError:
        found = None
    ok = found is not None and need.specifier.contains(found, prereleases=True)
    return {
        "name": need.name,
        "wanted": str(need.specifier),
        "version": found,
        "tested": tested.get(_plain(need.name)),
        "ok": ok,
    }


def tested_versions() -> dict[str, str]:
    """Exact versions in ``constraints.txt``, inside the package or beside it; empty without that file."""
    package = Path(__file__).resolve().parents[1]
    path = next((p for p in (package / "constraints.txt", package.parent / "constraints.txt") if p.is_file()), None)
    if path is None:
        return {}
    lines = (line.split("#")[0].split(";")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {_plain(name): exact.strip() for name, mark, exact in (line.partition("==") for line in lines) if mark}


def _plain(name: str) -> str:
    """The name as packages are compared (PEP 503)."""
    return name.strip().lower().replace("_", "-").replace(".", "-")


def _needed_by() -> dict[str, list[str]]:
    """Stages and parts by the extra that they name."""
    try:
        catalog = load_catalog()
    except BelleError:
        return {}  # told among the problems
    found: dict[str, list[str]] = {}
    for item in catalog:
        if item.extra:
            found.setdefault(item.extra, []).append(f"{item.kind}={item.name}")
    return found
