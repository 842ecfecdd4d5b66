"""Loads an exported file with llama.cpp and compares how it and the model's own tokenizer encode text."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from belle_core.errors import BelleError
from belle_core.generation.llamacpp import open_model
from belle_core.tokenization import SegmentEncoder
from belle_core.tokenization.probes import probe_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TEXTS = 500
TOLERATED = 0.05  # share of texts; a merged vocabulary with tied scores (Chinese-LLaMA-2: 0.03) differs at the ties


def token_parity(path: Path, tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    """Encodes hard texts with both, and decodes a few tokens: ``texts`` compared and ``different`` ones.

    Raises:
        BelleError: more than 5% differ, so that the model would be served with other ids than it was trained on; or
            llama-cpp-python is missing.
    """
    encoder = SegmentEncoder(tokenizer)
    model = open_model(path, context=64, threads=1)
    # llama.cpp has no Unicode normalisation, which byte-level tokenizers may ask for
    texts = [unicodedata.normalize("NFC", text) for text in probe_texts(TEXTS)]
    try:
        served = [model.tokenize(text.encode(), add_bos=False, special=False) for text in texts]
        model.eval(served[0][:8])
    finally:
        model.close()
    trained = [encoder.encode(text, after_text=False) for text in texts]
    different = [text for text, ours, theirs in zip(texts, trained, served, strict=True) if ours != theirs]
    if len(different) > TOLERATED * TEXTS:
        raise BelleError(
            f"llama.cpp encodes {len(different)} of {TEXTS} texts otherwise than the tokenizer, first {different[0]!r}",
            f"llama.cpp 对 {TEXTS} 条文本中 {len(different)} 条的编码与分词器不同，第一条是 {different[0]!r}",
        )
    return {"texts": TEXTS, "different": len(different)}
