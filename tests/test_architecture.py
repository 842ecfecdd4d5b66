"""The rules of ARCHITECTURE.md, read off the source and off real processes."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from belle_core import hooks
from belle_core.stages import KINDS, Part, Stage
from belle_core.testing.declaration import offers_of
from belle_core.testing.imports import imported_modules
from belle_core.testing.light import HEAVY
from belle_core.testing.options import undocumented

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "belle_core"
PLUGINS = ROOT / "plugins"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = sorted(path.name for path in PLUGINS.iterdir() if (path / "__init__.py").is_file())
SOURCES = sorted([*CORE.rglob("*.py"), *PLUGINS.rglob("*.py")])
HAN = re.compile(r"[一-鿿]")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


every_source = pytest.mark.parametrize("path", SOURCES, ids=name_of)
every_plugin = pytest.mark.parametrize("plugin", FOLDERS)


def packages(path: Path) -> set[str]:
    """Top-level packages that a file imports, anywhere in it."""
    return {name.split(".")[0] for _, name in imported_modules(path.read_text(encoding="utf-8"))}


# --- who imports whom


def test_the_core_imports_no_plugin():
    found = {name_of(path): packages(path) & set(FOLDERS) for path in CORE.rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


@every_plugin
def test_a_plugin_imports_the_core_and_itself(plugin):
    found = {name_of(path): (packages(path) & set(FOLDERS)) - {plugin} for path in (PLUGINS / plugin).rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


HOME = {
    "torch": ("training", "generation", "tokenization", "planning"),
    "pytorch_lightning": ("training",),
    "peft": ("training", "generation"),
    "transformers": ("training", "generation", "tokenization"),
    "tokenizers": ("tokenization", "planning"),
    "sentencepiece": ("tokenization",),
    "numpy": ("training", "generation", "tokenization", "data", "report"),
    "matplotlib": ("report", "training"),
    "pandas": ("report",),
}
"""Folders of the core that may import a heavy package; nothing else there may, not even inside a function."""


@pytest.mark.parametrize("package", HOME)
def test_heavy_packages_have_a_home_in_the_core(package):
    guests = [
        p for p in CORE.rglob("*.py") if package in packages(p) and p.relative_to(CORE).parts[0] not in HOME[package]
    ]
    assert [name_of(path) for path in guests] == []


LAYERS = ("errors", "artifacts", "stages", "hooks", "plugins", "compose|wiring", "pipeline", "api", "cli")
"""Later ones may import earlier ones when they are imported; never the other way."""


def top_level_imports(path: Path) -> Iterator[str]:
    """Modules imported when the module itself is; ``if TYPE_CHECKING`` and functions left out."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reached(module: str, seen: set[str]) -> set[str]:
    """Core modules that importing *module* imports, directly or not."""
    path = CORE / f"{module.replace('.', '/')}.py"
    for name in top_level_imports(path) if path.is_file() else ():
        inner = name.removeprefix("belle_core.")
        if name.startswith("belle_core.") and inner not in seen:
            seen.add(inner)
            reached(inner, seen)
    return seen


@pytest.mark.parametrize("level", range(len(LAYERS)))
def test_layers_run_one_way(level):
    later = {name for layer in LAYERS[level + 1 :] for name in layer.split("|")}
    for module in LAYERS[level].split("|"):
        assert (CORE / f"{module}.py").is_file()
        assert reached(module, set()) & later == set()


# --- plugins and what they are declared as


def test_entry_points_are_the_folders():
    declared = PROJECT["project"]["entry-points"]["belle"]
    assert sorted(declared.values()) == FOLDERS
    assert all(module == f"belle_{name}" for name, module in declared.items())


def test_extras_of_stages_and_parts_exist():
    extras = PROJECT["project"]["optional-dependencies"]
    offers = [offer for folder in FOLDERS for offer in offers_of(__import__(folder))]
    assert offers
    wanted = {offer.extra for offer in offers if isinstance(offer, (Stage, Part)) and offer.extra}
    assert wanted <= set(extras)


@pytest.mark.parametrize("hook", [name for name in vars(hooks) if name.startswith("belle_")])
def test_every_hook_is_documented(hook):
    assert (getattr(hooks, hook).__doc__ or "").strip()
    pages = [path for path in (ROOT / "docs" / "plugins.md", ROOT / "CONTRIBUTING.md") if path.is_file()]
    assert any(hook in path.read_text(encoding="utf-8") for path in pages)


def test_every_option_of_the_core_is_documented():
    import belle_core.config as config

    sections = {*KINDS, "model", "trainer", "tracker"}  # each has options of its own
    classes = [
        value for value in vars(config).values() if isinstance(value, type) and hasattr(value, "__dataclass_fields__")
    ]
    assert len(classes) >= 5
    assert [f"{cls.__name__}.{name}" for cls in classes for name in undocumented(cls) if name not in sections] == []


# --- nothing heavy before it is needed

