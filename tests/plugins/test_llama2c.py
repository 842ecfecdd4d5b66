"""llama2.c's files become a Hugging Face model that computes the same and speaks the same tokens."""

from __future__ import annotations

import os
import struct
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
from belle_llama2c.checkpoint import Header
from belle_llama2c.convert import convert
from gguf import GGUFReader
from transformers import AutoModelForCausalLM, AutoTokenizer

from belle_core.errors import BelleError
from belle_core.tokenization import load_tokenizer

STORIES = Path(os.environ.get("BELLE_SHARED", Path(__file__).parents[3] / "shared")) / "data/weights/stories260K"
WORDS = ["a", "b", " ", "ab", " ab", "你", "好", "你好"]
TOKENS = ["<unk>", "\n<s>\n", "\n</s>\n", *(f"<0x{byte:02X}>" for byte in range(256)), *WORDS]


def write_files(directory: Path, *, tied: bool, seed: int = 0) -> tuple[Path, Path, dict[str, np.ndarray]]:
    """A tiny model as llama2.c writes it."""
    header = Header(16, 24, 2, 4, 2, len(TOKENS), 32, tied)
    draw = np.random.default_rng(seed)
    weights = {name: draw.normal(0, 0.3, shape).astype("<f4") for name, shape in header.tensors().items()}
    numbers = (16, 24, 2, 4, 2, len(TOKENS) if tied else -len(TOKENS), 32)
    checkpoint, tokenizer = directory / "model.bin", directory / "tok.bin"
    checkpoint.write_bytes(struct.pack("<7i", *numbers) + b"".join(array.tobytes() for array in weights.values()))
    pieces = [(0.0 if index < 259 else 259.0 - index, text.encode()) for index, text in enumerate(TOKENS)]
    entries = (struct.pack("<fi", score, len(text)) + text for score, text in pieces)
    tokenizer.write_bytes(struct.pack("<i", max(len(text) for _, text in pieces)) + b"".join(entries))
    return checkpoint, tokenizer, weights


def run_llama2c(weights: dict[str, np.ndarray], ids: list[int], *, heads: int, kv_heads: int) -> np.ndarray:
    """Logits of every position, (tokens, vocabulary), after ``forward`` of llama2.c's ``run.c``."""

    def norm(x, weight):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * weight

    def rotate(x):  # (T, H, D), pairs of neighbours
        size = x.shape[-1]
        angle = np.arange(len(x))[:, None] / 10000.0 ** (np.arange(0, size, 2) / size)
        cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
        even, odd = x[..., ::2], x[..., 1::2]
        return np.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1).reshape(x.shape)

    x = weights["embed_tokens"][ids].astype(np.float64)
    mask = np.triu(np.full((len(ids), len(ids)), -np.inf), 1)
    for layer in range(len(weights["input_layernorm"])):
        w = {name: array[layer] for name, array in weights.items() if array.ndim > 1}
        y = norm(x, w["input_layernorm"])
        q, k, v = (
            (y @ w[f"self_attn.{letter}_proj"].T).reshape(len(ids), count, -1)
            for letter, count in (("q", heads), ("k", kv_heads), ("v", kv_heads))
        )
        k, v = (np.repeat(array, heads // kv_heads, 1) for array in (rotate(k), v))
        scores = np.einsum("thd,shd->hts", rotate(q), k) / np.sqrt(q.shape[-1]) + mask
        weight = np.exp(scores - scores.max(-1, keepdims=True))
        attended = np.einsum("hts,shd->thd", weight / weight.sum(-1, keepdims=True), v).reshape(len(ids), -1)
        x = x + attended @ w["self_attn.o_proj"].T
        y = norm(x, w["post_attention_layernorm"])
        gate = y @ w["mlp.gate_proj"].T
        x = x + (gate / (1 + np.exp(-gate)) * (y @ w["mlp.up_proj"].T)) @ w["mlp.down_proj"].T
    return norm(x, weights["norm"]) @ weights.get("lm_head", weights["embed_tokens"]).T


@pytest.mark.parametrize("tied", [True, False])
def test_the_model_computes_what_llama2c_computes(tmp_path, tied):
    checkpoint, tokenizer, weights = write_files(tmp_path, tied=tied)
    convert(checkpoint, tokenizer, tmp_path / "hf")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    ids = [1, 260, 261, 264, 5, 266, 259, 261]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].numpy()
    np.testing.assert_allclose(logits, run_llama2c(weights, ids, heads=4, kv_heads=2), atol=2e-5)
    assert model.config.tie_word_embeddings is tied
    assert model.generation_config.eos_token_id == 2


def test_the_tokenizer_is_sentencepieces(tmp_path):
    checkpoint, tokenizer, _ = write_files(tmp_path, tied=True)
    convert(checkpoint, tokenizer, tmp_path / "hf")
    reference = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "hf/tokenizer.model"))
    loaded = [load_tokenizer(tmp_path / "hf"), AutoTokenizer.from_pretrained(tmp_path / "hf")]
    for text in ("ab", "你好ab", "  ab b", "x\n你", "</s>é"):
        for ours in loaded:
            assert ours(text.replace("</s>", "")).input_ids == [1, *reference.encode(text.replace("</s>", ""))]
    assert reference.id_to_piece([0, 1, 2, 3, 263]) == ["<unk>", "<s>", "</s>", "<0x00>", "▁ab"]
    assert reference.get_score(266) == -7.0


