"""What is said beside results never gets among them, and never stops a run: whatever standard error is."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys

import pytest

from belle_core.notices import attended, tell, write

BELLE = f"{shlex.quote(sys.executable)} -m belle_core"
posix = pytest.mark.skipif(os.name != "posix", reason="redirections of a POSIX shell")


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=False)


@posix
@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_an_error_that_nobody_can_read_still_tells_by_its_status(where):
    if "full" in where and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    done = shell(f"{BELLE} +data=nonsense {where}")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@posix
def test_a_closed_standard_error_is_not_the_next_file(store, tmp_path):
    """A child of the program finds the stream open, and what it says is in no file."""
    code = (
        "import os, subprocess; from belle_core.notices import prepare, tell; prepare(); tell('a', 'b');"
        f"open({str(tmp_path / 'kept')!r}, 'w').write('kept');"
        "print(subprocess.run(['sh', '-c', 'echo said >&2; echo $?'], capture_output=False).returncode)"
    )
    done = shell(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} 0<&- 2>&-")
    assert done.stdout.split() == ["0", "0"]
    assert (tmp_path / "kept").read_text() == "kept"


@posix
def test_looking_at_data_goes_on_without_standard_error(store, tmp_path):
    path = tmp_path / "few.jsonl"
    path.write_text('{"instruction": "问", "output": "答"}\n', encoding="utf-8")
    done = shell(f"{BELLE} data show {path} 2>&-")
    assert done.returncode == 0 and "问" in done.stdout and "store" not in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "gb18030", "latin-1"])
def test_signs_that_an_encoding_lacks_are_spelled_out(monkeypatch, encoding):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding=encoding, errors="strict"))
    tell("数据\udcff", "数据\udcff")
    assert raw.getvalue().decode(encoding).startswith("belle: ") and "\\udcff" in raw.getvalue().decode(encoding)


def test_a_notice_is_one_line(capsys):
    tell("a\nb\r\nc\u2028d", "")
    assert capsys.readouterr().err == "belle: a b c d\n"


def test_what_data_hold_steers_no_terminal(belle, tmp_path):
    path = tmp_path / "odd.jsonl"
    path.write_text('{"q\\u001b[31m": "x", "b": "y"}\n', encoding="utf-8")
    done = belle("+data=files", f"data.path={path}")
    assert done.returncode == 1 and "\x1b" not in done.stderr and "q␛[31m" in done.stderr


@pytest.mark.parametrize("stream", [None, "closed"])
def test_there_may_be_no_stream(monkeypatch, capsys, stream):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed if stream else None)
    assert not attended()
    write("x")
    write("y")
    assert capsys.readouterr().out == ""


def test_what_is_printed_fits_any_encoding(store, tmp_path, monkeypatch):
    """A file that a Chinese Windows redirects into has no sign for everything; data and JSON lose nothing."""
    monkeypatch.setenv("PYTHONIOENCODING", "gbk")
    path = tmp_path / "few.jsonl"
    path.write_text('{"instruction": "问😀", "output": "答"}\n', encoding="utf-8")

    def printed(*arguments: str) -> bytes:
        command = [sys.executable, "-m", "belle_core", "data", *arguments]
        return subprocess.run(command, capture_output=True, timeout=120, check=True).stdout

    assert b"\\u26a0" in printed("stats", str(path), "--html", str(tmp_path / "page.html"))
    assert json.loads(printed("show", str(path), "--json"))["records"][0]["messages"][0]["content"] == "问😀"
    assert json.loads(printed("sample", str(path)))["messages"][0]["content"] == "问😀"
