"""Calls survive every fault, cost what was allowed at most, are paid once, and come out in order."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import subprocess
import sys
import time
from email.utils import formatdate

import pytest
from llm_server import Fault, LlmServer, question_of

from belle_core.conversation import Conversation, Turn
from belle_core.errors import BelleError, Invalid
from belle_core.generation import progress
from belle_core.generation.calls import EndpointConfig, Refused, Request
from belle_core.generation.calls.caller import Caller
from belle_core.generation.calls.failures import retry_after
from belle_core.generation.calls.ledger import Amount, Ledger
from belle_core.generation.calls.ordered import Background, in_order
from belle_core.generation.calls.record import Record


def config(server, **more):
    defaults = {"model": "m", "base_url": server.url, "backoff": 0.01, "max_tokens": 100, "timeout": 5.0}
    return EndpointConfig(**{**defaults, **more})


def caller(options, folder):
    return Caller(options, where="endpoint", folder=folder, store=folder)


def ask_all(options, folder, questions, **more):
    """Replies (or the errors that stand for them) to all questions at once, and the caller afterwards."""
    asker = caller(options, folder)

    async def all_of_them():
        try:
            return await asyncio.gather(*(asker.ask(Request.of(q, **more)) for q in questions), return_exceptions=True)
        finally:
            await asker.close()

    return asyncio.run(all_of_them()), asker


def first_then(*faults, text="好的。"):
    """Answers with the faults one after the other, then with *text*."""
    left = iter(faults)
    return lambda body: next(left, text)


# --- one call


def test_the_request_says_what_was_asked_and_the_reply_what_was_answered(tmp_path):
    with LlmServer(lambda body: ("四", "length")) as server:
        (reply,), asker = ask_all(
            config(server, temperature=0.3, top_p=0.9), tmp_path, ["二加二？"], seed=7, stop=("\n",)
        )
    assert (reply.text, reply.ended, reply.prompt_tokens, reply.completion_tokens) == ("四", "length", 4, 1)
    assert reply.model == "served-model"
    (body,) = server.bodies
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "二加二？"}],
        "temperature": 0.3,
        "top_p": 0.9,
        "max_tokens": 100,
        "seed": 7,
        "stop": ["\n"],
    }
    assert asker.ledger.spent == Amount(1, 4, 1) and asker.ledger.reserved == Amount()


def test_parameters_add_and_leave_out_fields(tmp_path):
    with LlmServer() as server:
        ask_all(config(server, parameters={"seed": None, "top_k": 20}), tmp_path, ["问"])
    assert server.bodies[0]["top_k"] == 20 and "seed" not in server.bodies[0]


def test_completion_continues_a_text(tmp_path):
    dialogue = Conversation((Turn("user", "你好"), Turn("assistant", "您好"), Turn("user", "再见")))
    with LlmServer() as server:
        asker = caller(config(server, mode="completion"), tmp_path)
        reply = asyncio.run(asker.ask(Request.of("1. 指令:")))
        asker = caller(config(server, mode="completion"), tmp_path)
        asyncio.run(asker.ask(Request(dialogue)))
    assert reply.text == "好的。"
    assert [body["prompt"] for body in server.bodies] == [
        "1. 指令:",
        "Human: \n你好\n\nAssistant: \n您好\n\nHuman: \n再见\n\nAssistant: \n",
    ]
    assert [body.get("stop") for body in server.bodies] == [None, ["\nHuman:"]]  # else it would speak for the user too


@pytest.mark.parametrize(
    ("structured", "kind"), [("none", None), ("json_object", "json_object"), ("json_schema", "json_schema")]
)
def test_structured_output_where_it_is_offered(tmp_path, structured, kind):
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    with LlmServer(lambda body: '{"x": 1}') as server:
        ask_all(config(server, structured=structured), tmp_path, ["问"], schema=schema)
    sent = server.bodies[0].get("response_format")
    assert (sent and sent["type"]) == kind
    assert kind != "json_schema" or sent["json_schema"]["schema"] == schema


# --- faults


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429),
        Fault(500),
        Fault(503),
        Fault(raw=b"{not json"),
        Fault(raw=b'{"choices": []}'),
        Fault(raw=b"null"),
        Fault(drop=True),
        Fault(sleep=4, then="zu spät"),
    ],
    ids=["429", "500", "503", "broken-json", "no-choices", "null", "dropped", "late"],
)
def test_a_failure_is_tried_again_and_never_kept(tmp_path, fault):
    with LlmServer(first_then(fault)) as server:
        (reply,), _ = ask_all(config(server, timeout=2), tmp_path, ["问"])
    assert reply.text == "好的。" and len(server.bodies) == 2
    (kept,) = [line for _, line in Record(tmp_path / "endpoint.calls.jsonl")._journal.records() if "reply" in line]
    assert kept["reply"]["text"] == "好的。"


def test_after_the_last_attempt_the_run_stops_and_the_next_one_goes_on(tmp_path):
    faults = [Fault(500)] * 3
    with LlmServer(first_then(*faults)) as server:
        (error,), _ = ask_all(config(server, retries=2), tmp_path, ["问"])
        assert isinstance(error, BelleError) and "fault 500" in str(error) and "goes on" in str(error)
        (reply,), _ = ask_all(config(server, retries=2), tmp_path, ["问"])
    assert reply.text == "好的。"


def test_retry_after_is_honoured_by_all_calls(tmp_path):
    with LlmServer(first_then(Fault(429, headers={"retry-after": "0.4"}))) as server:
        ask_all(config(server, concurrency=1), tmp_path, ["甲", "乙", "丙"])
    assert min(b - a for a, b in itertools.pairwise(server.times[:2])) >= 0.39
    assert len(server.bodies) == 4


def test_retry_after_as_seconds_milliseconds_and_date():
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"retry-after-ms": "250"}) == 0.25
    assert retry_after({"retry-after": formatdate(time.time() + 30, usegmt=True)}) == pytest.approx(30, abs=2)
    assert retry_after({"retry-after": formatdate(time.time() - 30, usegmt=True)}) == 0
    assert retry_after({}) is None and retry_after({"retry-after": "soon"}) is None


def test_an_endpoint_that_asks_for_hours_ends_the_run(tmp_path):
    with LlmServer(lambda body: Fault(429, headers={"retry-after": "7200"})) as server:
        (error,), _ = ask_all(config(server), tmp_path, ["问"])
    assert isinstance(error, BelleError) and "7200 s" in str(error) and len(server.bodies) == 1


@pytest.mark.parametrize(("status", "code"), [(401, None), (403, None), (404, None), (429, "insufficient_quota")])
def test_what_no_attempt_can_pass_is_told_at_once(tmp_path, status, code):
    with LlmServer(lambda body: Fault(status, code=code)) as server:
        (error,), _ = ask_all(config(server), tmp_path, ["问"])
    assert isinstance(error, BelleError) and str(status) in str(error) and len(server.bodies) == 1


def test_words_of_an_endpoint_do_not_steer_the_terminal(tmp_path):
    raw = json.dumps({"error": {"message": "bad\x1b[2J\nkey\u202e"}}).encode()
    with LlmServer(lambda body: Fault(401, raw=raw)) as server:
        (error,), _ = ask_all(config(server), tmp_path, ["问"])
    assert "bad[2J key" in str(error) and "\x1b" not in str(error) and "\u202e" not in str(error)


def test_one_refused_question_is_not_the_end_but_only_refusals_are(tmp_path):
    with LlmServer(lambda body: Fault(400) if "坏" in question_of(body) else "好的。") as server:
        (good, bad), asker = ask_all(config(server), tmp_path, ["好", "坏"])
        assert good.text == "好的。" and isinstance(bad, Refused)
        assert asker.ledger.spent.calls == 1
        errors, _ = ask_all(config(server, concurrency=1), tmp_path / "b", [f"坏{n}" for n in range(5)])
    assert [type(error) for error in errors] == [Refused] * 4 + [BelleError]


# --- budget


def test_no_budget_is_ever_exceeded_and_a_higher_one_goes_on(tmp_path):
    questions = [f"第{n}个问题" for n in range(12)]
    with LlmServer(lambda body: "答" * 50, latency=lambda number: 0.01 * (number % 3)) as server:
        for option, first in (("budget_calls", 5), ("budget_tokens", 700), ("budget_cost", 0.0006)):
            folder, server.paid, server.tokens = tmp_path / option, type(server.paid)(), type(server.tokens)()
            prices = {"price_input": 1.0, "price_output": 2.0}
            replies, asker = ask_all(config(server, **prices, **{option: first}), folder, questions)
            errors = [r for r in replies if isinstance(r, BelleError)]
            assert errors and f"endpoint.{option}" in str(errors[0])
            spent = server.tokens["prompt_tokens"], server.tokens["completion_tokens"]
            assert 0 < server.paid.total() < 12
            assert asker.ledger.spent == Amount(server.paid.total(), *spent)
            value = {"budget_calls": server.paid.total(), "budget_tokens": sum(spent)}
            assert value.get(option, (spent[0] * 1.0 + spent[1] * 2.0) / 1e6) <= first
            replies, _ = ask_all(config(server, **prices, **{option: first * 100}), folder, questions)
            assert all(reply.text == "答" * 50 for reply in replies)
            assert set(server.paid.values()) == {1} and server.paid.total() == 12  # nothing was paid twice


def test_calls_are_reserved_at_their_most_and_settled_at_what_they_cost():
    ledger = Ledger(EndpointConfig(model="m", budget_tokens=1000))
    most = Amount(1, 100, 300)
    assert ledger.reserve(most) and ledger.reserve(most) and not ledger.reserve(most)
    ledger.settle(most, Amount(1, 10, 20))
    assert ledger.reserve(most) and ledger.spent.tokens == 30


def test_a_call_without_an_answer_counts_as_paid(tmp_path):
    with LlmServer(first_then(Fault(sleep=4, then="spät"))) as server:
        _, asker = ask_all(config(server, timeout=2), tmp_path, ["问"])
    assert asker.ledger.spent.calls == 2  # one may have been billed without our hearing of it
    assert Record(tmp_path / "endpoint.calls.jsonl").spent == asker.ledger.spent


def test_usage_that_is_not_told_counts_at_its_most(tmp_path):
    raw = {"choices": [{"message": {"content": "四"}, "finish_reason": "stop"}]}
    with LlmServer(lambda body: Fault(raw=json.dumps(raw).encode())) as server:
        (reply,), _ = ask_all(config(server), tmp_path, ["二加二？"])
    assert reply.text == "四" and reply.prompt_tokens >= 4 and reply.completion_tokens >= 1


# --- journal


def test_a_question_is_paid_once(tmp_path):
    with LlmServer() as server:
        ask_all(config(server), tmp_path, ["甲", "甲", "乙"])
        ask_all(config(server), tmp_path, ["甲", "乙"])
        assert server.paid == {"甲": 1, "乙": 1}
        ask_all(config(server), tmp_path, ["甲"], seed=1)
        ask_all(config(server, temperature=0.1), tmp_path, ["甲"])
        ask_all(config(server, model="other"), tmp_path, ["甲"])
    assert server.paid["甲"] == 4  # another seed, temperature or model is another question


def test_a_torn_or_damaged_journal_is_healed(tmp_path):
    questions = [f"问{n}" for n in range(6)]
    path = tmp_path / "endpoint.calls.jsonl"
    with LlmServer() as server:
        ask_all(config(server), tmp_path, questions)
        whole = path.read_bytes()
        for damage in (whole[:-1], whole[: len(whole) // 2], b"\x00\x00\n" + whole, whole + b'{"key": "a', b"\xff\xfe"):
            path.write_bytes(damage)
            server.paid.clear()
            replies, _ = ask_all(config(server), tmp_path, questions)
            assert [reply.text for reply in replies] == ["好的。"] * 6
            assert server.paid.total() == 6 - len([line for line in damage.split(b"\n")[:-1] if b'"reply"' in line])


def test_a_named_journal_outlives_the_run_and_serves_one_at_a_time(tmp_path):
    journal = tmp_path / "kept" / "calls.jsonl"
    with LlmServer() as server:
        ask_all(config(server, journal=str(journal)), tmp_path / "a", ["甲"])
        ask_all(config(server, journal=str(journal)), tmp_path / "b", ["甲"])
        assert server.paid["甲"] == 1
        held = caller(config(server, journal=str(journal)), tmp_path)
        with pytest.raises(BelleError, match="in use"):
            caller(config(server, journal=str(journal)), tmp_path)
        asyncio.run(held.close())


KILLED = """
import asyncio, sys
from pathlib import Path
from belle_core.generation.calls import EndpointConfig, Request
from belle_core.generation.calls.caller import Caller
async def main(url, folder):
    options = EndpointConfig(model="m", base_url=url, concurrency=4, max_tokens=100, backoff=0.01, budget_calls=36)
    caller = Caller(options, where="endpoint", folder=Path(folder), store=Path(folder))
    print("ready", flush=True)
    await asyncio.gather(*(caller.ask(Request.of(f"问{n}")) for n in range(24)))
    print(caller.ledger.spent.calls)
