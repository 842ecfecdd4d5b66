"""A model of a few thousand weights with its tokenizer and data, for tests that train for real."""

from __future__ import annotations

import random
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from belle_core.artifacts import Examples, Runnable, Tokenizer
from belle_core.config import ModelConfig, TrainerConfig
from belle_core.conversation import Conversation, Example, Turn
from belle_core.data import ExamplesWriter
from belle_core.stages import StageContext
from belle_core.tokenization import load_tokenizer, save_tokenizer, tokenizer_from_sentencepiece, train_sentencepiece

ARCHITECTURE = {
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}
WORDS = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"


def conversation(number: int, turns: int = 1, system: str = "") -> Conversation:
    """Questions and answers of different lengths, always the same for one *number*."""
    draw = random.Random(number)
    text = lambda longest: "".join(draw.choices(WORDS, k=draw.randint(1, longest)))  # noqa: E731
    parts = [part for _ in range(turns) for part in (Turn("user", text(12)), Turn("assistant", text(9)))]
    return Conversation(tuple(parts), system)


@cache
def tokenizer_files() -> Path:
    """Directory of a tokenizer whose tokens are characters."""
    directory = Path(tempfile.mkdtemp(prefix="belle-test-"))
    texts = ["Human: \nAssistant: \n", *(conversation(i).question for i in range(80))]
    (directory / "source").write_bytes(train_sentencepiece(texts, vocab_size=400, max_piece_length=1))
    save_tokenizer(tokenizer_from_sentencepiece(directory / "source"), directory, directory / "source")
    (directory / "source").unlink()
    return directory


def write_examples(directory: Path, *, train: int = 60, dev: int = 10, turns: int = 1, rejected: int = 0) -> Examples:
    """Made conversations as an artifact, each with so many *rejected* answers."""
    directory.mkdir(parents=True, exist_ok=True)
    with ExamplesWriter(directory) as writer:
        for number in range(train + dev):
            split = "train" if number < train else "dev"
            worse = tuple("藏" * (1 + number % 5 + n) for n in range(rejected))
            writer.write(split, Example(str(number), conversation(number, turns), rejected=worse))
        return writer.finish(licences=[])


def training_context(
    directory: Path,
    *,
    start: Runnable | None = None,
    architecture: dict[str, Any] | None = None,
    emit: Any = None,
    rejected: int = 0,
    **trainer: Any,
) -> StageContext:
    """What a training stage gets; the artifact goes into *directory*, which should be ``<store>/<Type>/<name>``."""
    directory.mkdir(parents=True, exist_ok=True)
    examples = directory.parent.parent / "Examples" / "made"
    inputs: dict[Any, Any] = {Examples: write_examples(examples, rejected=rejected)}
    files = tokenizer_files()
    if start is None:
        inputs[Tokenizer] = Tokenizer(directory=files, vocabulary=len(load_tokenizer(files)))
    else:
        inputs[type(start)] = start
    model = ModelConfig(architecture=ARCHITECTURE | (architecture or {}), context_length=128)
    settings = TrainerConfig(accelerator="cpu", **{"batch": 3, **trainer})
    shared = {"model": model, "seed": 7, "trainer": settings}
    more = {"emit": emit} if emit else {}
    return StageContext(directory=directory, shared=shared, inputs=inputs, **more)
