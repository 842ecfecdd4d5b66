"""What a filter is: something that changes, divides or drops examples, one by one or by looking at all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from belle_core.conversation import Example
from belle_core.errors import BelleError, Several
from belle_core.plugins import load_catalog

if TYPE_CHECKING:
    from belle_core.data.corpus import Corpus


Recipe = tuple[str, str, dict[str, Any]]
"""How any process makes a thing: ``module:object``, ``module:class`` of its options (empty: it has none), and their plain values."""


@dataclass(frozen=True)
class Drop:
    """The answer of a filter that does not keep an example."""

    reason: str = ""
    """Short, to count by; shown behind the filter's name (``length:short``). Empty where a filter has one reason."""
    evidence: str = ""
    """What shows it; personal data in it is redacted before it is written."""
    note: dict[str, Any] = field(default_factory=dict)
    """More to be told of it, in a file with the filter's name (``contamination.jsonl``)."""


@dataclass(frozen=True)
class Keep:
    """The answer of a corpus filter that keeps an example and has something to tell of it."""

    note: dict[str, Any]
    """Goes into a file with the filter's name."""


class RecordFilter(Protocol):
    """A part of kind ``filter`` that looks at one example at a time; runs in several processes, so it keeps no state.

    Its ``run`` is called with the options and returns it. What an example becomes must depend on the example and the options
    alone. ``repairs`` says that it never drops, so that held-out files go through it too.
    """

    repairs: bool

    def __call__(self, example: Example) -> Example | Drop | Sequence[Example | Drop]:
        """The same example, a changed one, why it is dropped, or the several (at least one) that it is divided into.

        A ``Drop`` among several is a piece that is dropped.
        """


class CorpusFilter(Protocol):
    """A part of kind ``filter`` that decides over many examples: duplicates, selections, scores of a model in batches.

    ``summaries`` runs in several processes, ``decide`` once and in order. With ``whole = False`` examples are decided while they
    pass and at most a bounded number may be looked at before the first decision; with ``whole = True`` all are
    stored in a scratch folder first and can be looked at again and in any order. One with ``asks_a_model = True`` takes time that
    ``belle plan`` knows only with ``--measure``.
    """

    whole: bool

    def summaries(self, examples: Sequence[Example]) -> Sequence[bytes]:
        """For each of some examples what ``decide`` needs to know of it (a hash, a signature), and nothing of the others; may be empty."""

    def decide(self, corpus: Corpus) -> Iterator[Drop | Keep | None]:
        """For every example in order: why it is dropped, or ``None`` or ``Keep`` to keep it. Memory must stay bounded by bytes a record.

        A filter of near duplicates says in ``shingles`` when two texts are alike; splits by number then keep questions that are alike together.
        What it learns of the data as a whole it may say in a method ``found``, which is called at the end; the artifact keeps that.
        """


Filter = RecordFilter | CorpusFilter


@dataclass(frozen=True)
class Named:
    """A filter under the name that it has in the configuration."""

    name: str
    filter: Any
    recipe: Recipe
    """How another process builds it."""

    @property
    def corpus(self) -> bool:
        """Whether it decides over many examples."""
        return hasattr(self.filter, "decide")

    def reason(self, drop: Drop) -> str:
        """What the drop is counted by."""
        return f"{self.name}:{drop.reason}" if drop.reason else self.name


def build_filters(clean: dict[str, Any]) -> list[Named]:
    """The filters of a configuration, in order; raises ``BelleError`` for all that cannot be built."""
    catalog, built, errors = load_catalog(), [], []
    for name, options in clean.items():
        if options is None:
            continue
        part = catalog.part_for(options)
        try:
            if part is None or part.kind != "filter":
                raise _no_filter(name, options, catalog.names("filter"))
            kind = type(options)
            recipe = (part.run, f"{kind.__module__}:{kind.__qualname__}", dict(vars(options)))
            built.append(Named(name, part.load()(options), recipe))
        except BelleError as error:
            errors.append(_located(name, error))
    if errors:
        raise errors[0] if len(errors) == 1 else Several(errors)
    return built


def _located(name: str, error: BelleError) -> BelleError:
    """*error* with the filter that it is about, where that is not said."""
    where = f"data.clean.{name}"
    if where in error.english or isinstance(error, Several):
        return error
    return BelleError(f"{where}: {error.english}", f"{where}：{error.chinese}")


def _no_filter(name: str, options: Any, known: list[str]) -> BelleError:
    where, words = f"data.clean.{name}", ", ".join(known)
    return BelleError(
        f"{where} is {options!r}, which is no filter; choose one with +filter@{where}=<name> ({words})",
        f"{where} 是 {options!r}，不是过滤器；请用 +filter@{where}=<名称> 选择（{words}）",
    )
