"""Endpoints as they are: each of their ways to answer, to fail and to refuse is understood, and paid as it was billed."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time

import pytest
from llm_server import Fault, LlmServer, question_of

from belle_core.errors import BelleError, Invalid
from belle_core.generation.calls import EndpointConfig, Refused, Reply, Request
from belle_core.generation.calls.answers import spoken
from belle_core.generation.calls.caller import Caller
from belle_core.generation.calls.ledger import Amount
from belle_core.generation.calls.record import Record

KEY = "sk-secret-123456"


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """What comes of one question, or of several, and what was spent; the key is nowhere to be seen."""
    monkeypatch.setenv("MY_KEY", KEY)

    def call(url, *questions, **more):
        defaults = {"api_key_env": "MY_KEY", "max_tokens": 100, "retries": 1, "backoff": 0.01, "timeout": 5.0}
        config = EndpointConfig(model="m", base_url=url, **{**defaults, **more})
        schema = {"type": "object"} if config.structured != "none" else None

        async def main():
            caller = Caller(config, where="endpoint", folder=tmp_path, store=tmp_path)
            try:
                asked = [caller.ask(Request.of(q, schema=schema)) for q in questions or ["二加二？"]]
                return await asyncio.gather(*asked, return_exceptions=True), caller.ledger.spent
            finally:
                await caller.close()

        found, spent = asyncio.run(main())
        assert KEY not in "".join(map(str, found)) + "".join(p.read_text() for p in tmp_path.rglob("*.jsonl"))
        return found if questions else found[0], spent

    return call


def said(content="四", ended="stop", *, usage=(4, 3), **message):
    """The JSON of an answer."""
    choice = {"index": 0, "finish_reason": ended, "message": {"role": "assistant", "content": content, **message}}
    figures = dict(zip(("prompt_tokens", "completion_tokens", "total_tokens"), usage, strict=False)) if usage else None
    return {"model": "m", "choices": [choice], "usage": figures}


def sent(body, status=200, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Fault(status, raw=raw, headers={name.replace("_", "-"): value for name, value in headers.items()})


# --- answers


@pytest.mark.parametrize(
    ("body", "text", "ended", "paid"),
    [
        (said("", "length", reasoning_content="想" * 9), "", "length", (4, 3)),
        (said(None, reasoning="想" * 9, usage=None), "", "stop", (60, 28)),
        (said("<think>\n嗯</think>\n\n四"), "四", "stop", (4, 3)),
        (said("嗯。\n</think>\n四"), "四", "stop", (4, 3)),
        (said("<think>嗯", "length"), "", "length", (4, 3)),
        (said([{"type": "thinking", "thinking": "嗯"}, {"type": "text", "text": "四"}]), "四", "stop", (4, 3)),
        (said(usage=None), "四", "stop", (60, 4)),
        (said(usage=(-1, 3)), "四", "stop", (60, 4)),
        (said(usage=(4, 3, 57)), "四", "stop", (4, 53)),
        (said(ended=None), "四", "stop", (4, 3)),
        (said(ended=None, usage=(4, 100)), "四", "length", (4, 100)),
        (said(ended="max_tokens"), "四", "length", (4, 3)),
        ({**said(), "error": None}, "四", "stop", (4, 3)),
        (b"\n\n  \n" + json.dumps(said()).encode(), "四", "stop", (4, 3)),
    ],
    ids=[
        "deepseek-cut",
        "only-thoughts",
        "qwen",
        "r1",
        "endless-thoughts",
        "parts",
        "no-usage",
        "negative-usage",
        "thoughts-billed-apart",
        "no-reason",
        "no-reason-cut",
        "other-word",
        "null-error",
        "keep-alive",
    ],
)
def test_answers_of_all_kinds(ask, body, text, ended, paid):
    with LlmServer(lambda _: sent(body)) as server:
        reply, spent = ask(server.url)
    assert (reply.text, reply.ended) == (text, ended) and spent == Amount(1, *paid)


@pytest.mark.parametrize(
    "headers", [{"content_type": "text/plain"}, {"content_encoding": "gzip"}], ids=["text/plain", "gzip"]
)
def test_answers_however_they_travel(ask, headers):
    raw = json.dumps(said()).encode()
    with LlmServer(lambda _: sent(gzip.compress(raw) if "content_encoding" in headers else raw, **headers)) as server:
        assert ask(server.url)[0].text == "四"


def streamed(*pieces, end=b"data: [DONE]\n\n"):
    """Server-sent events, as an endpoint sends them that does so for every call."""
    lines = "".join(f"data: {json.dumps(piece, ensure_ascii=False)}\r\n\r\n" for piece in pieces)
    return sent(b": keep-alive\n\n" + lines.encode() + end, content_type="text/event-stream")


def piece(ended=None, **delta):
    return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": ended}], "usage": None}


USAGE = {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 3}}


@pytest.mark.parametrize(
    ("stream", "text", "ended", "paid"),
    [
        (streamed(piece(role="assistant", content=""), piece(content="一\u2028"), piece("stop", content="二"), USAGE),
         "一\u2028二", "stop", (4, 3)),
        (streamed(piece(reasoning_content="想想"), piece(content="四"), piece("length"), end=b""), "四", "length", None),
        (streamed({"choices": [{"text": "三"}]}, {"choices": [{"text": "四", "finish_reason": "stop"}]}, USAGE),
         "三四", "stop", (4, 3)),
    ],
    ids=["chat", "thoughts-without-done", "completion"],
)  # fmt: skip
def test_an_answer_in_pieces_is_put_together(ask, stream, text, ended, paid):
    with LlmServer(lambda _: stream) as server:
        reply, spent = ask(server.url)
    assert (reply.text, reply.ended, reply.model) == (text, ended, reply.model) and len(server.bodies) == 1
    assert spent == (Amount(1, *paid) if paid else Amount(1, spent.prompt_tokens, len("想想四".encode()) + 1))


def test_a_stream_without_its_end_is_no_answer(ask):
    error = {"error": {"message": "overloaded", "code": 503}}
    for stream in (streamed(piece(content="三"), end=b""), streamed(piece(content="三"), error)):
        with LlmServer(lambda _, stream=stream: stream) as server:
            found, _ = ask(server.url)
        assert isinstance(found, BelleError) and "failed 2 times" in str(found) and len(server.bodies) == 2


def test_after_a_word_that_is_final_nothing_more_is_begun(ask):
    """Forty questions with a wrong key are refused once for every call that is under way, not forty times."""
    with LlmServer(lambda _: sent({"error": {"message": "wrong key"}}, 401), latency=lambda _: 0.05) as server:
        found, spent = ask(server.url, *map(str, range(40)), concurrency=4)
    assert all(isinstance(one, BelleError) and "refuses the key" in str(one) for one in found)
    assert len(server.bodies) == 4 and spent.calls == 0


def test_a_page_for_people_says_that_the_address_is_wrong(ask):
    with LlmServer(lambda _: sent(b"<html><body>Please <b>log in</b></body></html>")) as server:
        found, spent = ask(server.url)
    assert isinstance(found, BelleError) and "('Please log in'); look at the address" in str(found)
    assert len(server.bodies) == 1 and spent.calls == 0


def test_a_page_from_an_endpoint_that_answers_otherwise_is_a_failure_that_may_pass(ask):
    pages = iter([sent(said()), sent(b"<html>busy</html>"), sent(said("五"))])
    with LlmServer(lambda _: next(pages)) as server:
        found, spent = ask(server.url, "甲", "乙", concurrency=1)
    assert [one.text for one in found] == ["四", "五"] and spent.calls == 3


def test_only_thoughts_at_the_beginning_are_left_out():
    assert spoken("标签 <think> 的用法：<think>…</think>") == "标签 <think> 的用法：<think>…</think>"
    assert spoken("[THINK]嗯[/THINK]四") == spoken("◁think▷嗯◁/think▷四") == spoken("<thought>嗯</thought> 四") == "四"


@pytest.mark.parametrize("body", [said("", "content_filter"), said(None, refusal="不行")], ids=["filter", "refusal"])
def test_a_withheld_answer_is_paid_once_and_is_no_answer(ask, body):
    with LlmServer(lambda _: sent(body)) as server:
        for _ in range(2):
            reply, spent = ask(server.url)
            assert isinstance(reply, Refused) and spent == Amount(1, 4, 3)
        assert len(server.bodies) == 1


# --- failures


@pytest.mark.parametrize(
    ("fault", "words", "billed"),
    [
        (sent({"error": {"code": 429, "message": "upstream is busy"}}), "429: upstream is busy", False),
        (sent(said("", "error")), "broken off", True),
        (sent(b'{"choices": [{"mess'), """'{"choices": [{"mess' instead of JSON""", True),
        (sent(b'data: {"choices": [{"delta": {"content": "\xe5\x9b'), "malformed answer", True),
        (sent(b"<html><title>Bad Gateway</title><hr>nginx</html>", 502), "502: Bad Gateway nginx", False),
        (sent({"error": {"message": "late"}}, 504), "504: late", True),
        (sent(b"", 529), "529", False),
        (sent(b"no gzip", content_encoding="gzip"), "no connection", True),
    ],
    ids=["error-in-200", "broken-off", "torn", "torn-stream", "proxy", "gateway-late", "overloaded", "bad-gzip"],
)
def test_a_failure_that_may_pass(ask, fault, words, billed):
    """Tried again, told in the endpoint's words, and counted as paid where it may have been."""
    with LlmServer(lambda _: fault) as server:
        error, spent = ask(server.url)
    assert isinstance(error, BelleError) and words in str(error) and "goes on" in str(error)
    assert len(server.bodies) == 2 and spent.calls == (2 if billed else 0)


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, {"message": f"wrong key {KEY}."}, "refuses the key (401: wrong key ***.)"),
        (403, {"message": "country not supported"}, "refuses the key (403"),
        (402, {"message": "Insufficient Balance"}, "is used up (402"),
        (429, {"message": "suspended", "type": "exceeded_current_quota_error"}, "is used up (429"),
        (400, {"message": "make sure your account is in good standing", "code": "Arrearage"}, "is used up (400"),
        (404, "model 'm' not found, try pulling it", "with model 'm' answers 404: model 'm' not found"),
        (405, {"message": "Method Not Allowed"}, "/v1"),
        (404, {"message": "This is not a chat model … the v1/completions endpoint"}, "endpoint.mode=completion"),
        (400, {"message": "default chat template is no longer allowed"}, "endpoint.mode=completion"),
        (400, {"message": "Unsupported value", "param": "temperature"}, "endpoint.parameters.temperature=null"),
        (400, {"message": "invalid temperature: only 1 is allowed"}, "endpoint.parameters.temperature=null"),
        (422, {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, "parameters.seed=null"),
    ],
)
def test_what_no_attempt_can_pass_is_told_in_a_line_after_one_call(ask, status, error, words):
    with LlmServer(lambda _: sent({"error": error} if "detail" not in error else error, status)) as server:
        found, spent = ask(server.url)
        assert isinstance(found, BelleError) and words in str(found) and "\n" not in str(found)
        assert len(server.bodies) == 1 and spent == Amount()
        assert server.url in found.chinese and found.chinese != found.english


