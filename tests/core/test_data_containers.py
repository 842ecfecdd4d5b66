"""The same records from every container: tables, archives, packed files, mappings, plain text."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from random import Random

import pyarrow
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from belle_core.data import archives
from belle_core.data.places import Broken, Record, sources_of
from belle_core.data.records import open_file, read_records
from belle_core.errors import BelleError

zipfile_type, tarfile_open = zipfile.ZipFile, tarfile.open
ROWS = [{"instruction": f"问题 {n}，\n第二行", "input": "", "output": f'他说"好" {n}'} for n in range(2500)]


def read(path, encoding="auto"):
    items = []
    for source in sources_of([path]):
        with open_file(source, encoding) as file:
            items += read_records(file, source)
    return items


def values(items):
    assert all(isinstance(item, Record) for item in items), items
    return [item.value for item in items]


def lines(rows=ROWS):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def table(rows=ROWS, delimiter=",", quoting=csv.QUOTE_MINIMAL):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def zipped(members, **options):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def tarred(members, mode="w"):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("link.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return content.getvalue()


PACKED = {
    "gzip": gzip.compress(lines()),
    "bzip2": bz2.compress(lines()),
    "xz": lzma.compress(lines()),
    "zstd": zstandard.compress(lines()),
    "zstd in two frames": zstandard.compress(lines(ROWS[:100])) + zstandard.compress(lines(ROWS[100:])),
    "zip": zipped({"rows.jsonl": lines()}),
    "tar": tarred({"rows.jsonl": lines()}),
    "tar in gzip": tarred({"./rows.jsonl": lines()}, "w:gz"),
    "tar in xz": tarred({"rows.jsonl": lines()}, "w:xz"),
    "tar in zstd": zstandard.compress(tarred({"rows.jsonl": lines()})),
    "csv": table().encode("utf-8-sig"),
    "csv in GB18030": table().encode("gb18030"),
    "tsv in gzip": gzip.compress(table(delimiter="\t").encode()),
    "semicolons": table(delimiter=";", quoting=csv.QUOTE_ALL).encode(),
    "semicolons in GB18030 with a mark": ("\ufeff" + table(delimiter=";")).encode("gb18030"),
    "stated semicolons": ("sep=;\r\n" + table(delimiter=";")).encode(),
    "stated semicolons, marked": ("sep=;\r\n" + table(delimiter=";", quoting=csv.QUOTE_ALL)).encode("utf-8-sig"),
    "stated tabs in UTF-16": ('"sep=\t"\r\n' + table(delimiter="\t")).encode("utf-16"),
    "stated bars in GB18030": ("SEP=|\n" + table(delimiter="|")).encode("gb18030"),
    "mapping": json.dumps({f"key {n}": row for n, row in enumerate(ROWS)}, ensure_ascii=False, indent=2).encode(),
    "mapping in one line": json.dumps({f"key {n}": row for n, row in enumerate(ROWS)}).encode(),
}


@pytest.mark.parametrize("name", PACKED)
def test_every_packing_gives_the_same_records(tmp_path, name):
    (tmp_path / "data").write_bytes(PACKED[name])  # the name says nothing
    expected = [{"id": f"key {n}", **row} for n, row in enumerate(ROWS)] if name.startswith("mapping") else ROWS
    assert values(read(tmp_path / "data")) == expected


@pytest.mark.parametrize("kind", ["parquet", "file", "stream"])
def test_arrow_tables(tmp_path, kind):
    arrow, path = pyarrow.Table.from_pylist(ROWS), tmp_path / "data"
    if kind == "parquet":
        parquet.write_table(arrow, path, row_group_size=700)
    else:
        make = ipc.new_file if kind == "file" else ipc.new_stream
        with make(str(path), arrow.schema) as writer:
            writer.write_table(arrow, max_chunksize=600)
    items = read(path)
    assert values(items) == ROWS and [item.place.line for item in items] == list(range(1, 2501))


def test_columns_that_json_does_not_have(tmp_path):
    from datetime import date
    from decimal import Decimal

    row = {"a": date(2023, 4, 1), "b": Decimal("1.50"), "c": b"\0", "d": float("nan"), "e": [{"f": 1.5}], "g": None}
    parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "data")
    assert values(read(tmp_path / "data")) == [
        {"a": "2023-04-01", "b": "1.50", "c": None, "d": None, "e": [{"f": 1.5}], "g": None}
    ]


def test_texts_written_as_bytes_are_texts_and_maps_are_pairs(tmp_path):
    columns = {
        "a": ["问".encode(), b"\xff\xd8", b"a\0"],
        "m": pyarrow.array([[("k", 1)]] * 3, pyarrow.map_("string", "int64")),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "data")
    assert values(read(tmp_path / "data")) == [{"a": text, "m": [["k", 1]]} for text in ("问", None, None)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_a_table_may_end_in_any_way(tmp_path, end):
    (tmp_path / "data").write_bytes(end.join(["question,answer", *(f"问{n},答{n}" for n in range(100))]).encode())
    assert values(read(tmp_path / "data")) == [{"question": f"问{n}", "answer": f"答{n}"} for n in range(100)]


def test_an_archive_is_as_many_files_as_it_holds(tmp_path):
    content = {"b/two.jsonl": lines(ROWS[1:2]), "a.json": lines(ROWS[:1]), "__MACOSX/._a.json": b"x", "b/.hidden": b"x"}
    (tmp_path / "all.zip").write_bytes(zipped(content))
    sources = sources_of([tmp_path / "all.zip"])
    assert [(one.name, one.stem, one.alone) for one in sources] == [
        ("all.zip/a.json", "all.zip/a", False), ("all.zip/b/two.jsonl", "all.zip/b/two", False)]  # fmt: skip
    assert values(read(tmp_path / "all.zip")) == ROWS[:2]
    (tmp_path / "one.json.zip").write_bytes(zipped({"one.json": lines(ROWS[:1])}))
    (one,) = sources_of([tmp_path / "one.json.zip"])
    assert (one.name, one.stem, one.alone) == ("one.json.zip", "one", True)


@pytest.mark.parametrize("name", ["数据.jsonl", "donnée.jsonl", "データ.jsonl"])
@pytest.mark.parametrize("encoding", ["", "utf-8", "gbk"])
def test_names_in_archives_are_readable(tmp_path, name, encoding):
    """Also where the archive does not say in which encoding they are."""
    if encoding == "gbk" and not name.startswith("数"):
        pytest.skip("only Chinese names come so")
    as_stored = name.encode(encoding).decode("cp437") if encoding else name
    (tmp_path / "all.zip").write_bytes(zipped({as_stored: lines(ROWS[:1]), "b.jsonl": lines(ROWS[1:2])}))
    assert {one.name for one in sources_of([tmp_path / "all.zip"])} == {f"all.zip/{name}", "all.zip/b.jsonl"}
    assert len(values(read(tmp_path / "all.zip"))) == 2


def test_an_archive_without_files(tmp_path):
    (tmp_path / "all.zip").write_bytes(zipped({}))
    with pytest.raises(BelleError, match="the zip archive holds no file"):
        read(tmp_path / "all.zip")


@pytest.mark.parametrize(("name", "mode"), [("all.tar", "w"), ("all.tar.gz", "w:gz"), ("all.tgz", "w:gz")])
def test_a_tar_archive_is_as_many_files_as_it_holds(tmp_path, name, mode):
    content = {"./b/two.jsonl": lines(ROWS[:1]), "a.json": lines(ROWS[1:2]), "b/._two.jsonl": b"x", "b/.hidden": b"x"}
    (tmp_path / name).write_bytes(tarred(content, mode))
    sources = sources_of([tmp_path / name])
    assert [(one.name, one.member) for one in sources] == [
        (f"{name}/b/two.jsonl", "b/two.jsonl"),
        (f"{name}/a.json", "a.json"),
    ]  # in the archive's own order
    assert values(read(tmp_path / name)) == ROWS[:2]


@pytest.mark.parametrize("name", ["many.zip", "many.tar", "many.tar.gz"])
def test_an_archive_of_many_files_is_gone_through_once(tmp_path, name, monkeypatch):
    content = {f"{number * 7 % 40}.jsonl": lines(ROWS[number : number + 2]) for number in range(40)}
    whole = zipped(content) if name.endswith("zip") else tarred(content, "w:gz" if name.endswith("gz") else "w")
    (tmp_path / name).write_bytes(whole)
    begun = []
    monkeypatch.setattr(archives.zipfile, "ZipFile", lambda *a, **k: begun.append(1) or zipfile_type(*a, **k))
    monkeypatch.setattr(archives.tarfile, "open", lambda *a, **k: begun.append(1) or tarfile_open(*a, **k))
    sources = sources_of([tmp_path / name])
    for source in (*sources, *sources[:2]):  # going back is possible too
        with open_file(source) as file:
            number = int(source.member.removesuffix(".jsonl")) * 23 % 40  # 7 · 23 = 161 = 1 (mod 40)
            assert values(list(read_records(file, source))) == ROWS[number : number + 2]
    assert len(begun) <= 5


def test_an_archive_that_was_replaced_is_opened_anew(tmp_path):
    for rows in (ROWS[:1], ROWS[1:3]):
        (tmp_path / "a.zip").write_bytes(zipped({"a.json": lines(rows), "b.json": lines(rows)}))
        assert values(read(tmp_path / "a.zip")) == rows * 2


def encrypted():
    """A real archive whose entry carries the flag of encryption (the standard library cannot encrypt)."""
    content = bytearray(zipped({"a.json": lines(ROWS[:1])}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encrypted(), "a.json is encrypted"),
        (zipped({"__MACOSX/x": b""}), "holds no file"),
        (zipped({"a.json": lines()})[:2000], "zip archive is damaged or cut off"),
        (tarred({".x": b""}), "tar archive holds no file"),
        (tarred({"a.json": lines()})[:2000], "tar archive is damaged or cut off"),
        (tarred({"a.json": lines()}, "w:gz")[:-2000], "tar archive is damaged or cut off"),
        (bz2.compress(lines())[:-2000], "packed data is damaged or cut off"),
        (lzma.compress(lines())[:-200], "packed data is damaged or cut off"),
        (zstandard.compress(lines())[:-2000], "packed data is damaged or cut off"),
        (zipped({"a.parquet": b"PAR1xxxxPAR1"}), "is a Parquet table; unpack"),
        (zipped({"a.zip": zipped({"b.json": lines()})}), "a zip archive inside another"),
        (b"a,b\n", None),
        (b'"a"\n', None),
    ],
)
def test_containers_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(BelleError, match=message or "no table with a header") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_stated_separator_is_a_line_and_no_record(tmp_path):
    (tmp_path / "a.csv").write_text('sep=;\nquestion;answer\n"问\n0";"答;0"\n一;二;三\n' + "问;答\n" * 20)
    first, broken, *others = read(tmp_path / "a.csv")
    assert first.value == {"question": "问\n0", "answer": "答;0"} and first.place.line == 3
    assert broken.reason == "broken_row" and broken.place.line == 5 and others[0].place.line == 6
    for text, message in (
        ("sep=;\nquestion;answer\n", "it has no rows"),
        ("sep=,\na;b\n1;2\n", "one column has its name in quotes"),
    ):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(BelleError, match=message):
            read(tmp_path / "a.csv")


def test_long_fields_and_lone_carriage_returns_in_a_table(tmp_path):
    (tmp_path / "a.csv").write_text(f'question,answer\n问,"{"长" * 200_000}"\n', newline="")
    (item,) = read(tmp_path / "a.csv")
    assert len(item.value["answer"]) == 200_000
    (tmp_path / "a.csv").write_text("question\rx,answer\n" + "问,答\n" * 30, newline="")
    with pytest.raises(BelleError, match="table") as caught:
        read(tmp_path / "a.csv")
    assert "\n" not in str(caught.value)
    (tmp_path / "a.csv").write_text("question,answer\n" + "问,答\n" * 30 + "一\r二,三\n四,五\n", newline="")
    items = read(tmp_path / "a.csv")
    assert [item.reason for item in items if isinstance(item, Broken)] == ["broken_row"] and len(items) == 32


@pytest.mark.parametrize("kind", ["zip", "tar", "tar in gzip", "gzip", "bz2", "xz", "zstd"])
def test_damage_inside_an_archive_is_told(tmp_path, kind):
    """Names, sizes, methods and checksums that are none; what is read before stays."""
    some, draw = lines(ROWS[:20]), Random(0)
    pack = {
        "zip": lambda: zipped({"问.jsonl": some, "b.jsonl": some}),
        "tar": lambda: tarred({"问.jsonl": some, "b.jsonl": some}),
        "tar in gzip": lambda: tarred({"a.jsonl": some}, "w:gz"),
        "gzip": lambda: gzip.compress(some),
        "bz2": lambda: bz2.compress(some),
        "xz": lambda: lzma.compress(some),
        "zstd": lambda: zstandard.compress(some),
    }
    whole, refused = pack[kind](), 0
    for _ in range(150):
        at = draw.randrange(4, len(whole))
        (tmp_path / "t").write_bytes(whole[:at] + draw.randbytes(2) + whole[at + 2 :])
        try:
            assert all(isinstance(item, (Record, Broken)) for item in read(tmp_path / "t"))
        except BelleError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused or kind == "tar"


@pytest.mark.parametrize("kind", ["parquet", "file", "stream"])
def test_damage_inside_a_table_is_told_and_never_followed(tmp_path, kind):
    """Offsets that point out of an Arrow table's memory end a process that trusts them."""
    arrow, path = pyarrow.Table.from_pylist([{"talk": [{"said": f"问{n}"}], "n": n} for n in range(20)]), tmp_path / "t"
    if kind == "parquet":
        parquet.write_table(arrow, path)
    else:
        with (ipc.new_file if kind == "file" else ipc.new_stream)(str(path), arrow.schema) as writer:
            writer.write_table(arrow)
    whole, draw, refused = path.read_bytes(), Random(0), 0
    for _ in range(300):
        at = draw.randrange(8, len(whole) - 8)
        path.write_bytes(whole[:at] + draw.randbytes(8) + whole[at + 8 :])
        try:
            assert all(isinstance(item, Record) for item in read(path))
        except BelleError as error:
            assert "the table is damaged or cut off" in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > 50