def refused(path: Path, checkpoint: Path, tokenizer: Path, message: str) -> None:
    with pytest.raises(BelleError, match=message) as error:
        convert(checkpoint, tokenizer, path / "hf")
    assert "\n" not in error.value.english + error.value.chinese
    assert not (path / "hf").exists(), "nothing half-made is left"


def test_damaged_files_are_one_line(tmp_path):
    checkpoint, tokenizer, _ = write_files(tmp_path, tied=True)
    whole, words = checkpoint.read_bytes(), tokenizer.read_bytes()
    checkpoint.write_bytes(whole[:-4])
    refused(tmp_path, checkpoint, tokenizer, r"has \d+ bytes, its header asks for \d+")
    checkpoint.write_bytes(whole[:-1])
    refused(tmp_path, checkpoint, tokenizer, r"cannot be read|has \d+ bytes")
    checkpoint.write_bytes(whole + bytes(8))
    refused(tmp_path, checkpoint, tokenizer, r"has \d+ bytes, its header asks for \d+")
    for content in (b"GGUF" + whole[4:], whole[:8], b"", struct.pack("<7i", *[0] * 7) + whole[28:]):
        checkpoint.write_bytes(content)
        refused(tmp_path, checkpoint, tokenizer, "is not a checkpoint|cannot be read|has")
    checkpoint.write_bytes(whole)
    for content in (words[:-1], words[:-3] + b"\xff\xff\xff", whole):
        tokenizer.write_bytes(content)
        refused(tmp_path, checkpoint, tokenizer, "is damaged or not llama2.c's tokenizer|tokens but")
    tokenizer.write_bytes(words[:-14])
    refused(tmp_path, checkpoint, tokenizer, "has 266 tokens but .* 267 embedding rows")
    refused(tmp_path, tmp_path / "absent.bin", tokenizer, "cannot be read")
    refused(tmp_path, checkpoint, tmp_path / "absent.bin", "cannot be read")


@pytest.fixture(scope="module")
def stories(tmp_path_factory) -> Path:
    if not (STORIES / "stories260K.bin").is_file():
        pytest.skip(f"the stories260K weights are not in {STORIES}; set BELLE_SHARED")
    target = tmp_path_factory.mktemp("stories")
    convert(STORIES / "stories260K.bin", STORIES / "tok512.bin", target)
    return target


def tell(directory: Path, count: int = 100) -> str:
    tokenizer, model = load_tokenizer(directory), AutoModelForCausalLM.from_pretrained(directory)
    prompt = tokenizer("Once upon a time", return_tensors="pt").input_ids
    ids = model.generate(prompt, max_new_tokens=count, do_sample=False)[0, prompt.shape[1] :]
    return tokenizer.decode(ids)


def test_real_weights_tell_a_story(stories):
    assert tell(stories).startswith(
        ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball."
    )


def test_real_weights_tell_the_same_story_in_llama_cpp(stories):
    pytest.importorskip("llama_cpp", reason='llama-cpp-python is not installed: pip install "belle[llamacpp]"')
    from belle_core.generation.llamacpp import open_model

    with closing(open_model(STORIES / "stories260K.gguf", context=256, threads=1)) as model:
        independent = model("Once upon a time", max_tokens=100, temperature=0)["choices"][0]["text"]
    assert tell(stories) == independent


def test_real_weights_exported_are_the_independent_file(stories, tmp_path):
    from belle_gguf.export import export_gguf

    export_gguf(stories, tmp_path / "ours.gguf", dtype="f32", name="stories260K")
    ours, theirs = GGUFReader(tmp_path / "ours.gguf"), GGUFReader(STORIES / "stories260K.gguf")
    mine, independent = ({tensor.name: tensor.data for tensor in reader.tensors} for reader in (ours, theirs))
    # the embedding is tied: the other file holds it twice
    np.testing.assert_array_equal(independent.pop("output.weight"), independent["token_embd.weight"])
    assert mine.keys() == independent.keys()
    for name, tensor in mine.items():
        assert tensor.tobytes() == independent[name].tobytes()
    for key in ("tokens", "scores", "token_type", "model", "bos_token_id", "eos_token_id"):
        field = f"tokenizer.ggml.{key}"
        assert ours.fields[field].contents() == theirs.fields[field].contents()
