"""Names of models: on disk, in a hub's cache, on a hub that answers, or one line that says what was looked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

import pytest

from belle_core.checkpoint import check_checkpoint
from belle_core.config import ModelConfig
from belle_core.errors import BelleError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ",
    "pytorch_model.bin": b"no",
}


class Hub(BaseHTTPRequestHandler):
    """The few calls of the Hugging Face API that a download makes."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"] and "tree" in parts:
            return self.send(
                [{"type": "file", "path": n, "size": len(c), "oid": "a" * 40} for n, c in FILES.items()], body
            )
        if parts[:2] == ["api", "models"]:
            return self.send(
                {"id": "team/model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in FILES]}, body
            )
        if parts[:3] == ["team", "model", "resolve"] and parts[-1] in FILES:
            return self.send(FILES[parts[-1]], body)
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send(self, content, body: bool) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{sha256(raw).hexdigest()}"')
        self.end_headers()
        if body:
            self.wfile.write(raw)

    def log_message(self, *arguments) -> None:
        """Quiet."""


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(tmp_path, hub, code: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in a process that knows only the loopback hub (the client reads its variables at import)."""
    address = f"http://127.0.0.1:{hub.server_address[1]}"
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and k != "HF_HUB_OFFLINE"}
    environment |= {
        "HF_ENDPOINT": address,
        "HF_TOKEN": "hf_" + "x" * 34,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1",
    }
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
