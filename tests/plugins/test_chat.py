"""Talking to a model: in the terminal, through a pipe, and from a file of questions."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from belle_chat.session import Session
from belle_chat.source import find_source
from belle_chat.words import Word, parse
from scripted import random_model, saying

from belle_core.artifacts import Model
from belle_core.conversation import Conversation
from belle_core.data.asking import read_questions
from belle_core.errors import BelleError
from belle_core.generation import Sampling, open_engine

ANSWER = "世界\x1b[31m😀好"
SAFE = "世界[31m😀好"


@pytest.fixture(scope="module")
def scripted(tmp_path_factory) -> Path:
    return saying(tmp_path_factory.mktemp("scripted") / "model", ANSWER)


@pytest.fixture(scope="module")
def random(tmp_path_factory) -> Path:
    return random_model(tmp_path_factory.mktemp("random") / "model", context_length=160)


def stored(store: Path, model: Path, run: str, key: str) -> Model:
    """The model as the artifact of a finished run."""
    import shutil

    from belle_core.runs import link
    from belle_core.store import Store

    home = Store(store)
    partial = home.partial(Model, key)
    shutil.copytree(model, partial, dirs_exist_ok=True)
    artifact = home.commit(
        Model(directory=partial, parameters=5), {"type": "Model", "recipe": {}, "provenance": {"inputs": []}}
    )
    directory = store / "runs" / run
    directory.mkdir(parents=True)
    step = {"name": "train", "title": "train=full", "type": "Model", "fingerprint": key, "cached": False, "seconds": 1}
    (directory / "run.json").write_text(json.dumps({"steps": [step]}), encoding="utf-8")
    link(directory / "01-train", artifact)
    return artifact


def test_once_prints_the_answer_without_what_steers_a_terminal(belle, scripted):
    done = belle("chat", str(scripted), "--once", "你好")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{SAFE}\n", "")


@pytest.mark.slow
def test_once_as_json(belle, scripted):
    record = json.loads(belle("chat", str(scripted), "--once", "你好", "--json").stdout)
    assert (record["question"], record["answer"]) == ("你好", SAFE)


@pytest.mark.slow
def test_the_latest_run_with_a_model_is_the_default(belle, store, scripted, random):
    stored(store, random, "older", "aaaa000000000000")
    os.utime(store / "runs" / "older" / "run.json", (1, 1))
    stored(store, scripted, "newer", "bbbb000000000000")
    (store / "runs" / "data-only").mkdir()
    (store / "runs" / "data-only" / "run.json").write_text('{"steps": []}', encoding="utf-8")
    assert belle("chat", "--once", "你好").stdout == f"{SAFE}\n"
    for reference in ("newer", "newer/train", "bbbb0"):
        assert find_source(reference).fingerprint == "bbbb000000000000"
    assert find_source("older").fingerprint == "aaaa000000000000"


def test_lines_of_a_pipe_are_questions_and_commands(belle, scripted, tmp_path):
    lines = [
        "你好",
        "",
        "/nope",
        "/retry",
        "/system 请回答",
        "一加一",
        "//一",
        f"/save {tmp_path / 'kept.jsonl'}",
        "/exit",
        "世界",
    ]
    done = belle("chat", str(scripted), "--json", input="\n".join(lines))
    assert done.returncode == 0
    assert [json.loads(line)["question"] for line in done.stdout.splitlines()] == ["你好", "你好", "一加一", "/一"]
    assert "no command /nope; there are /help" in done.stderr
    kept = json.loads((tmp_path / "kept.jsonl").read_text(encoding="utf-8"))["messages"]
    assert [m["role"] for m in kept] == ["system", "user", "assistant", "user", "assistant"]
    assert kept[0]["content"] == "请回答"
    assert kept[2]["content"] == ANSWER


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
def test_a_terminal_gets_a_prompt_and_ctrl_d_ends(scripted, tmp_path):
    import pty
    import select
    import time

    process, terminal = pty.fork()
    if process == 0:
        os.execve(
            sys.executable, [sys.executable, "-m", "belle_core", "chat", str(scripted)], os.environ | {"TERM": "dumb"}
        )
    seen, ended, until = b"", (0, 0), time.monotonic() + 120

    def wait_for(text: str) -> None:
        nonlocal seen
        while text.encode() not in seen and time.monotonic() < until:
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 65536)
        assert text.encode() in seen, seen.decode(errors="replace")
        seen = seen.partition(text.encode())[2]

    try:
        wait_for("/help shows the commands")
        wait_for("›")  # whatever is typed before the prompt is there may be lost
        os.write(terminal, "你好\n".encode())
        wait_for(SAFE)
        wait_for("›")
        os.write(terminal, b"/help\n")
        wait_for("/retry")
        wait_for("›")
        os.write(terminal, b"\x04")
        while not ended[0] and time.monotonic() < until:
            time.sleep(0.02)
            ended = os.waitpid(process, os.WNOHANG)
        assert ended[0] == process, "Ctrl-D did not end it"
        assert os.waitstatus_to_exitcode(ended[1]) == 0
    finally:
        if not ended[0]:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        os.close(terminal)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chat", "--once", "x"], "has a model; train one"),
        (["chat", "nosuchrun", "--once", "x"], "no such artifact"),
        (["chat", "no.gguf", "--once", "x"], "no GGUF file"),
        (["chat", ".", "--once", "x"], "config.json"),
        (
            ["predict", "m", "missing.txt", "--out", "a.jsonl"],
            "missing.txt: cannot be read (No such file or directory)",
        ),
        (["predict", "m", "missing.txt", "--out", "no/where/a.jsonl"], "directory does not exist"),
    ],
)
def test_what_is_missing_is_said_in_one_line(belle, arguments, said):
    done = belle(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_imports_no_model_library(belle):
    for name in ("chat", "predict"):
        done = belle(name, "--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
        assert done.returncode == 0
        assert "--max-tokens" in done.stdout
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert not imported & {"torch", "transformers", "numpy", "matplotlib"}


def session(directory: Path, **more) -> Session:
    return Session(open_engine(directory), Sampling(max_new_tokens=8, **more))


def test_history_is_sent_along(random):
    alone, talk = session(random), session(random)
    first = "".join(talk.ask("你好"))
    assert "".join(alone.ask("你好")) == first
    "".join(talk.ask("一加一"))
    second = talk.conversation.turns[3].text
    engine = open_engine(random)
    assert engine.answer([Conversation(talk.conversation.turns[:3])], talk.sampling) == [second]
    assert engine.answer([Conversation.of("一加一")], talk.sampling) != [second]
    talk.reset()
    assert talk.conversation == Conversation(())


def test_retry_draws_another_answer_and_keeps_one(random):
    talk = session(random, temperature=2.0)
    first = "".join(talk.ask("你好"))
    assert talk.take_back() == "你好"
    assert "".join(talk.ask("你好")) != first
    assert len(talk.conversation.turns) == 2
    talk.reset()
    assert talk.take_back() is None


def test_an_answer_that_is_broken_off_is_remembered_as_far_as_it_was_read(scripted):
    talk = Session(open_engine(scripted), Sampling())
    pieces = talk.ask("你好")
    assert next(pieces) == "世"
    pieces.close()
    assert talk.conversation.answer == "世"


def test_a_full_context_forgets_the_oldest_messages_and_says_so(random):
    talk = session(random)
    for _ in range(4):
        for _ in talk.ask("一加一等于二三"):
            pass
    assert talk.forgotten in (2, 4)
    assert len(talk.conversation.turns) == 8
    with pytest.raises(BelleError, match="too long"):
        list(talk.ask("你" * 200))
    assert len(talk.conversation.turns) == 8


def test_commands_are_told_from_questions():
    assert parse("/system 你是 老师") == (Word.SYSTEM, "你是 老师")
    assert parse("//x") == (Word.QUESTION, "/x")
    assert parse("1/2") == (Word.QUESTION, "1/2")
    with pytest.raises(BelleError, match="no command /Exit"):
        parse("/Exit")


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_predict_answers_every_line_in_order(belle, scripted, tmp_path):
    (tmp_path / "q.jsonl").write_text(
        '{"id": 7, "question": "你好"}\n{"instruction": "加", "input": "一", "output": "旧"}\n\n'
        '{"messages": [{"role": "user", "content": "一"}, {"role": "assistant", "content": "二"}]}\n',
        encoding="utf-8",
    )
    done = belle("predict", str(scripted), "q.jsonl", "--out", "a.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answers"] == 3
    records = lines(tmp_path / "a.jsonl")
    assert [record["answer"] for record in records] == [ANSWER] * 3
    assert (records[0]["id"], records[1]["output"]) == (7, "旧")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.slow
def test_predict_goes_on_where_it_was(belle, random, tmp_path):
    (tmp_path / "q.txt").write_text("你好\n一加一\n二加三\n", encoding="utf-8")
    options = ("predict", str(random), "q.txt", "--out", "a.jsonl", "--max-tokens", "6")
    assert belle(*options).returncode == 0
    whole = lines(tmp_path / "a.jsonl")
    assert [record["question"] for record in whole] == ["你好", "一加一", "二加三"]
    from belle_core.generation.resuming import complete_all

    engine = open_engine(random)
    prompts = [engine.encoder.prompt(Conversation.of(record["question"])) for record in whole]
    journal = tmp_path / ".a.jsonl.journal"
    complete_all(engine, prompts, Sampling(max_new_tokens=6), batch=32, journal=journal, identity=str(random))
    kept = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()][:2]
    marked = [record | {"answer": record["answer"] | {"text": "from the journal"}} for record in kept]
    journal.write_text("".join(json.dumps(record) + "\n" for record in marked) + '{"key": "torn', encoding="utf-8")
    assert belle(*options).returncode == 0
    again = lines(tmp_path / "a.jsonl")
    assert sum(record["answer"] == "from the journal" for record in again) == 2
    assert not journal.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"question": "好"}\n{"question": \n', "q.jsonl:2: no valid JSON"),
        ('{"question": "好"}\n\n[1]\n', "q.jsonl:3: list instead of an object"),
        ('{"text": "好"}\n', "q.jsonl:1: no question"),
        ('{"messages": [{"role": "assistant", "content": "好"}]}\n', "q.jsonl:1: "),
        ('{"messages": ["好"]}\n', "q.jsonl:1: messages must be"),
        ('{"messages": []}\n', "q.jsonl:1: "),
        ("\n \n", "holds no question"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_bad_questions_are_named_with_file_and_line(tmp_path, content, said):
    path = tmp_path / "q.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BelleError) as caught:
        list(read_questions(path))
    assert said in caught.value.english
    assert "\n" not in caught.value.english


def test_a_byte_order_mark_and_other_line_ends_are_no_part_of_a_question(tmp_path):
    path = tmp_path / "q.txt"
    path.write_bytes("\ufeff你好\r\n第二\u2028行\r\n".encode())
    assert [c.question for _, c in read_questions(path)] == ["你好", "第二\u2028行"]
