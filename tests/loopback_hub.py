"""A hub on loopback that answers as Hugging Face does, and the surroundings of a process that knows only this one."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_" + "x" * 34


class Hub(BaseHTTPRequestHandler):
    """Notes every call in ``server.seen``; what there is to say is a subclass's."""

    def find(self, path: str) -> Any:
        """What lies at *path*: bytes, a value to be sent as JSON, or ``None`` when there is nothing."""
        return None

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))  # type: ignore[attr-defined]
        content = self.find(self.path.split("?")[0].strip("/"))
        if content is None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{sha256(raw).hexdigest()}"')
        self.end_headers()
        if body:
            self.wfile.write(raw)

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""


@contextmanager
def served(handler: type[Hub]) -> Iterator[Any]:
    """The hub's server, for as long as it is needed."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def surroundings(hub: Any, home: Path) -> dict[str, str]:
    """Environment of a process that knows only *hub* (the client reads its variables when it is imported)."""
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and k != "HF_HUB_OFFLINE"}
    address = f"http://127.0.0.1:{hub.server_address[1]}"
    return environment | {
        "HF_ENDPOINT": address,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
    }