def test_rows_that_do_not_fit_cost_themselves(tmp_path):
    rows = "question,answer\n" + "".join(f"问{n},答{n}\n" for n in range(50)) + "一,二,三\n问,答\n"
    (tmp_path / "data").write_text(rows)
    items = read(tmp_path / "data")
    broken = items[50]
    assert isinstance(broken, Broken) and broken.reason == "broken_row" and broken.place.line == 52
    assert len(values(items[:50] + items[51:])) == 51


def test_files_put_together_keep_their_marks_and_headers_to_themselves(tmp_path):
    one = "question,answer\r\n" + "".join(f"问{n},答{n}\r\n" for n in range(50))
    (tmp_path / "data").write_bytes(one.encode("utf-8-sig") * 2)
    items = read(tmp_path / "data")
    assert values(items[:50]) == values(items[51:]) and items[50].why == "the header stands here again"
    (tmp_path / "data").write_bytes(lines(ROWS[:3]).decode().encode("utf-8-sig") * 2)
    assert values(read(tmp_path / "data")) == ROWS[:3] * 2


def test_an_office_document_says_what_to_save_it_as(tmp_path):
    (tmp_path / "data.xlsx").write_bytes(zipped({"[Content_Types].xml": b"<?xml?>", "xl/workbook.xml": b"<?xml?>"}))
    with pytest.raises(BelleError, match=r"data.xlsx: is an Office document; save a table as CSV"):
        read(tmp_path / "data.xlsx")