asyncio.run(main(*sys.argv[1:]))
"""


def test_killed_at_any_moment_only_calls_in_flight_are_paid_again(tmp_path):
    """Property 14, counted by the server."""
    with LlmServer(latency=lambda number: 0.03) as server:
        command = [sys.executable, "-c", KILLED, server.url, str(tmp_path)]
        for kills, after in enumerate((3, 9), 1):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            target = server.paid.total() + after
            while server.paid.total() < target and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            time.sleep(0.1)  # the server ends what it had begun
            record = Record(tmp_path / "endpoint.calls.jsonl")
            assert len(record._places) >= server.paid.total() - 4 * kills
            assert record.spent.calls >= server.paid.total()
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    again = sum(times - 1 for times in server.paid.values())
    assert len(server.paid) == 24 and again <= 2 * 4
    assert server.paid.total() <= int(done.stdout.split()[-1]) <= 36


# --- pace and order


def test_concurrency_and_rate_are_kept(tmp_path):
    with LlmServer(latency=lambda number: 0.03) as server:
        ask_all(config(server, concurrency=3), tmp_path / "a", [f"问{n}" for n in range(9)])
        assert 2 <= server.most_at_once <= 3
        server.times.clear()
        ask_all(config(server, requests_per_minute=1200), tmp_path / "b", [f"问{n}" for n in range(6)])
    gaps = [b - a for a, b in itertools.pairwise(sorted(server.times))]
    assert sum(gaps) >= 5 * 0.05 * 0.9


def test_results_come_in_the_order_of_jobs_and_no_more_is_begun_than_is_wanted():
    begun = []

    async def work(number):
        begun.append(number)
        await asyncio.sleep(0.02 * (5 - number % 5))
        return number * 10

    with Background() as background:
        results = []
        for job, result in in_order(background, itertools.count(), work, ahead=lambda: min(4, 10 - len(results))):
            results.append((job, result))
            if len(results) == 10:
                break
    assert results == [(n, n * 10) for n in range(10)] and sorted(begun) == list(range(10))


def test_an_error_ends_the_background_and_cancels_what_runs():
    cancelled = []

    async def work(number):
        if number == 1:
            raise BelleError("stop", "停")
        try:
            await asyncio.sleep(30 if number > 1 else 0)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    started = time.monotonic()
    with pytest.raises(BelleError, match="stop"), Background() as background:
        list(in_order(background, range(5), work, ahead=lambda: 4))
    assert cancelled and time.monotonic() - started < 25


def test_calls_that_are_broken_off_end_at_once_and_count_as_paid(tmp_path):
    with LlmServer(latency=lambda number: 60.0) as server:
        asker = caller(config(server), tmp_path)
        started = time.monotonic()
        with pytest.raises(BelleError, match="enough"), Background() as background:
            for number in range(3):
                background.submit(asker.ask(Request.of(f"问{number}")))
            while len(server.bodies) < 3:
                time.sleep(0.01)
            raise BelleError("enough", "够了")
        assert time.monotonic() - started < 55 and len(server.bodies) == 3
    assert Record(tmp_path / "endpoint.calls.jsonl").spent.calls == 3


# --- options and keys


def test_a_key_comes_from_the_environment_and_goes_to_no_other_address(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("MY_KEY", "sk-mine")
    with LlmServer() as server:
        ask_all(config(server), tmp_path / "a", ["问"])
        ask_all(config(server, api_key_env="MY_KEY"), tmp_path / "b", ["问"])
        sent = [{k.lower(): v for k, v in headers.items()}["authorization"] for headers in server.headers]
        assert sent == ["Bearer none", "Bearer sk-mine"]
        with pytest.raises(BelleError, match="ABSENT"):
            caller(config(server, api_key_env="ABSENT"), tmp_path)
    everything = "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))
    assert "sk-" not in everything
    assert EndpointConfig(model="m").key_name == "OPENAI_API_KEY"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("api_key_env", "sk-abc-123"),
        ("base_url", "localhost:8000"),
        ("base_url", "https://me:sk-abc-123@host/v1"),
        ("mode", "stream"),
        ("structured", "xml"),
        ("budget_cost", 5.0),
        ("timeout", 0.0),
        ("concurrency", 0),
    ],
)
def test_wrong_options_are_refused_and_a_key_is_not_repeated(option, value):
    with pytest.raises(Invalid) as caught:
        EndpointConfig(model="m", **{option: value})
    assert caught.value.option == option and "sk-abc" not in str(caught.value)


def test_time_left_is_reckoned_from_the_present_rate(monkeypatch, capsys):
    """After an interruption the journal's answers come at once; those that are left do not."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = progress.Progress(1000)
    for count in [800] + [1] * 30:
        now[0] += 12.0
        shown.add(count)
    assert shown.rate == pytest.approx(1 / 12, rel=0.2)
    assert "830/1,000 answers, 0.083/s, 2,040 s left" in capsys.readouterr().err.splitlines()[-1]
