"""Mistakes in a command line: all at once, each on a line of its own, with the nearest right name."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Sequence

import pytest

from belle_core import language
from belle_core.cli import main
from belle_core.compose import compose_run
from belle_core.errors import BelleError, Several
from belle_core.overrides import quoted
from belle_core.smallfiles import readable


def mistakes(overrides: Sequence[str], config_dir: str | None = None) -> list[str]:
    """The lines that a user reads."""
    with pytest.raises(BelleError) as caught:
        compose_run(list(overrides), config_dir)
    error = caught.value
    return [str(one) for one in (error.errors if isinstance(error, Several) else [error])]


def the_mistake(*overrides: str) -> str:
    (line,) = mistakes(overrides)
    return line


def test_all_mistakes_are_told_at_once_and_quickly(belle):
    started = time.perf_counter()
    done = belle(
        "+train=lora",
        "train.rnak=3",
        "train.alpha=abc",
        "model=tny",
        "data.szie=2",
        "tranier.batch=4",
        "+evl=x",
        "seed=[1",
    )
    print(f"{time.perf_counter() - started:.2f} s")  # measured in bench/
    assert done.returncode == 1 and done.stdout == "" and "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 7 and all(line.startswith("belle: ") for line in lines)
    for typed, right in [
        ("train.rnak=3", "'train.rank'"),
        ("train.alpha=abc", "a number"),
        ("model=tny", "'tiny'"),
        ("data.szie=2", "'data.size'"),
        ("tranier.batch=4", "'trainer.batch'"),
        ("+evl=x", "'eval'"),
        ("seed=[1", "key=value"),
    ]:  # fmt: skip
        assert [line for line in lines if line.startswith(f"belle: {typed}:") and right in line], typed


def test_options_below_a_misspelt_choice_are_checked_too():
    lines = mistakes(["+train=lorra", "train.rnak=3", "train.rank=x"])
    assert len(lines) == 3 and "did you mean 'lora'" in lines[0]
    assert any("'train.rank'" in line for line in lines) and any("whole number" in line for line in lines)


def test_options_below_a_choice_that_resembles_nothing_are_left_alone():
    assert len(mistakes(["+train=qqqqqq", "train.rank=3"])) == 1


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["+train=lora", "train.rnak=3"], "train.rnak=3: there is no option 'train.rnak'; did you mean 'train.rank'?"),
        (
            ["+train=lora", "+train.rnak=3"],
            "+train.rnak=3: there is no option 'train.rnak'; did you mean 'train.rank'?",
        ),
        (["+train@steps.a=lora", "steps.a.rnk=3"], "did you mean 'steps.a.rank'?"),
        (["+train@steps.math=lora", "steps.mth.rank=3"], "did you mean 'math'?"),
        (["+train=lora", "train.precision=x"], "did you mean 'trainer.precision'?"),
        (["+train=lora", "modle.dtype=x"], "did you mean 'model.dtype'?"),
        (["+recpie=quickstart"], "did you mean 'recipe'?"),
        (["+trian@steps.a=lora"], "did you mean 'train'?"),
        (["+train=lora", "train/objective=sftt"], "did you mean 'sft'?"),
        (["+train=lora", "train.objective=sft"], "write train/objective=sft; there is: "),
        (["+train=lora", "train.optimizer=moun", "train.rank=3"], "write train/optimizer=muon; there is: "),
        (["+data=files", "data.path=x.jsonl", "data.clean=belle_clean"], "write data/clean=belle_clean; there is: "),
        (["train.rank=3"], "this run has no train step; choose one with +train="),
        (["+train=lora", "~trainer.bach"], "did you mean 'trainer.batch'?"),
        (["+train=lora", "+train=full"], "+train@steps.<name>=full"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_names(overrides, said):
    assert said in the_mistake(*overrides)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.rank=abc", "train.rank takes a whole number (int)"),
        ("train.epochs=many", "train.epochs takes a number (float)"),
        ("trainer.gradient_checkpointing=maybe", "takes true or false (bool)"),
        ("train.targets=3", "takes a list such as [a,b]"),
        ("train.rank=0", "train.rank must be at least 1, got 0"),
        ("train.schedule=sine", "train.schedule must be one of cosine, linear, constant"),
        ("train.rank=4,8", "belle -m"),
        ("train.learning_rate=nan", "train.learning_rate must be a finite number, got nan"),
        ("train.epochs=inf", "train.epochs must be a finite number, got inf"),
        ("train.optimizer.betas=[0.9,nan]", "train.optimizer.betas must be a finite number"),
        ("=3", "write key=value"),
        ("train.rank=[1", "cannot be read as an option"),
    ],
)
def test_values(override, said):
    line = the_mistake("+train=lora", override)
    assert said in line and "\n" not in line


def test_a_mandatory_value():
    assert the_mistake("+data=files") == "data.path has no value; say data.path=…"


def test_an_unknown_step_in_inputs_beside_another_mistake():
    lines = mistakes(["+train=lora", "+inputs.trian.examples=data", "train.rnak=2"])
    assert len(lines) == 2 and any("did you mean 'train'" in line and "trian" in line for line in lines)


def test_a_key_that_may_be_added_says_how():
    assert "+model.architecture.head_dim=32" in the_mistake("+train=lora", "model.architecture.head_dim=32")


def test_candidates_are_few_and_of_the_same_section():
    line = the_mistake("+train=lora", "trainer.qqqqqq=1")
    listed = line.split("trainer has: ")[1].split(", ")
    assert set(listed) >= {"batch", "precision", "devices"} and len(listed) <= 15
    top = the_mistake("+train=lora", "+qqqqqq=1").split("Known: ")[1].split(", ")
    assert len(top) <= 16 and not any("." in name for name in top)


def test_no_option_of_a_section_without_a_value_is_suggested():
    assert "train.rank" not in the_mistake("+data=demo", "trainer.rank=1")


@pytest.fixture
def presets(tmp_path):
    """A user's directory of presets."""

    def write(name: str, text: str) -> str:
        path = tmp_path / "presets" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize(
    ("name", "text", "choice", "where", "said"),
    [
        ("train/mine", "defaults: [lora, _self_]\nrank: 4\nalhpa: 3\n", "+train=mine", ":3", "did you mean 'alpha'"),
        (
            "model/mine",
            "defaults: [model_schema, _self_]\nchekpoint: x\n",
            "model=mine",
            ":2",
            "did you mean 'checkpoint'",
        ),
        ("train/mine", "defaults: [lora, _self_]\nrank: four\n", "+train=mine", ":2", "rank"),
        ("train/mine", "defaults: [lora, _self_]\nrank: [\n", "+train=mine", ":3", "YAML"),
        ("train/mine", "defaults: [lorra, _self_]\n", "+train=mine", "", "did you mean 'lora'"),
    ],
    ids=["option", "model", "type", "syntax", "base"],
)
def test_a_fault_in_a_file_names_the_file_and_the_line(presets, tmp_path, name, text, choice, where, said):
    path = presets(name, text)
    (line,) = mistakes(["+data=demo", choice], str(tmp_path / "presets"))
    assert line.startswith(f"{path}{where}:") and said in line


