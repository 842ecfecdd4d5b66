"""BELLE's encrypted weights: what a plain reading of the format encrypts comes back, and a wrong key is one line."""

from __future__ import annotations

import hashlib
import json
import pickle

import pytest
import torch
from belle_decrypt import cipher
from belle_decrypt.convert import decrypt_directory
from click.testing import CliRunner
from safetensors.torch import load_file
from tiny_training import ARCHITECTURE, tokenizer_files

from belle_core.commands import group
from belle_core.config import ModelConfig
from belle_core.errors import BelleError
from belle_core.testing import check_plugin
from belle_core.training.loading import load_initial
from belle_core.training.saving import save_model

CHUNK = 1000


def encrypt(content: bytes, key: bytes) -> bytes:
    """Byte by byte: chunk by chunk of both files; a short chunk of the key repeats, its end is followed by its beginning."""
    mixed, place = bytearray(), 0
    for start in range(0, len(content), CHUNK):
        chunk = content[start : start + CHUNK]
        part = key[place : place + CHUNK]
        place = place + CHUNK if place + CHUNK < len(key) else 0
        mixed += bytes(byte ^ part[i % len(part)] for i, byte in enumerate(chunk))
    return hashlib.sha256(content).digest() + bytes(mixed)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A directory as BELLE publishes it, the key, and the model that is in it."""
    monkeypatch.setattr(cipher, "CHUNK", CHUNK)
    loaded = load_initial(ModelConfig(architecture=ARCHITECTURE, context_length=64), 1, tokenizer_files())
    plain, encrypted, key = tmp_path / "plain", tmp_path / "encrypted", tmp_path / "consolidated.00.pth"
    plain.mkdir()
    encrypted.mkdir()
    save_model(loaded, plain)
    key.write_bytes(torch.randint(0, 256, (2_700,), dtype=torch.uint8).numpy().tobytes())
    weights = load_file(plain / "model.safetensors")
    halves = [dict(list(weights.items())[:7]), dict(list(weights.items())[7:])]
    (plain / "model.safetensors").unlink()
    names = [f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2)]
    for name, half in zip(names, halves, strict=True):
        torch.save(half, plain / name)
    about = {"metadata": {}, "weight_map": {k: name for name, half in zip(names, halves, strict=True) for k in half}}
    (plain / "pytorch_model.bin.index.json").write_text(json.dumps(about))
    (plain / "training_args.bin").write_bytes(pickle.dumps(print))
    for path in plain.iterdir():
        data = encrypt(path.read_bytes(), key.read_bytes())
        (encrypted / f"{path.name}.{data[:32].hex()}.enc").write_bytes(data)
    return encrypted, key, loaded


def test_what_was_encrypted_comes_back_as_safetensors(published, tmp_path):
    encrypted, key, loaded = published
    result = CliRunner().invoke(group, ["decrypt", str(encrypted), str(key), str(tmp_path / "out")])
    assert result.exit_code == 0 and "model.checkpoint=" in result.output, result.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert not [name for name in names if name.endswith((".bin", ".enc"))]
    assert {"model.safetensors.index.json", "tokenizer.model", "config.json"} <= names
    again = load_initial(ModelConfig(checkpoint=str(tmp_path / "out")), 0, tmp_path / "out")
    for (name, p), q in zip(loaded.model.named_parameters(), again.model.parameters(), strict=True):
        assert torch.equal(p, q), name
    assert not (tmp_path / "out.partial").exists()


def test_a_wrong_original_is_one_line_and_leaves_nothing(published, tmp_path):
    encrypted, key, _ = published
    other = tmp_path / "other.pth"
    other.write_bytes(key.read_bytes()[::-1])
    with pytest.raises(BelleError, match=r"does not decrypt with .*other.pth: it is not the original file") as caught:
        decrypt_directory(encrypted, other, tmp_path / "out")
    assert "\n" not in str(caught.value) and not list(tmp_path.glob("out*"))


def test_other_bad_input_is_named(published, tmp_path):
    encrypted, key, _ = published
    with pytest.raises(BelleError, match=r"there are no \*.enc files"):
        decrypt_directory(tmp_path / "plain", key, tmp_path / "out")
    with pytest.raises(BelleError, match="absent: there is no such file"):
        decrypt_directory(encrypted, tmp_path / "absent", tmp_path / "out")
    with pytest.raises(BelleError, match="plain exists already"):
        decrypt_directory(encrypted, key, tmp_path / "plain")
    evil = encrypt(pickle.dumps(print), key.read_bytes())
    (encrypted / "pytorch_model-00003-of-00003.bin.00.enc").write_bytes(evil)
    with pytest.raises(BelleError, match=r"pytorch_model-00003-of-00003.bin holds no plain tensors") as caught:
        decrypt_directory(encrypted, key, tmp_path / "out")
    assert "\n" not in str(caught.value) and not list(tmp_path.glob("out*"))


def test_the_plugin_keeps_the_rules():
    assert check_plugin("decrypt") == []
