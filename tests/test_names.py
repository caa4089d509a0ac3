"""Names in docstrings, comments and pages lead to something that exists."""

from __future__ import annotations

import ast
import importlib
import io
import pkgutil
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import backbone
from backbone.crds.files import RESOURCES

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "operator" / "backbone"
SHELVES = ("operator", "hack", "tests")
PYTHON = [path for shelf in SHELVES for path in sorted((ROOT / shelf).rglob("*.py"))]
PAGES = [path for shelf in ("docs", "operator", "charts", "hack") for path in (ROOT / shelf).rglob("*.md")]
PAGES += sorted(ROOT.glob("*.md"))

DOTTED = re.compile(r"(?<![\w./$@-])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?![\w/-]|\.\w)")
UNDERSCORED = re.compile(r"(?<![\w./$*-])[a-z]\w*_\w*[a-z0-9](?![\w/*-]|\.\w)")
FILE = re.compile(r"\.(cfg|crt|csv|duckdb|gz|ini|json|jsonl|key|md|mjs|py|sh|sql|tar|toml|tsv|txt|yaml|yml)$")

PROSE = {"client", "databackbone", "failoverdrill", "ingestplan", "market"}
"""Packages of ours whose names are also the words of pages: variables, kinds, a schema of the database."""

FOREIGN = {"metav1"}
"""Names of other languages' packages."""

KINDS = {resource.kind for resource in RESOURCES}
OF_SYSTEMS = re.compile(r"pg_\w+|sock_\w+")
"""Names that PostgreSQL and Linux have for what is theirs."""

IN_CAMEL_CASE = re.compile(r"\b[a-z]+[A-Z]")
"""A field of a YAML document, which no module has."""


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def modules() -> dict[str, ModuleType]:
    """Every module of the package that importing does not run, by its name below the package."""
    found = {"backbone": backbone}
    for item in pkgutil.walk_packages(backbone.__path__, "backbone."):
        if not item.name.endswith(".__main__"):
            found[item.name.removeprefix("backbone.")] = importlib.import_module(item.name)
    return found


@cache
def dotted_parts() -> frozenset[str]:
    """What a dotted name of ours begins with: the last part of a module's name, or a package."""
    return frozenset(part for name in modules() for part in (name.split(".")[0], name.rsplit(".", 1)[-1]))


def has(owner: object, names: list[str]) -> bool:
    """Whether the names lead on from a module or a class."""
    for name in names:
        if isinstance(owner, type) and any(
            name in vars(base).get("__annotations__", {}) for base in owner.mro()
        ):
            return True
        if not hasattr(owner, name):
            return False
        owner = getattr(owner, name)
    return True


def ours(name: str) -> bool:
    """Whether a dotted name leads to a module of ours, a thing in it, or an attribute of a class of ours."""
    parts = name.removeprefix("backbone.").split(".")
    for count in range(1, len(parts) + 1):
        head = ".".join(parts[:count])
        for known, module in modules().items():
            if (known == head or known.endswith(f".{head}")) and has(module, parts[count:]):
                return True
    return any(
        has(vars(module).get(parts[0]), parts[1:])
        for module in modules().values()
        if parts[0] in vars(module)
    )


def of_no_module(name: str) -> bool:
    """Whether what looks like a module's name is that of a file, a field or a kind."""
    return bool(FILE.search(name) or IN_CAMEL_CASE.search(name)) or name.split(".", maxsplit=1)[0] in KINDS


@cache
def foreign(name: str) -> bool:
    """Whether a dotted name leads to something in another package."""
    head, *rest = name.split(".")
    try:
        return head in FOREIGN or has(importlib.import_module(head), rest)
    except ImportError:
        return False


def docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Every string that stands alone as a statement, and so documents what is beside it."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for item in body if isinstance(body, list) else ():
            if (
                isinstance(item, ast.Expr)
                and isinstance(item.value, ast.Constant)
                and isinstance(item.value.value, str)
            ):
                yield item.value


@cache
def prose(path: Path) -> tuple[str, ...]:
    """The docstrings and comments of a module."""
    text = path.read_text()
    comments = (
        item.string
        for item in tokenize.generate_tokens(io.StringIO(text).readline)
        if item.type == tokenize.COMMENT
    )
    return (*(str(item.value) for item in docstrings(ast.parse(text))), *comments)


@cache
def code() -> str:
    """All that the tree says elsewhere than in prose: programs without docstrings, SQL, YAML, charts."""
    pieces = [
        path.read_text()
        for shelf in ("operator", "hack", "charts", "tests", "crds")
        for path in (ROOT / shelf).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".md", ".pyc", ".csv", ".parquet"}
        if "node_modules" not in path.parts
    ]
    for path in (item for item in PYTHON if item != Path(__file__)):
        tree = ast.parse(path.read_text())
        for item in docstrings(tree):
            item.value = ""
        pieces.append(ast.unparse(tree))
    return "\n".join(pieces)


@cache
def words() -> frozenset[str]:
    return frozenset(re.findall(r"\w+", code())) | {path.stem for path in PYTHON}


def stale_in(text: str) -> list[str]:
    """The dotted names of a text that lead nowhere."""
    found = []
    for name in DOTTED.findall(text):
        head = name.partition(".")[0]
        claims = head in dotted_parts() or re.fullmatch(r"[a-z_]\w*\.[A-Z]\w*.*", name) or head[0].isupper()
        if claims and not of_no_module(name) and not ours(name) and not foreign(name) and name not in code():
            found.append(name)
    return found


def stale(path: Path) -> list[str]:
    """The dotted names of a module's prose that lead nowhere."""
    return [name for text in prose(path) for name in stale_in(text)]


def missing(path: Path) -> list[str]:
    """The names with underscores in a module's prose that no program has."""
    named = {name for text in prose(path) for name in UNDERSCORED.findall(text)}
    return sorted(name for name in named - words() if not OF_SYSTEMS.fullmatch(name))


def test_dotted_names_of_a_module_lead_somewhere() -> None:
    assert {named(path): found for path in PYTHON if (found := stale(path))} == {}


def test_names_with_underscores_exist_in_some_program() -> None:
    assert {named(path): found for path in PYTHON if (found := missing(path))} == {}


def test_modules_that_a_page_names_exist() -> None:
    packages = {name.split(".")[0] for name in modules()} - PROSE | {"backbone"}
    for page in PAGES:
        for name in DOTTED.findall(page.read_text()):
            if name.split(".")[0] in packages and not of_no_module(name) and not name.endswith("emp.dev"):
                assert ours(name), f"{named(page)} names {name}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("`ports.quarantine.EntryState` and ports.quarantine", [], id="a class and its module"),
        pytest.param("see quarantine.EntryState.HELD.", [], id="by the last part of the module's name"),
        pytest.param("what Outcome.STORE_BUSY says", [], id="a member of a class of ours"),
        pytest.param("psycopg.Error, time.monotonic()", [], id="what others have"),
        pytest.param("spec.timescale.connection, redis.maxKeys", [], id="fields of a document"),
        pytest.param("read errors.py and cache.md", [], id="files"),
        pytest.param("as store.EntryState has them", ["store.EntryState"], id="a class that moved"),
        pytest.param("old_module.USED", ["old_module.USED"], id="a module that is gone"),
        pytest.param("Outcome.GONE", ["Outcome.GONE"], id="a member that is gone"),
        pytest.param("backbone.client.gone", ["backbone.client.gone"], id="a path that leads nowhere"),
    ],
)
def test_what_is_stale(text: str, found: list[str]) -> None:
    assert stale_in(text) == found
