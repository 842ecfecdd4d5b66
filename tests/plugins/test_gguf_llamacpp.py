"""llama.cpp serves an exported model as transformers does: the same tokens, probabilities and text."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from belle_gguf.byte_level import NAMES
from belle_gguf.export import export_gguf
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from belle_core.errors import BelleError
from belle_core.generation.llamacpp import open_model
from belle_core.tokenization import (
    SegmentEncoder,
    load_tokenizer,
    save_tokenizer,
    tokenizer_from_sentencepiece,
    train_sentencepiece,
)
from belle_core.tokenization.probes import probe_texts

llama_cpp = pytest.importorskip("llama_cpp", reason='llama-cpp-python is not installed: pip install "belle[llamacpp]"')

COUNT = 3000
TEXTS = [unicodedata.normalize("NFC", text) for text in probe_texts(COUNT, seed=5)]  # llama.cpp does not normalise
SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 256, "initializer_range": 0.2,
}  # fmt: skip


def save_sentencepiece(directory: Path, **options) -> None:
    model = directory / "tokenizer.model"
    model.write_bytes(train_sentencepiece(probe_texts(500), **options))
    tokenizer = tokenizer_from_sentencepiece(model)
    tokenizer.add_tokens(
        [AddedToken("<|im_end|>", special=True), AddedToken("<tool>", special=False, normalized=False)]
    )
    save_tokenizer(tokenizer, directory, model)


def save_byte_level(directory: Path, name: str) -> None:
    """Trained on texts with written-out special tokens, so that its merges could spell them."""
    pattern = {name: pattern for pattern, name in NAMES.items()}[name]
    backend = Tokenizer(models.BPE(ignore_merges=name == "llama-bpe"))
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=name == "gpt-2")
    split = [] if name == "gpt-2" else [pre_tokenizers.Split(Regex(pattern), "isolated")]
    backend.pre_tokenizer = pre_tokenizers.Sequence([*split, last]) if split else last
    backend.decoder = decoders.ByteLevel()
    options = {"vocab_size": 600, "special_tokens": ["<s>", "</s>"], "initial_alphabet": last.alphabet()}
    backend.train_from_iterator(TEXTS, trainers.BpeTrainer(**options))
    save_tokenizer(PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>"), directory)


TOKENIZERS = {
    "characters": lambda directory: save_sentencepiece(directory, vocab_size=5000, max_piece_length=1),
    "bpe": lambda directory: save_sentencepiece(directory, vocab_size=700),
} | {name: lambda directory, name=name: save_byte_level(directory, name) for name in NAMES.values()}


def make_model(directory: Path, tokenizer: str = "characters", config=LlamaConfig, **options) -> Path:
    """A random model whose probabilities are far from uniform."""
    directory.mkdir(parents=True, exist_ok=True)
    TOKENIZERS[tokenizer](directory)
    torch.manual_seed(0)
    settings = config(vocab_size=len(load_tokenizer(directory)), **SIZES | options)
    AutoModelForCausalLM.from_config(settings).save_pretrained(directory)
    return directory


def exported(directory: Path, dtype: str = "f32", **options):
    facts = export_gguf(directory, directory / "model.gguf", dtype=dtype, name="tiny")
    assert facts["token_parity"]["different"] == 0
    exact = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32, "logits_all": True}
    return closing(open_model(directory / "model.gguf", context=256, threads=1, **exact | options))


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_tokens_are_equal(tmp_path, tokenizer):
    encoder = SegmentEncoder(load_tokenizer(make_model(tmp_path, tokenizer)))
    with exported(tmp_path) as model:
        different = [
            text
            for text in TEXTS
            if model.tokenize(text.encode(), add_bos=False) != encoder.encode(text, after_text=False)
        ]
    assert different == []


def test_added_tokens_are_equal(tmp_path):
    tokenizer = load_tokenizer(make_model(tmp_path, "bpe"))
    text = "你好<|im_end|>the <tool>x<|im_end|>"
    with exported(tmp_path) as model:
        assert model.tokenize(text.encode(), add_bos=True, special=True) == tokenizer(text).input_ids
        assert model.token_bos() == 1 and model.token_eos() == 2


ROPE3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip
FAMILIES = {
    "llama": (LlamaConfig, {}),
    "llama, one key head": (LlamaConfig, {"num_key_value_heads": 1}),
    "llama, tied": (LlamaConfig, {"tie_word_embeddings": True}),
    "llama, biases": (LlamaConfig, {"attention_bias": True}),
    "llama, wide heads": (LlamaConfig, {"head_dim": 32}),
    "llama, another base": (LlamaConfig, {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}}),
    "llama, linear": (LlamaConfig, {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}}),
    "llama 3": (LlamaConfig, {"rope_parameters": ROPE3}),
    "mistral": (MistralConfig, {"sliding_window": None}),
    "qwen2": (Qwen2Config, {}),
}
DIVERGENCE = {"f16": 1e-5, "bf16": 1e-3, "q8_0": 1e-2}  # nats per token; weights here are ten times as large as usual


@pytest.mark.parametrize("family", FAMILIES)
def test_log_probabilities_are_equal(tmp_path, family):
    config, options = FAMILIES[family]
    make_model(tmp_path, config=config, **options)
    randomize_vectors(tmp_path)
    wanted, found = both_log_probabilities(tmp_path, "f32")
    likely = wanted > -12  # what could ever be drawn
    assert np.abs(found - wanted)[likely].max() < 1e-4


@pytest.mark.parametrize("dtype", ["f16", "bf16", "q8_0"])
def test_log_probabilities_of_other_types_are_near(tmp_path, dtype):
    wanted, found = both_log_probabilities(make_model(tmp_path), dtype)
    assert 0 <= (np.exp(wanted) * (wanted - found)).sum(-1).mean() < DIVERGENCE[dtype]


def randomize_vectors(directory: Path) -> None:
    """Biases and norms start as zeros and ones, which would hide a missing one."""
    model = AutoModelForCausalLM.from_pretrained(directory)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.copy_(1 + 0.3 * torch.randn_like(parameter))
    model.save_pretrained(directory)


def both_log_probabilities(directory: Path, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """transformers' and llama.cpp's, (tokens, vocabulary), for one text."""
    ids = [1, *SegmentEncoder(load_tokenizer(directory)).encode("".join(TEXTS[:9]), after_text=False)][:100]
    with torch.no_grad():
        model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
        wanted = model(torch.tensor([ids])).logits[0].double().log_softmax(-1).numpy()
    with exported(directory, dtype) as served:
        served.eval(ids)
        found = torch.tensor(np.array(served.scores[: len(ids)])).double().log_softmax(-1).numpy()
    assert wanted.std() > 0.5, "the model must have preferences for the comparison to mean something"
    return wanted, found


def test_greedy_text_is_equal(tmp_path):
    """Where the two best tokens are no near-tie."""
    tokenizer = load_tokenizer(make_model(tmp_path))
    prompt = [1, *SegmentEncoder(tokenizer).encode("你好 the", after_text=False)]
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    wanted = model.generate(torch.tensor([prompt]), max_new_tokens=60, do_sample=False)[0, len(prompt) :].tolist()
    with exported(tmp_path, logits_all=False) as served:
        found = [token for token, _ in zip(served.generate(prompt, temp=0.0), range(60), strict=False)]
    assert found[: len(wanted)] == wanted
    assert len(set(wanted)) > 5


def test_every_stop_token_ends_a_generation(tmp_path):
    """Also one whose name llama.cpp does not know."""
    tokenizer = load_tokenizer(make_model(tmp_path))
    stop = tokenizer.convert_tokens_to_ids("<tool>")
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, stop]}))
    with exported(tmp_path) as model:
        vocabulary = llama_cpp.llama_model_get_vocab(model.model)
        ends = [index for index in range(len(tokenizer)) if llama_cpp.llama_vocab_is_eog(vocabulary, index)]
    assert ends == sorted([2, stop, tokenizer.convert_tokens_to_ids("<|im_end|>")])


def test_a_model_left_open_closes_quietly_at_exit(tmp_path):
    make_model(tmp_path)
    export_gguf(tmp_path, tmp_path / "model.gguf", dtype="q8_0", name="tiny")
    code = (
        "from belle_core.generation.llamacpp import open_model\n"
        f"model = open_model({str(tmp_path / 'model.gguf')!r}, context=0, threads=1)\n"
        "model.eval([1, 5, 6]); print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "alive"
    assert "Traceback" not in done.stderr


def test_what_cannot_be_opened_is_named(tmp_path, monkeypatch):
    with pytest.raises(BelleError, match=r"no GGUF file at .*absent.gguf"):
        open_model(tmp_path / "absent.gguf", context=0, threads=1)
    (tmp_path / "model.gguf").write_bytes(b"GGUF, but not really")
    with pytest.raises(BelleError, match=r"llama.cpp cannot load .*model.gguf"):
        open_model(tmp_path / "model.gguf", context=0, threads=1)
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(BelleError, match=r'pip install "belle\[llamacpp\]"'):
        open_model(tmp_path / "model.gguf", context=0, threads=1)
