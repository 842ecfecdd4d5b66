"""The data card: ``README.md`` beside the examples, with the head that ``datasets.load_dataset(<directory>)`` reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from belle_core.artifacts import MANIFEST, Artifact, Examples
from belle_core.data.cardhead import splits_of, yaml_head
from belle_core.lineage import ancestors

CARD = "README.md"


def write_card(
    examples: Examples,
    recipe: Mapping[str, Any],
    *,
    files: Iterable[str],
    compared: Iterable[str],
    inputs: Iterable[Artifact],
    digest: Callable[[Path], str],
) -> None:
    """Describe *examples*; *files* and *inputs* are what they were made from, *compared* are files that only filters looked into,
    ``digest(path)`` is a SHA-256.

    The same data give the same bytes: no times, no directories.
    """
    sources, others = [*_files(files, digest), *_made(inputs)], list(_files(compared, digest))
    text = "\n".join([*yaml_head(examples), *_body(examples, recipe, sources, others, digest)])
    (examples.directory / CARD).write_text(text + "\n", encoding="utf-8", newline="\n")


def _files(files: Iterable[str], digest: Callable[[Path], str]) -> Iterator[tuple[str, str, str]]:
    """(name, licence, SHA-256) of files that are there; what their licence is only the step's options say."""
    yield from ((_name(path), "", digest(path)) for path in map(Path, dict.fromkeys(files)) if path.is_file())


def _made(inputs: Iterable[Artifact]) -> Iterator[tuple[str, str, str]]:
    """The same of artifacts, whose name holds their fingerprint."""
    for artifact in inputs:
        licences = ", ".join(artifact.licences) or "not stated" if isinstance(artifact, Examples) else ""
        yield _named(artifact), licences, ""


def _named(artifact: Artifact) -> str:
    """``Examples/<fingerprint>``, with the names of the files that it comes from."""
    known = [manifest["provenance"] for manifest in ancestors(artifact.directory)]
    named = [Path(file) for one in known for file in one.get("files", ()) if file not in one.get("compared", ())]
    files = ", ".join(dict.fromkeys(path.name for path in named if path.name != MANIFEST))
    return f"{artifact.directory.parent.name}/{artifact.fingerprint}" + (f", from {files}" if files else "")


def _name(path: Path) -> str:
    """The file's name; an artifact's own instead of its manifest's."""
    return f"{path.parent.parent.name}/{path.parent.name}" if path.name == MANIFEST else path.name


def _body(
    examples: Examples,
    recipe: Mapping[str, Any],
    sources: Sequence[Sequence[str]],
    compared: Sequence[tuple[str, str, str]],
    digest: Callable[[Path], str],
) -> list[str]:
    config = dict(recipe.get("config") or {})
    filters = config.pop("clean", None) or []
    splits = [(s, _count(examples.splits.get(s, 0)), f"{s}.jsonl", digest(examples.directory / f"{s}.jsonl"))
              for s in splits_of(examples)]  # fmt: skip
    limit = f", a smoke run of at most {recipe['limit']} a split" if "limit" in recipe else ""
    return [
        f"# Examples {examples.fingerprint}",
        "",
        f"Made by `{recipe.get('stage', '?')}`, version {recipe.get('version', '?')}{limit}. Each line holds one `{examples.record}`; "
        f"`train` has {_count(examples.characters)} characters of text. Not loaded as data: `rejected.jsonl`, what was dropped and why; "
        "`artifact.json`, how it was made.",
        *_table("Splits", ["split", "examples", "file", "SHA-256"], splits),
        *_table("Licences, as the sources state them", ["licence"], [[one] for one in examples.licences] or [["not stated"]]),
        *_table("Sources", ["source", "licence", "SHA-256"], sources),
        *_filters(filters, examples, {digest: name for name, _, digest in compared}),
        *_table("Files that only filters looked into", ["file", "SHA-256"], [[name, digest] for name, _, digest in compared]),
        *_table("Dropped records", ["reason", "records"], [(r, _count(n)) for r, n in examples.rejected.items()]),
        "",
        "## Options",
        "",
        "```json",
        json.dumps(config | ({"seed": recipe["shared"]["seed"]} if "seed" in (recipe.get("shared") or {}) else {}),
                   ensure_ascii=False, indent=1, sort_keys=True).replace("`", "\\u0060"),
        "```",
    ]  # fmt: skip


def _filters(filters: Sequence[Any], examples: Examples, names: Mapping[str, str]) -> list[str]:
    """The filters in order, with their options and what each did to ``train``; *names* are those of files by their digests."""
    rows = []
    for name, options in ((name, options) for name, options in filters if options is not None):
        part = str(options.get("part", "")) if isinstance(options, dict) else ""
        said = {key: value for key, value in options.items() if key != "part"} if isinstance(options, dict) else options
        done = examples.cleaned.get(name, {})
        counts = [_count(done[key]) if key in done else "-" for key in ("in", "changed", "added", "dropped")]
        shown = re.sub(
            r"\b[0-9a-f]{64}\b", lambda m: names.get(m[0], m[0]), json.dumps(said, ensure_ascii=False, sort_keys=True)
        )
        rows.append([name, part, shown, *counts])
    return _table("Filters", ["filter", "part", "options", "in", "changed", "added", "dropped"], rows)


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A section of Markdown; nothing where there is no row."""
    if not rows:
        return []
    lines = [headings, ["---"] * len(headings), *([_plain(cell) for cell in row] for row in rows)]
    return ["", f"## {title}", "", *(f"| {' | '.join(line)} |" for line in lines)]


def _plain(cell: str) -> str:
    """*cell* on one line, without what Markdown or HTML would make of it."""
    line = " ".join(str(cell).split())
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;"))


def _count(number: int) -> str:
    return f"{number:,}"
