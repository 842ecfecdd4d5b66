"""The YAML at the head of a data card, which hubs and ``datasets`` read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from belle_core.artifacts import Examples
from belle_core.data.languages import language_of
from belle_core.data.questions import question_of
from belle_core.data.storage import SPLITS, read_examples

LOOKED_AT = 1000
"""Examples at the beginning of each split whose language is told."""
RARE = 0.02
"""Share of examples below which a language is not named."""
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
LICENCES = frozenset(
    (
        "apache-2.0 mit cc0-1.0 cc-by-2.0 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 "
        "cc-by-nc-4.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-nc-nd-4.0 gpl-3.0 odbl odc-by pddl "
        "bsd-3-clause openrail unknown"
    ).split()
)
"""Identifiers that the hub knows; any other is ``other`` with its own name."""
FEATURES = """\
  features:
  - name: id
    dtype: string
  - name: messages
    list:
    - name: role
      dtype: string
    - name: content
      dtype: string
  - name: weights
    list: float64
  - name: text
    dtype: string
  - name: rejected
    list: string
  - name: category
    dtype: string
  - name: source
    dtype: string
  - name: meta
    dtype: json
"""
"""The fields of a line, all of them: what is absent in the first records may come later. See ``Example.to_json``."""


def yaml_head(examples: Examples) -> list[str]:
    """The lines from ``---`` to ``---``."""
    configs = [line for split in splits_of(examples) for line in (f"  - split: {split}", f"    path: {split}.jsonl")]
    languages = _languages(examples)
    return [
        "---",
        *_licences(examples.licences),
        *(["language:", *(f"- {code}" for code in languages)] if languages else []),
        "size_categories:",
        f"- {_size(sum(examples.splits.values()))}",
        "dataset_info:",
        FEATURES.rstrip("\n"),
        "configs:",
        "- config_name: default",
        "  data_files:",
        *configs,
        "---",
    ]


def splits_of(examples: Examples) -> list[str]:
    """The splits that have a file, in their usual order."""
    return [split for split in SPLITS if (examples.directory / f"{split}.jsonl").is_file()]


def _licences(stated: Sequence[str]) -> list[str]:
    if not stated:
        return ["license: unknown"]
    known = [licence.lower() for licence in stated if licence.lower() in LICENCES]
    other = [licence for licence in stated if licence.lower() not in LICENCES]
    named = [f"license_name: {json.dumps(', '.join(other), ensure_ascii=False)}"] if other else []
    return ["license:", *(f"- {licence}" for licence in [*known, *(["other"] if other else [])]), *named]


def _languages(examples: Examples) -> list[str]:
    """Codes of the languages that questions are in, as far as script and common words tell; frequent ones first."""
    counts: Counter[str] = Counter()
    for split in splits_of(examples):
        for example in islice(read_examples(examples, split), LOOKED_AT):
            counts[language_of(question_of(example), detect=False)] += 1
    least = RARE * counts.total()
    return [
        code for code, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])) if code and count > least
    ]


def _size(count: int) -> str:
    """The hub's name of a magnitude, such as ``10K<n<100K``."""
    names = ["1K", "10K", "100K", "1M", "10M", "100M", "1B"]
    place = sum(count >= size for size in SIZES)
    if place == 0:
        return "n<1K"
    return f"n>{names[-1]}" if place == len(SIZES) else f"{names[place - 1]}<n<{names[place]}"