CALL = """
import sys
from belle_core.cli import main
answer, *arguments = sys.argv[1:]
try:
    main(arguments)
finally:
    import json
    open(answer, "w").write(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def imported_by(tmp_path: Path, *arguments: str) -> tuple[int, set[str]]:
    """Exit status, and the heavy packages that a command line brings along."""
    answer = tmp_path / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", CALL, str(answer), *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    return done.returncode, set(json.loads(answer.read_text())) & set(HEAVY)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["+train=lora", "--cfg", "job"], 0),
        (["+train=lorra"], 1),
        (["+train=lora", "train.ranc=3"], 1),
        (["+train=lora", "train.rank=0"], 1),
        (["+train=lora", "model=llama13b"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_help_and_errors_import_nothing_heavy(tmp_path, arguments, status):
    assert imported_by(tmp_path, *arguments) == (status, set())


def test_a_run_from_the_store_imports_nothing_heavy(tmp_path):
    run = ["+data=demo", "data.size=200", "+tokenizer=bpe", "tokenizer.vocabulary=900"]
    assert imported_by(tmp_path, *run)[1] != set()
    assert imported_by(tmp_path, *run) == (0, set())


def test_importing_the_core_imports_nothing_heavy():
    code = (
        "import sys, belle_core, belle_core.api, belle_core.cli; print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & set(HEAVY) == set()


# --- the text of the source


@every_source
def test_every_module_begins_with_one_line_that_says_what_it_is(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring and docstring.splitlines()[0].strip()
    assert docstring.splitlines()[0].endswith((".", ":", "。"))


@every_source
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError|NotImplemented)\b")
MACHINE = re.compile(r"(/home/|/root/|/work/|/Users/|[A-Z]:\\\\|/tmp/)")


@every_source
def test_nothing_is_unfinished_or_bound_to_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert UNFINISHED.findall(text) == []
    assert MACHINE.findall(text) == []


BOTH = {"BelleError": (0, 1), "Invalid": (1, 2), "say": (0, 1)}
"""Where the English and the Chinese text stand among the arguments."""


def bilingual_calls(path: Path) -> Iterator[tuple[int, str, ast.expr | None, ast.expr | None]]:
    """(line, function, English, Chinese) of every call that must speak both languages."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in BOTH and not any(isinstance(argument, ast.Starred) for argument in node.args):
            texts = [node.args[place] if place < len(node.args) else None for place in BOTH[name]]
            yield node.lineno, name, texts[0], texts[1]


def literal_text(node: ast.expr | None) -> str:
    """The fixed words of a literal; empty when it has none but the program's name."""
    found = (
        []
        if node is None
        else [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    )
    text = " ".join(found)
    return text if re.search(r"[^\W\d_]", re.sub(r"\bbelle\b", "", text)) else ""


def wrong_messages(path: Path) -> list[str]:
    """What is wrong with the messages of a file, by line."""
    wrong = []
    for line, name, english, chinese in bilingual_calls(path):
        if english is None or chinese is None:
            wrong.append(f"{line}: {name} needs two texts")
        elif (text := literal_text(chinese)) and not HAN.search(text):
            wrong.append(f"{line}: the Chinese text of {name} has no Chinese in it: {text}")
        elif HAN.search(text := literal_text(english)):
            wrong.append(f"{line}: the English text of {name} has Chinese in it: {text}")
    return wrong


@every_source
def test_every_message_speaks_both_languages(path):
    assert wrong_messages(path) == []


def test_the_check_of_messages_can_fail(tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text(
        'BelleError("a")\nsay("b", "c")\nInvalid("d", "必须", "e 必须")\nsay(f"belle: {x}", f"belle：{x}")\n',
        encoding="utf-8",
    )
    assert [int(wrong.split(":")[0]) for wrong in wrong_messages(path)] == [1, 2, 3]


BENCHES = sorted((ROOT / "bench").rglob("*.py"))


@pytest.mark.parametrize("path", BENCHES, ids=name_of)
def test_what_a_bench_imports_from_here_is_there(path):
    """Nothing runs these scripts day by day, so nothing else would tell that a name they need is gone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (source := source_of(node.module or "", path.parent)):
            missing = {alias.name for alias in node.names} - names_in(source)
            assert not {name for name in missing if not source_of(f"{node.module}.{name}", path.parent)}, node.module


def source_of(module: str, beside: Path) -> Path | None:
    """The file of a module of this project, or of a script *beside* the one that imports it."""
    places = [folder.joinpath(*module.split(".")) for folder in (ROOT, PLUGINS, beside)]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return next((file for file in files if file.is_file()), None)


def names_in(path: Path) -> set[str]:
    """What a module defines or imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name) for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def test_standard_error_is_written_to_in_one_place():
    """``belle_core.notices`` knows what to do when it is closed, gone or narrow; the workers only hand it on."""
    users = {name_of(p) for p in SOURCES if "sys.stderr" in p.read_text(encoding="utf-8")}
    assert users == {"belle_core/notices.py", "belle_core/worker.py", "belle_core/data/workers.py"}