def test_money_that_runs_out_in_the_middle_stops_the_run_and_loses_nothing(ask):
    """Else the rest of the questions would count as refused, and the data set would be finished without them."""
    with LlmServer(
        lambda body: sent({"error": {"message": "no money"}}, 402) if len(server.bodies) > 4 else "好"
    ) as server:
        found, _ = ask(server.url, *"甲乙丙丁戊己庚", concurrency=1)
        assert [type(one) for one in found[:5]] == [Reply] * 4 + [BelleError]
        server.answer = lambda body: "好"
        found, _ = ask(server.url, *"甲乙丙丁戊己庚", concurrency=1)
        assert all(isinstance(one, Reply) for one in found) and set(server.paid.values()) == {1}


@pytest.mark.parametrize("status", [400, 403])
def test_a_question_that_is_flagged_is_not_the_end(ask, status):
    flagged = sent({"error": {"message": "Your input was flagged by moderation"}}, status)
    with LlmServer(lambda body: flagged if "坏" in question_of(body) else "好") as server:
        good, bad = ask(server.url, "好", "坏")[0]
    assert good.text == "好" and isinstance(bad, Refused)


def test_fields_that_a_model_does_not_take_are_sent_under_another_name_or_left_out(ask, capsys):
    def answer(body):
        for field, why in (("max_tokens", "Use 'max_completion_tokens' instead."), ("response_format", "")):
            if field in body:
                error = {"message": f"Unsupported parameter: '{field}' is not supported. {why}", "param": field}
                return sent({"error": error}, 400)
        return sent(said())

    with LlmServer(answer) as server:
        found, spent = ask(server.url, *"甲乙丙", concurrency=1, structured="json_schema")
    assert [one.text for one in found] == ["四"] * 3 and spent.calls == 3 and len(server.bodies) == 5
    assert server.bodies[-1]["max_completion_tokens"] == 100
    assert "max_completion_tokens is sent" in capsys.readouterr().err
    assert "max_tokens" not in server.bodies[-1] and "response_format" not in server.bodies[-1]


