"""Names of models: on disk, in a hub's cache, on a hub that answers, or one line that says what was looked for."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from loopback_hub import COMMIT, Hub, served, surroundings

from belle_core.checkpoint import check_checkpoint
from belle_core.config import ModelConfig
from belle_core.errors import BelleError

FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ",
    "pytorch_model.bin": b"no",
}


class Models(Hub):
    """The few calls of the Hugging Face API that a download makes."""

    def find(self, path):
        parts = path.split("/")
        if parts[:2] == ["api", "models"] and "tree" in parts:
            return [{"type": "file", "path": n, "size": len(c), "oid": "a" * 40} for n, c in FILES.items()]
        if parts[:2] == ["api", "models"]:
            return {"id": "team/model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in FILES]}
        return FILES.get(parts[-1]) if parts[:3] == ["team", "model", "resolve"] else None


@pytest.fixture
def hub():
    with served(Models) as server:
        yield server


def fetch(tmp_path, hub, code: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in a process that knows only the loopback hub."""
    environment = surroundings(hub, tmp_path / "hf")
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)


def test_a_hub_name_is_fetched_through_the_endpoint_with_the_token(tmp_path, hub):
    code = (
        "from belle_core.checkpoint import check_checkpoint, fetch; from belle_core.config import ModelConfig\n"
        "model = ModelConfig(checkpoint='team/model'); check_checkpoint(model)\n"
        "print(sorted(p.name for p in fetch(model).iterdir()))"
    )
    done = fetch(tmp_path, hub, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['config.json', 'model.safetensors']"  # no pickle
    assert any(authorization == "Bearer hf_" + "x" * 34 for _, authorization in hub.seen)


def test_a_name_that_the_hub_does_not_know_is_one_line(tmp_path, hub):
    code = "from belle_core.cli import main; main(['+train=lora', 'model.checkpoint=team/modell', 'store=%s'])" % (
        tmp_path / "s"
    )
    done = fetch(tmp_path, hub, code)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert (
        "model.checkpoint=team/modell" in done.stderr and "127.0.0.1" in done.stderr and "Traceback" not in done.stderr
    )
    assert "hf_xxx" not in done.stderr


@pytest.mark.parametrize("checkpoint", ["./nowhere", "/nowhere/at/all", "a/b/c", "word"])
def test_a_missing_directory_is_told_before_any_work(checkpoint):
    with pytest.raises(BelleError, match=r"model\.checkpoint=.*say model\.checkpoint=<directory"):
        check_checkpoint(ModelConfig(checkpoint=checkpoint))


def test_a_directory_without_a_config_is_no_model(tmp_path):
    with pytest.raises(BelleError, match=r"no config\.json"):
        check_checkpoint(ModelConfig(checkpoint=str(tmp_path)))


def test_the_command_of_the_front_page_without_weights(belle):
    done = belle("+train=lora", "model=llama13b")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "made in" not in done.stdout
    assert "huggyllama/llama-13b" in done.stderr and "model.checkpoint=<directory of the weights>" in done.stderr


@pytest.mark.skipif(find_spec("modelscope") is not None, reason="ModelScope's client is installed here")
def test_modelscope_without_its_package_says_what_to_install(belle):
    done = belle("+train=lora", "model.checkpoint=team/model", "model.hub=modelscope")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert 'pip install "belle[modelscope]"' in done.stderr
