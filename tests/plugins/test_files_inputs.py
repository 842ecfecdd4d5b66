"""What ``data.path`` may name besides plain files: own column names, ``dataset_info.json``, saved data sets, archives."""

from __future__ import annotations

import gzip
import json
import zipfile
from random import Random

import datasets
import pandas
import pytest
from belle_files.config import FilesConfig
from belle_files.estimate import estimate
from belle_files.stage import read

from belle_core import run
from belle_core.api import prepare
from belle_core.conversation import Conversation
from belle_core.data import read_examples
from belle_core.errors import BelleError
from belle_core.stages import StageContext

KNOWN = {"shared": {}, "inputs": {}, "limit": None}


def files(*options):
    return run(["+data=files", *options], quiet=True).artifacts["data"]


def conversations(artifact, split="train"):
    return [example.conversation for example in read_examples(artifact, split)]


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")


ASKED = [Conversation.of(f"问{n}", f"答{n}") for n in range(3)]


# ---- own names ----


def test_own_column_names(tmp_path):
    write(tmp_path / "a.json", [{"问题": f"问{n}", "回答": f"答{n}", "分": n, "output": "旧"} for n in range(3)])
    artifact = files("data.path=a.json", "data.columns={instruction:'问题',output:'回答'}")
    assert conversations(artifact) == ASKED
    assert [example.meta for example in read_examples(artifact, "train")] == [{"分": n} for n in range(3)]
    with pytest.raises(BelleError, match=r"no known format fits.*问题: str.*data.columns"):
        files("data.path=a.json")
    other = files("data.path=a.json", "data.columns={instruction:'回答',output:'问题'}")
    assert other.fingerprint != artifact.fingerprint


def test_capitals_in_names_of_fields_are_seen_through(tmp_path):
    (tmp_path / "a.csv").write_text("ID,Question,ANSWER\n1,问0,答0\n2,问1,答1\n")
    with pytest.raises(BelleError, match="no known format fits") as caught:
        files("data.path=a.csv")
    said = str(caught.value).split("; say ")[1]
    assert said == "data.columns={id: 'ID', question: 'Question', answer: 'ANSWER'}"
    assert conversations(files("data.path=a.csv", said)) == ASKED[:2]
    assert said in caught.value.chinese
    choice = {"question": "问", "A": "甲", "B": "乙", "answer": "A"}
    write(tmp_path / "choice.json", [choice])
    with pytest.raises(BelleError, match="known: alpaca"):  # multiple choice, whatever its letters are called
        files("data.path=choice.json")


@pytest.mark.parametrize(("asked", "answered"), [("问题", "答案"), ("指令", "输出"), ("提问", "回复")])
def test_chinese_names_of_fields_are_seen_through(tmp_path, asked, answered):
    write(tmp_path / "a.jsonl", [{asked: f"问{n}", answered: f"答{n}"} for n in range(3)])
    with pytest.raises(BelleError, match="no known format fits") as caught:
        files("data.path=a.jsonl")
    assert conversations(files("data.path=a.jsonl", str(caught.value).split("; say ")[1])) == ASKED


def test_a_field_that_no_record_has_is_told(tmp_path, capsys):
    write(tmp_path / "a.json", [{"question": "问0", "answer": "答0"}])
    (tmp_path / "b.jsonl").write_text('{"q": "问1", "answer": "答1", "who": "x"}')
    with pytest.raises(
        BelleError, match=r"data.columns.answer=answr: there is no field 'answr'; did you mean 'answer'"
    ):
        files("data.path=a.json", "data.columns={answer:answr}")
    assert conversations(files("data.path=[a.json,b.jsonl]", "data.columns={question:q}")) == ASKED[:2]
    assert conversations(files("data.path=a.json", "data.columns={system:sytem}")) == ASKED[:1]  # records may lack it
    assert "data.columns.system=sytem: there is no field 'sytem'" in capsys.readouterr().err


