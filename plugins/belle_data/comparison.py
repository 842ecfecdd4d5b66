"""Two sets of examples compared by id and by text: 17 bytes an example are held, whatever its length."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from belle_core.artifacts import Examples
from belle_core.conversation import Example
from belle_core.data import read_examples
from belle_core.language import say
from belle_core.progress import track


@dataclass(frozen=True)
class Keys:
    """One row an example, in order of splits: ids and texts as 64-bit digests (n,), splits by number (n,)."""

    ids: np.ndarray
    texts: np.ndarray
    splits: np.ndarray


def compare(first: Examples, second: Examples, shown: int) -> dict[str, Any]:
    """What was added, removed, changed and moved from *first* to *second*, with up to *shown* examples of each.

    The keys are documented in ``docs/looking.md``.
    """
    splits = list(dict.fromkeys([*first.splits, *second.splits]))
    a, b = keys_of(first, splits), keys_of(second, splits)
    _, in_a, in_b = np.intersect1d(a.ids, b.ids, return_indices=True)
    other = a.texts[in_a] != b.texts[in_b]
    moved = a.splits[in_a] != b.splits[in_b]
    added, removed = np.flatnonzero(~np.isin(b.ids, a.ids)), np.flatnonzero(~np.isin(a.ids, b.ids))
    order = np.argsort(in_b[other], kind="stable")
    changed_a, changed_b = in_a[other][order], in_b[other][order]
    return {
        "first": first.fingerprint,
        "second": second.fingerprint,
        "splits": {split: [one.splits.get(split, 0) for one in (first, second)] for split in splits},
        "by_id": {
            "same": int((~other).sum()),
            "changed": int(other.sum()),
            "moved": int(moved.sum()),
            "added": len(added),
            "removed": len(removed),
        },
        "by_text": {
            "shared": len(np.intersect1d(a.texts, b.texts)),
            "only_first": len(np.setdiff1d(a.texts, b.texts)),
            "only_second": len(np.setdiff1d(b.texts, a.texts)),
        },
        "rejected": {reason: [one.rejected.get(reason, 0) for one in (first, second)]
                     for reason in sorted({*first.rejected, *second.rejected})},
        "examples": _shown(first, second, splits, removed[:shown], added[:shown], changed_a[:shown], changed_b[:shown]),
    }  # fmt: skip


def keys_of(examples: Examples, splits: list[str]) -> Keys:
    """The rows of all examples."""
    ids, texts, numbers = array("Q"), array("Q"), array("B")
    label = say("reading", "读取")
    every = ((n, e) for n, split in enumerate(splits) for e in read_examples(examples, split))
    for number, example in track(every, total=sum(examples.splits.values()), label=label):
        ids.append(_digest(example.id))
        texts.append(_digest(content_of(example)))
        numbers.append(number)
    return Keys(
        _told_apart(np.frombuffer(ids, np.uint64)), np.frombuffer(texts, np.uint64), np.frombuffer(numbers, np.uint8)
    )


def _told_apart(ids: np.ndarray) -> np.ndarray:
    """The same ids (n,), but from the second time on with how often they came: ids of published data need not be unique."""
    order = np.argsort(ids, kind="stable")
    first = np.flatnonzero(np.diff(ids[order], prepend=~ids[order[:1]]))
    if len(first) == len(ids):
        return ids
    times = np.arange(len(ids)) - np.repeat(first, np.diff(first, append=len(ids)))
    apart = ids.copy()
    apart[order] += times.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return apart


def content_of(example: Example) -> str:
    """All that a model could learn from, as one text: who says what, and answers that are worse."""
    record = example.to_json()
    return json.dumps([record.get(name) for name in ("messages", "text", "rejected")], ensure_ascii=False)


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _shown(first: Examples, second: Examples, splits: list[str], removed: Any, added: Any, before: Any, after: Any) -> dict[str, Any]:  # fmt: skip
    ours = _rows(first, splits, {*removed.tolist(), *before.tolist()})
    theirs = _rows(second, splits, {*added.tolist(), *after.tolist()})
    gone = [ours[row] for row in removed.tolist()]
    reasons = _reasons(second, {record["id"] for record in gone})
    return {
        "added": [theirs[row] for row in added.tolist()],
        "removed": [record | ({"reason": reasons[record["id"]]} if record["id"] in reasons else {}) for record in gone],
        "changed": [[ours[a], theirs[b]] for a, b in zip(before.tolist(), after.tolist(), strict=True)],
    }


def _reasons(examples: Examples, ids: set[str]) -> dict[str, str]:
    """Why *examples* do not hold records with these ids, where they were dropped from it."""
    path = examples.directory / "rejected.jsonl"
    if not ids or not path.is_file():
        return {}
    with path.open(encoding="utf-8") as file:
        return {one["id"]: one["reason"] for one in map(json.loads, file) if one.get("id") in ids}


def _rows(examples: Examples, splits: list[str], wanted: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The examples in these rows."""
    rows, found, row = set(wanted), {}, 0
    for split in splits:
        for example in read_examples(examples, split):
            if row in rows:
                found[row] = {"split": split, **example.to_json()}
                if len(found) == len(rows):
                    return found
            row += 1
    return found
