"""Pages open offline, hold no script whatever a model said, and are not made twice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from belle_core.artifacts import MANIFEST, Bundle, Evaluation, Model
from belle_core.report import write_report
from belle_core.report.charts import COLOURS, bars, loss_curve
from belle_core.report.page import Bars, Picture, Sample, Section, Table, Words, page, portion
from belle_core.smallfiles import write_text

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m'\"&\u202e{{ 7*7 }}$x$"
CHROMIUM = Path("/usr/bin/chromium")


class Elements(HTMLParser):
    """Every element with its attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def harmless(text: str) -> Elements:
    """The page's elements, after checking that nothing runs and nothing is fetched."""
    elements = Elements(text)
    for tag, attributes in elements.found:
        assert tag not in ("script", "iframe", "object", "embed", "form", "base", "link", "img")
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert not (
                name in ("src", "href", "xlink:href") and re.match(r"\s*(https?:|//|javascript:|data:)", value or "")
            )
    assert not re.search(r"@import|url\((?!#)", text)
    assert "\x1b" not in text
    assert "\u202e" not in text
    return elements


def evaluation(root: Path, key: str, answers: dict[str, str], *, reference: str = "对") -> Evaluation:
    """As ``eval=reference`` leaves it: a file of answers and one of scores."""
    directory = root / "Evaluation" / key
    directory.mkdir(parents=True)
    records = [
        {
            "id": i,
            "category": f"类别{i[-1]}",
            "question": f"问{i}",
            "reference": reference,
            "answer": a,
            "scores": {"exact": float(a == reference)},
        }
        for i, a in answers.items()
    ]
    (directory / "answers.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    names = dict.fromkeys(record["category"] for record in records)
    share = {n: [r["scores"]["exact"] for r in records if r["category"] == n] for n in names}
    figures = {n: {"exact": sum(v) / len(v), "interval": [0.25, 0.75], "count": len(v)} for n, v in share.items()}
    (directory / "scores.json").write_text(json.dumps({"categories": figures}), encoding="utf-8")
    (directory / "report.html").write_text("<p>own page</p>", encoding="utf-8")
    scores = {"exact": sum(r["scores"]["exact"] for r in records) / len(records)}
    return Evaluation(
        directory=directory,
        scores=scores,
        categories={n: {"exact": f["exact"]} for n, f in figures.items()},
        count=len(records),
    )


def model(root: Path, key: str, curve: list[dict] | None = None) -> Model:
    directory = root / "Model" / key
    directory.mkdir(parents=True)
    about = {"provenance": {"inputs": ["Examples/e1", "Tokenizer/t1"], "seconds": 3.21}}
    (directory / MANIFEST).write_text(json.dumps(about), encoding="utf-8")
    if curve is not None:
        (directory / "curve.jsonl").write_text("".join(json.dumps(record) + "\n" for record in curve), encoding="utf-8")
    return Model(directory=directory, parameters=1234567)


@pytest.fixture
def run(tmp_path):
    """(directory of the run, its artifacts): a model and an evaluation before and after it."""
    directory = tmp_path / "runs" / "full-reference"
    directory.mkdir(parents=True)
    (directory / "run.json").write_text(
        json.dumps({"overrides": ["+train=full", f"note={EVIL}"], "note": EVIL}), encoding="utf-8"
    )
    curve = [
        {"step": 0, "dev": 2.5},
        {"step": 1, "loss": 2.0, "lr": 0.1},
        {"step": 2, "loss": 1.0, "lr": 0.1, "dev": 1.5},
    ]
    artifacts = {
        "before": evaluation(tmp_path, "aaaa", {"q1": "错", "q2": EVIL, "q3": "对"}),
        "train": model(tmp_path, "bbbb", curve),
        "after": evaluation(tmp_path, "cccc", {"q1": "对", "q2": "对", "q3": "对"}),
    }
    return directory, artifacts


def test_it_does_not_tell_where_somebody_works(run, tmp_path, monkeypatch):
    """Paths are below where the command was started, the home directory or the store; what only looks alike stays."""
    directory, artifacts = run
    (work := tmp_path / "home" / "li" / "研究").mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(work.parent))
    bundle = Bundle(directory=tmp_path / "Bundle" / "dddd", format="gguf", main="model.gguf", size=1000)
    overrides = [
        f"data.path=[{work}/a.jsonl,{work}]",
        f"data.test={work.parent}/b c.jsonl",
        f"note={work}2",
        "model.hub=https://x/y",
    ]
    (directory / "run.json").write_text(json.dumps({"overrides": overrides}), encoding="utf-8")
    write_report(directory, artifacts | {"deploy": bundle})
    text = Elements((directory / "report.html").read_text(encoding="utf-8")).text
    assert "belle 'data.path=[./a.jsonl,.]' 'data.test=~/b c.jsonl' " in text
    assert "note=~/研究2" in text and "https://x/y" in text and "Bundle/dddd/model.gguf" in text
    assert str(tmp_path) not in text


