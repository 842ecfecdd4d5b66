"""``+data=hub`` against a hub on loopback: names, commits, splits, subsets, the cache."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pyarrow
import pytest
from belle_files.hub import estimate
from belle_files.hub_config import HubConfig
from belle_files.repository import Repository
from belle_files.repository_splits import files_of, matching, splits_in
from datasets.data_files import resolve_pattern
from loopback_hub import COMMIT, Hub, served, surroundings
from pyarrow import parquet

from belle_core import run
from belle_core.errors import BelleError


def rows(word, count):
    return [{"instruction": f"{word}{n}", "input": "", "output": f"答{n}"} for n in range(count)]


def table(records):
    content = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(records), content)
    return content.getvalue()


FILES = {
    "README.md": "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\n"
    "  - split: validation\n    path: data/validation.parquet\n- config_name: english\n  data_files: en.jsonl\n---\n# 数据\n".encode(),
    "data/train-0.parquet": table(rows("甲", 3)),
    "data/train-1.parquet": table(rows("乙", 2)),
    "data/validation.parquet": table(rows("丙", 1)),
    "en.jsonl": json.dumps({"instruction": "Hi", "output": "Hello"}).encode(),
}


class DataSets(Hub):
    """The few calls of the Hugging Face API that reading a data set makes."""

    def find(self, path):
        prefix = f"datasets/team/set/resolve/{COMMIT}/"
        if path in ("api/datasets/team/set", f"api/datasets/team/set/revision/{COMMIT}"):
            return {"id": "team/set", "sha": COMMIT, "siblings": [{"rfilename": name} for name in FILES]}
        return FILES.get(path.removeprefix(prefix)) if path.startswith(prefix) else None


@pytest.fixture
def hub():
    with served(DataSets) as server:
        yield server


def belle(tmp_path, hub, *arguments, offline=False, command=""):
    """A process that knows only the loopback hub."""
    environment = surroundings(hub, tmp_path / "hf") | ({"HF_HUB_OFFLINE": "1"} if offline else {})
    call = [sys.executable, "-m", "belle_core", *command.split(), "+data=hub", *arguments]
    return subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)


def lines(tmp_path, split):
    (path,) = (tmp_path / "store" / "Examples").glob(f"*/{split}.jsonl")
    return [json.loads(line)["messages"][0]["content"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_data_set_is_fetched_by_name_with_the_token_and_again_from_the_cache(tmp_path, hub):
    done = belle(tmp_path, hub, "data.name=team/set", "data.dev=validation")
    assert done.returncode == 0, done.stderr
    assert f"data.revision={COMMIT}" in done.stderr and "hf_xxx" not in done.stderr + done.stdout
    assert lines(tmp_path, "train") == ["甲0", "甲1", "甲2", "乙0", "乙1"] and lines(tmp_path, "dev") == ["丙0"]
    tokens = {authorization for path, authorization in hub.seen if "team/set" in path}
    assert tokens == {"Bearer hf_" + "x" * 34}
    (about,) = (tmp_path / "store" / "Examples").glob("*/hub.json")
    assert json.loads(about.read_text())["commit"] == COMMIT and not any("en.jsonl" in path for path, _ in hub.seen)
    again = belle(tmp_path, hub, "data.name=team/set", f"data.revision={COMMIT}", "store=second", offline=True)
    assert again.returncode == 0, again.stderr
    calls = len(hub.seen)
    plan = belle(tmp_path, hub, "data.name=team/set", "data.dev=2", command="plan", offline=True)
    assert "data: about 4 training examples" in plan.stdout and len(hub.seen) == calls, plan.stdout + plan.stderr


def test_a_plan_without_the_files_says_no_more_than_it_knows():
    figures = estimate(HubConfig(name="team/no-such-set", licence="MIT"), {"limit": None})
    assert figures.pop("time_unknown") and figures == {"licences": ["MIT"]}


def test_what_the_hub_does_not_have_is_one_line(tmp_path, hub):
    for arguments, message in (
        (["data.name=team/sett"], "data.name=team/sett: not in the local hub cache, and http://127.0.0.1"),
        (
            ["data.name=team/set", "data.split=tests"],
            "data.split=tests: team/set has no such files; there are: train, validation",
        ),
    ):
        done = belle(tmp_path, hub, *arguments)
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and message in done.stderr, done.stderr
        assert "hf_xxx" not in done.stderr


# ---- ModelScope ----


class ModelScope(Hub):
    """The calls of ModelScope's API that fetching a data set makes: the tree of its files, and each file by its path."""

    def find(self, path):
        asked = parse_qs(urlparse(self.path).query)
        if asked.get("Revision") not in (["master"], ["v2"]):
            return None
        if path == "api/v1/datasets/team/set/repo/tree":
            files = [
                {"Path": n, "Type": "blob", "Size": len(c), "Sha256": sha256(c).hexdigest()} for n, c in FILES.items()
            ]
            return {"Code": 200, "Success": True, "Data": {"Files": files}}
        return FILES.get(asked["FilePath"][0]) if path == "api/v1/datasets/team/set/repo" else None


