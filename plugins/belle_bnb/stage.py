"""Loads the model through bitsandbytes and saves it in that form."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from belle_bnb.config import BnbConfig
from belle_core import StageContext
from belle_core.artifacts import MANIFEST, QuantizedModel
from belle_core.training.merging import merged_directory
from belle_core.training.quiet import quiet

WEIGHTS = (".safetensors", ".index.json", ".bin")


def quantize(config: BnbConfig, context: StageContext) -> QuantizedModel:
    """A directory that ``AutoModelForCausalLM.from_pretrained`` loads with bitsandbytes installed."""
    source = merged_directory(context)
    dtype = _dtype(source)
    with quiet():
        model = AutoModelForCausalLM.from_pretrained(
            source, quantization_config=_quantization(config, dtype), dtype=dtype, use_safetensors=True
        )
    for path in source.iterdir():  # tokenizer, template and stop tokens travel along
        if path.is_file() and not path.name.endswith(WEIGHTS) and path.name not in (MANIFEST, "config.json"):
            shutil.copyfile(path, context.directory / path.name)
    model.save_pretrained(context.directory, safe_serialization=True)
    parameters = _count(source)
    size = sum(path.stat().st_size for path in context.directory.glob("*.safetensors"))
    return QuantizedModel(
        directory=context.directory,
        parameters=parameters,
        method=config.format,
        bits_per_weight=round(8 * size / parameters, 3),
    )


def _quantization(config: BnbConfig, dtype: torch.dtype) -> BitsAndBytesConfig:
    if config.format == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=config.double_quant,
        bnb_4bit_compute_dtype=dtype,
    )


def _dtype(directory: Path) -> torch.dtype:
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    return getattr(torch, config.get("dtype") or config.get("torch_dtype") or "float32")


def _count(directory: Path) -> int:
    """Number of weights in the float model; shapes only, nothing is read."""
    from safetensors import safe_open

    count = 0
    for path in directory.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                count += torch.Size(file.get_slice(name).get_shape()).numel()
    return count