def test_faults_in_files_and_options_together(presets, tmp_path):
    presets("train/mine", "defaults: [lora, _self_]\nrnak: 4\n")
    lines = mistakes(["+train=mine", "data.szie=3", "model=tny"], str(tmp_path / "presets"))
    assert len(lines) == 3


def test_in_chinese(belle):
    done = belle("+train=lora", "train.rnak=3", "model=tny", env={"BELLE_LANG": "zh"})
    assert done.returncode == 1 and all("是不是" in line for line in done.stderr.splitlines())


def test_a_filter_that_is_not_there_is_named_with_what_is():
    line = the_mistake("+data=demo", "data/clean=belle_clean", "data.clean.lengt.min=4")
    assert line.startswith("data.clean.lengt.min=4: data.clean has no 'lengt'; did you mean 'data.clean.length.min'? ")
    assert the_mistake("+data=demo", "data.clean.lengt.min=4") == (
        "data.clean.lengt.min=4: data.clean has no 'lengt'; a filter of that name is added with +filter@data.clean.lengt=<filter>"
    )
    assert "did you mean 'data.size'?" in the_mistake("+data=demo", "data.siez.x=1")
    whole = "data.weights.a=2: data.weights is given as a whole; if it is a mapping, for example 'data.weights={a: 2}'"
    assert the_mistake("+data=mix", "+data@data.sources.a=demo", "data.weights.a=2") == whole


