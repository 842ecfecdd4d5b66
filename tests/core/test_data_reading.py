"""Reading JSON files: any layout, any cut of the stream, every kind of damage."""

from __future__ import annotations

import gzip
import json
import random
import re
import tracemalloc
from collections import deque
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_core.data.charsets import Undecided, detect
from belle_core.data.delimited import read_rows
from belle_core.data.elements import ElementReader
from belle_core.data.lines import read_lines, split_lines
from belle_core.data.places import Broken, Record, sources_of
from belle_core.data.records import open_file, read_records
from belle_core.data.strictjson import Malformed, StrictDecoder
from belle_core.data.textfile import TextFile
from belle_core.data.troubles import in_chinese
from belle_core.errors import BelleError

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXT, children, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(TEXT, VALUES, max_size=4), min_size=1, max_size=8)


def read(path, encoding="auto"):
    (source,) = sources_of([path])
    with open_file(source, encoding) as file:
        return list(read_records(file, source))


def read_bytes(tmp_path, content, encoding="auto"):
    path = tmp_path / "data"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, encoding)


def values(items):
    return [item.value for item in items if isinstance(item, Record)]


def broken(items):
    found = [item for item in items if isinstance(item, Broken)]
    for item in found:
        assert re.search("[\u4e00-\u9fff]", in_chinese(item.why)), f"nobody has translated: {item.why}"
    return found


def lines_of(records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


LAYOUTS = {
    "lines": lines_of,
    "lines without the last newline": lambda records: lines_of(records)[:-1],
    "lines with CRLF and blank lines": lambda records: lines_of(records).replace("\n", "\r\n\r\n"),
    "escaped lines": lambda records: "".join(json.dumps(record) + "\n" for record in records),
    "array": lambda records: json.dumps(records, ensure_ascii=False),
    "indented array": lambda records: "\n " + json.dumps(records, ensure_ascii=False, indent=4) + " \n",
    "array, one element a line": lambda records: "[\n" + lines_of(records)[:-1].replace("}\n{", "},\n{") + "\n]",
    "objects one after the other": lambda records: "".join(
        json.dumps(record, ensure_ascii=False) for record in records
    ),
    "indented objects": lambda records: "\n".join(
        json.dumps(record, indent=2, ensure_ascii=False) for record in records
    ),
    "two arrays": lambda records: json.dumps(records[:1]) + json.dumps(records[1:]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=40, deadline=None)
@given(records=RECORDS)
def test_every_layout_gives_the_records_in_order(tmp_path_factory, layout, records):
    items = read_bytes(tmp_path_factory.mktemp("x"), LAYOUTS[layout](records))
    assert values(items) == records and not broken(items)
    assert [item.place.number for item in items] == list(range(len(records)))


@settings(max_examples=150, deadline=None)
@given(records=RECORDS, indent=st.sampled_from([None, 2]), array=st.booleans(), data=st.data())
def test_where_the_stream_is_cut_does_not_matter(tmp_path_factory, records, indent, array, data):
    parts = [json.dumps(record, ensure_ascii=data.draw(st.booleans()), indent=indent) for record in records]
    text = "[" + ",\n".join(parts) + "]" if array else "\n".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=30)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]
    path = tmp_path_factory.mktemp("x") / "a.json"
    path.write_bytes(b"")
    with TextFile(path) as file:
        items = list(ElementReader(file, iter(pieces), *sources_of([path])).read())
    assert values(items) == records and not broken(items)
    starts = [1 + sum(part.count("\n") + 1 for part in parts[:number]) for number in range(len(parts))]
    assert [item.place.line for item in items] == starts


@given(st.lists(st.text("ab\n\r\u2028\x85", max_size=10)))
def test_lines_are_split_at_newlines_only(pieces):
    text = "".join(pieces)
    expected = text.split("\n")
    assert list(split_lines(pieces)) == (expected[:-1] if expected[-1] == "" else expected)