def test_a_run_is_shown_with_steps_curve_comparison_and_answers(run):
    directory, artifacts = run
    write_report(directory, artifacts)
    elements = harmless((directory / "report.html").read_text(encoding="utf-8"))
    for shown in (
        "1,234,567 parameters",
        "e1, t1",
        "3.2",
        "Training: train",
        "33.3%",
        "100.0%",
        "类别1",
        "问q1",
        "loss (nats)",
    ):
        assert shown in elements.text
    assert sum(tag == "svg" for tag, _ in elements.found) == 2
    links = [attributes["href"] for tag, attributes in elements.found if tag == "a" and attributes["href"][0] != "#"]
    assert [(directory / link).resolve() for link in links] == [
        artifacts[n].directory / "report.html" for n in ("before", "after")
    ]


def test_answers_that_differ_come_first(run):
    directory, artifacts = run
    write_report(directory, artifacts)
    text = Elements((directory / "report.html").read_text(encoding="utf-8")).text
    assert text.index("问q1") < text.index("问q3")
    assert text.index("问q2") < text.index("问q3")


def test_nothing_that_was_said_becomes_markup(run):
    directory, artifacts = run
    write_report(directory, artifacts)
    text = (directory / "report.html").read_text(encoding="utf-8")
    assert harmless(text).text.count("<script>alert(1)</script><img src=x onerror=alert(2)>") >= 2
    assert "{{ 7*7 }}" in text


def test_every_block_escapes_its_text():
    sample = Sample(EVIL, EVIL, EVIL, [(EVIL, EVIL, True), (EVIL, EVIL, None)])
    bar = Picture(bars([EVIL, "正常"], {EVIL: [(0.5, 0.4, 0.6), None], "b": [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0)]}), EVIL)
    elements = harmless(page(EVIL, [Section(EVIL, [Words(EVIL), Table([EVIL], [[EVIL]]), bar, sample])], stamp=EVIL))
    assert "script" not in {tag for tag, _ in elements.found}