def test_a_table_that_is_none_says_where(tmp_path):
    (tmp_path / "a.csv").write_text('question,answer\n问0,"答\n0"\n问1,答1,多\n问2\n问3,答3\n')
    with pytest.raises(
        BelleError, match=r"a.csv: is no table .* the row that ends in line 4 has 3 fields and the header 2"
    ):
        files("data.path=a.csv")


# ---- LLaMA-Factory ----

INFO = {
    "plain": {"file_name": "plain.json"},
    "named": {"file_name": "named.json", "columns": {"prompt": "q", "query": "more", "response": "a", "history": "h"}},
    "chat": {
        "file_name": "chat.json",
        "formatting": "sharegpt",
        "columns": {"messages": "talk"},
        "tags": {"role_tag": "who", "content_tag": "said", "user_tag": "u", "assistant_tag": "b", "system_tag": "s"},
        "num_samples": 2,
        "split": "train",
    },
    "pairs": {"file_name": "pairs.json", "ranking": True, "columns": {"prompt": "q", "chosen": "good", "rejected": "bad"}},
    "judged": {"file_name": "judged.json", "columns": {"prompt": "q", "response": "a", "kto_tag": "good"}},
    "pages": {"file_name": "pages.json", "columns": {"prompt": "content"}},
    "far": {"hf_hub_url": "team/set"},
    "far part": {"ms_hub_url": "team/set", "split": "train_sft", "subset": "zh"},
    "some": {"file_name": "plain.json", "num_samples": "2"},
    "half": {"file_name": "plain.json", "split": "train[:50%]"},
    "two": {"file_name": "bilingual.json", "columns": {"prompt": "zh", "response": "zh_a"}},
    "tongues": {"file_name": "bilingual.json", "columns": {"prompt": "en", "response": "en_a"}},
    "folder": {"file_name": "more", "num_samples": 4},
    "wrong": {"file_name": "plain.json", "columns": {"prompt": "instruction", "response": "reply"}},
    "ranked": {"file_name": "ranked.json", "ranking": True},
    "pictures": {"file_name": "pictures.json", "columns": {"prompt": "q", "response": "a", "images": "pic"}},
    "offers": {"file_name": "offers.json", "formatting": "openai", "columns": {"messages": "talk", "tools": "functions"},
               "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "u", "assistant_tag": "b", "function_tag": "model"}},
    "placed": {"hf_hub_url": "team/set", "revision": "abc", "folder": "zh", "columns": {"prompt": "q", "system": "system"}},
    "misspelt": {"file_name": "plain.json", "columns": {"promt": "instruction"}},
    "tagged": {"file_name": "plain.json", "formatting": "sharegpt", "tags": {"user_tga": "u"}},
    "formed": {"file_name": "plain.json", "formatting": "sharegtp"},
    "list": ["plain.json"],
    "columns": {"file_name": "plain.json", "columns": {"prompt": ["instruction"]}},
}  # fmt: skip


@pytest.fixture
def factory(tmp_path):
    folder = tmp_path / "data"
    write(folder / "dataset_info.json", INFO)
    write(folder / "plain.json", [{"instruction": f"问{n}", "input": "", "output": f"答{n}"} for n in range(3)])
    write(folder / "named.json", [{"q": f"问{n}", "more": "", "a": f"答{n}", "h": [["早", "好"]]} for n in range(3)])
    talk = [{"who": "s", "said": "规则"}, {"who": "u", "said": "问0"}, {"who": "b", "said": "答0"}]
    write(folder / "chat.json", [{"talk": talk}] * 3)
    write(folder / "pairs.json", [{"q": "问0", "good": "答0", "bad": "差"}])
    write(folder / "judged.json", [{"q": "问0", "a": "答0", "good": True}, {"q": "问1", "a": "差", "good": False}])
    write(folder / "bilingual.json", [{"zh": "问0", "zh_a": "答0", "en": "q", "en_a": "a"}])
    for name in "abc":
        write(folder / "more" / f"{name}.json", [{"instruction": f"{name}{n}", "output": "答"} for n in range(3)])
    write(folder / "pages.json", [{"content": "从前有座山。"}])
    write(folder / "ranked.json", [{"instruction": "问0", "input": "", "output": ["答0", "差"]}])
    write(folder / "pictures.json", [{"q": "问", "a": "答", "pic": ["a.jpg"]}, {"q": "问0", "a": "答0", "pic": []}])
    said = [
        [{"role": who, "content": text} for who, text in zip(speakers, ("问0", "答0"), strict=True)]
        for speakers in ("ub", ("u", "model"))
    ]
    write(
        folder / "offers.json",
        [{"talk": said[0], "functions": offered} for offered in ("[]", '[{"name": "f"}]')]
        + [{"talk": said[1], "functions": None}],
    )
    return folder


@pytest.mark.parametrize("path", ["data", "data/dataset_info.json"])
def test_the_data_sets_of_llama_factory_as_they_are(factory, path):
    assert conversations(files(f"data.path={path}", "data.names=[plain]")) == ASKED
    named = conversations(files(f"data.path={path}", "data.names=[named]"))
    assert [c.turns[-2:] for c in named] == [c.turns for c in ASKED] and named[0].turns[0].text == "早"
    assert (
        conversations(files(f"data.path={path}", "data.names=[chat]"))
        == [Conversation.of("问0", "答0", system="规则")] * 2
    )
    assert conversations(files(f"data.path={path}", "data.names=[plain,chat]"))[:3] == ASKED
    (pair,) = read_examples(files(f"data.path={path}", "data.names=[pairs]"), "train")
    assert pair.conversation == ASKED[0] and pair.rejected == ("差",)
    judged = files(f"data.path={path}", "data.names=[judged]")
    assert [(e.conversation, e.rejected) for e in read_examples(judged, "train")] == [
        (ASKED[0], ()), (Conversation.of("问1"), ("差",))]  # fmt: skip
    assert judged.record == "conversation"  # nothing that dpo could compare
    (page,) = read_examples(files(f"data.path={path}", "data.names=[pages]"), "train")
    assert page.text == "从前有座山。"
    assert estimate(FilesConfig(path=path, names=["plain"]), KNOWN)["splits"] == {"train": 3}


def test_what_llama_factory_says_of_rankings_pictures_and_functions_is_heeded(factory):
    (ranked,) = read_examples(files("data.path=data", "data.names=[ranked]"), "train")
    assert (ranked.conversation, ranked.rejected) == (ASKED[0], ("差",))
    assert estimate(FilesConfig(path="data", names=["ranked"]), KNOWN)["splits"] == {"train": 1}
    with pytest.raises(BelleError, match=r"wrong_type:output \(.*data\.format=ranked"):
        files("data.path=data/ranked.json")
    for name, dropped in (("pictures", {"not_text": 1}), ("offers", {"not_text": 1, "role:function_call": 1})):
        found = files("data.path=data", f"data.names=[{name}]")
        assert (conversations(found), found.rejected) == (ASKED[:1], dropped)


def test_a_plan_says_why_nothing_can_be_learned(factory):
    with pytest.raises(
        BelleError, match=r"none of the first 1 records gives an example; the first: ranked\.json:1: wrong_type:output"
    ):
        estimate(FilesConfig(path="data/ranked.json"), KNOWN)


def test_two_data_sets_may_be_columns_of_one_file(factory):
    both = conversations(files("data.path=data", "data.names=[two,plain,tongues]"))
    assert both == [ASKED[0], *ASKED, Conversation.of("q", "a")]


def test_the_files_of_a_data_set_share_its_number(factory):
    found = conversations(files("data.path=data", "data.names=[folder,plain]"))
    assert [one.question for one in found] == ["a0", "a1", "a2", "b0", "问0", "问1", "问2"]
    assert estimate(FilesConfig(path="data", names=["folder"]), KNOWN)["splits"] == {"train": 4}


@pytest.mark.parametrize("path", ["data", "data/dataset_info.json"])
def test_the_bytes_of_a_named_data_set_count(factory, path):
    with_file = ["+data=files", f"data.path={path}", "data.names=[plain]"]
    before = prepare(with_file).recipes["data"].key
    write(factory / "pairs.json", [])
    assert prepare(with_file).recipes["data"].key == before
    write(factory / "plain.json", [{"instruction": "新", "output": "新"}])
    assert prepare(with_file).recipes["data"].key != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["data.path=data", "data.names=[plian]"], "did you mean 'plain'"),
        (["data.path=data", "data.names=[far]"], r"say \+data=hub data.name=team/set"),
        (
            ["data.path=data", "data.names=['far part']"],
            "say .data=hub data.name=team/set data.hub=modelscope data.subset=zh data.split=train_sft",
        ),
        (
            ["data.path=data", "data.names=[placed]"],
            r"data.name=team/set data.revision=abc data.files='zh/\*' data.columns='{instruction: q}'",
        ),
        (
            ["data.path=data", "data.names=[misspelt]"],
            "columns of misspelt: there is no field 'promt'; did you mean 'prompt'",
        ),
        (
            ["data.path=data", "data.names=[tagged]"],
            "tags of tagged: there is no field 'user_tga'; did you mean 'user_tag'",
        ),
        (
            ["data.path=data", "data.names=[formed]"],
            "formatting of formed: there is no format 'sharegtp'; did you mean 'sharegpt'",
        ),
        (["data.path=data", "data.names=[some]"], "num_samples of some must be a whole number from 1 on, not '2'"),
        (["data.path=data", "data.names=[half]"], r"half asks for split=train\[:50%\], and a file has no splits"),
        (["data.path=data", "data.names=[wrong]"], "dataset_info.json: response=reply: there is no field 'reply'"),
        (["data.path=data", "data.names=[list]"], "list is no object with a file_name"),
        (["data.path=data", "data.names=[columns]"], "columns and tags of columns must be objects"),
        (["data.path=data"], r"choose with data.names=\[…\] \(plain, named"),
        (["data.path=data/dataset_info.json"], r"choose with data.names=\[…\] \(plain, named"),
        (["data.path=data/plain.json", "data.names=[plain]"], "plain.json: holds a list instead of a JSON object"),
        (["data.path=nowhere", "data.names=[plain]"], "data.names needs data.path=dataset_info.json"),
        (["data.path=data/plain.json", "data.columns=3"], "data.columns must be a mapping"),
    ],
)
def test_mistakes_in_names_are_told(factory, options, message):
    with pytest.raises(BelleError, match=message) as caught:
        files(*options)
    assert "\n" not in str(caught.value)


