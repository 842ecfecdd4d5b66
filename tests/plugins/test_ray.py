"""Cleaning on Ray: two nodes give what one machine gives, also when workers and nodes die under them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from belle_core import api
from belle_core.data import cleaning
from belle_core.data.runner import runner_of
from belle_core.errors import BelleError

os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # listen on the loopback interface only
needs_ray = pytest.mark.skipif(
    not all(map(find_spec, ("ray", "pyarrow", "pandas"))),
    reason='needs pip install "belle[ray]"',
)


def test_without_ray_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for module in ("belle_ray.runner", "belle_ray.cluster"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(BelleError, match=r'runner=ray needs the package ray: pip install "belle\[ray\]"'):
        runner_of("ray")


def test_an_unknown_runner_is_told_with_the_nearest_name():
    with pytest.raises(BelleError, match="did you mean 'ray'"):
        runner_of("rai")


@pytest.fixture(scope="module")
def nodes():
    """Two Ray nodes with a worker each, real processes on loopback; returns a function that adds and kills the second."""
    from ray.cluster_utils import Cluster

    Path(tempfile.gettempdir(), "ray").mkdir(exist_ok=True)  # Ray's own note of its newest cluster
    arguments = {"num_cpus": 1, "object_store_memory": 100 << 20, "node_ip_address": "127.0.0.1"}
    directory = tempfile.mkdtemp(dir="/tmp")
    head = arguments | {"include_dashboard": False, "temp_dir": directory}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    second = [cluster.add_node(**arguments)]

    cluster._shutdown_at_exit = False  # its handlers would be refused to the thread that adds the next node

    def replace() -> None:
        cluster.remove_node(second.pop(), allow_graceful=False)
        second.append(cluster.add_node(**arguments))

    os.environ["RAY_ADDRESS"] = cluster.address
    yield replace
    del os.environ["RAY_ADDRESS"]
    cluster.shutdown()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def survivors():
    """Processes that a test leaves waiting; they have to be gone some time after the last test of this file."""
    found: set[psutil.Process] = set()
    yield found
    _, alive = psutil.wait_procs(found, timeout=150)
    assert not alive


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(cleaning, "CHUNK", 7)
    monkeypatch.setattr(cleaning, "AHEAD", 8)


@pytest.fixture
def short():
    """A directory with a short name, since those of sockets have a limit."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


def write_records(path: Path, count: int) -> Path:
    """Questions with answers that are good, too short, broken, in no format, repeated, or nearly so, and with personal data."""
    lines = []
    for number in range(count):
        answer = (
            f"第{number}个答案：把{number}写成{number * 7}，再把它加上{number % 13}，然后用一句完整的话说明你是怎样得到结果的。"
            * 2
        )
        record = {"instruction": f"第{number}题：请说明怎样由{number}得到结果。", "input": "", "output": answer}
        if number % 11 == 3:
            record["output"] = answer + f"联系电话13812345{number % 1000:03d}。"
        if number % 13 == 5:
            record["output"] = "作为一个人工智能语言模型，我不能回答。"
        if number % 17 == 7 and lines:
            record = json.loads(lines[-1]) if lines[-1].startswith("{") and lines[-1].endswith("}") else record
        if number % 19 == 9:
            record = {
                "instruction": f"第{number - 2}题：请说明怎样由{number - 2}得到结果。",
                "output": answer.replace("一句", "两句"),
            }
        lines.append("{broken" if number % 1009 == 500 else json.dumps(record, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def clean(source: Path, store: Path, *overrides: str) -> tuple[str, dict[str, object], dict[str, bytes]]:
    """Fingerprint, facts and files of the artifact."""
    result = api.run(["+data=files", f"data.path={source}", "data.test=20", f"store={store}", *overrides], quiet=True)
    artifact = result.artifacts["data"]
    files = {path.name: path.read_bytes() for path in artifact.directory.glob("*.jsonl")}
    return artifact.directory.name, artifact.facts(), files


CHAINS = {
    "belle_clean": ["data/clean=belle_clean"],
    "a chain with filters of records behind one of all": [
        "+filter@data.clean.exact=exact",
        "+filter@data.clean.length=length",
        "data.clean.length.max=150",
        "+filter@data.clean.near=near",
        "+filter@data.clean.pieces=pieces",
        "+filter@data.clean.personal=personal",
        "+filter@data.clean.assistant=assistant",
    ],
}


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, None])
def test_a_cluster_of_its_own_is_on_loopback_and_leaves_nothing_behind(tmp_path, short, survivors, how):
    source = write_records(tmp_path / "records.jsonl", 60000 if how else 12000)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["TMPDIR"] = str(short)
    command = [sys.executable, "-m", "belle_core", "+data=files", f"data.path={source}", "data/clean=belle_clean"]
    run = subprocess.Popen([*command, "data.runner=ray", "data.workers=2"], env=environment)
    ours: set[psutil.Process] = set()
    heard: set[str] = set()
    working = False
    while run.poll() is None:
        ours |= set(psutil.Process(run.pid).children(recursive=True))
        heard |= {
            c.laddr.ip for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.pid in {p.pid for p in ours}
        }
        if how and any("MapBatches" in name_of(process) for process in ours):
            run.send_signal(how)
            break
        working = working or any("MapBatches" in name_of(process) for process in ours)
        time.sleep(0.2)
    assert run.wait(180) == {None: 0, signal.SIGINT: 130, signal.SIGKILL: -9}[how]
    assert heard and all(address.removeprefix("::ffff:").startswith("127.") for address in heard)
    assert how or working
    if how == signal.SIGKILL:  # two of Ray's agents look for their lost parent for a minute
        survivors.update(ours)
    else:
        assert not psutil.wait_procs(ours, timeout=180)[1]
        assert not list(short.iterdir())


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("chain", CHAINS)
def test_two_nodes_give_the_same_record_for_record(tmp_path, nodes, small_chunks, chain):
    source = write_records(tmp_path / "records.jsonl", 2500)
    local = clean(source, tmp_path / "local", *CHAINS[chain], "data.workers=2")
    far = clean(source, tmp_path / "far", *CHAINS[chain], "data.runner=ray")
    assert len(local[2]["rejected.jsonl"].splitlines()) > 100
    assert far == local


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("whom", ["workers", "node"])
def test_nothing_is_lost_or_doubled_when_they_are_killed(tmp_path, nodes, small_chunks, whom):
    source = write_records(tmp_path / "records.jsonl", 6000)
    local = clean(source, tmp_path / "local", "data/clean=belle_clean", "data.workers=2")
    killed: list[int] = []
    done = threading.Event()

    def kill() -> None:
        # often, since a worker is at work for moments only; fewer times than a block is done again
        while not done.wait(0.05) and len(killed) < (4 if whom == "workers" else 1):
            for process in workers_of_ray()[:1]:
                process.kill() if whom == "workers" else nodes()
                killed.append(process.pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        far = clean(source, tmp_path / "far", "data/clean=belle_clean", "data.runner=ray")
    finally:
        done.set()
        killer.join()
    assert killed and far == local


@needs_ray
@pytest.mark.slow
def test_what_kills_every_worker_is_one_line(nodes):
    answers = runner_of("ray")(iter([(1,)] * 10), ("signal:raise_signal", [9]), workers=0, ahead=1)
    with pytest.raises(BelleError, match="died 8 times at the same records"):
        list(answers)


def workers_of_ray() -> list[psutil.Process]:
    """Those of our nodes that are working on records."""
    return [process for process in psutil.Process().children(recursive=True) if "MapBatches" in name_of(process)]


def name_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
