"""A real HTTP server on loopback that answers as an OpenAI-compatible endpoint would, faults included."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], Any]
"""From the request's body to a text, a (text, finish reason) pair, or a :class:`Fault`."""


class Fault:
    """Something else than an answer: a status with headers, raw bytes, a pause before the answer, or a broken connection."""

    def __init__(self, status=200, *, headers=None, raw=None, sleep=0.0, drop=False, then=None, code=None):
        self.status, self.headers, self.raw, self.sleep = status, headers or {}, raw, sleep
        self.drop, self.then, self.code = drop, then, code


def question_of(body: dict[str, Any]) -> str:
    """The last user message, or the text to go on with."""
    return body["messages"][-1]["content"] if "messages" in body else body["prompt"]


class LlmServer:
    """Answers with ``answer(body)``; every answer that is sent costs ``prompt`` + ``completion`` tokens."""

    def __init__(self, answer: Answer = lambda body: "好的。", *, latency: Callable[[int], float] = lambda number: 0.0):
        self.answer, self.latency = answer, latency
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.paid = Counter()
        self.tokens = Counter()
        self.most_at_once = self._now = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # clients are killed and hang up
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> LlmServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with server._lock:
                    number = len(server.bodies)
                    server.bodies.append(body)
                    server.headers.append(dict(self.headers))
                    server.times.append(time.monotonic())
                    server._now += 1
                    server.most_at_once = max(server.most_at_once, server._now)
                try:
                    time.sleep(server.latency(number))
                    self._say(body, server.answer(body))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client was killed or does not wait
                finally:
                    with server._lock:
                        server._now -= 1

            def _say(self, body, answer):
                if isinstance(answer, Fault):
                    time.sleep(answer.sleep)
                    if answer.drop:
                        self.close_connection = True
                        self.connection.close()
                        return
                    if answer.raw is not None or answer.status != 200:
                        error = {"error": {"message": f"fault {answer.status}", "code": answer.code}}
                        raw = answer.raw if answer.raw is not None else json.dumps(error).encode()
                        self._send(answer.status, raw, answer.headers)
                        return
                    answer = answer.then
                text, ended = answer if isinstance(answer, tuple) else (answer, "stop")
                question = question_of(body)
                usage = {"prompt_tokens": len(question), "completion_tokens": min(len(text), body["max_tokens"])}
                with server._lock:  # an answer that is ready is billed, whether it arrives or not
                    server.paid[question] += 1
                    server.tokens.update(usage)
                said = {"message": {"role": "assistant", "content": text}} if "messages" in body else {"text": text}
                choice = {"index": 0, "finish_reason": ended, **said}
                reply = {
                    "id": "1",
                    "object": "x",
                    "created": 0,
                    "model": "served-model",
                    "choices": [choice],
                    "usage": usage,
                }
                self._send(200, json.dumps(reply).encode(), {})

            def _send(self, status, raw, headers):
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args):
                pass

        return Handler