# ---- written by others: what datasets, pandas and csv make of random texts ----

LETTERS = "问答你好，。abc Z09\"'`,;\t\n\\/|{}[]<>&#=：\u3000\u00a0\u200b\ufeff😀𠀀é\u2028\u2029\x0b\x0c\x85\x7f"
TALKS = {
    "messages": lambda system, said: {"messages": [{"role": "system", "content": system}] * bool(system)
                                      + [{"role": role, "content": text} for role, text in said]},
    "sharegpt": lambda system, said: {"system": system, "conversations": [
        {"from": {"user": "human", "assistant": "gpt"}[role], "value": text} for role, text in said]},
    "pair": lambda system, said: {"system": system, "question": said[0][1], "answer": said[1][1]},
}  # fmt: skip
ENCODINGS = ("utf-8-sig", "utf-16", "utf-32", "gb18030")


def talks(draw, *, long):
    """Random conversations, with blank texts nowhere."""
    text = lambda: draw.choice("问abc") + "".join(draw.choices(LETTERS, k=draw.randrange(20))) + "。"  # noqa: E731
    for _ in range(40):
        said = [(role, text()) for _ in range(draw.randint(1, 3) if long else 1) for role in ("user", "assistant")]
        yield draw.choice(["", text()]), said


def written(folder, rows, *, flat):
    """The files and directories in which the reference writers put *rows*; only flat ones fit into a table of text."""
    data, frame = datasets.Dataset.from_list(rows), pandas.DataFrame(rows)
    data.to_json(folder / "lines.jsonl")
    data.to_json(folder / "array.json.gz", lines=False, orient="records", force_ascii=False, compression="gzip")
    data.to_parquet(folder / "data.parquet")
    data.save_to_disk(folder / "saved", num_shards=2)
    datasets.DatasetDict(train=data, test=data).save_to_disk(folder / "split")
    frame.to_json(folder / "index.json", orient="index", force_ascii=False)
    frame.to_json(folder / "lines.zst", orient="records", lines=True)
    for encoding in ENCODINGS:
        (folder / encoding).write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding=encoding)
    if flat:
        data.to_csv(folder / "data.csv")
        frame.to_csv(folder / "excel.csv", sep=";", encoding="utf-8-sig", lineterminator="\r\n")
        frame.to_csv(folder / "excel.txt", sep="\t", encoding="utf-16", index=False)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("layout", TALKS)
