"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import backbone
import turns
from backbone.crds.files import RESOURCES

ROOT = Path(__file__).resolve().parents[1]

NOT_OURS = {".git", ".venv", "__pycache__", "backbone-data", "build", "dist", "node_modules"}
CACHES = {".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"}

FILE_LINES, TEST_FILE_LINES, FUNCTION_LINES = 330, 500, 50
LARGEST_FILE = 320 * 1024

VAGUE_NAMES = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}

OWN_HOSTS = re.compile(
    r"(localhost|127\.0\.0\.1|198\.18\.\d+\.\d+|[a-z0-9.-]*\.(svc|local|invalid)\b.*)(:\d+)?"
)
KNOWN_HOSTS = {"bford.info", "docs.pytest.org", "json-schema.org", "keepachangelog.com", "www.apache.org"}
"""Hosts that texts may point to. None serves packages: where those come from is the machine's business."""

MACHINE_PATH = re.compile(r"(?<![\w.*])/(work|root|home|Users)/\w")
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=]{40}")
UNCONDITIONAL = re.compile(r"pytest\.(skip|importorskip|xfail)\b|mark\.(skip|skipif|xfail)\b|unittest\.skip")


def ours() -> Iterator[Path]:
    """Every file of the checkout that is not somebody else's or generated at run time."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(set(folders) - NOT_OURS - CACHES)
        folders[:] = [name for name in folders if not name.endswith(".egg-info")]
        yield from (Path(folder) / name for name in sorted(names))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


FILES = list(ours())
PYTHON = [path for path in FILES if path.suffix == ".py"]
PRODUCT = [path for path in PYTHON if named(path).startswith(("operator/", "hack/"))]
TESTS = [path for path in PYTHON if named(path).startswith("tests/")]
PAGES = [path for path in FILES if path.suffix == ".md"]
SAMPLES = sorted((ROOT / "manifests").rglob("*.yaml"))
BY_KIND = {resource.kind: resource for resource in RESOURCES}


def hits(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Name file and line of each match."""
    return [
        f"{named(path)}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for path in paths
        if path != Path(__file__)
        for text in [path.read_text()]
        for match in pattern.finditer(text)
    ]


def test_the_shelf_is_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists(), "it would shadow the standard library's operator"


def test_every_file_is_text_of_bearable_size() -> None:
    for path in FILES:
        content = path.read_bytes()
        assert b"\0" not in content, f"{named(path)} is binary"
        content.decode()
        assert len(content) <= LARGEST_FILE, f"{named(path)} has {len(content)} bytes"


def test_no_file_says_where_packages_come_from() -> None:
    hosts = re.compile(r"https?://(?P<host>[A-Za-z0-9][A-Za-z0-9.:-]*)")
    for path in FILES:
        for match in hosts.finditer(path.read_text()):
            host = match["host"].rstrip(".:")
            known = host in KNOWN_HOSTS or OWN_HOSTS.fullmatch(host) or host.endswith("example.com")
            assert known, f"{named(path)} names {host}"


def test_no_file_carries_a_path_of_somebodys_machine() -> None:
    assert hits(MACHINE_PATH, FILES) == []


def test_no_file_carries_a_private_key() -> None:
    assert hits(SECRET, FILES) == []


def test_no_test_can_be_skipped() -> None:
    assert hits(UNCONDITIONAL, TESTS) == []


@pytest.mark.parametrize(
    ("paths", "limit"), [(PRODUCT, FILE_LINES), (TESTS, TEST_FILE_LINES)], ids=["product", "tests"]
)
def test_files_are_short(paths: list[Path], limit: int) -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in paths}
    assert {name: length for name, length in lengths.items() if length > limit} == {}


def test_functions_are_short() -> None:
    long = {
        f"{named(path)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in PRODUCT
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.end_lineno and node.end_lineno - node.lineno >= FUNCTION_LINES
    }
    assert long == {}


def test_no_name_says_nothing() -> None:
    words = {named(path): set(re.split(r"[_.-]", path.stem.lower())) for path in PYTHON}
    folders = {named(path.parent): {path.parent.name.lower()} for path in PYTHON}
    assert [name for name, parts in (words | folders).items() if parts & VAGUE_NAMES] == []


def test_nothing_is_evaluated_or_executed_from_text() -> None:
    found = [
        f"{named(path)}:{node.lineno}"
        for path in PYTHON
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec", "compile", "__import__"}
    ]
    assert found == []


