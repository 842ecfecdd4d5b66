"""What a user may name where an earlier result is meant: a run, one of its steps, a fingerprint, an artifact's directory."""

from __future__ import annotations

from pathlib import Path

from belle_core.artifacts import MANIFEST, TYPES, Artifact, Runnable
from belle_core.errors import BelleError
from belle_core.names import unknown
from belle_core.runs import find_run
from belle_core.store import Store


def find_artifact(reference: str, store: Store) -> Artifact:
    """The artifact by ``<run>`` (its last model, else last step), ``<run>/<step>``, fingerprint (or its beginning) or directory.

    Raises ``BelleError`` when there is none.
    """
    directory = Path(reference).expanduser()
    if (directory / MANIFEST).is_file() and (kind := TYPES.get(directory.resolve().parent.name)):
        directory = directory.resolve()
        return Store(directory.parents[1]).find(kind, directory.name)  # type: ignore[return-value]  # it is there
    name, _, step = reference.partition("/")
    found = find_run(store.root, name)
    if found is None:
        return store.load(reference)
    steps = {s["name"]: s for s in found.steps}
    if step:
        if step not in steps:
            raise unknown("step", step, steps, typed=reference)
        return store.load(steps[step]["fingerprint"])
    if not steps:
        raise BelleError(f"run {name} has no finished step yet", f"运行 {name} 还没有完成的步骤")
    artifacts = [store.load(s["fingerprint"]) for s in steps.values()]
    return next((a for a in reversed(artifacts) if isinstance(a, Runnable)), artifacts[-1])