def test_bytes_in_a_table_that_are_no_text(tmp_path):
    rows = "question,answer\n" + "".join(f"问{n},答{n}\n" for n in range(50))
    (tmp_path / "data").write_bytes(rows.encode() + b"a,\xff\nb,c\n")
    items = read(tmp_path / "data")
    assert items[50].reason == "broken_encoding" and f"byte offset {len(rows.encode()) + 2}" in items[50].why
    assert items[51].value == {"question": "b", "answer": "c"}


FIELDS = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('",\t;\n'), max_size=8)
ENDS = st.text("问ab\x0b\x0c\x1c\x85\u2028\u2029\n,;\"' ", min_size=1, max_size=8)  # all that str.splitlines knows


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=30), delimiter=st.sampled_from(",\t;"))
def test_any_table_that_python_writes_comes_back(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.mktemp("x") / "data"
    expected = [{"question": a, "answer": b} for a, b in rows]
    path.write_bytes(table(expected, delimiter, csv.QUOTE_ALL).encode())
    assert values(read(path)) == expected


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(ENDS, ENDS), min_size=1, max_size=30), delimiter=st.sampled_from(",\t;"))
def test_only_a_newline_ends_a_row(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.mktemp("x") / "data"
    expected = [{"question": a, "answer": b} for a, b in rows]
    path.write_bytes(table(expected, delimiter).encode())
    assert values(read(path)) == expected


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (",question,answer\n0,问,答\n", [{"Unnamed: 0": "0", "question": "问", "answer": "答"}]),  # DataFrame.to_csv
        (",text\n0,问\n", [{"Unnamed: 0": "0", "text": "问"}]),
        (
            "question,answer,,\n问,答,,\n问,答,多,\n",
            [{"question": "问", "answer": "答"}, {"question": "问", "answer": "答", "Unnamed: 2": "多"}],
        ),
        ('question, answer\n问, "答, 答"\n', [{"question": "问", "answer": "答, 答"}]),
        ("Question (zh);答案（可选）\n问;答\n", [{"Question (zh)": "问", "答案（可选）": "答"}]),
    ],
)
def test_headers_as_people_have_them(tmp_path, text, rows):
    (tmp_path / "data").write_text(text)
    assert values(read(tmp_path / "data")) == rows