def test_an_array_far_larger_than_the_window_is_read_in_bounded_memory(tmp_path):
    path = tmp_path / "big.json"
    record = json.dumps({"instruction": "问题" * 50, "output": "答案" * 200}, ensure_ascii=False)
    with path.open("w", encoding="utf-8") as file:
        file.write("[" + ",".join([record] * 20_000) + "]")
    tracemalloc.start()
    with TextFile(path) as file:
        count = sum(1 for _ in read_records(file, *sources_of([path])))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000 and path.stat().st_size > 30_000_000 and peak < 12_000_000


def test_a_huge_single_line(tmp_path):
    records = [{"output": "好" * 3_000_000}, {"output": "短"}]
    assert values(read_bytes(tmp_path, lines_of(records))) == records
    assert values(read_bytes(tmp_path, lines_of(records[::-1]))) == records[::-1]
    assert values(read_bytes(tmp_path, json.dumps(records, ensure_ascii=False))) == records


def test_a_line_beyond_all_bounds_is_one_broken_record(tmp_path, monkeypatch):
    import belle_core.data.lines as lines

    monkeypatch.setattr(lines, "LONGEST", 1000)
    items = read_bytes(tmp_path, lines_of([{"a": 1}, {"a": "x" * 3_000_000}, {"a": 2}]))
    assert values(items) == [{"a": 1}, {"a": 2}] and "longer than" in broken(items)[0].why


# ---- encodings ----


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "ascii"])
def test_a_wrong_encoding_that_was_asked_for_is_named(tmp_path, encoding):
    with pytest.raises(BelleError, match=f"is not {encoding} .*say data.encoding"):
        read_bytes(tmp_path, LAYOUTS["lines"]([{"问": "题" * 1000}] * 40).encode(), encoding)


CHINESE = [{"instruction": f"第{i}题：天气怎么样？", "output": "今天天气很好，适合出门散步。"} for i in range(30)]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "big5"]
)
@pytest.mark.parametrize("layout", ["lines", "array", "indented array"])
def test_encodings_are_told_by_content(tmp_path, encoding, layout):
    records = (
        [{"instruction": "台灣的天氣怎麼樣？請問現在幾點鐘", "output": "今天天氣很好。"}] * 9
        if encoding == "big5"
        else CHINESE
    )
    assert values(read_bytes(tmp_path, LAYOUTS[layout](records).encode(encoding))) == records


@pytest.mark.parametrize(
    "text", ["问题一,,回答一\n", "你好,您好\n", "今天天气怎么样？", "question,answer\n" + "问题,回答\n" * 30]
)
def test_a_few_characters_of_gb18030_suffice(text):
    assert detect([text.encode("gb18030")]) == ("gb18030", 0)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("euc-kr", "안녕하세요 저는 한국어를 공부합니다. 오늘 날씨가 좋습니다."),
        ("euc-jp", "こんにちは、私は日本語を勉強しています。今日の天気は良いですね。"),
        ("cp1251", "Это русский текст, который должен быть распознан правильно."),
        ("latin-1", "C'est un texte français à l'été où ça brûle déjà."),
    ],
)
def test_other_languages_are_not_taken_for_gb18030(encoding, text):
    with pytest.raises(Undecided):
        detect([text.encode(encoding)])


def test_an_encoding_that_shows_late(tmp_path):
    records = [{"instruction": "q" * 500, "output": "a"}] * 2000 + CHINESE
    assert values(read_bytes(tmp_path, lines_of(records).encode("gb18030"))) == records


def test_gzip_is_told_by_content(tmp_path):
    assert values(read_bytes(tmp_path, gzip.compress(lines_of(CHINESE).encode("gb18030")))) == CHINESE


