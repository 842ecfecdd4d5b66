"""Contamination: planted questions of an evaluation are found however they are changed, and little else is."""

from __future__ import annotations

import gzip
import json
import random
import re
import time
import unicodedata

import pytest
from belle_contamination.config import ContaminationConfig
from belle_contamination.evaluations import questions_in
from belle_contamination.filter import Contamination
from belle_contamination.index import SHORT, WINDOW, Questions
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_core import StageContext, run
from belle_core.compose import compose_run
from belle_core.config import CleaningConfig
from belle_core.conversation import Conversation, Example, Turn
from belle_core.data import ExamplesWriter, Given, clean, read_examples
from belle_core.data.questions import normalised
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog
from belle_core.testing import check_plugin
from belle_core.wiring import wire

ASKED = [
    "请解释为什么天空在白天是蓝色的，而在日落时变成红色。",
    "列出五种可以在家里种植的蔬菜，并说明各自需要多少阳光。",
    "写一首关于秋天落叶的五言绝句，要求押韵。",
    "将下面的句子翻译成英文：我昨天在图书馆遇到了一位老朋友。",
    "一个水池有两个进水管，单开甲管要6小时，单开乙管要4小时，两管齐开要多久？",
    "继续",
]
WIDE = {chr(code): chr(code + 0xFEE0) for code in range(33, 127)}


