"""Trains SentencePiece on the texts of the training split."""

from __future__ import annotations

from belle_bpe.config import BpeConfig
from belle_core import StageContext
from belle_core.artifacts import Examples, Tokenizer
from belle_core.data import read_examples
from belle_core.data.storage import text_of
from belle_core.tokenization import load_tokenizer, save_tokenizer, tokenizer_from_sentencepiece, train_sentencepiece


def train(config: BpeConfig, context: StageContext) -> Tokenizer:
    """A tokenizer whose ids equal SentencePiece's and llama.cpp's; the same data gives the same file."""
    texts = (text_of(example) for example in read_examples(context.input(Examples), "train"))
    model = train_sentencepiece(texts, vocab_size=config.vocabulary, max_piece_length=config.max_piece_length)
    path = context.scratch / "tokenizer.model"
    path.write_bytes(model)
    save_tokenizer(tokenizer_from_sentencepiece(path), context.directory, path)
    return Tokenizer(directory=context.directory, vocabulary=len(load_tokenizer(context.directory)))