@pytest.mark.parametrize("layout", ["lines", "array, one element a line", "indented array"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_byte_costs_one_record_and_is_told_with_its_offset(tmp_path, layout, packed):
    content = bytearray(LAYOUTS[layout](CHINESE).encode())
    at = content.index("第7题".encode())
    content[at] = 0xFF
    items = read_bytes(tmp_path, gzip.compress(bytes(content)) if packed else bytes(content))
    assert values(items) == CHINESE[:7] + CHINESE[8:]
    (only,) = broken(items)
    assert only.reason == "broken_encoding" and f"byte offset {at}" in only.why


def test_offsets_stay_right_after_damage_between_records(tmp_path):
    content = (
        b'{\n"a": 1}\n\xff\xff\n{\n"a": 2}\n{"a": "\xe4\xb8\xff"}\n{"a": "\xe4\xb8\xad"}\n'
        + '{"a": "中文中文中文中文中文中文中文中文中文中文中文中文"}\n'.encode() * 3
    )
    items = read_bytes(tmp_path, content)
    assert [item.why.split()[-1] for item in broken(items)] == [
        str(content.index(b"\xff")),
        str(content.index(b"\xe4\xb8\xff")),
    ]
    assert len(values(items)) == 6


def test_an_unknown_encoding_says_where_and_what_to_do(tmp_path):
    content = lines_of([{"instruction": "it’s a café", "output": "naïve"}] * 9).encode("cp1252")
    with pytest.raises(BelleError, match=rf"is not UTF-8 \(byte offset {content.index(0x92)}\).*data.encoding="):
        read_bytes(tmp_path, content)
    assert values(read_bytes(tmp_path, content, "cp1252"))[0]["output"] == "naïve"


def test_a_forced_encoding_that_is_wrong_throughout(tmp_path):
    with pytest.raises(BelleError, match=r"is not ascii .*byte offset"):
        read_bytes(tmp_path, lines_of(CHINESE * 100), "ascii")


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_gzip_that_is_cut_off(tmp_path, cut):
    noise = [{"a": random.Random(i).randbytes(500).hex()} for i in range(500)]
    packed = gzip.compress(lines_of(noise).encode())
    with pytest.raises(BelleError, match="packed data is damaged or cut off"):
        read_bytes(tmp_path, packed[: int(len(packed) * cut)])


@settings(max_examples=150, deadline=None)
@given(noise=st.binary(max_size=200), position=st.integers(0, 3000), layout=st.sampled_from(sorted(LAYOUTS)))
def test_any_damage_ends_in_records_or_in_one_clear_error(tmp_path_factory, noise, position, layout):
    content = LAYOUTS[layout](CHINESE).encode()
    position %= len(content)
    damaged = content[:position] + noise + content[position + len(noise) :]
    try:
        items = read_bytes(tmp_path_factory.mktemp("x"), damaged)
    except BelleError as error:
        assert "\n" not in str(error)
    else:
        assert len(items) >= 1 and len(values(items)) <= len(CHINESE) + len(noise)
        json.dumps(values(items), ensure_ascii=False, allow_nan=False).encode()


# ---- damage ----


@pytest.mark.parametrize("record", ['{"a": 1}\n{"a": 2}', '[{"a": 1},\n{"a": 2}]', "a,b\n1,2\n3,4\n"])
def test_blank_lines_before_the_first_record_are_no_empty_file(tmp_path, record):
    lines = 300_000  # more than one block of the file
    first, second = read_bytes(tmp_path, "\n" * lines + record)
    assert first.value["a"] in (1, "1") and second.place.line > lines


TALK = [{"prompt": "一", "response": [["甲"]]}, {"prompt": "二", "response": [["乙"]]}]
PEOPLE = [{"user": "一", "assistant": "甲"}, {"user": "二", "assistant": "乙"}]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([TALK], [{"conversation": TALK}]),
        ([TALK, TALK[:1]], [{"conversation": TALK}, {"conversation": TALK[:1]}]),
        ([PEOPLE, PEOPLE[:1]], [{"conversation": PEOPLE}, {"conversation": PEOPLE[:1]}]),
        ([PEOPLE], PEOPLE),  # json.dump of records
        ([PEOPLE * 100, PEOPLE], PEOPLE * 101),  # files put together
        ([[{"a": 1}, {"a": 2}], [{"a": 3}]], [{"a": 1}, {"a": 2}, {"a": 3}]),
    ],
)
def test_an_array_in_a_line_may_be_a_conversation(tmp_path, lines, expected):
    assert values(read_bytes(tmp_path, lines_of(lines))) == expected


