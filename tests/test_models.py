"""Models are data: each YAML describes an architecture that transformers builds, with the published number of weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoConfig, AutoModelForCausalLM

from belle_core.choices import options_of
from belle_core.compose import compose_run
from belle_core.plugins import load_catalog

CONF = Path(__file__).resolve().parent.parent / "conf" / "model"
MODELS = [name for name in options_of("model") if name not in ("model_schema", "tiny")]
PUBLISHED = {
    "baichuan-7b": 7_000_559_616,
    "bloom-560m": 559_214_592, "bloom-1b1": 1_065_314_304, "bloom-1b7": 1_722_408_960,
    "bloom-3b": 3_002_557_440, "bloom-7b1": 7_069_016_064,
    "deepseek-r1-qwen-1.5b": 1_777_088_000, "deepseek-r1-qwen-7b": 7_615_616_512,
    "deepseek-r1-qwen-14b": 14_770_033_664, "deepseek-r1-qwen-32b": 32_763_876_352,
    "deepseek-r1-llama-8b": 8_030_261_248, "deepseek-r1-llama-70b": 70_553_706_496,
    "gemma2-2b": 2_614_341_888, "gemma2-9b": 9_241_705_984, "gemma2-27b": 27_227_128_320,
    "gemma3-270m": 268_098_176, "gemma3-1b": 999_885_952,
    "glm4-9b": 9_399_951_360, "internlm3-8b": 8_804_241_408,
    "llama7b": 6_738_415_616, "llama13b": 13_015_864_320, "llama33b": 32_528_943_616, "llama65b": 65_285_660_672,
    "llama2-7b": 6_738_415_616, "llama2-13b": 13_015_864_320, "llama2-70b": 68_976_648_192,
    "llama3-8b": 8_030_261_248, "llama3.1-8b": 8_030_261_248, "llama3.1-70b": 70_553_706_496,
    "llama3.2-1b": 1_235_814_400, "llama3.2-3b": 3_212_749_824, "llama3.3-70b": 70_553_706_496,
    "mistral-7b": 7_241_732_096, "phi2": 2_779_683_840, "phi4": 14_659_507_200,
    "qwen2.5-0.5b": 494_032_768, "qwen2.5-1.5b": 1_543_714_304, "qwen2.5-3b": 3_085_938_688, "qwen2.5-7b": 7_615_616_512,
    "qwen2.5-14b": 14_770_033_664, "qwen2.5-32b": 32_763_876_352, "qwen2.5-72b": 72_706_203_648,
    "qwen3-0.6b": 596_049_920, "qwen3-1.7b": 1_720_574_976, "qwen3-4b": 4_022_468_096, "qwen3-8b": 8_190_735_360,
    "qwen3-14b": 14_768_307_200, "qwen3-32b": 32_762_123_264,
    "yi1.5-6b": 6_061_035_520, "yi1.5-9b": 8_829_407_232, "yi1.5-34b": 34_388_917_248,
}  # fmt: skip
"""Weights of the released checkpoints, tied ones counted once."""
PUBLISHED |= {
    name.replace("bloom-", "bloomz-"): count for name, count in PUBLISHED.items() if name.startswith("bloom-")
}
ROUNDED = {"minicpm3-4b": 4.07e9}
"""Where only a rounded number is stated."""
FAMILIES = {"llama", "qwen2", "qwen3", "bloom", "mistral", "gemma2", "gemma3_text"}
"""Built small, trained, merged and exported in test_families.py."""


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_what_its_authors_published(name):
    model = compose_run(["+train=full", f"model={name}"]).config.model
    assert model.checkpoint and model.licence and model.template in load_catalog().names("template")
    config = AutoConfig.for_model(**model.architecture, max_position_embeddings=model.context_length)
    with torch.device("meta"):
        count = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    assert count == PUBLISHED[name] if name in PUBLISHED else count == pytest.approx(ROUNDED[name], rel=5e-3)
    rare = model.architecture["model_type"] not in FAMILIES
    assert ("# YAML only" in (CONF / f"{name}.yaml").read_text(encoding="utf-8")) == rare


@pytest.mark.parametrize("name", MODELS)
def test_a_revision_is_stated_beside_the_checkpoint_that_it_belongs_to(name):
    values = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
    assert "checkpoint" in values and "revision" in values
    assert values["revision"] is None or len(values["revision"]) == 40


def test_tiny_is_built_from_numbers():
    model = compose_run(["+train=full", "model=tiny"]).config.model
    assert model.checkpoint is None and model.architecture["hidden_size"] and model.licence