def test_the_policy_forbids_everything_but_the_pages_own_style():
    head = [attributes for tag, attributes in Elements(page("x", [])).found if tag == "meta"]
    policy = next(a["content"] for a in head if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_the_same_artifacts_are_not_reported_twice(run):
    directory, artifacts = run
    write_report(directory, artifacts)
    path = directory / "report.html"
    marked = path.read_text(encoding="utf-8") + "<!-- kept -->"
    path.write_text(marked, encoding="utf-8")
    write_report(directory, artifacts)
    assert path.read_text(encoding="utf-8") == marked
    write_report(directory, {name: artifacts[name] for name in ("before", "train")})
    assert path.read_text(encoding="utf-8") != marked
    path.write_bytes(b"\xff damaged")
    write_report(directory, artifacts)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_report_that_is_there_imports_nothing_heavy(run):
    directory, artifacts = run
    write_report(directory, artifacts)
    stamps = {name: str(artifact.directory) for name, artifact in artifacts.items()}
    code = (
        "import sys; from pathlib import Path; from belle_core.artifacts import Artifact; from belle_core.report import write_report\n"
        f"artifacts = {{name: Artifact(directory=Path(path)) for name, path in {stamps!r}.items()}}\n"
        f"write_report(Path({str(directory)!r}), artifacts)\n"
        "print(sorted({'matplotlib', 'jinja2', 'torch', 'numpy', 'rich'} & set(sys.modules)))"
    )
    before = (directory / "report.html").stat().st_mtime_ns
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
    assert (directory / "report.html").stat().st_mtime_ns == before


def test_the_same_run_gives_the_same_page(run):
    directory, artifacts = run
    pages = []
    for _ in range(2):
        (directory / "report.html").unlink(missing_ok=True)
        write_report(directory, artifacts)
        pages.append((directory / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_only_what_is_there_is_shown(tmp_path):
    directory = tmp_path / "runs" / "bare"
    directory.mkdir(parents=True)
    write_report(directory, {"train": replace(model(tmp_path, "dddd"), parameters=5)})
    elements = harmless((directory / "report.html").read_text(encoding="utf-8"))
    assert "Evaluation" not in elements.text
    assert "svg" not in {tag for tag, _ in elements.found}


def test_a_chinese_reader_gets_a_chinese_page(run, monkeypatch):
    from belle_core import language

    language.chinese.cache_clear()
    monkeypatch.setenv("BELLE_LANG", "zh")
    try:
        write_report(*run)
        text = (run[0] / "report.html").read_text(encoding="utf-8")
    finally:
        language.chinese.cache_clear()
    assert 'lang="zh-CN"' in text
    assert "优化步数" in text
    assert "回答示例" in text


def test_a_failed_write_leaves_the_old_page(tmp_path):
    path = tmp_path / "report.html"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".report")] == []


def test_pictures_are_xml_with_the_figures_as_text_and_always_the_same():
    picture = bars(["分类", "a<b"], {"eval": [(0.5, 0.3, 0.7), (1.0, 0.9, 1.0)]})
    texts = [element.text for element in ElementTree.fromstring(picture).iter() if element.tag.endswith("}text")]
    assert {"分类", "a<b", "0%", "100%"} <= set(texts)
    assert picture == bars(["分类", "a<b"], {"eval": [(0.5, 0.3, 0.7), (1.0, 0.9, 1.0)]})
    assert "currentColor" in picture
    assert not re.search(r"\d{4}-\d\d-\d\dT", picture)


def test_a_share_says_all_and_nothing_only_where_that_is_so():
    assert [portion(n, 10_000) for n in (0, 1, 4, 5, 5_000, 9_994, 9_996, 9_999, 10_000)] == [
        "0.0%", "<0.1%", "<0.1%", "0.1%", "50.0%", "99.9%", ">99.9%", ">99.9%", "100.0%"]  # fmt: skip
    assert portion(0, 0) == "0.0%"


def test_bars_are_as_long_as_their_numbers_and_are_read_as_a_table():
    text = page(
        "t", [Section("s", [Bars("<lengths>", ("characters", "answers"), [("1–2", 1), ("3–4", 4), ("<b>", 0)])])]
    )
    assert "<caption>&lt;lengths&gt;</caption>" in text and "<b>" not in text
    assert re.findall(r"width: ([\d.]+%)\"", text) == ["25.0%", "100.0%"]
    assert re.findall(r'<td class="number share">(.*?)</td>', text) == ["20.0%", "80.0%", "0.0%"]
    assert text.count('scope="row"') == 3 and text.count('scope="col"') == 3


@pytest.mark.parametrize(
    ("records", "named"),
    [
        ([], set()),
        ([{"step": 1, "loss": 1.0}], {"train"}),
        ([{"step": 0, "dev": 2.0}], {"dev"}),
        ([{"step": 1, "loss": float("nan")}], {"train"}),
        (
            [{"step": 1, "loss": 1.0, "lr": 0.1}, {"step": 2, "dev": 2.0, "grad_norm": None}],
            {"train", "dev", "learning rate"},
        ),
    ],
)
def test_a_curve_is_drawn_from_whatever_figures_there_are(records, named):
    picture = loss_curve(records)
    texts = {element.text for element in ElementTree.fromstring(picture).iter() if element.tag.endswith("}text")}
    assert texts & {"train", "dev", "learning rate", "gradient norm"} == named
    assert "optimizer step" in texts and "nan" not in picture


@pytest.mark.parametrize("background", ["#ffffff", "#14181e"])
def test_every_colour_of_a_picture_stands_out_in_light_and_dark(background):
    """WCAG 2.1, 1.4.11: at least 3:1."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for colour in COLOURS:
        low, high = sorted((luminance(colour), luminance(background)))
        assert (high + 0.05) / (low + 0.05) >= 3, colour


@pytest.mark.parametrize("steps", [1, 2, 3, 5000])
def test_steps_are_whole(steps):
    picture = ElementTree.fromstring(loss_curve([{"step": n, "loss": 1.0} for n in range(1, steps + 1)]))
    (axis,) = [e for e in picture.iter() if e.get("id") == "matplotlib.axis_1"]
    marks = [e.text for e in axis.iter() if e.tag.endswith("}text")]
    assert all(float(mark).is_integer() for mark in marks if mark != "optimizer step") and len(marks) > 1


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed")
def test_a_browser_shows_it_on_a_phone_and_runs_nothing(run):
    playwright = pytest.importorskip("playwright.sync_api")
    directory, artifacts = run
    write_report(directory, artifacts)
    asked, messages = [], []
    with playwright.sync_playwright() as session:
        browser = session.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 360, "height": 700}, color_scheme="dark")
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: messages.append(message.text))
        tab.on("dialog", lambda dialog: messages.append(dialog.message))
        tab.goto((directory / "report.html").as_uri())
        width = tab.evaluate("document.documentElement.scrollWidth")
        background, ink = tab.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('svg text')).fill]"
        )
        shown = tab.locator(".sample").count()
        letters = tab.evaluate("document.querySelector('svg text').getBoundingClientRect().height")
        browser.close()
    assert asked == [(directory / "report.html").as_uri()]
    assert messages == []
    assert width <= 360
    assert shown == 3
    assert letters >= 9
    assert background == "rgb(20, 24, 30)"
    assert ink == "rgb(228, 232, 238)"