def test_a_choice_that_is_there_already_is_changed_without_the_plus():
    assert the_mistake("+data=demo", "+data/clean=belle_clean") == (
        "+data/clean=belle_clean: data/clean has a choice already; to change it leave out the plus: data/clean=belle_clean"
    )


@pytest.mark.parametrize(
    "text",
    [
        "我的 数据.jsonl",
        "~/a.jsonl",
        "问：“答”!",
        "a$b(c",
        "back\\slash(",
        "(a\\",
        "数据(1).jsonl",
        "R&D #3",
        "C:\\用户\\",
    ],
)
def test_a_text_that_can_mean_only_one_thing_needs_no_quotes(text):
    made = compose_run(["+data=files", f"data.path={text}", f"note={text}"])
    assert made.config.data.path == made.config.note == text
    assert compose_run(made.overrides).config.note == text  # as it is recorded


@pytest.mark.parametrize(
    "override",
    [
        "data.path='数据.jsonl'",
        "data.path=['甲.jsonl',乙.jsonl]",
        "data.columns={question: 'F', answer: 答}",
        "data.weights={chat: 3, math: 1}",
        "train.rank=[4, 8]",
        "--config-dir=配置",
        "a=1",
    ],
)
def test_what_has_signs_of_its_own_is_left_as_typed(override):
    assert quoted(override) == override


def test_chinese_in_lists_and_mappings_needs_no_quotes():
    listed = compose_run(["+data=files", "data.path=[甲.jsonl, ~/我的 数据.jsonl, b.jsonl]"]).config.data
    assert listed.path == ["甲.jsonl", "~/我的 数据.jsonl", "b.jsonl"]
    renamed = compose_run(["+data=files", "data.path=a", "data.columns={question: 问题, answer: 答案}"]).config.data
    assert renamed.columns == {"question": "问题", "answer": "答案"}


def test_chinese_in_a_sweep_needs_no_quotes():
    assert quoted("data.path=甲.jsonl,b.jsonl") == "data.path='甲.jsonl',b.jsonl"
    assert "several values need a sweep" in the_mistake("+data=demo", "note=第一次,试试")


def test_a_choice_of_what_is_absent_needs_the_plus():
    assert the_mistake("data=files", "data.path=x").endswith("to choose it write +data=files")
    assert the_mistake("train=lora").endswith("to choose it write +train=lora")


def test_what_is_not_there_cannot_be_taken_away():
    assert "data.clean has no 'pii'. It has: assistant, exact" in the_mistake(
        "+data=demo", "data/clean=belle_clean", "~data.clean.pii"
    )


@pytest.mark.parametrize("path", ["", "[]", "['']", "null"])
def test_files_without_a_path_are_not_the_current_directory(path):
    assert the_mistake("+data=files", f"data.path={path}").startswith("data.path names no file")


@pytest.mark.parametrize("text", ["it's", "(a\\'b", "a=b"])
def test_a_text_that_needs_quotes_is_shown_with_them(text, shell_words):
    line = the_mistake("+data=files", "data.path=x", f"data.source={text}")
    assert line.startswith(f"data.source={text}: a text with such signs needs quotes, and the shell a second pair: ")
    (typed,) = shell_words(line.rpartition(" pair: ")[2])
    assert compose_run(["+data=files", "data.path=x", typed]).config.data.source == text


