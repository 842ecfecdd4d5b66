"""What decides the result of a step, as plain values to be hashed."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from belle_core.artifacts import MANIFEST, Artifact, fingerprint
from belle_core.config import CleaningConfig, RunConfig
from belle_core.digest import Digests, expand
from belle_core.errors import BelleError
from belle_core.plugins import Catalog
from belle_core.references import find_artifact
from belle_core.store import Store
from belle_core.wiring import Step


@dataclass(frozen=True)
class Recipe:
    """The identity of a step and where its input files lie."""

    key: str
    """Fingerprint of *values*."""
    values: dict[str, Any]
    files: list[str]
    """Input files, for provenance only: their bytes are in *values*, their names are not."""
    compared: list[str]
    """Further ones that only filters look into, such as the questions of an evaluation: nothing is made from them."""
    digests: dict[Path, str]
    """SHA-256 of those that are read while the step works."""

    def changed(self, digests: Digests) -> Path | None:
        """An input file that no longer holds what it held when the identity was computed."""
        return next((p for p, digest in self.digests.items() if p.exists() and digests.of(p) != digest), None)


class Identities:
    """Computes recipes of steps in order; inputs are known by their fingerprints alone, so nothing needs to exist."""

    def __init__(self, config: RunConfig, catalog: Catalog, digests: Digests) -> None:
        self.config, self.catalog, self.digests = config, catalog, digests
        self.keys: dict[str, str] = {}
        self._inner: dict[int, str] = {}
        self._digests: dict[Path, str] = {}
        self._compared: list[str] = []

    def of(self, step: Step) -> Recipe:
        """The recipe of *step*; those of its sources must have been asked for before."""
        files: list[str] = []
        self._digests, self._compared = {}, []
        stage = step.stage
        self._inner.pop(id(step.section), None)
        values = {
            "stage": f"{stage.kind}/{stage.name}",
            "version": stage.version,
            "config": self.plain(step.section, step.where, files),
            "shared": {name: self.plain(value, name, files) for name, value in shared_of(step, self.config).items()},
            "inputs": {kind.__name__: self.keys[source] for kind, source in step.sources.items()},
        }
        if self.config.limit is not None:
            values["limit"] = self.config.limit
        key = self.keys[step.name] = self._inner[id(step.section)] = fingerprint(values)
        compared = [file for file in self._compared if file not in files]
        return Recipe(key, values, files, compared, self._digests)

    def plain(self, value: Any, where: str, files: list[str]) -> Any:
        """*value* as JSON: options without effect left out, input files replaced by their digests.

        Options that name files indirectly list them in a method ``input_files()``. Options of an inner step are its fingerprint.
        """
        if (key := self._inner.get(id(value))) is not None:
            return key
        if not is_dataclass(value):
            return _json(value, lambda item: self.plain(item, where, files))
        result: dict[str, Any] = {}
        for f in fields(value):
            if f.metadata.get("identity", True):
                item = getattr(value, f.name)
                if f.metadata.get("artifact"):
                    result[f.name] = self._references(item, f"{where}.{f.name}", files)
                    continue
                streamed = bool(f.metadata.get("streamed"))
                digests = (
                    self._digest(item, f"{where}.{f.name}", files, streamed=streamed)
                    if f.metadata.get("file")
                    else None
                )
                if f.metadata.get("ordered") and isinstance(item, dict):
                    item = [list(pair) for pair in item.items()]  # keys are sorted when hashed
                into = self._compared if isinstance(value, CleaningConfig) and f.name == "clean" else files
                result[f.name] = digests or self.plain(item, f"{where}.{f.name}", into)
        if named := getattr(value, "input_files", None):
            try:
                digests = self._digest(named(), where, files, streamed=True)
            except BelleError:
                digests = None  # told before the step runs
            result |= {"files": digests} if digests else {}
        if part := self.catalog.part_for(value):
            result["part"] = f"{part.kind}/{part.name}/{part.version}"
        return result

    def _references(self, value: Any, where: str, files: list[str]) -> Any:
        """*value* with the fingerprint in place of every name of an artifact."""
        if isinstance(value, dict):
            found = {self._references(key, where, files): item for key, item in value.items()}
            if len(found) < len(value):
                raise BelleError(f"{where} names one artifact twice", f"{where} 两次指定了同一个产物")
            return found
        if isinstance(value, (list, tuple)):
            return [self._references(item, where, files) for item in value]
        if value is None:
            return None
        try:
            artifact = find_artifact(str(value), Store(self.digests.memory.parent))
        except BelleError as error:
            raise BelleError(f"{where}: {error.english}", f"{where}：{error.chinese}") from error
        files.append(str(artifact.directory / MANIFEST))
        return artifact.fingerprint

    def _digest(self, value: Any, where: str, files: list[str], *, streamed: bool) -> list[str] | None:
        """SHA-256 of the files behind a path option, ``None`` when it names no file (a hub name, a number)."""
        try:
            paths = expand(value, option=where)
        except BelleError:
            return None
        files += [str(path).encode("utf-8", "replace").decode() for path in paths]  # names need not be UTF-8
        found = [self.digests.of(path) for path in paths]
        self._digests |= zip(paths, found, strict=True) if streamed else ()
        return found or None


def shared_of(step: Step, config: RunConfig) -> dict[str, Any]:
    """The shared sections that *step* sees; ``model`` and ``seed`` where it starts from them or asks for them."""
    names = [*step.stage.reads, *(("model", "seed") if step.initial else ())]
    return {name: getattr(config, name) for name in dict.fromkeys(names)}


def _json(value: Any, recurse: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): recurse(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [recurse(item) for item in value]
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return str(value)


def sources_of(step: Step, artifacts: dict[str, Artifact]) -> dict[str, Artifact]:
    """The finished artifacts of the steps that the options of *step* hold, by their names there."""
    return {key: artifacts[name] for key, name in step.inner.items()}


def inputs_of(step: Step, artifacts: dict[str, Artifact]) -> dict[type[Artifact], Artifact]:
    """The finished input artifacts of *step*, by type."""
    return {kind: artifacts[source] for kind, source in step.sources.items()}