def paraphrased(text: str, choose: random.Random) -> str:
    """Words inserted, another punctuation and width, clauses in another order, something polite before it."""
    for _ in range(choose.randint(1, max(1, len(text) // 15))):
        at = choose.randrange(len(text) + 1)
        text = text[:at] + choose.choice(["的", "请", "一下", "，", "了", "、", "！"]) + text[at:]
    text = "".join(WIDE.get(sign, sign) if choose.random() < 0.5 else sign for sign in text)
    clauses = re.split(r"(?<=[，。,；;\n?？])", text)
    choose.shuffle(clauses)
    return choose.choice(["", "", "请问", "请回答：", "帮我", "你好，"]) + "".join(clauses)


def questions(folder, texts=ASKED):
    """A file in the layout of BELLE's evaluation set."""
    path = folder / "evaluation.json"
    lines = [json.dumps({"question": text, "class": "other", "std_answer": "答"}, ensure_ascii=False) for text in texts]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def conversation(number: int, *texts: str) -> Example:
    turns = tuple(Turn(("user", "assistant")[at % 2], text) for at, text in enumerate(texts))
    return Example(str(number), Conversation(turns))


def cleaned(folder, texts, config, **more):
    folder.mkdir()
    examples = [(n, conversation(n, text, "好")) for n, text in enumerate(texts)]
    with ExamplesWriter(folder) as writer:
        for batch in clean(
            Given(examples),
            CleaningConfig(clean={"contamination": config}, **more),
            StageContext(folder, {}, {}),
            writer,
        ):
            batch.write(writer, "train")
        return writer.finish(licences=[])


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_plugin_keeps_the_rules():
    assert check_plugin("contamination") == []


@pytest.mark.parametrize("remove", [True, False])
def test_hits_are_dropped_or_only_told(tmp_path, remove):
    texts = [ASKED[0], "今天晚饭吃什么好？", "请问：" + ASKED[1], "继续", "请继续写下去，把这个故事讲完。"]
    artifact = cleaned(tmp_path / "a", texts, ContaminationConfig(against=str(questions(tmp_path)), remove=remove))
    left = [int(example.id) for example in read_examples(artifact, "train")]
    assert left == ([1, 4] if remove else [0, 1, 2, 3, 4])
    shown = records(tmp_path / "a" / "contamination.jsonl")
    assert [(line["id"], line["evaluated"], line["trained"]) for line in shown] == [
        ("0", ASKED[0], texts[0]),
        ("2", ASKED[1], texts[2]),
        ("3", ASKED[5], texts[3]),
    ]
    assert [line["share"] == 1 for line in shown] == [True, False, True]
    assert artifact.found == {
        "contamination": {
            "against": ["evaluation.json"],
            "questions": len(ASKED),
            "questions_found": 3,
            "examples_found": 3,
            "removed": remove,
        }
    }
    assert artifact.rejected == ({"contamination:exact": 2, "contamination:near": 1} if remove else {})


def test_later_turns_count_and_answers_do_not(tmp_path):
    filter = Contamination(ContaminationConfig(against=str(questions(tmp_path))))
    assert filter.summaries([conversation(0, "你好", "你好！", ASKED[2], "好")])[0]
    assert not filter.summaries([conversation(0, "你好", ASKED[2])])[0]
    assert filter.summaries([Example("x", text="前言。" * WINDOW + ASKED[4] + "后记。" * WINDOW)])[0]


def test_layouts_of_evaluations(tmp_path):
    """Alpaca's with an input, messages, one question a line."""
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"instruction": "翻译", "input": "你好", "output": "x"}), encoding="utf-8"
    )
    (tmp_path / "b.json").write_text(
        json.dumps([{"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]}]),
        encoding="utf-8",
    )
    found = {
        place.source.name: text for place, text in questions_in([str(tmp_path / "a.jsonl"), str(tmp_path / "b.json")])
    }
    assert found == {"a.jsonl": "翻译\n你好", "b.json": "问"}


CHOICES = ["关于水的说法正确的是", "胸导管常注入", "肉牛屠宰后，胴体的哪个部位肉质较好"]


def test_choices_belong_to_short_and_repeated_questions(tmp_path):
    """CMMLU's and C-Eval's fields, MMLU's lists; a question that says enough is looked for alone."""
    own = [(CHOICES[0], "甲乙丙丁"), (CHOICES[0], "子丑寅卯"), (CHOICES[1], "天地玄黄"), (CHOICES[2], "东西南北")]
    records = [{"question": text, **dict(zip("ABCD", words)), "answer": "A"} for text, words in own]
    records.append({"question": "What is it?", "choices": ["one", "two"], "answer": 1})
    path = tmp_path / "choices.jsonl"
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in records), encoding="utf-8")
    assert [text for _, text in questions_in(str(path))] == [
        *(f"{text}\n" + "\n".join(words) for text, words in own[:3]),
        CHOICES[2],
        "What is it?\none\ntwo",
    ]
    filter = Contamination(ContaminationConfig(against=str(path)))
    hit = lambda text: filter.summaries([conversation(0, text, "好")])[0] != b""  # noqa: E731
    assert hit("单项选择：肉牛屠宰后，胴体的哪个部位的肉质较好？") and hit("请选择。胸导管常注入：天、地、玄、黄")
    assert not hit("关于水的说法正确的是哪一个？请讲一讲水的性质。") and not hit("胸导管常注入什么？")


def test_tables_without_a_header_as_mmlu_has_them(tmp_path):
    (tmp_path / "a.csv").write_text(
        '"Find all c in Z_3, such that\nZ_3[x]/(x^2 + c) is a field.",0,1,2,3,B\nWhy?,"so, yes",no,maybe,never,D\n'
    )
    (tmp_path / "b.csv").write_text("question,A,B,answer\nWhich of the two is the larger one?,1,2,B\n")
    found = [(str(place), text) for place, text in questions_in([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")])]
    assert found == [
        ("a.csv:1", "Find all c in Z_3, such that\nZ_3[x]/(x^2 + c) is a field."),
        ("a.csv:3", "Why?\nso, yes\nno\nmaybe\nnever"),
        ("b.csv:2", "Which of the two is the larger one?"),
    ]


def test_signs_that_end_lines_elsewhere_are_part_of_a_question(tmp_path):
    (tmp_path / "a.csv").write_text(
        "Which of the following\u2028numbers is the largest one of all?,1,2,3,4,D\n", encoding="utf-8"
    )
    ((place, text),) = questions_in([str(tmp_path / "a.csv")])
    assert (str(place), text) == ("a.csv:1", "Which of the following\u2028numbers is the largest one of all?")


def test_a_table_with_lone_carriage_returns_is_one_line(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"Why\ris it?,1,2,3,4,D\n")
    with pytest.raises(BelleError, match=r"a\.csv"):
        list(questions_in([str(tmp_path / "a.csv")]))


def test_questions_asked_one_after_the_other(tmp_path):
    path = tmp_path / "turns.jsonl"
    path.write_text(
        json.dumps({"question_id": 1, "turns": ["写一篇夏天的游记。", "把它改成一首诗。"]}), encoding="utf-8"
    )
    assert [text for _, text in questions_in(str(path))] == ["写一篇夏天的游记。", "把它改成一首诗。"]


def test_a_question_in_a_system_text_is_found(tmp_path):
    filter = Contamination(ContaminationConfig(against=str(questions(tmp_path))))
    turns = (Turn("user", "你好"), Turn("assistant", "好"))
    given = Example("x", Conversation(turns, f"你是助手。例如有人问：{ASKED[2]}你就写一首。"))
    assert json.loads(filter.summaries([given])[0])[0] == 2
    assert not filter.summaries([Example("x", Conversation(turns, "你是助手。"))])[0]


def test_a_record_of_another_layout_that_gives_no_example_is_told_where_it_stands(tmp_path):
    path = tmp_path / "pairs.jsonl"
    lines = [
        {
            "zh_instruction": "问一",
            "zh_input": "",
            "zh_output": out,
            "en_instruction": "",
            "en_input": "",
            "en_output": "",
        }
        for out in ("答", "")
    ]
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    with pytest.raises(
        BelleError, match=r"pairs.jsonl:2: cannot be read \(empty_answer: question: 问一\); take it out"
    ):
        list(questions_in(str(path)))


def brute(texts: list[str], text: str, size: int, threshold: float) -> float:
    """The greatest share, by its definition."""
    from collections import Counter
    from math import log

    grams = lambda one: {one[n : n + size] for n in range(max(1, len(one) - size + 1))}  # noqa: E731
    often = Counter(gram for one in texts for gram in grams(one))
    weight = lambda some: sum(log(1 + len(texts) / often[gram]) for gram in some)  # noqa: E731
    shares = [
        1.0 if one == text else weight(grams(one) & grams(text)) / weight(grams(one))
        for one in texts
        if len(one) >= SHORT or one == text
    ]
    best = max(shares, default=0.0)
    return best if best >= threshold else 0.0


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.text("天地玄黄宇宙", min_size=1, max_size=14), min_size=1, max_size=12),
    st.text("天地玄黄宇宙", min_size=1, max_size=30),
)
def test_the_index_misses_nothing(texts, text):
    """The pruned index finds exactly what a comparison with all questions finds."""
    found = Questions(texts, size=2, threshold=0.65).find(text)
    wanted = brute(texts, text, 2, 0.65)
    assert (found[1] if found else 0.0) == pytest.approx(min(wanted, found[1] if found else 1.0), abs=1e-6)
    assert bool(found) == bool(wanted)


def test_letters_need_longer_pieces_than_chinese_characters():
    """All trigrams of a short English question stand somewhere in a long text that has nothing to do with it."""
    asked = [
        "total spending",
        "The heart has",
        "What is the boiling point of water at sea level?",
        "光合作用需要哪些条件？",
    ]
    index = Questions(asked, size=3, threshold=0.65)
    text = (
        "Spent totals and hearts that have spending on the total of this; what boils is water, pointing at the sea. "
        * 30
    )
    assert index.find(text) is None and index.find("TOTAL SPENDING!") == (0, 1.0)
    assert index.find("Please tell me: at sea level, what is the boiling point of water?")[0] == 2
    assert index.find("请问光合作用其实需要哪些条件呢？")[0] == 3


@pytest.mark.slow
def test_english_questions_are_found_and_english_data_is_hardly_flagged(shared):
    """2,000 questions of GSM8K, changed, and 20,000 Alpaca records that ask none of them; a comparison takes less than a millisecond."""
    lines = (shared / "data/math/gsm8k_train_first2000.jsonl").read_text(encoding="utf-8").splitlines()
    asked, choose = [json.loads(line)["question"] for line in lines], random.Random(1)
    index = Questions(asked, size=3, threshold=0.65)
    assert sum(index.find(paraphrased(text, choose)) is not None for text in asked) >= 0.95 * len(asked)
    with gzip.open(shared / "data/alpaca/alpaca_data.json.gz", "rt", encoding="utf-8") as file:
        records = json.load(file)[:20_000]
    started = time.process_time()
    flagged = sum(index.find(f"{record['instruction']}\n{record['input']}") is not None for record in records)
    assert flagged <= 0.001 * len(records) and time.process_time() - started < 20


def test_paraphrases_of_the_real_evaluation_are_found(shared):
    """Recall of 0.95 and more over BELLE's 1,000 questions, each changed in several ways."""
    asked = [text for _, text in questions_in(str(shared / "data/belle/eval_set.json"))]
    index, choose = Questions(asked, size=3, threshold=0.65), random.Random(0)
    assert len(asked) == 1000
    found = [index.find(paraphrased(text, choose)) for text in asked]
    assert sum(hit is not None for hit in found) >= 950
    right = sum(hit is not None and normalised(asked[hit[0]]) == normalised(text) for hit, text in zip(found, asked))
    assert right >= 950


@pytest.mark.slow
def test_paraphrases_of_multiple_choice_questions_are_found(shared):
    asked = [text for _, text in questions_in(str(shared / "data/bench/cmmlu_dev_test.jsonl"))]
    index, choose = Questions(asked, size=3, threshold=0.65), random.Random(0)
    some = choose.sample(asked, 600)
    assert sum(index.find(paraphrased(text, choose)) is not None for text in some) >= 0.95 * len(some)


@pytest.mark.slow
def test_real_data_is_hardly_flagged(shared):
    """Of 51,000 records under 0.5% ask what BELLE's evaluation asks, and some do."""
    index = Questions(
        [text for _, text in questions_in(str(shared / "data/belle/eval_set.json"))], size=3, threshold=0.65
    )
    lines = (shared / "data/alpaca/alpaca_zh_51k.jsonl").read_text(encoding="utf-8").splitlines()
    flagged = [index.find(f"{record['instruction']}\n{record['input']}") for record in map(json.loads, lines)]
    assert 0 < sum(hit is not None for hit in flagged) < 0.005 * len(lines)


@pytest.mark.slow
def test_published_files_that_share_questions(shared):
    """LLaMA-Factory's demo has some 95 of the 51,000 questions; a second translation of the same tasks has many nearly."""
    bare = lambda text: "".join(sign for sign in unicodedata.normalize("NFKC", text).lower() if sign.isalnum())  # noqa: E731
    read = lambda name: [text for _, text in questions_in(str(shared / "data" / name))]  # noqa: E731
    asked, demo = read("alpaca/alpaca_zh_51k.jsonl"), read("llama_factory/alpaca_zh_demo.json")
    index, known = Questions(asked, size=3, threshold=0.65), set(map(bare, asked))
    found = {text: index.find(text) for text in demo}
    assert sum(bare(text) in known for text in demo) >= 94
    assert all(found[text] for text in demo if bare(text) in known)
    assert sum(hit is not None for hit in found.values()) > 200  # and near ones
    other = [index.find(text) for text in read("dirty_zh/carbonz0_zh-data-part-00.json")[:600]]
    same = sum(hit is not None and hit[1] == 1 for hit in other)
    assert same > 100 and sum(hit is not None for hit in other) > 2 * same


# --- what the run's evaluation asks


def lines(path, *pairs):
    texts = [json.dumps({"instruction": q, "output": a}, ensure_ascii=False) for q, a in pairs]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


FILTER = "+filter@data.clean.contamination=contamination"


@pytest.fixture
def files(tmp_path):
    """Data in which one question of the held-out file stands, a little changed."""
    held = lines(tmp_path / "held.jsonl", *((text, "答") for text in ASKED[:3]))
    changed = "请问，" + ASKED[0].replace("蓝色的", "蔚蓝色的")
    data = lines(tmp_path / "data.jsonl", (changed, "散射"), *((f"{n}加{n}等于几？", str(2 * n)) for n in range(12)))
    return [f"data.path={data}", f"data.test={held}"]


def wired(*overrides):
    config = compose_run(["+data=files", *overrides]).config
    wire(config, load_catalog())
    return config.data.clean["contamination"].against


def test_left_out_it_looks_for_what_the_evaluation_asks(files):
    held = files[1].partition("=")[2]
    assert wired(*files, FILTER, "+train=full", "+eval=reference") == [held]
    assert wired(*files, FILTER, "+eval=reference", "data.clean.contamination.against=other.json") == "other.json"


def test_without_questions_it_says_what_to_choose(files):
    typed = r"data\.clean\.contamination\.against has no questions to look for: "
    with pytest.raises(BelleError, match=typed + r"the run has no evaluation; choose one \(\+eval=…\) or say"):
        wired(*files, FILTER)
    own = typed + r"eval=reference asks a part of the data itself, not a file; say .*=<file> or data\.test=<file>"
    with pytest.raises(BelleError, match=own):
        wired(files[0], "data.test=2", FILTER, "+eval=reference")


def test_the_evaluation_says_what_was_found(files, tmp_path, capsys):
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = [f"model.architecture.{name}={size}" for name, size in {**sizes, "num_key_value_heads": 2}.items()]
    training = ["+train=full", "train.epochs=1", "+eval=reference", "eval.max_new_tokens=4"]
    made = run(["+data=files", *files, FILTER, *model, *training, f"store={tmp_path / 'store'}"]).artifacts
    assert made["data"].found["contamination"]["questions_found"] == 1
    assert made["data"].rejected == {"contamination:near": 1}
    assert "contamination: 1 / 3 questions of held.jsonl stand in 1 training examples" in capsys.readouterr().out
