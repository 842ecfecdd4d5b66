"""Finds llama.cpp's name for the pre-tokenizer of a byte-level BPE tokenizer."""

from __future__ import annotations

from typing import Any

from belle_core.errors import BelleError

GPT2 = "ByteLevel's own pattern"
NAMES = {
    GPT2: "gpt-2",
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ): "qwen2",
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ): "llama-bpe",
    r" ?[^(\s|[.,!?…。，、।۔،])]+": "bloom",
}
"""The splitting pattern of ``tokenizer.json`` and the name of the same pattern in llama.cpp's ``llama-vocab.cpp``."""


def pre_tokenizer_name(description: dict[str, Any], where: object) -> str:
    """llama.cpp's name for the tokenizer in ``description``, the content of ``tokenizer.json``.

    Raises:
        BelleError: it is no byte-level BPE, or llama.cpp would split its text otherwise.
    """
    if description["model"]["type"] != "BPE" or description["model"].get("byte_fallback"):
        raise BelleError(
            f"{where}: GGUF needs tokenizer.model (SentencePiece) or a byte-level BPE tokenizer.json",
            f"{where}：导出 GGUF 需要 tokenizer.model（SentencePiece）或字节级 BPE 的 tokenizer.json",
        )
    steps = description.get("pre_tokenizer") or {}
    steps = steps["pretokenizers"] if steps.get("type") == "Sequence" else [steps]
    name = NAMES.get(_pattern(steps))
    ignores = bool(description["model"].get("ignore_merges"))
    if name is None or ignores != (name == "llama-bpe"):
        known = ", ".join(NAMES.values())
        raise BelleError(
            f"{where}: llama.cpp's name for this byte-level pre-tokenizer is not known; these are: {known}",
            f"{where}：无法确定该字节级预分词器在 llama.cpp 中的名称；已知的有：{known}",
        )
    return name


def _pattern(steps: list[dict[str, Any]]) -> str | None:
    """The pattern that splits text before BPE; None if the steps are of another kind."""
    last = steps[-1]
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space"):
        return None
    if len(steps) == 1 and last.get("use_regex", True):
        return GPT2
    if len(steps) == 2 and steps[0].get("type") == "Split" and not last.get("use_regex", True):
        return steps[0]["pattern"].get("Regex")
    return None