ROWS = st.lists(
    st.sampled_from(["\n\n\n", "\r\n\r\n\r\n", "甲,乙\n", '"甲\n\n\n\n",乙\r\n', "一,二,三\n", '"",""\n']), max_size=12
)


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 80), max_size=30))
@pytest.mark.parametrize("read", [lambda *given: read_rows(*given, ","), read_lines])
def test_pieces_of_blank_lines_are_passed_over_outside_quotes_only(read, rows, cuts):
    """And are counted: cut in any way, a text holds the same in the same lines."""
    source, text = sources_of([Path("t.csv")])[0], "a,b\n" + "".join(rows)
    file = SimpleNamespace(invalid=deque(), path=source.path)
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(places) if start < end]
    assert list(read(file, pieces, source)) == list(read(file, [text], source))


def test_blank_lines_in_a_text_take_no_memory(tmp_path):
    (tmp_path / "data.txt").write_text("开头\n" + "\n" * 1_000_000 + "结尾\n", encoding="utf-8")
    tracemalloc.start()
    try:
        first, last = (item.value["text"] for item in read(tmp_path / "data.txt"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (first, last) == ("开头", "结尾") and peak < 9e6


def test_a_file_without_content(tmp_path):
    for content in ("", " \n\n", "\ufeff"):
        with pytest.raises(BelleError, match="the file is empty"):
            read_bytes(tmp_path, content)
    with pytest.raises(BelleError, match="holds no record"):
        read_bytes(tmp_path, "[ ]")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04rest", "the zip archive is damaged"),
        (b"PAR1rest", "the table is damaged"),
        (b"ARROW1rest", "the table is damaged"),
        (b"\xff\xff\xff\xffrest", "the table is damaged"),
        (b"\x28\xb5\x2f\xfdrest", "the packed data is damaged"),
        (b"BZhrest", "the packed data is damaged"),
        (b"%PDF-1.4", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "an old Office document"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"some\0thing", "zero bytes"),
        (bytes(range(128, 256)) * 3, "byte offset 0"),
    ],
)
def test_what_is_not_json_is_named(tmp_path, content, what):
    with pytest.raises(BelleError, match=what):
        read_bytes(tmp_path, content)


BAD = {
    '{"a": NaN}': "NaN",
    '{"a": [1, -Infinity]}': "-Infinity",
    '{"a": 1e999}': "too large",
    '{"a": ' + "9" * 5000 + "}": "too large",
    '{"a": 1, "b": 2, "a": 3}': "'a' stands twice",
    '{"x": {"a": 1, "a": 3}}': "'a' stands twice",
    '{"a": "\\ud83d"}': "surrogate",
    '{"\\udcff": 1}': "surrogate",
    '{"a": ' + "[" * 80 + "]" * 80 + "}": "nested deeper",
    '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}": "nested deeper",
    '{"a": "tab\there"}': "control character",
    '{"a": "x\x00"}': "control character",
    '{"a": "\\x"}': "escape",
    '{"a": 1,}': "",
    '{"a": 1': "",
    '{"a" 1}': "",
    "{'a': 1}": "",
    '{"a": tru}': "",
    '{"a": 1} {"a": 2}': "more after the end",
    "nonsense": "",
}


@pytest.mark.parametrize("bad", BAD, ids=[str(number) for number in range(len(BAD))])
def test_a_bad_line_costs_nothing_but_itself(tmp_path, bad):
    items = read_bytes(tmp_path, f'{{"n": 1}}\n{bad}\n{{"n": 2}}\n')
    assert values(items) == [{"n": 1}, {"n": 2}]
    (only,) = broken(items)
    assert BAD[bad] in only.why and str(only.place) == "data:2"


def test_a_comma_after_a_line_is_named(tmp_path):
    one, two = read_bytes(tmp_path, '{"n": 1},\n{"n": 2}\n')
    assert broken([one])[0].why.startswith("a comma stands after the value") and values([two]) == [{"n": 2}]


@pytest.mark.parametrize("bad", [bad for bad in BAD if bad != '{"a": 1} {"a": 2}'])
def test_a_bad_element_costs_nothing_but_itself_where_elements_begin_lines(tmp_path, bad):
    items = read_bytes(tmp_path, f'[\n  {{"n": 1}},\n  {bad},\n  {{"n": 2}},\n  {{\n  "n": 3}}\n]\n')
    assert values(items) == [{"n": 1}, {"n": 2}, {"n": 3}]
    (only,) = broken(items)
    assert BAD[bad] in only.why and only.place.line in (3, 4) and only.lost == 1 and not only.stops