def test_where_a_mistake_comes_from_is_shown_when_asked_for(monkeypatch, capsys):
    shown = []
    for value in ("", "1"):
        monkeypatch.setenv("BELLE_DEBUG", value)
        with pytest.raises(SystemExit):
            main(["+train=lora", "train.rnak=3"])
        shown.append(capsys.readouterr().err)
    assert shown[0].startswith("belle: train.rnak=3") and shown[0].count("\n") == 1
    assert shown[1].startswith("Traceback") and shown[1].endswith(shown[0])


READ = ["+data=files", "data.path=x"]
FILTER = [*READ, "+filter@data.clean.a=length"]
TOLD = [
    ([*READ, "data.workers=-2"], "data.workers must be at least 0"),
    ([*READ, "limit=0"], "limit must be at least 1"),
    ([*READ, "seed=-1"], "seed must be at least 0"),
    ([*READ, "+filter@data.clean=length"], "write +filter@data.clean.<name>=<filter>"),
    ([*FILTER, "+filter@data.clean.a=near"], "names of their own: +filter@data.clean.<name>=near"),
    (["+data=mix", "+data@data.sources.a=demo", "+data@data.sources.a=files"], "+data@data.sources.<name>=files"),
    (["+data=demo", "+data=files"], "names of their own: +data@steps.<name>=files"),
    (["+data=files,demo"], "several values need a sweep: belle -m"),
    ([*READ, "data.clean={a:b}"], "chosen one by one: +<group>@data.clean.<name>=<choice>"),
    (["+data=mix", "data.sources=3"], "chosen one by one: +<group>@data.sources.<name>=<choice>"),
    (["+data=mix", "+data@data.sources.空=demo"], "names of options, sources, filters and steps are made of"),
    ([*READ, "+filter@data.clean.a=html", "data.clean.a.roles=[system]"], "may hold assistant and user"),
    ([*READ, "store="], "say store=<directory> or BELLE_STORE"),
    ([*READ, "--cfg=nope"], "invalid choice: 'nope'"),
    ([*READ, "--nope"], "unknown option --nope"),
    ([*READ, "--cfg", "job", "data.sise=1"], "data.sise=1: there is no option 'data.sise'"),
    (["plan", *READ, "--config-dir", "nope"], "--config-dir nope: there is no such directory"),
    (["-m", "nonsense"], "nonsense: cannot be read as an option"),
    (["+data@steps=demo"], "write +<kind>@steps.<name>=<choice>"),
    (["+data=files", "data.path=~nobody.here/x"], "a path begins with ~ and a name that no user here has"),
    (["+data=demo", "~train=lora"], "nothing of that name is chosen"),
]


@pytest.mark.parametrize("speaking", ["en", "zh"])
def test_wrong_command_lines_are_one_line_that_says_what_to_do(speaking, monkeypatch, capsys):
    language.chinese.cache_clear()
    monkeypatch.setenv("BELLE_LANG", speaking)
    try:
        for line, words in TOLD:
            with pytest.raises(SystemExit) as end:
                main(line)
            said = capsys.readouterr().err
            assert end.value.code == 1 and said.count("\n") == 1
            assert words in said if speaking == "en" else re.search("[\u4e00-\u9fff]", said), (line, said)
    finally:
        language.chinese.cache_clear()


def test_why_a_system_refuses_a_file_is_told_in_both_languages(tmp_path):
    """What else a system says (in its own language) is passed on."""
    for number, english, chinese in (
        (13, "Permission denied", "没有权限"),
        (27, "File too large", "文件过大"),
        (71, "Protocol error", "Protocol error"),
    ):
        with pytest.raises(BelleError) as caught, readable(tmp_path):
            raise OSError(number, os.strerror(number), str(tmp_path))
        assert (english in caught.value.english) and chinese in caught.value.chinese


@pytest.fixture
def shell_words():
    """What a shell makes of a line."""

    def words(line: str) -> list[str]:
        made = subprocess.run(["sh", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
        return made.stdout.decode("utf-8").split("\0")[:-1]

    return words
