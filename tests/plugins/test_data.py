"""``belle data``: what it counts, shows, compares and draws is what the examples are; the page is harmless and offline."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from belle_data import words
from belle_data.command import command
from belle_data.counting import Names, Repeats, Reservoir, Sizes
from belle_data.glance import glance
from click.testing import CliRunner

from belle_core.api import load, run
from belle_core.data import read_examples
from belle_core.errors import BelleError
from belle_core.language import chinese
from belle_core.testing import check_plugin

CHROMIUM = Path("/usr/bin/chromium")
EVIL = '<script>alert("x")</script>\x1b[31m'


def call(*arguments: object) -> str:
    """Standard output of ``belle data …``; a failure is raised."""
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def plain(*arguments: object) -> dict:
    return json.loads(call(*arguments, "--json"))


def write(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def conversation(name: str, *texts: str, **more: object) -> dict:
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    return {"id": name, "messages": messages, **more}


RECORDS = [
    conversation("a", "写一首关于春天的诗", "春眠不觉晓"),
    conversation("b", "写一首关于春天的诗。", "处处闻啼鸟", "再写一首", "夜来风雨声"),
    conversation("c", "Write a poem about the spring", "It is green."),
    conversation("d", "解释一个概念", EVIL),
    conversation("e", "空的回答", ""),
]


@pytest.fixture
def named(tmp_path) -> str:
    """A run whose step ``data`` holds the records."""
    write(tmp_path / "few.jsonl", RECORDS)
    run(["+data=files", f"data.path={tmp_path / 'few.jsonl'}", "data.max_unreadable=1", "name=few"], quiet=True)
    return "few"


def test_the_plugin_keeps_the_rules():
    assert check_plugin("data") == []


def test_statistics_are_those_of_the_examples(named, tmp_path):
    found = plain("stats", named)
    examples = load("few/data")
    all_of_it = list(read_examples(examples, "train"))
    assert found["fingerprint"] == examples.fingerprint and found["splits"] == examples.splits == {"train": 4}
    assert found["languages"] == {"zh": 3, "en": 1}
    assert found["turns"]["count"] == 4 and found["turns"]["max"] == 4
    answers = [len(t.text) for e in all_of_it for t in e.conversation.turns if t.role == "assistant"]
    assert found["lengths"]["answer"]["count"] == len(answers) and found["lengths"]["answer"]["max"] == max(answers)
    assert found["duplicates"] == {"distinct": 3, "repeated": 1, "most": 2, "exact": True, "near_dropped": None}
    assert found["rejected"] == examples.rejected and set(found["evidence"]) == set(examples.rejected) != set()
    assert found["words"]["others"] == 0 and found["words"]["looked_at"] == 3
    assert found["words"]["english"]["pairs"] == [["write", "poem", 1]]
    assert Path(found["page"]) == tmp_path / "store" / "runs" / "few" / f"data-{examples.fingerprint}.html"


def test_near_duplicates_that_were_dropped_are_told(tmp_path):
    long = (
        "保持健康可以从三个方面入手：均衡饮食，多吃蔬菜和水果；坚持锻炼，每周至少三次；保证睡眠，每天不少于七小时。" * 3
    )
    records = [conversation("a", "怎样保持健康", long), conversation("b", "怎样保持健康", long + "好")]
    path = write(tmp_path / "alike.jsonl", [*records, RECORDS[0]])
    run(["+data=files", f"data.path={path}", "+filter@data.clean.alike=near", "name=near"], quiet=True)
    assert plain("stats", "near")["duplicates"]["near_dropped"] == 1
    assert "near duplicates dropped: 1" in Path(plain("stats", "near")["page"]).read_text(encoding="utf-8")


def test_all_names_of_one_set_lead_to_it(named, tmp_path):
    key = load("few/data").fingerprint
    references = ["few", "few/data", key, key[:10], load("few/data").directory]
    assert {plain("show", reference)["fingerprint"] for reference in references} == {key}
    read = plain("show", write(tmp_path / "it's [a] file=1.jsonl", RECORDS))
    assert len(read["records"]) == 4 and read["records"][0]["messages"][0]["content"] == "写一首关于春天的诗"


def test_what_is_not_examples_is_refused(named):
    for arguments, words_of_it in (
        (["show", "nothing.jsonl"], "nor a file"),
        (["show", "fwe"], "did you mean the run 'few'"),
        (["show", ""], "name a run"),
        (["stats", named, "--html", "nowhere/page.html"], "no such directory"),
        (["stats", named, "--html", "/proc/page.html"], "cannot be written"),
        (["show", named, "--split", "trian"], "train"),
        (["show", named, "--where", "categori=a"], "category"),
        (["show", named, "--reason", "empty_anser"], "reason"),
        (["sample", named, "--by", "sourc"], "source"),
    ):
        with pytest.raises(BelleError, match=re.escape(words_of_it)):
            call(*arguments)


def test_a_wrong_name_is_told_in_chinese_alone(named, monkeypatch):
    monkeypatch.setenv("BELLE_LANG", "zh")
    with pytest.raises(BelleError) as caught:
        call("show", named, "--where", "foo=1")
    assert "没有名为 'foo' 的字段。可用：answer, " in caught.value.chinese


def test_show_finds_pages_and_tells_why_records_were_dropped(named):
    assert [r["id"] for r in plain("show", named, "--skip", 1, "--count", 2)["records"]] == ["b", "c"]
    assert [r["id"] for r in plain("show", named, "--where", "turns=4")["records"]] == ["b"]
    assert [r["id"] for r in plain("show", named, "--where", "question~春天", "--where", "answer~晓")["records"]] == [
        "a"
    ]
    rejected = load("few/data").rejected
    for reason, count in rejected.items():
        dropped = plain("show", named, "--reason", reason)["records"]
        assert len(dropped) == count and {(r["reason"], r["where"]) for r in dropped} == {(reason, "few.jsonl:5")}
    assert rejected
    text = call("show", named)
    assert "春眠不觉晓" in text and "\x1b" not in text


def test_a_page_without_records_says_so(named):
    for arguments in (["--where", "question~没有的"], ["--skip", 99]):
        result = CliRunner().invoke(command, ["show", named, *map(str, arguments)])
        assert result.stdout == "" and result.stderr.startswith("belle: no record fits")


def test_diff_tells_added_removed_changed_and_same(named, tmp_path):
    changed = [
        RECORDS[0],
        conversation("b", "写一首关于春天的诗。", "别的"),
        RECORDS[2],
        conversation("z", "新的", "好"),
    ]
    found = plain("diff", named, write(tmp_path / "other.jsonl", changed))
    assert found["by_id"] == {"same": 2, "changed": 1, "moved": 0, "added": 1, "removed": 1}
    assert found["by_text"] == {"shared": 2, "only_first": 2, "only_second": 2}
    assert [r["id"] for r in found["examples"]["added"]] == ["z"] and found["examples"]["removed"][0]["id"] == "d"
    ((before, after),) = found["examples"]["changed"]
    assert before["id"] == after["id"] == "b" and after["messages"][1]["content"] == "别的"
    assert found["rejected"] == {reason: [count, 0] for reason, count in load("few/data").rejected.items()} != {}
    assert plain("diff", named, named)["by_id"] == {"same": 4, "changed": 0, "moved": 0, "added": 0, "removed": 0}
    shown = call("diff", named, tmp_path / "other.jsonl")
    assert f"{named}  other.jsonl" in shown and str(tmp_path) not in shown


def test_diff_tells_why_an_example_is_no_longer_there(tmp_path):
    path = write(tmp_path / "four.jsonl", RECORDS[:4])
    run(["+data=files", f"data.path={path}", "name=before"], quiet=True)
    run(
        [
            "+data=files",
            f"data.path={path}",
            "+filter@data.clean.length=length",
            "data.clean.length.min=6",
            "name=after",
        ],
        quiet=True,
    )
    removed = plain("diff", "before", "after")["examples"]["removed"]
    assert [(r["id"], r["reason"]) for r in removed] == [("a", "length:short"), ("b", "length:short")]
    assert "- train a [length:short]: 写一首关于春天的诗 → 春眠不觉晓\n" in call("diff", "before", "after")


def test_ids_that_come_several_times_are_compared_one_by_one(tmp_path):
    def rows(*answers):
        return [conversation(id, f"问{n}", a) for n, (id, a) in enumerate(zip("aabaab", answers, strict=False))]

    one, other = write(tmp_path / "one.jsonl", rows(*"123456")), write(tmp_path / "other.jsonl", rows(*"12X4"))
    found = plain("diff", one, other)
    assert found["by_id"] == {"same": 3, "changed": 1, "moved": 0, "added": 0, "removed": 2}
    ((before, after),) = found["examples"]["changed"]
    assert (before["messages"][1]["content"], after["messages"][1]["content"]) == ("3", "X")
    assert [r["messages"][1]["content"] for r in found["examples"]["removed"]] == ["5", "6"]


def test_a_sample_is_drawn_by_seed_and_evenly_from_groups(tmp_path):
    records = [conversation(f"{n}", f"问题{n}", "答", category="rare" if n % 50 == 0 else "usual") for n in range(500)]
    path = write(tmp_path / "many.jsonl", records)
    first, again = call("sample", path, "--count", 20), call("sample", path, "--count", 20)
    assert first == again != call("sample", path, "--count", 20, "--seed", 1)
    assert len(first.splitlines()) == 20
    even = plain("sample", path, "--count", 8, "--by", "category", "--output", tmp_path / "drawn.jsonl")
    drawn = [json.loads(line) for line in (tmp_path / "drawn.jsonl").read_text(encoding="utf-8").splitlines()]
    assert Counter(one["category"] for one in drawn) == {"rare": 8, "usual": 8} and even["groups"]["usual"] == 490
    assert run(["+data=files", f"data.path={tmp_path / 'drawn.jsonl'}"], quiet=True).artifacts["data"].splits == {
        "train": 16
    }


def test_every_example_is_drawn_equally_often(tmp_path):
    path = write(tmp_path / "ten.jsonl", [conversation(f"{n}", f"问题{n}", "答") for n in range(10)])
    from belle_data.drawing import draw
    from belle_data.opening import open_examples

    examples = open_examples(str(path)).examples
    counts = Counter(n for seed in range(400) for n in draw(examples, 3, seed=seed, by=None, split=None, where=())[0])
    assert set(counts) == set(range(10)) and all(80 < count < 160 for count in counts.values())  # 120 expected


# --- counting within bounds


def test_counts_stay_small_and_true():
    names = Names(most=3)
    for name in ["…", *(str(n % 10) for n in range(99))]:
        names.add(name)
    assert list(names.plain().items()) == [("0", 10), ("1", 10), ("…", 80)]
    sizes = Sizes()
    for n in range(100_000):
        sizes.add(n)
    assert len(sizes.counts) < 3_000 and sizes.share(0.5) == 49_900
    for name, count in sizes.bins():
        low, _, high = name.replace(",", "").partition("–")
        assert count == min(int(high or low), 99_999) - int(low) + 1
    drawn = Reservoir[int](100)
    for n in range(10_000):
        drawn.add(n)
    assert len(drawn.items) == 100 and 4000 < sum(drawn.items) / 100 < 6000


def test_repeats_are_exact_first_and_well_estimated_later():
    from hashlib import blake2b

    keys = [int.from_bytes(blake2b(str(n % 40_000).encode(), digest_size=8).digest(), "little") for n in range(50_000)]
    exact, bounded = Repeats(), Repeats(most=5_000)
    for key in keys:
        exact.add(key)
        bounded.add(key)
    assert exact.plain() == {"distinct": 40_000, "repeated": 10_000, "most": 2, "exact": True}
    estimate = bounded.plain()
    assert len(bounded.counts) <= 5_000 and not estimate["exact"]
    assert abs(estimate["distinct"] - 40_000) < 4_000 and abs(estimate["repeated"] - 10_000) < 2_000


# --- verbs and topics


def test_verbs_and_objects_of_chinese_questions():
    pytest.importorskip("jieba")
    found = words.words_of(["写一首关于春天的诗", "请写一首诗。不要太长", "请解释机器学习的概念", "¿Qué es?"])
    assert found["method"] == "jieba" and found["others"] == 1 and found["english"]["looked_at"] == 0
    assert ["写", "诗", 2] in found["pairs"] and ["解释", "概念", 1] in found["pairs"]
    assert ["概念", 1] in found["topics"]


@pytest.mark.parametrize(
    ("question", "verb", "thing"),
    [
        ("Write a short poem about the spring.", "write", "poem"),
        ("Could you please give me three tips for staying healthy?", "give", "tips"),
        ("Rewrite the given sentence, but use a different punctuation.", "rewrite", "sentence"),
        ("Compose a poem given the input", "compose", "poem"),
        ("Given a player's stats, classify them.", "classify", ""),
        ("Explain how the economy works.", "explain", ""),
        ("What is the capital of France?", "", ""),
    ],
)
def test_verbs_and_objects_of_english_questions(question, verb, thing):
    found = words.words_of([question])["english"]
    assert found["method"] == "rules" and found["looked_at"] == 1
    assert found["verbs"] == ([[verb, 1]] if verb else [])
    assert found["pairs"] == ([[verb, thing, 1]] if thing else [])


def test_topics_of_english_questions_are_words_that_say_something():
    found = words.words_of(["What is the capital of France?", "Name the capital, the capital of Italy"])["english"]
    assert found["topics"] == [["capital", 2], ["france", 1], ["italy", 1]]


def test_without_jieba_pairs_of_characters_are_counted(monkeypatch):
    monkeypatch.setattr(words, "find_spec", lambda name: None)
    found = words.words_of(["写诗，写诗", "写诗吧"])
    assert found["method"] == "bigrams" and found["topics"][0] == ["写诗", 2]


# --- the page


def test_the_page_holds_no_script_and_nothing_from_elsewhere(named, tmp_path):
    call("stats", named, "--html", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text and "\x1b" not in text and "&lt;script&gt;" in text
    assert "春眠不觉晓" in text and "few.jsonl:5" in text
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)


def test_the_page_stays_small_and_shows_who_says_what(tmp_path):
    long = [conversation("long", *("很长的话" * 5_000 for _ in range(40)), source="s" * 300, category="c" * 300)]
    weighted = conversation("w", "问", "只读", "再问", "要学", weights=[1, 0, 1, 1])
    call("stats", write(tmp_path / "long.jsonl", [*long, weighted]), "--html", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(text) < 50_000 and f">{'c' * 79}…<" in text and "18,500 more characters" in text and "31 more" in text
    assert re.search(r"assistant \(read, not learned\)<.*只读.*>assistant<.*要学", text, re.DOTALL)
    assert str(tmp_path) not in text


def test_what_is_odd_is_marked_and_what_is_not_is_not(tmp_path):
    def odd(name, *arguments):
        run(["+data=files", *arguments, f"name={name}"], quiet=True)
        return {figure.label for figure in glance(plain("stats", name)) if figure.odd}

    fine = [conversation(f"{n}", f"第{n}个问题是什么", "答案是这个") for n in range(40)]
    path = write(tmp_path / "fine.jsonl", fine)
    assert odd("fine", f"data.path={path}", "data.licence=MIT") == set()
    sums = [conversation(f"s{n}", f"{n} + {n} = ?", "这是答案") for n in range(20)]
    assert odd("sums", f"data.path={write(tmp_path / 'sums.jsonl', [*fine, *sums])}", "data.licence=MIT") == set()
    assert odd("unlicensed", f"data.path={write(tmp_path / 'unlicensed.jsonl', fine[1:])}") == {"licences"}
    bad = [
        *fine,
        *fine[:4],
        *(conversation(f"e{n}", "What is it that you want from me?", "Nothing.") for n in range(4)),
    ]
    path = write(tmp_path / "bad.jsonl", [*bad, *(conversation(f"x{n}", "问", "") for n in range(8))])
    found = odd("bad", f"data.path={path}", "data.licence=MIT", "data.max_unreadable=1")
    assert found == {"dropped records", "repeated questions", "languages of questions"}


def test_worse_answers_have_a_length_of_their_own(tmp_path):
    """Which of the two is longer is the first thing to know of preferences."""
    pairs = [{"instruction": f"问题{n}", "chosen": "好" * (n + 1), "rejected": "坏" * 2 * (n + 1)} for n in range(9)]
    path = write(tmp_path / "pairs.jsonl", pairs)
    found = plain("stats", path, "--html", tmp_path / "page.html")
    assert found["lengths"]["answer"]["mean"] == 5 and found["lengths"]["rejected"]["mean"] == 10
    shown = " ".join(call("stats", path).split())
    assert "each answer 9 5.0" in shown and "each worse answer 9 10.0" in shown
    assert "each worse answer" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("lengths", "words"),
    [([5], "nine in ten from 5 to 5, the longest 5"), (range(1, 101), "nine in ten from 5 to 95, the longest 100")],
)
def test_what_is_said_of_lengths_holds(lengths, words, tmp_path):
    records = [conversation(f"{n}", "问", "答" * n) for n in lengths]
    path = write(tmp_path / "some.jsonl", records)
    found = plain("stats", path)["lengths"]["answer"]
    assert sum(found["p5"] <= n <= found["p95"] for n in lengths) >= 0.9 * len(records)
    assert words in " ".join(call("stats", path).split())


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_word_of_the_tables_is_lost_in_a_narrow_terminal(width, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("BELLE_LANG", "zh")
    chinese.cache_clear()
    try:
        source = "非常长的类别名称" * 8
        path = write(
            tmp_path / "few.jsonl", [conversation(f"{n}", "同样的问题", "答", category=source) for n in range(4)]
        )
        shown = "".join(call("stats", path).split())
        found = plain("stats", path)
        for text in [source, *(figure.value for figure in glance(found)), "最多的一个出现4次"]:
            assert set("".join(text.split())) <= set(shown)
        assert "…" not in shown
    finally:
        chinese.cache_clear()


@pytest.mark.parametrize(("size", "width"), [(9_000, 60), (1_234_567, 60), (1_234_567, 40)])
def test_no_number_of_a_narrow_table_is_broken(size, width, tmp_path, monkeypatch):
    """Rather a line is longer than the terminal; what usually stands there fits into 60 columns."""
    monkeypatch.setenv("COLUMNS", str(width))
    shown = call(
        "stats", write(tmp_path / "some.jsonl", [conversation(f"{n}", "问" * 999, "答" * size) for n in range(3)])
    )
    row = next(line for line in shown.splitlines() if line.startswith("each"))
    assert {f"{size:,}", f"{float(size):,}"} <= set(row.split())
    assert {"messages", "question", "example"} <= set(shown.split())
    assert size > 9_000 or all(len(line) <= width for line in shown.splitlines() if "page:" not in line)


def test_contamination_that_stays_in_the_data_is_told(tmp_path):
    path = write(tmp_path / "some.jsonl", RECORDS[:4])
    asked = write(tmp_path / "eval.jsonl", [conversation("q", "写一首关于春天的诗", "春")])
    wanted = [
        "+filter@data.clean.seen=contamination",
        f"data.clean.seen.against=[{asked}]",
        "data.clean.seen.remove=false",
    ]
    run(["+data=files", f"data.path={path}", *wanted, "name=seen"], quiet=True)
    assert plain("stats", "seen")["found"]["seen"]["examples_found"] == 2
    page = Path(plain("stats", "seen")["page"]).read_text(encoding="utf-8")
    assert re.search(
        r"eval\.jsonl.{0,20}100%.*the evaluation asks.*写一首关于春天的诗<.*the data ask.*写一首关于春天的诗<",
        page,
        re.DOTALL,
    )
    assert "2 of 2 examples" in page and "All are in seen.jsonl" in page and "⚠ is worth a look" in page
    shown = " ".join(call("stats", "seen").split())
    assert "contamination 2 ⚠ examples like 1 of 1 questions of eval.jsonl; kept" in shown


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed")
def test_a_browser_opens_it_without_network_and_draws_chinese(named, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    long = [conversation(f"l{n}", f"问{n}", "答" * 3000, category="very-long-name-" * 20 + str(n)) for n in range(3)]
    run(
        [
            "+data=files",
            f"data.path={write(tmp_path / 'long.jsonl', [*RECORDS, *long])}",
            "data.max_unreadable=1",
            "+filter@data.clean.seen=contamination",
            f"data.clean.seen.against={write(tmp_path / 'eval.jsonl', [conversation('q', '写一首关于春天的诗', '春')])}",
            "data.clean.seen.remove=false",
            "name=long",
        ],
        quiet=True,
    )
    named = "long"
    call("stats", named, "--html", tmp_path / "page.html")
    asked, said = [], []
    with playwright.sync_playwright() as session:
        browser = session.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        tab = context.new_page()
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: said.append(message.text))
        tab.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        tab.goto((tmp_path / "page.html").as_uri())
        shown, plots = tab.locator("main").inner_text(), tab.locator("table.bars").count()
        # a character that no font has is drawn as the same box as any other
        drawn = tab.evaluate(
            """() => [...'诗春\\u{10FFFD}'].map(c => { const e = document.createElement('canvas').getContext('2d');
               e.font = '40px ' + getComputedStyle(document.body).fontFamily; e.fillText(c, 0, 40);
               return e.getImageData(0, 0, 60, 60).data.join() })"""
        )
        tab.set_viewport_size({"width": 1200, "height": 900})
        beside = tab.evaluate(
            "(([a, b]) => a.y == b.y && a.x < b.x)"
            "([...document.querySelectorAll('.side > div')].map(e => e.getBoundingClientRect()))"
        )
        tab.set_viewport_size({"width": 360, "height": 700})
        width = tab.evaluate("document.documentElement.scrollWidth")
        titles = tab.evaluate("[...document.querySelectorAll('table.bars')].map(e => e.caption.textContent)")
        browser.close()
    assert width <= 360 and beside and {"each answer", "Categories", "by reason"} <= set(titles)
    assert asked == [(tmp_path / "page.html").as_uri()] and said == []
    assert "春眠不觉晓" in shown and '<script>alert("x")</script>' in shown and plots >= 4
    assert len(set(drawn)) == 3


def test_real_data_are_counted_in_full(shared):
    found = plain("stats", shared / "data" / "sharegpt" / "sharegpt_zh_1K_format.jsonl")
    assert sum(found["splits"].values()) == sum(found["languages"].values()) == found["turns"]["count"] > 900