def test_a_field_that_only_later_requests_have_is_left_out_too(tmp_path):
    """A judge is asked for JSON by an endpoint that has answered other questions before."""

    def answer(body):
        if "response_format" in body:
            return sent({"error": {"message": "response_format is not supported", "param": "response_format"}}, 400)
        return sent(said())

    async def main(url):
        config = EndpointConfig(model="m", base_url=url, structured="json_schema")
        caller = Caller(config, where="endpoint", folder=tmp_path, store=tmp_path)
        try:
            return [await caller.ask(Request.of("问", schema=schema)) for schema in (None, {"type": "object"})]
        finally:
            await caller.close()

    with LlmServer(answer) as server:
        assert [reply.text for reply in asyncio.run(main(server.url))] == ["四", "四"] and len(server.bodies) == 3


def test_a_temperature_that_only_the_judge_has_is_told(ask, tmp_path):
    def answer(body):
        if body["temperature"] != 1:
            return sent({"error": {"message": "invalid temperature: only 1 is allowed"}}, 400)
        return sent(said())

    async def main(url):
        caller = Caller(EndpointConfig(model="m", base_url=url), where="judge", folder=tmp_path, store=tmp_path)
        try:
            return [await caller.ask(Request.of("问", temperature=drawn)) for drawn in (None, 0.0)]
        finally:
            await caller.close()

    with LlmServer(answer) as server, pytest.raises(BelleError, match=r"judge\.parameters\.temperature=null"):
        asyncio.run(main(server.url))


