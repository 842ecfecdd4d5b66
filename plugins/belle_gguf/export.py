"""Exports a Hugging Face model directory as one GGUF file, tensor by tensor."""

from __future__ import annotations

import math
import os
import zlib
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_core.errors import BelleError
from belle_core.smallfiles import read_object
from belle_core.tokenization import load_tokenizer
from belle_gguf.architectures import Architecture, architecture_of
from belle_gguf.metadata import add_hyperparameters
from belle_gguf.parity import token_parity
from belle_gguf.tensors import DTYPES, Plan, plan_tensors, read_tensor
from belle_gguf.verify import verify
from belle_gguf.vocabulary import Vocabulary, add_special_tokens, add_vocabulary, read_vocabulary

if TYPE_CHECKING:
    from gguf import GGUFWriter


def export_gguf(directory: Path, target: Path, *, dtype: str, name: str) -> dict[str, Any]:
    """Writes ``target`` from the config, safetensors, tokenizer, template and generation config in ``directory``.

    Only one tensor is in memory at a time. The file is written beside ``target``, read back, and then renamed.

    Args:
        dtype: type of the matrices: f32, f16, bf16 or q8_0. Norms and biases stay float32; a matrix whose rows q8_0
            cannot divide into blocks of 32 stays float16.
        name: the model's name as llama.cpp shows it.

    Returns:
        Facts: ``architecture``, ``dtype``, ``tensors``, ``types`` (tensors per type), ``parameters``, ``bytes``,
        ``bits_per_weight`` (of the whole file), ``tokens``, ``unused_rows`` (embedding rows without a token) and
        ``token_parity`` (see :func:`token_parity`; None without llama-cpp-python).

    Raises:
        BelleError: the model cannot be exported, or its vocabulary does not fit its embedding.
    """
    dtype = dtype.lower()
    if dtype not in DTYPES:
        raise BelleError(
            f"dtype={dtype} is none of {', '.join(DTYPES)}", f"dtype={dtype} 不在 {', '.join(DTYPES)} 之中"
        )
    config = read_object(directory / "config.json")
    if config is None:
        raise BelleError(
            f"no model at {directory}: config.json is missing", f"{directory} 中没有模型：缺少 config.json"
        )
    architecture = architecture_of(config, directory)
    config = architecture.standard(config)
    plans = plan_tensors(directory, config, architecture, dtype)
    tokenizer = load_tokenizer(directory)
    vocabulary = read_vocabulary(directory, tokenizer)
    unused = _check_rows(vocabulary, plans, config, directory)

    partial = target.with_name(target.name + ".partial")
    writer = _writer(partial, architecture, plans, dtype, name)
    add_hyperparameters(writer, config, architecture)
    add_vocabulary(writer, vocabulary)
    add_special_tokens(writer, tokenizer, read_object(directory / "generation_config.json") or {})
    try:
        verify(partial, plans, _write(writer, plans, config))
        parity = token_parity(partial, tokenizer) if find_spec("llama_cpp") else None
        os.replace(partial, target)
    finally:
        writer.close()
        partial.unlink(missing_ok=True)
    return _facts(target, architecture, plans, dtype) | {
        "tokens": len(vocabulary.tokens) - unused,
        "unused_rows": unused,
        "token_parity": parity,
    }


def _writer(path: Path, architecture: Architecture, plans: list[Plan], dtype: str, name: str) -> GGUFWriter:
    """A writer that knows the model's name and every tensor's place."""
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(path, architecture.name)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(FILE_TYPES[dtype])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for plan in plans:
        shape, plain = plan.stored_shape, plan.type == gguf.GGMLQuantizationType.F32
        stored = np.dtype(
            np.float32 if plain else np.float16 if plan.type == gguf.GGMLQuantizationType.F16 else np.uint8
        )
        writer.add_tensor_info(plan.name, shape, stored, int(np.prod(shape)) * stored.itemsize, raw_dtype=plan.type)
    return writer


FILE_TYPES = {"f32": 0, "f16": 1, "q8_0": 7, "bf16": 32}  # gguf.LlamaFileType


def _write(writer: GGUFWriter, plans: list[Plan], config: dict[str, Any]) -> dict[str, int]:
    """Writes everything to disk; returns the checksum of each tensor's bytes."""
    checksums = {}
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for plan in plans:
        array = read_tensor(plan, config)
        checksums[plan.name] = zlib.crc32(array)
        writer.write_tensor_data(array)
    writer.flush()
    for file in writer.fout or ():
        os.fsync(file.fileno())
    writer.close()
    return checksums


def _check_rows(vocabulary: Vocabulary, plans: list[Plan], config: dict[str, Any], directory: Path) -> int:
    """The vocabulary contract: config and embedding agree and have a row for each token; returns the rows to spare."""
    rows = next(plan.shape[0] for plan in plans if plan.name == "token_embd.weight")
    tokens = len(vocabulary.tokens)
    if rows != config["vocab_size"]:
        raise BelleError(
            f"{directory}: the embedding has {rows} rows, config.json says vocab_size={config['vocab_size']}",
            f"{directory}：词嵌入有 {rows} 行，而 config.json 中 vocab_size={config['vocab_size']}",
        )
    if tokens > rows:
        raise BelleError(
            f"{directory}: the tokenizer has {tokens} tokens, the embedding only {rows} rows; resize the model first",
            f"{directory}：分词器有 {tokens} 个词元，词嵌入只有 {rows} 行；请先调整模型的词表大小",
        )
    return vocabulary.pad_to(rows)


def _facts(target: Path, architecture: Architecture, plans: list[Plan], dtype: str) -> dict[str, Any]:
    parameters = sum(math.prod(plan.shape) for plan in plans)
    size = target.stat().st_size
    return {
        "architecture": architecture.name,
        "dtype": dtype,
        "tensors": len(plans),
        "types": dict(Counter(plan.type.name for plan in plans)),
        "parameters": parameters,
        "bytes": size,
        "bits_per_weight": round(8 * size / parameters, 3),
    }