def test_whatever_others_write_is_read_back(tmp_path, layout):
    expected = list(talks(Random(layout), long=layout != "pair"))
    (tmp_path / "in").mkdir()
    paths = written(tmp_path / "in", [TALKS[layout](*talk) for talk in expected], flat=layout == "pair")
    assert len(paths) >= 11
    for path in paths:
        directory = tmp_path / "out" / path.name
        directory.mkdir(parents=True)
        context = StageContext(directory=directory, shared={}, inputs={})
        artifact = read(FilesConfig(path=str(path)), context)
        found = [(one.system, [(turn.role, turn.text) for turn in one.turns]) for one in conversations(artifact)]
        assert found == expected and not artifact.rejected, path.name


# ---- saved by Hugging Face datasets, the program itself ----


def test_saved_data_sets(tmp_path):
    rows = {"instruction": [f"问{n}" for n in range(3)], "output": [f"答{n}" for n in range(3)]}
    one = datasets.Dataset.from_dict(rows)
    one.save_to_disk("single")
    datasets.DatasetDict(train=one, test=datasets.Dataset.from_dict({k: [v[0]] for k, v in rows.items()})).save_to_disk(
        "two"
    )
    assert conversations(files("data.path=single")) == ASKED
    artifact = files("data.path=two", "data.test=two/test")
    assert conversations(artifact) == ASKED[1:] and conversations(artifact, "test") == ASKED[:1]
    datasets.DatasetDict(dev=one).save_to_disk("three")
    with pytest.raises(BelleError, match="no split train but dev"):
        files("data.path=three")
    one.to_parquet("a.parquet")
    one.to_csv("a.csv")
    assert conversations(files("data.path=a.parquet")) == conversations(files("data.path=a.csv")) == ASKED


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("state.json", '{"_data_files": [{"filena', "state.json: is not JSON"),
        ("state.json", "[]", "state.json: holds a list"),
        ("state.json", "{}", "_data_files lists no file names"),
        ("state.json", '{"_data_files": ["a.arrow"]}', "_data_files lists no file names"),
        ("dataset_dict.json", '{"splits', "dataset_dict.json: is not JSON"),
        ("dataset_dict.json", '{"splits": 3}', "splits is no list of names"),
        ("dataset_info.json", '{"plain": ', "dataset_info.json: is not JSON"),
    ],
)
def test_a_broken_description_is_one_line(tmp_path, file, content, message):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / file).write_text(content)
    with pytest.raises(BelleError, match=message) as caught:
        files("data.path=saved")
    assert "\n" not in str(caught.value)