@pytest.mark.slow
@pytest.mark.skipif(find_spec("modelscope") is None, reason="ModelScope's client is not installed here")
def test_a_data_set_comes_from_modelscope(tmp_path):
    with served(ModelScope) as server:
        address = f"127.0.0.1:{server.server_address[1]}"
        variables = {
            "MODELSCOPE_ENDPOINT": f"http://{address}",
            "MODELSCOPE_CACHE": str(tmp_path / "cache"),
            "HOME": str(tmp_path),
        }
        environment = surroundings(server, tmp_path / "hf") | variables
        call = [sys.executable, "-m", "belle_core", "+data=hub", "data.hub=modelscope", "data.name=team/set"]

        def fetched(*arguments):
            done = subprocess.run(
                [*call, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
            )
            return done.returncode, done.stderr.strip().splitlines()

        code, said = fetched("data.dev=validation", "data.revision=v2")
        assert code == 0, said
        assert lines(tmp_path, "train") == ["甲0", "甲1", "甲2", "乙0", "乙1"] and lines(tmp_path, "dev") == ["丙0"]
        asked = [path for path, _ in server.seen if "FilePath" in path]
        assert asked and all("Revision=v2" in path for path in asked)
        planned = subprocess.run(
            [*call[:3], "plan", *call[3:], "--json"], cwd=tmp_path, env=environment, capture_output=True, timeout=120
        )
        (step,) = json.loads(planned.stdout)["steps"]
        assert step["figures"]["examples"] in (4, 5, 6) and step["seconds"] > 0  # projected from the first file
        code, said = fetched("data.revision=v9")
        assert code == 1 and [line for line in said if line.startswith("belle: ")] == said[-1:]
        assert said[-1].startswith("belle: data.name=team/set: not in the local hub cache, and ")
        assert "modelscope does not hand it out at v9" in said[-1]


# ---- which files ----


def repository(*names, card=""):
    def fetch(name) -> Path:
        Path("README.md").write_text(card, encoding="utf-8")
        return Path("README.md")

    return Repository(sorted([*names, "README.md"]), "", fetch)


@pytest.mark.parametrize(
    ("names", "split", "expected"),
    [
        (["Belle_open_source_0.5M.json", "dataset_infos.json"], "train", ["Belle_open_source_0.5M.json"]),
        (["train.jsonl.gz", "dev.jsonl.gz", "test.csv"], "dev", ["dev.jsonl.gz"]),
        (["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet"],
         "train", ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]),
        (["data/train_sft-00000-of-00001.parquet", "data/train_gen-00000-of-00001.parquet", "data/notes.json"],
         "train_sft", ["data/train_sft-00000-of-00001.parquet"]),
        (["chat.json", "test.json"], "train", ["chat.json"]),
        (["latest.json", "contest.json"], "train", ["contest.json", "latest.json"]),  # the words are within others
        (["validation/0.arrow", "train/0.arrow", "train/state.json"], "validation", ["validation/0.arrow"]),
        (["train.py", "model.bin"], "train", []),
    ],
)  # fmt: skip
def test_names_tell_the_splits(names, split, expected):
    found = repository(*names)
    assert files_of(found, splits_in(found, ""), split) == expected


def test_the_card_tells_subsets():
    card = FILES["README.md"].decode()
    found = repository(*(name for name in FILES if name != "README.md"), card=card)
    assert files_of(found, splits_in(found, "english"), "train") == ["en.jsonl"]
    assert files_of(found, splits_in(found, ""), "dev") == ["data/validation.parquet"]
    with pytest.raises(BelleError, match=r"data.subset=french: there is none; known: default, english"):
        splits_in(found, "french")
    folders = repository("zh/a.json", "en/a.json")
    assert files_of(folders, splits_in(folders, "zh"), "train") == ["zh/a.json"]
    broken = repository("a.json", card="---\nconfigs: [\n---\n")
    assert files_of(broken, splits_in(broken, ""), "train") == ["a.json"]


def test_a_folder_of_the_card_is_all_of_a_subset():
    card = "---\nconfigs:\n- config_name: zh\n  data_dir: zh\n- config_name: en\n  data_dir: en\n  data_files: t*.json\n---\n"
    found = repository("zh/a.json", "en/train.json", "en/b.json", "zh-en.json", card=card)
    assert files_of(found, splits_in(found, ""), "train") == ["zh/a.json"]
    assert files_of(found, splits_in(found, "en"), "train") == ["en/train.json"]


NAMES = [
    "train.json",
    "data/train-0.json",
    "data/sub/train-1.json",
    "zh/train.json",
    "zh/a/b.json",
    "en/train-2.parquet",
]
PATTERNS = ["*.json", "data/*", "data/**", "**/*.json", "zh/**/*.json", "**/train*", "*/train-*", "data/train-[0-9].json",
            "zh/[!a]*", "**", "./train*", "train.json", "{zh,en}/*"]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_mean_what_they_mean_to_datasets(tmp_path, pattern):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    try:
        expected = {str(Path(path).relative_to(tmp_path)) for path in resolve_pattern(pattern, str(tmp_path))}
    except FileNotFoundError:
        expected = set()
    assert set(matching(NAMES, [pattern])) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "data.name has no value"),
        (["data.name=team/set"], "data.name=team/set: not in the local hub cache"),
        (["data.name=team/set", "data.hub=github"], "data.hub must be huggingface or modelscope"),
    ],
)
def test_mistakes_are_one_line(options, message):
    with pytest.raises(BelleError, match=message) as caught:
        run(["+data=hub", *options], quiet=True)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(find_spec("modelscope") is not None, reason="ModelScope's client is installed here")
def test_modelscope_without_its_package_says_what_to_install():
    with pytest.raises(BelleError, match=r'pip install "belle\[modelscope\]"'):
        run(["+data=hub", "data.name=team/set", "data.hub=modelscope"], quiet=True)