PROSE = ["春眠不觉晓，处处闻啼鸟。", "Once, long ago, there was a king.\nHe had, they say, three sons.", "一行\n", "a,b",
         "roses are red, violets are blue\nsugar is sweet, so are you\n", "甲,\n乙,\n", "春天, 夏天\n秋天, 冬天\n",
         "[西游记 / 吴承恩（明） 著 ]\n\n诗曰：", "体验2D巅峰\t8\n60年铁树开花\t5\n"]  # fmt: skip


@pytest.mark.parametrize("text", PROSE)
def test_plain_text_is_one_document(tmp_path, text):
    (tmp_path / "data").write_text(text)
    assert values(read(tmp_path / "data")) == [{"text": text.strip("\n")}]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("甲乙丙。 ", max_size=3000), min_size=1, max_size=40))
def test_long_texts_come_in_pieces_that_end_with_a_line(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("x") / "data"
    path.write_text("开头\n" + "\n".join(written), encoding="utf-8")
    items = read(path)
    assert "\n".join(one["text"] for one in values(items)).split() == path.read_text(encoding="utf-8").split()
    assert all(len(one["text"]) <= 10_000 + 3000 + 100 for one in values(items))
    text = path.read_text(encoding="utf-8").split("\n")
    for item in items:
        assert item.value["text"].split("\n")[0] in text[item.place.line - 1 :]


@pytest.mark.parametrize(
    ("text", "kept", "why"),
    [
        ('{"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 1 "y": 2}}', 2, "delimiter"),
        ('{"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}', 2, "ends inside the object"),
        ('{"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2} "c": {}}', 2, "expected , or }"),
        ('{"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, 3: {}}', 2, "expected a key"),
        ('{"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c" {}}', 2, "expected :"),
    ],
)
def test_a_mapping_that_breaks_off(tmp_path, text, kept, why):
    (tmp_path / "data").write_text(text)
    *good, broken = read(tmp_path / "data")
    assert len(values(good)) == kept and isinstance(broken, Broken)
    import re

    assert re.search(why, broken.why)


def test_an_object_that_is_no_mapping_stays_a_record(tmp_path):
    for record in (
        {"a": {"x": 1}, "b": {"x": 2}},
        {"a": {"x": 1, "y": 1}, "b": 2},
        {"m": {"x": 1, "y": 2}, "n": {"z": 1}},
        {
            "chosen": {"role": "assistant", "content": "好"},
            "rejected": {"role": "assistant", "content": "差"},
            "prompt": "问",
        },
    ):
        for indent in (None, 1):
            (tmp_path / "data").write_text(json.dumps(record, indent=indent))
            assert values(read(tmp_path / "data")) == [record]


WRAPPED = [
    {"data": ROWS[:3]},
    {"version": "1.0", "size": -1.5e3, "ok": True, "data": ROWS[:3], "licence": None},
    {"type": "text2text", "instances": ROWS[:3]},  # LMFlow
]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("whole", WRAPPED)
def test_an_object_around_the_list_of_records(tmp_path, whole, indent):
    (tmp_path / "data").write_text(json.dumps(whole, indent=indent))
    assert values(read(tmp_path / "data")) == ROWS[:3]
    (tmp_path / "data").write_text(json.dumps(whole | {"test": ROWS[3:5]}, indent=indent))
    with pytest.raises(BelleError, match="'test' stands beside the list of records; save each list as a file"):
        read(tmp_path / "data")


def test_a_record_a_line_inside_an_object(tmp_path):
    (tmp_path / "data").write_text('{"data": [\n' + ",\n".join(map(json.dumps, ROWS[:3])) + "\n]}\n")
    assert values(read(tmp_path / "data")) == ROWS[:3]


@pytest.mark.parametrize(
    "record",
    [
        {"id": "1", "instruction": "译", "instances": [{"input": "a", "output": "b"}]},  # Self-Instruct
        {"id": "1", "data": ["问", "答"]},  # UltraChat
        {"conversations": [{"from": "human", "value": "问"}]},
    ],
)
def test_a_record_with_a_list_is_no_wrapping(tmp_path, record):
    for indent in (None, 1):
        (tmp_path / "data").write_text(json.dumps(record, indent=indent))
        assert values(read(tmp_path / "data")) == [record]


def test_records_by_number_may_have_a_single_field(tmp_path):
    (tmp_path / "data").write_text('{"0":{"messages":[]},"1":{"messages":[1]}}')  # DataFrame.to_json(orient="index")
    assert values(read(tmp_path / "data")) == [{"id": "0", "messages": []}, {"id": "1", "messages": [1]}]