# ---- before anything is read ----


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet", "a.zip", "saved", "a.txt"])
def test_the_plan_knows_how_much_a_container_holds(tmp_path, name):
    random = Random(0)
    words = ["".join(chr(random.randint(0x4E00, 0x55FF)) for _ in range(60)) for _ in range(5000)]
    table = datasets.Dataset.from_dict({"question": [word[:12] for word in words], "answer": words})
    if name == "saved":
        table.save_to_disk("saved")
    elif name.endswith(".txt"):
        (tmp_path / name).write_text("\n".join(words))
    else:
        table.to_parquet("a.parquet")
        table.to_csv("a.csv")
        with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write("a.csv")
        (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    figures = estimate(FilesConfig(path=name, dev="0.1"), KNOWN)
    artifact = files(f"data.path={name}", "data.dev=0.1")
    assert figures["splits"]["train"] == pytest.approx(artifact.splits["train"], rel=0.3)
    assert figures["characters"] == pytest.approx(artifact.characters, rel=0.3)


# ---- several files ----


def test_a_directory_of_many_kinds(tmp_path):
    write(tmp_path / "d" / "a.json", [{"instruction": "问0", "output": "答0"}])
    (tmp_path / "d" / "b.csv").write_text("question,answer\n问1,答1\n")
    with zipfile.ZipFile(tmp_path / "d" / "c.zip", "w") as archive:
        archive.writestr(
            "x.jsonl",
            json.dumps({"messages": [{"role": "user", "content": "问2"}, {"role": "assistant", "content": "答2"}]}),
        )
        archive.writestr("y.jsonl", json.dumps({"conversation": [{"human": "问0", "assistant": "答0"}]}))
    artifact = files("data.path=d")
    assert conversations(artifact) == [*ASKED, ASKED[0]]
    assert [e.id for e in read_examples(artifact, "train")] == ["a-0", "b-0", "c.zip/x-0", "c.zip/y-0"]


def test_a_page_about_the_data_is_not_trained_on(tmp_path):
    write(tmp_path / "d" / "data.json", [{"instruction": "问0", "output": "答0"}])
    (tmp_path / "d" / "README.md").write_text("# About\nThis is about the data.\n")
    with pytest.raises(BelleError, match=r"README.md is plain text and data.json holds records"):
        files("data.path=d")
    assert conversations(files("data.path=d/*.json")) == ASKED[:1]
    artifact = files("data.path=d/README.md")
    assert artifact.record == "text" and artifact.splits == {"train": 1}


# ---- real data ----


@pytest.mark.parametrize(
    ("options", "record", "kept", "turns"),
    [
        (["data.path={}/crosswoz/val.json.zip"], "conversation", 500, 8458),
        (["data.path={}/llama_chinese/dev_sft.csv"], "conversation", 200, 400),
        (["data.path={}/corpus/books"], "text", 388, 0),
        (["data.path={}/alpaca/raw_shard_alpaca_chinese_part_0.json",
          "data.columns={{instruction:zh_instruction,input:zh_input,output:zh_output}}"], "conversation", 999, 1998),
        (["data.path={}/corpus/shiji_classical_modern.jsonl", "data.columns={{question:classical,answer:modern}}"],
         "conversation", 10_000, 20_000),
    ],
)  # fmt: skip
def test_real_files(shared, options, record, kept, turns):
    artifact = files(*(option.format(shared / "data") for option in options))
    assert (artifact.record, artifact.splits) == (record, {"train": kept})
    assert artifact.rejected == ({"empty_answer": 1} if kept == 999 else {})
    assert sum(len(conversation.turns) for conversation in conversations(artifact) if conversation) == turns


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "bench/mmlu.zip",
            "is no table with a header.*: 'Find all c in Z_3 such that Z_3.* in its first line cannot be the name",
        ),
        ("bench/cmmlu_dev_test.jsonl", r"no known format fits the records \("),
        ("corpus/tang_poems_first7k.jsonl", r"no known format fits the records \(.*paragraphs: list"),
        ("belle/eval_prompt.json", r"no known format fits the records \(class: str, prompt: str\)"),
    ],
)
def test_real_files_that_hold_no_instructions(shared, path, message):
    with pytest.raises(BelleError, match=message) as caught:
        files(f"data.path={shared}/data/{path}")
    assert "\n" not in str(caught.value)
