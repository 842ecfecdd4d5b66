"""The store shows an artifact in full or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from belle_core.api import run
from belle_core.artifacts import Examples, Tokenizer
from belle_core.digest import Digests
from belle_core.errors import BelleError
from belle_core.store import Store

KEY = "0123456789abcdef"
MANIFEST = {"recipe": {"stage": "data/x"}, "provenance": {"inputs": []}}


def commit(store: Store, key: str = KEY, text: str = "hello") -> Examples:
    directory = store.partial(Examples, key)
    (directory / "train.jsonl").write_text(text, encoding="utf-8")
    (directory / "scratch").mkdir()
    (directory / "scratch" / "big").write_text("left over")
    return store.commit(Examples(directory=directory, record="text", splits={"train": 1}), MANIFEST)


def test_what_is_committed_is_found_with_its_facts(tmp_path):
    store = Store(tmp_path)
    assert store.find(Examples, KEY) is None
    made = commit(store)
    found = Store(tmp_path).find(Examples, KEY)
    assert found == made and found.splits == {"train": 1}
    assert sorted(p.name for p in found.directory.iterdir()) == ["artifact.json", "train.jsonl"]


def test_a_file_that_grows_while_its_digest_is_taken_is_looked_at_again(tmp_path, monkeypatch):
    path, digests, real = tmp_path / "a", Digests(tmp_path / "memory"), hashlib.file_digest
    path.write_text("a")

    def slowly(file, name):
        digest = real(file, name)
        path.write_text("ab")
        return digest

    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", slowly)
        assert digests.of(path) == hashlib.sha256(b"a").hexdigest()
    assert digests.of(path) == hashlib.sha256(b"ab").hexdigest()


def test_digests_of_files_that_are_gone_do_not_pile_up(tmp_path, monkeypatch):
    store = Store(tmp_path)
    made = [commit(store, key) for key in ("0" * 16, "1" * 16)]
    known = json.loads(store.digests.memory.read_text())
    assert set(known) == {str(artifact.directory / "train.jsonl") for artifact in made}
    with monkeypatch.context() as patch:  # under their new names they need not be read again
        patch.delattr(hashlib, "file_digest")
        Store(tmp_path).verify(made[0])
    store.remove(made[0].directory)
    store.digests.prune()
    assert set(json.loads(store.digests.memory.read_text())) == {str(made[1].directory / "train.jsonl")}


def test_an_unfinished_artifact_is_not_there(tmp_path):
    store = Store(tmp_path)
    directory = store.partial(Examples, KEY)
    (directory / "train.jsonl").write_text("half")
    assert store.find(Examples, KEY) is None
    assert list(store.directories()) == []


def test_an_artifact_appears_with_all_its_files_at_once(tmp_path):
    """Whoever looks at its directory meanwhile sees none or all of them, so that no moment is bad to be killed at."""
    store, seen, over = Store(tmp_path), set(), threading.Event()
    directory = store.partial(Examples, KEY)
    for number in range(300):
        (directory / f"{number}.jsonl").write_text("x", encoding="utf-8")

    def look() -> None:
        while not over.is_set():
            with contextlib.suppress(FileNotFoundError):
                seen.add(len(os.listdir(directory.with_name(KEY))))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        store.commit(Examples(directory=directory, record="text", splits={"train": 1}), MANIFEST)
    finally:
        time.sleep(0.05)
        over.set()
        watcher.join()
    assert seen == {301}


@pytest.mark.parametrize("harm", ["shorter", "gone", "no manifest", "broken manifest"])
def test_damage_is_told_with_the_way_out(tmp_path, harm):
    store = Store(tmp_path)
    directory = commit(store).directory
    if harm == "shorter":
        (directory / "train.jsonl").write_text("hell")
    elif harm == "gone":
        (directory / "train.jsonl").unlink()
    elif harm == "no manifest":
        (directory / "artifact.json").unlink()
    else:
        (directory / "artifact.json").write_text('{"facts": ')
    with pytest.raises(BelleError, match=f"Examples/{KEY} is damaged.*belle runs remove {KEY}"):
        store.find(Examples, KEY)


def test_changed_bytes_of_equal_size_are_found_by_checksum(tmp_path):
    store = Store(tmp_path)
    made = commit(store)
    store.verify(made)
    (made.directory / "train.jsonl").write_text("hellO")
    assert store.find(Examples, KEY) is not None  # a cache hit looks at sizes only
    with pytest.raises(BelleError, match=r"train\.jsonl"):
        store.verify(made)


def test_an_artifact_is_loaded_by_the_beginning_of_its_fingerprint(tmp_path):
    store = Store(tmp_path)
    commit(store)
    commit(store, "01ffffffffffffff")
    assert store.load("0123").fingerprint == KEY
    with pytest.raises(BelleError, match="several"):
        store.load("01")
    with pytest.raises(BelleError, match="no such artifact"):
        store.load("77")


def test_facts_of_a_newer_version_do_not_hinder_reading(tmp_path):
    store = Store(tmp_path)
    directory = commit(store).directory
    manifest = json.loads((directory / "artifact.json").read_text())
    manifest["facts"]["added_later"] = 1
    (directory / "artifact.json").write_text(json.dumps(manifest))
    assert store.find(Examples, KEY).record == "text"


def test_a_second_process_waits_for_the_lock(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from belle_core.artifacts import Tokenizer; from belle_core.store import Store\n"
        f"with Store(Path({str(tmp_path)!r})).lock(Tokenizer, {KEY!r}):\n    print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline().strip() == "held"
    got = threading.Event()

    def take() -> None:
        with Store(tmp_path).lock(Tokenizer, KEY):
            got.set()

    second = threading.Thread(target=take)
    second.start()
    assert not got.wait(0.5)
    holder.communicate()  # ends its input
    assert holder.returncode == 0 and got.wait(60)
    second.join()


def test_a_killed_process_holds_no_lock(tmp_path):
    code = (
        "import time; from pathlib import Path; from belle_core.artifacts import Tokenizer; from belle_core.store import Store\n"
        f"with Store(Path({str(tmp_path)!r})).lock(Tokenizer, {KEY!r}):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline().strip() == "held"
    holder.kill()
    holder.wait()
    started = time.monotonic()
    with Store(tmp_path).lock(Tokenizer, KEY):
        assert time.monotonic() - started < 50


def test_removing_frees_the_bytes(tmp_path):
    store = Store(tmp_path)
    made = commit(store)
    assert store.remove(made.directory) >= 5
    assert store.find(Examples, KEY) is None and not os.listdir(tmp_path / "Examples")


def test_a_place_that_can_be_no_store_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(BelleError, match="is no directory"):
        run(["+data=demo", f"store={tmp_path / 'file'}"], quiet=True)
    if os.path.isdir("/proc/self"):
        with pytest.raises(BelleError, match="cannot be written"):
            run(["+data=demo", "store=/proc/store"], quiet=True)