def raw_server(speak):
    """An address where every connection is spoken to by ``speak(connection)``."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection):
        with connection:
            connection.recv(65536)
            try:
                speak(connection)
            except OSError:
                pass  # the client has hung up

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


def head(raw):
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(raw)


def test_a_body_that_breaks_off_is_a_failure(ask):
    raw = json.dumps(said()).encode()
    error, spent = ask(raw_server(lambda connection: connection.sendall(head(raw) + raw[:40])))
    assert isinstance(error, BelleError) and "no connection" in str(error) and spent.calls == 2


def test_an_answer_that_trickles_is_waited_for_no_longer_than_was_said(ask):
    raw = json.dumps(said()).encode()

    def trickle(connection):
        connection.sendall(head(raw))
        for place in range(len(raw)):
            connection.sendall(raw[place : place + 1])
            time.sleep(0.1)

    started = time.monotonic()
    error, spent = ask(raw_server(trickle), timeout=0.4, retries=0)
    assert time.monotonic() - started < 0.1 * len(raw) / 2 and "endpoint.timeout" in str(error) and spent.calls == 1


# --- budget and journal


def test_an_endpoint_that_counts_more_than_was_asked_for_is_reckoned_with(ask):
    """A hidden prompt, or thoughts beyond ``max_tokens``: only the calls before the first answer can go beyond the budget."""
    with LlmServer(lambda _: sent(said(usage=(1000, 500)))) as server:
        found, spent = ask(server.url, *(f"问{n}" for n in range(20)), concurrency=1, budget_tokens=6200)
    assert spent.tokens <= 6200 and spent.calls == 4
    assert sum(isinstance(one, BelleError) for one in found) == 16


def test_a_full_disk_loses_no_answer_that_was_kept(ask, tmp_path):
    resource = pytest.importorskip("resource", reason="no limits of files on Windows")
    path = tmp_path / "endpoint.calls.jsonl"
    questions = [f"问{n}" for n in range(8)]
    with LlmServer(lambda _: "答" * 90) as server:
        ask(server.url, *questions[:2])
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 900, hard))
        try:
            found, _ = ask(server.url, *questions, concurrency=1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        kept = len(Record(path)._places)
        assert any(isinstance(one, OSError) for one in found) and kept > 2
        assert all(line.endswith("}") for line in path.read_text().splitlines())
        found, _ = ask(server.url, *questions)
        assert all(isinstance(one, Reply) for one in found)
        assert server.paid.total() - 8 <= sum(1 for n in range(8) if server.paid[f"问{n}"] > 1)


def test_a_file_that_is_no_journal_is_not_written_into(ask, tmp_path):
    path = tmp_path / "data.json"
    path.write_text('{"instruction": "我的数据"}')  # without a line break at its end
    with LlmServer() as server:
        with pytest.raises(BelleError, match="something else"):
            ask(server.url, journal=str(path))
        with pytest.raises(BelleError, match="Is a directory"):
            ask(server.url, journal=str(tmp_path))
        with pytest.raises(BelleError, match="cannot be written"):
            ask(server.url, journal=str(path / "calls.jsonl"))
        assert path.read_text() == '{"instruction": "我的数据"}' and not server.bodies
        path.write_text('{"begin"')  # killed in its first line
        assert ask(server.url, journal=str(path))[0].text == "好的。"


def test_foreign_lines_are_passed_over(ask, tmp_path):
    path = tmp_path / "endpoint.calls.jsonl"
    with LlmServer() as server:
        ask(server.url)
        with path.open("a") as file:
            file.write('{"begin": "x"}\n{"reply": 3}\n{"key": "x", "reply": {"text": "x"}}\n[1]\n{"void": "y"}\n')
        reply, spent = ask(server.url)
        assert reply.text == "好的。" and spent.calls == 1 and len(server.bodies) == 1


@pytest.mark.parametrize("key", ["你的密钥", "two words", "line\nbreak"])
def test_a_key_that_cannot_be_one_is_told_beforehand(ask, monkeypatch, key):
    with LlmServer() as server:
        monkeypatch.setenv("OTHER", key)
        with pytest.raises(BelleError, match="OTHER") as caught:
            ask(server.url, api_key_env="OTHER")
    assert key not in str(caught.value)


def test_an_address_holds_no_key():
    with pytest.raises(Invalid) as caught:
        EndpointConfig(model="m", base_url=f"https://host/v1?key={KEY}")
    assert caught.value.option == "base_url" and KEY not in str(caught.value)
