"""Checks one stage by running it through the real pipeline, in stores that are thrown away."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from belle_core.api import Prepared, prepare, run
from belle_core.artifacts import MANIFEST
from belle_core.language import say
from belle_core.runs import read_runs
from belle_core.testing.process import Child
from belle_core.testing.variation import counts, key_of, varied
from belle_core.wiring import Step

Files = dict[str, str]
"""SHA-256 by path, relative to the artifact."""


def check_stage(
    choice: str, overrides: Sequence[str] = (), *, may_differ: Sequence[str] = (), timeout: float = 600.0
) -> list[str]:
    """What is wrong with the stage chosen by ``+<choice>`` (``"train=lora"``), a sentence each; runs it several times.

    *overrides* complete the run and keep it small. *may_differ*: patterns of files that need not be the same twice
    (timings, say). *timeout*: seconds that one run may take. Raises ``BelleError`` when the run cannot be composed.
    """
    with tempfile.TemporaryDirectory(prefix="belle-check-", ignore_cleanup_errors=True) as folder:
        trial = _Trial(Path(folder), choice, (f"+{choice}", *overrides), tuple(may_differ), timeout)
        try:
            return list(trial.problems())
        except ChildProcessError as error:
            return [say(f"{choice}: the run fails: {error}", f"{choice}：运行失败：{error}")]


class _Trial:
    """One stage under examination."""

    def __init__(
        self, folder: Path, choice: str, overrides: tuple[str, ...], may_differ: tuple[str, ...], timeout: float
    ) -> None:
        self.folder, self.choice, self.overrides = folder, choice, overrides
        self.may_differ, self.timeout = may_differ, timeout
        self.prepared: Prepared = prepare([*overrides, f"store={folder / 'first' / 'store'}"])
        self.step: Step = next(s for s in self.prepared.steps if s.where == choice.split("=")[0])
        key = self.prepared.recipes[self.step.name].key
        self.place = Path("store") / self.step.produces.__name__ / key

    def problems(self) -> Iterator[str]:
        answer = self._child("first").run()
        if answer["fingerprint"] != self.place.name:
            yield say(
                f"{self.choice}: every process computes another fingerprint; is the default of an option not constant?",
                f"{self.choice}：每个进程计算出的指纹都不同；是否有选项的默认值不固定？",
            )
            return
        for name in answer["changed"]:
            yield say(
                f"{self.choice}: fact {name!r} is not plain JSON; it reads back differently",
                f"{self.choice}：事实 {name!r} 不是普通 JSON；读回后会改变",
            )
        if again := self._made_again():
            yield say(
                f"{self.choice}: the second run makes {again} again; does the stage change its own input?",
                f"{self.choice}：第二次运行又重做了 {again}；该阶段是否修改了自己的输入？",
            )
            return
        yield from self._identity()
        yield from self._repeated()
        yield from self._free()

    def _made_again(self) -> str:
        """Names of the steps that the same command does not find in the store."""
        store = self.folder / "first" / "store"
        run([*self.overrides, f"store={store}"], quiet=True)
        *_, last = read_runs(store)
        return ", ".join(step["name"] for step in last.steps if not step["cached"])

    def _identity(self) -> Iterator[str]:
        """Options that count change the fingerprint, the others do not."""
        for option, other in varied(self.step):
            changes = key_of(self.prepared, other) != self.place.name
            if counts(option) and not changes:
                yield say(
                    f"{self.choice}: changing {option.name} does not change the fingerprint; does __post_init__ overwrite it?",
                    f"{self.choice}：修改 {option.name} 不会改变指纹；是否在 __post_init__ 中被覆盖？",
                )
            elif changes and not counts(option):
                yield say(
                    f"{self.choice}: {option.name} is marked identity=False, yet it changes the fingerprint",
                    f"{self.choice}：{option.name} 标记为 identity=False，却改变了指纹",
                )

    def _repeated(self) -> Iterator[str]:
        """Killed in the middle and repeated, with another hash seed: the same bytes."""
        first = self._files("first")
        killed = self._kill("killed")
        self._child("killed").run(hash_seed=2)
        if not (different := self._different(first, self._files("killed"))):
            return
        if killed:  # is it the kill, or does it differ anyway?
            self._copy_inputs("second")
            self._child("second").run(hash_seed=2)
            if not self._different(first, self._files("second")):
                yield say(
                    f"{self.choice}: killed in the middle and repeated, it ends with another artifact: {different}",
                    f"{self.choice}：中途被杀死后重新运行，得到的产物不同：{different}",
                )
                return
        yield say(
            f"{self.choice}: two runs of the same command differ: {different}",
            f"{self.choice}：同一命令两次运行结果不同：{different}",
        )

    def _free(self) -> Iterator[str]:
        """Options marked ``identity=False``, all changed at once, must not change the bytes."""
        key, others = self.place.name, [(o.name, other) for o, other in varied(self.step) if not counts(o)]
        changed = {name: getattr(s.section, name) for name, s in others if key_of(self.prepared, s) == key}
        if not changed:
            return
        self._copy_inputs("free")
        self._child("free").run(*(f"{self.step.where}.{name}={json.dumps(value)}" for name, value in changed.items()))
        if different := self._different(self._files("first"), self._files("free")):
            names = ", ".join(changed)
            yield say(
                f"{self.choice}: options marked identity=False change the artifact ({names}): {different}",
                f"{self.choice}：标记为 identity=False 的选项改变了产物（{names}）：{different}",
            )

    def _kill(self, name: str) -> bool:
        """Leave a store in which the step was killed; ``False`` when it is over too fast to be hit."""
        delay = self._manifest("first")["provenance"]["seconds"] / 2
        for attempt in range(4):
            self._copy_inputs(name)
            if self._child(name).kill(self.folder / name / self.place, delay if attempt < 3 else 0):
                return True
            delay /= 2
        return False

    def _copy_inputs(self, name: str) -> None:
        """A store with the steps before this one."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        own = self.place.name
        shutil.copytree(
            self.folder / "first",
            self.folder / name,
            ignore=lambda _, names: [n for n in names if n.startswith(own) or n == "runs"],
        )

    def _child(self, name: str) -> Child:
        (self.folder / name).mkdir(exist_ok=True)
        return Child(self.folder / name, self.step.name, self.overrides, self.timeout)

    def _manifest(self, name: str) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads((self.folder / name / self.place / MANIFEST).read_text(encoding="utf-8"))
        return manifest

    def _files(self, name: str) -> Files:
        return {file: about["sha256"] for file, about in self._manifest(name)["files"].items()}

    def _different(self, one: Files, other: Files) -> str:
        """Names of files that are not the same and should be."""
        names = sorted(file for file in one.keys() | other.keys() if one.get(file) != other.get(file))
        return ", ".join(file for file in names if not any(fnmatch(file, pattern) for pattern in self.may_differ))