def test_sql_of_a_page_can_be_pasted() -> None:
    begins = re.compile(r" +(ALTER|CALL|CREATE|DELETE|DROP|GRANT|INSERT|REVOKE|SELECT|UPDATE|WITH) ")
    unended = []
    for path in (item for item in FILES if item.suffix == ".md"):
        for block in re.findall(r"(?:^ {4,}\S.*\n)+", path.read_text(), re.MULTILINE):
            statement = ""
            for line in [*block.splitlines(), ""]:
                if statement and (not line or line.lstrip().startswith("kubectl") or begins.match(line)):
                    if not re.search(r";( +--.*)?$", statement):
                        unended.append(f"{named(path)}: {statement.strip()}")
                    statement = ""
                if statement or begins.match(line):
                    statement = f"{statement} {line}"
    assert unended == []


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def test_every_kind_has_a_sample() -> None:
    kinds = {document["kind"] for path in SAMPLES for document in documents(path)}
    assert set(BY_KIND) <= kinds


@pytest.mark.parametrize("path", SAMPLES, ids=named)
def test_samples_are_valid(path: Path) -> None:
    assert documents(path), "an empty sample"
    for document in documents(path):
        assert document["metadata"]["name"]
        if document["apiVersion"].startswith("backbone.emp.dev/"):
            BY_KIND[document["kind"]].spec.model_validate(document["spec"])


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (chart,) = documents(ROOT / "charts" / "databackbone" / "Chart.yaml")
    assert project["version"] == backbone.__version__
    assert (chart["version"], chart["appVersion"]) == (backbone.__version__, backbone.__version__)
    tag = re.compile(r"backbone-(?:operator|worker|worker-sample):([\w.-]+)")
    tags = {match[1] for path in [*SAMPLES, *PAGES] for match in tag.finditer(path.read_text())}
    assert tags <= {backbone.__version__}


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.MULTILINE))


CODE = re.compile(r"```.*?```|`[^`\n]+`", flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_in_a_page_exist(page: Path) -> None:
    code = "\n".join(CODE.findall(page.read_text()))
    assert set(re.findall(r"(?:^|[`;&$] ?)make ([a-z][a-z-]*)", code, flags=re.MULTILINE)) <= targets()
    for place in re.findall(r"(?<![\w/.-])((?:hack|\.ci)/[\w/.-]+)", code):
        assert (ROOT / place.rstrip("/.")).exists(), place


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = CODE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_the_walk_passes_every_module() -> None:
    walk = (ROOT / "operator" / "README.md").read_text()
    package = ROOT / "operator" / "backbone"
    for path in sorted(package.rglob("*.py")):
        if path.stem.startswith("__"):
            continue
        inside = path.relative_to(package)
        spots = [inside.name, *(f"backbone/{folder.as_posix()}/" for folder in inside.parents)]
        assert any(spot in walk for spot in spots), f"operator/README.md does not lead to {named(path)}"
    for place in re.findall(r"`(backbone/[\w/.]+)`", walk):
        assert (ROOT / "operator" / place).exists(), place


def test_every_suite_runs() -> None:
    folders = {
        path.parent.relative_to(ROOT / "tests").parts[:1] for path in TESTS if path.stem[:5] == "test_"
    }
    (suites,) = re.findall(r"^SUITES := (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {part for parts in folders for part in parts} == {"unit", *suites.split()}


def test_modules_that_one_process_takes_whole_exist() -> None:
    assert {path.stem for path in TESTS if named(path).startswith("tests/e2e/")} >= turns.TOGETHER


def test_unit_tests_mirror_the_product() -> None:
    for folder in {path.parent for path in TESTS if named(path).startswith("tests/unit/")}:
        inside = folder.relative_to(ROOT / "tests" / "unit")
        places = (ROOT / "operator" / "backbone" / inside, ROOT / "hack" / inside)
        mirrored = any(place.is_dir() or place.with_suffix(".py").is_file() for place in places)
        assert mirrored, f"{named(folder)} mirrors nothing"


def test_the_verification_is_the_documented_command() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("\nmake test")
    assert "make test" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["bench", "build", "dev", "operator", "worker"])
def test_requirements_are_pinned_by_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9][\w.-]*(\[[\w,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line
