"""The GGUF file holds the checkpoint's numbers, its vocabulary and its settings, and nothing that was not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from belle_gguf.export import export_gguf
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize, quantize
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, LlamaConfig

from belle_core.errors import BelleError
from belle_core.tokenization import save_tokenizer, tokenizer_from_sentencepiece, train_sentencepiece
from belle_core.tokenization.probes import probe_texts

SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 128, "rms_norm_eps": 1e-6,
}  # fmt: skip


def make_model(directory: Path, *, config=None, extra_rows: int = 0, **options) -> Path:
    """A random LLaMA with grouped queries and a character tokenizer that has a chat token added."""
    torch.manual_seed(0)
    directory.mkdir(parents=True, exist_ok=True)
    model_file = directory / "tokenizer.model"
    model_file.write_bytes(train_sentencepiece(probe_texts(300), vocab_size=3000, max_piece_length=1))
    tokenizer = tokenizer_from_sentencepiece(model_file)
    tokenizer.add_tokens([AddedToken("<|im_end|>", special=True, normalized=False)])
    tokenizer.chat_template = "{{ messages[0]['content'] }}<|im_end|>"
    save_tokenizer(tokenizer, directory, model_file)
    shard = options.pop("max_shard_size", "1GB")
    config = (config or LlamaConfig)(vocab_size=len(tokenizer) + extra_rows, **SIZES | options)
    model = AutoModelForCausalLM.from_config(config)
    model.generation_config.eos_token_id = [2, len(tokenizer) - 1]
    model.save_pretrained(directory, max_shard_size=shard)
    return directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


def export(directory: Path, target: Path, dtype: str = "f32") -> tuple[GGUFReader, dict]:
    facts = export_gguf(directory, target / "model.gguf", dtype=dtype, name="tiny")
    return GGUFReader(target / "model.gguf"), facts


def tensors(reader: GGUFReader) -> dict:
    return {tensor.name: tensor for tensor in reader.tensors}


def value(reader: GGUFReader, key: str):
    return reader.fields[key].contents()


def test_float32_tensors_are_the_checkpoints(directory, tmp_path):
    written, source = tensors(export(directory, tmp_path)[0]), load_file(directory / "model.safetensors")
    assert len(written) == len(source)
    for name, theirs in {
        "token_embd": "model.embed_tokens", "output": "lm_head", "output_norm": "model.norm",
        "blk.1.attn_v": "model.layers.1.self_attn.v_proj", "blk.1.attn_output": "model.layers.1.self_attn.o_proj",
        "blk.0.ffn_gate": "model.layers.0.mlp.gate_proj", "blk.0.ffn_up": "model.layers.0.mlp.up_proj",
        "blk.0.ffn_down": "model.layers.0.mlp.down_proj", "blk.1.attn_norm": "model.layers.1.input_layernorm",
        "blk.1.ffn_norm": "model.layers.1.post_attention_layernorm",
    }.items():  # fmt: skip
        np.testing.assert_array_equal(written[f"{name}.weight"].data, source[f"{theirs}.weight"].numpy())


def test_rows_of_queries_and_keys_alternate_between_the_halves(directory, tmp_path):
    written, source = tensors(export(directory, tmp_path)[0]), load_file(directory / "model.safetensors")
    for letter, heads in (("q", 4), ("k", 2)):
        ours = written[f"blk.0.attn_{letter}.weight"].data
        theirs = source[f"model.layers.0.self_attn.{letter}_proj.weight"].numpy()
        size = theirs.shape[0] // heads
        for head in range(heads):
            for row in range(size):
                half, place = row % 2, row // 2
                np.testing.assert_array_equal(ours[head * size + row], theirs[head * size + half * size // 2 + place])


@pytest.mark.parametrize("dtype", ["f16", "bf16", "q8_0"])
def test_other_types_are_the_reference_conversion_of_float32(directory, tmp_path, dtype):
    exact = tensors(export(directory, tmp_path)[0])
    reader, facts = export(directory, tmp_path, dtype)
    for tensor in reader.tensors:
        wanted = exact[tensor.name].data
        if wanted.ndim == 1:
            np.testing.assert_array_equal(tensor.data, wanted)
        else:
            assert tensor.tensor_type.name.lower() == dtype
            reference = quantize(wanted, tensor.tensor_type)
            np.testing.assert_array_equal(tensor.data, reference)
            difference = np.abs(dequantize(tensor.data, tensor.tensor_type) - wanted).max()
            assert difference <= {"f16": 2**-11, "bf16": 2**-8, "q8_0": 1 / 220}[dtype] * np.abs(wanted).max()
    assert facts["bits_per_weight"] == pytest.approx(
        8 * (tmp_path / "model.gguf").stat().st_size / facts["parameters"], abs=1e-3
    )


def test_rows_that_blocks_do_not_divide_stay_float16(tmp_path):
    reader, facts = export(make_model(tmp_path / "m", intermediate_size=100), tmp_path, "q8_0")
    assert tensors(reader)["blk.0.ffn_down.weight"].tensor_type == GGMLQuantizationType.F16
    assert facts["types"] == {"Q8_0": 14, "F16": 2, "F32": 5}


def test_bfloat16_checkpoints_are_exact_in_float32(directory, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.bfloat16)
    make_model(tmp_path / "m")
    model.save_pretrained(tmp_path / "m")
    written = tensors(export(tmp_path / "m", tmp_path)[0])
    np.testing.assert_array_equal(written["output.weight"].data, model.lm_head.weight.detach().float().numpy())


def test_shards_give_the_same_tensors(directory, tmp_path):
    sharded = make_model(tmp_path / "m", max_shard_size="40KB")
    assert len(list(sharded.glob("*.safetensors"))) > 2
    one, other = tensors(export(directory, tmp_path)[0]), tensors(export(sharded, tmp_path / "m")[0])
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor.data, other[name].data)


def test_tied_embeddings_are_written_once(tmp_path):
    reader, _ = export(make_model(tmp_path / "m", tie_word_embeddings=True), tmp_path)
    assert "output.weight" not in tensors(reader)


def test_settings(directory, tmp_path):
    reader, _ = export(directory, tmp_path)
    assert value(reader, "general.architecture") == "llama"
    assert value(reader, "general.name") == "tiny"
    wanted = {
        "context_length": 128, "embedding_length": 64, "block_count": 2, "feed_forward_length": 96,
        "attention.head_count": 4, "attention.head_count_kv": 2, "rope.dimension_count": 16, "rope.freq_base": 10000.0,
        "attention.key_length": 16,
    }  # fmt: skip
    assert {name: value(reader, f"llama.{name}") for name in wanted} == wanted
    assert value(reader, "llama.attention.layer_norm_rms_epsilon") == pytest.approx(1e-6)


def test_vocabulary_and_special_tokens(directory, tmp_path):
    reader, facts = export(directory, tmp_path)
    tokens, types = value(reader, "tokenizer.ggml.tokens"), value(reader, "tokenizer.ggml.token_type")
    assert tokens[:3] == ["<unk>", "<s>", "</s>"]
    assert types[:4] == [2, 3, 3, 6], "unknown, control, control, byte"
    assert (tokens[-1], types[-1]) == ("<|im_end|>", 3)
    assert facts["tokens"] == len(tokens) == value(reader, "llama.vocab_size")
    ids = {
        name: value(reader, f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos", "unknown", "padding", "eot")
    }
    assert ids == {"bos": 1, "eos": 2, "unknown": 0, "padding": 0, "eot": len(tokens) - 1}
    assert value(reader, "tokenizer.ggml.add_bos_token") is True
    assert value(reader, "tokenizer.ggml.add_space_prefix") is False
    assert value(reader, "tokenizer.chat_template") == "{{ messages[0]['content'] }}<|im_end|>"


def test_rows_without_a_token_are_unused_tokens(tmp_path):
    reader, facts = export(make_model(tmp_path / "m", extra_rows=5), tmp_path)
    tokens, types = value(reader, "tokenizer.ggml.tokens"), value(reader, "tokenizer.ggml.token_type")
    assert facts["unused_rows"] == 5
    assert types[-5:] == [5] * 5
    assert len(tokens) == len(types) == tensors(reader)["token_embd.weight"].shape[1]
    assert len(set(tokens)) == len(tokens)


def test_rows_and_tokens_that_do_not_fit_are_refused(tmp_path):
    small = make_model(tmp_path / "small", extra_rows=-1)
    with pytest.raises(BelleError, match=r"the tokenizer has \d+ tokens, the embedding only \d+ rows"):
        export(small, tmp_path)
    path = make_model(tmp_path / "m") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"vocab_size": 32000}))
    with pytest.raises(BelleError, match=r"the embedding has \d+ rows, config.json says vocab_size=32000"):
        export(tmp_path / "m", tmp_path)
    assert not list(tmp_path.glob("*.gguf*")), "nothing half-written is left"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architectures": ["PhiForCausalLM"]}, "PhiForCausalLM is not supported; these work: BloomForCausalLM"),
        ({"hidden_act": "gelu"}, "hidden_act=gelu"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "is quantized"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "'yarn' cannot be exported"),
        ({"num_hidden_layers": 3}, "9 tensors are missing, first blk.2.attn_k.weight"),
    ],
)
def test_models_that_cannot_be_exported_are_named(tmp_path, change, message):
    path = make_model(tmp_path / "m") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BelleError, match=message) as error:
        export(tmp_path / "m", tmp_path)
    assert "\n" not in error.value.english + error.value.chinese


def test_weights_that_are_no_numbers_or_too_large_are_refused(tmp_path):
    path = make_model(tmp_path / "m") / "model.safetensors"
    weights = load_file(path)
    weights["lm_head.weight"][3, 5] = 1e5
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(BelleError, match=r"lm_head.weight has weights beyond float16's range; use dtype=bf16"):
        export(tmp_path / "m", tmp_path, "f16")
    export(tmp_path / "m", tmp_path, "bf16")
    weights["lm_head.weight"][3, 5] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(BelleError, match=r"lm_head.weight holds NaN"):
        export(tmp_path / "m", tmp_path)


def test_missing_files_and_a_wrong_dtype(tmp_path, directory):
    with pytest.raises(BelleError, match=r"config.json is missing"):
        export(tmp_path, tmp_path)
    with pytest.raises(BelleError, match="dtype=q5 is none of f32, f16, bf16, q8_0"):
        export(directory, tmp_path, "q5")
    (make_model(tmp_path / "m") / "model.safetensors").unlink()
    with pytest.raises(BelleError, match=r"no weights in "):
        export(tmp_path / "m", tmp_path)
    (tmp_path / "m/model.safetensors").write_bytes(b"garbage that is no checkpoint")
    with pytest.raises(BelleError, match="is damaged"):
        export(tmp_path / "m", tmp_path)


def test_llama3_rope_factors_are_transformers_own(tmp_path):
    rope = {
        "rope_type": "llama3",
        "rope_theta": 10000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
    }
    rope |= {"original_max_position_embeddings": 32}
    reader, _ = export(make_model(tmp_path / "m", rope_parameters=rope), tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    plain = 1 / 10000.0 ** (np.arange(0, 16, 2) / 16)
    np.testing.assert_allclose(
        plain / tensors(reader)["rope_freqs.weight"].data, model.model.rotary_emb.inv_freq.numpy(), rtol=1e-6
    )