@pytest.mark.parametrize("bad", list(BAD))
def test_bad_elements_in_one_line_end_the_file_there_or_cost_themselves(tmp_path, bad):
    items = read_bytes(tmp_path, f'[{{"n": 1}}, {bad}, {{"n": 2}}]')
    assert values(items) in ([{"n": 1}], [{"n": 1}, {"n": 2}], [{"n": 1}, {"a": 1}, {"a": 2}, {"n": 2}]) and broken(
        items
    )


def test_the_rest_of_a_file_is_estimated(tmp_path):
    elements = [json.dumps({"n": i, "text": "x" * 50}) for i in range(10_000)]
    elements[1000] = '{"n": 1000, "text": oh}'
    items = read_bytes(tmp_path, "[" + ", ".join(elements) + "]")
    (only,) = broken(items)
    assert len(values(items)) == 1000 and only.stops and 8000 < only.lost < 10_000


@pytest.mark.parametrize(
    ("content", "good", "what", "line"),
    [
        ('[\n{"a": 1},\n{"a": 2},\n]', 2, "comma stands before the closing", 4),
        ('[\n{"a": 1},\n{"a": 2}', 2, "ends inside the array", 3),
        ('[\n{"a": 1},\n{"a": 2},\n', 2, "ends inside the array", 4),
        ('[\n{"a": 1},\n{"a": 2', 1, "ends inside a record", 3),
        ('[\n{"a": 1},\n{"a": "2', 1, "ends inside a record", 3),
        ('[\n{"a": 1}\n{"a": 2}\n]', 2, "comma is missing", 3),
        ('[\n{"a": 1};\n{"a": 2}\n]', 2, "expected , or ] but found ';'", 2),
        ('[\n{"a": 1},\n{"a": 2}\n]\nrest', 2, "Expecting value", 5),
        ('[\n{"a": 1},\n{"a": 2}\n]]', 2, "Expecting value", 4),
    ],
)
def test_broken_arrays(tmp_path, content, good, what, line):
    items = read_bytes(tmp_path, content)
    (only,) = broken(items)
    assert values(items) == [{"a": 1}, {"a": 2}][:good] and what in only.why and only.place.line == line


def test_the_first_line_of_json_lines_may_be_the_broken_one(tmp_path):
    for bad in ("nonsense", '{"a": 1', "# a comment"):
        items = read_bytes(tmp_path, bad + '\n{"n": 1}\n{"n": 2}\n')
        assert values(items) == [{"n": 1}, {"n": 2}] and broken(items)[0].place.line == 1


@settings(max_examples=200)
@given(VALUES)
def test_strict_json_agrees_with_the_standard_library_on_good_values(value):
    text = json.dumps(value)
    assert StrictDecoder().decode(text) == (json.loads(text), len(text))


@given(st.text('{}[]",:\\u1ae dNI', max_size=30))
def test_strict_json_never_accepts_more_than_the_standard_library(text):
    try:
        value, _ = StrictDecoder().decode(text)
    except Malformed:
        return
    assert json.JSONDecoder().raw_decode(text)[0] == value


# ---- names ----


def test_ids_are_unique_over_files(tmp_path):
    paths = [tmp_path / "a" / "x.jsonl", tmp_path / "b" / "x.jsonl", tmp_path / "b" / "c" / "y.json.gz"]
    assert [source.name for source in sources_of(paths)] == ["a/x.jsonl", "b/x.jsonl", "b/c/y.json.gz"]
    assert [source.stem for source in sources_of(paths)] == ["a/x", "b/x", "b/c/y"]
    assert [source.name for source in sources_of(paths[1:])] == ["x.jsonl", "y.json.gz"]
    twice = [source.stem for source in sources_of([tmp_path / "a.json", tmp_path / "a.jsonl", tmp_path / "a.json"])]
    assert twice == ["a.json", "a.jsonl", "a.json#2"]
