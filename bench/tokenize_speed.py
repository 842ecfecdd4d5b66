"""How fast a training set is encoded, beside ``datasets.map`` with transformers' fast tokenizer and bare SentencePiece, in one run.

belle reads an artifact from the disk, applies the template, tells which tokens are learned, cuts, and packs ids and weights into
flat arrays, all in one process with one thread. The others get the finished text, in memory, and give ids only; ``datasets.map`` is one
process with as many threads of the tokenizer as there are cores, and then two processes. All may use the same cores; tokenizers are loaded before. Every
id of every text is first compared with SentencePiece's. Characters are those of questions and answers, without the template's; wall time, and CPU time
of the process (and its children).

    python bench/tokenize_speed.py alpaca_zh.jsonl tokenizer.model --rounds 3
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np

from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example
from belle_core.data import ExamplesWriter, read_examples
from belle_core.encoding import Encoder
from belle_core.plugins import load_catalog
from belle_core.tokenization.exact import tokenizer_from_sentencepiece
from belle_core.tokenization.segments import SegmentEncoder
from belle_core.training.examples import encode_examples
from belle_core.training.objective import Objective


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    before, begun = os.times(), time.perf_counter()
    work()
    wall, after = time.perf_counter() - begun, os.times()
    return wall, sum(after[:4]) - sum(before[:4])


def compare(texts: list[str], tokenizer: Any, model: Path) -> None:
    """Raise where an id differs from SentencePiece's."""
    from sentencepiece import SentencePieceProcessor

    ids, counts = SegmentEncoder(tokenizer).encode_many(texts, [False] * len(texts))
    wanted = SentencePieceProcessor(str(model)).encode(texts)
    found = np.split(ids, counts.cumsum()[:-1])
    differing = sum(one.tolist() != other for one, other in zip(found, wanted, strict=True))
    print(f"{len(texts):,} texts, {differing} differ from SentencePiece")
    assert not differing


def stored(examples: list[Example], folder: Path) -> Examples:
    """The artifact that a data stage makes of *examples*."""
    with ExamplesWriter(folder) as writer:
        for example in examples:
            writer.write("train", example)
        return writer.finish(licences=[])


def contestants(
    examples: list[Example], data: Examples, tokenizer: Any, model: Path
) -> dict[str, Callable[[], Callable[[], Any]]]:
    """By name, what makes ready what is timed; *data* holds the *examples*."""
    import datasets
    from sentencepiece import SentencePieceProcessor
    from transformers import LlamaTokenizerFast

    datasets.disable_progress_bars()
    catalog = load_catalog()
    objective: Objective = catalog.part("objective", "sft").load()(None)
    template = catalog.part("template", "belle").load()
    texts = ["".join(s.text for s in template.segments(e.conversation)) for e in examples if e.conversation]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(model, Path(folder) / "tokenizer.model")
        other = LlamaTokenizerFast.from_pretrained(folder)
    rows = datasets.Dataset.from_dict({"text": texts})
    bare = SentencePieceProcessor(str(model))

    def encoded(encoder: Encoder) -> Any:
        return encode_examples(read_examples(data, "train"), encoder, objective, max_length=2048, split="train")

    def mapped(processes: int | None) -> Any:
        return rows.map(
            lambda batch: other(batch["text"]), batched=True, num_proc=processes, load_from_cache_file=False
        )

    return {
        "belle": lambda: partial(encoded, Encoder(tokenizer, template)),  # a new one remembers nothing
        "datasets.map": lambda: partial(mapped, None),
        "datasets.map, 2 processes": lambda: partial(mapped, 2),
        "sentencepiece, 2 threads": lambda: partial(bare.encode, texts, num_threads=2),
    }


def main() -> None:
    """Prints the best of several rounds of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="JSON Lines in Alpaca's layout")
    parser.add_argument("model", type=Path, help="tokenizer.model of LLaMA")
    parser.add_argument("--records", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with options.data.open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file][: options.records]
    pairs = [(r["instruction"] + r.get("input", ""), r["output"]) for r in records if r["output"]]
    examples = [Example(str(n), Conversation.of(*pair)) for n, pair in enumerate(pairs)]
    characters = sum(len(text) for pair in pairs for text in pair)
    tokenizer = tokenizer_from_sentencepiece(options.model)
    compare([text for pair in pairs for text in pair], tokenizer, options.model)
    with tempfile.TemporaryDirectory() as folder:
        work = contestants(examples, stored(examples, Path(folder)), tokenizer, options.model)
        del records, pairs, examples  # else the garbage collector goes through them while others are timed
        gc.collect()
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
        for _ in range(options.rounds):
            for name, one in work.items():
                times[name].append(timed(one()))
    for name, taken in times.items():
        wall, cpu = (min(each) for each in zip(*taken, strict=True))
        print(f"{name:28} {characters / wall / 1e6:6.2f} M characters/s   {characters / cpu / 1e6:6.2f} per CPU second")


if __name__ == "__main__":
    main()
