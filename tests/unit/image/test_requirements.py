"""The locks fit pyproject.toml, each other, and what the code imports."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib

import grimp
import pytest
from inputs import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("build", "worker", "operator", "dev")
MEND = "run `make lock`"


def text(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text()


def pins(lock: str) -> dict[str, set[Version]]:
    """Versions by name: more than one where they differ from one Python to another."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text(lock), re.MULTILINE)
    versions: dict[str, set[Version]] = {}
    for name, version in found:
        versions.setdefault(canonicalize_name(name), set()).add(Version(version))
    return versions


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes_and_no_address(lock: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text(lock).strip())
    assert len(blocks) == sum(map(len, pins(lock).values()))
    for block in blocks:
        assert "--hash=sha256:" in block, block
    assert "://" not in text(lock)
    assert not re.search(r"^(-i|--index|--extra|--find)", text(lock), re.MULTILINE)


@pytest.mark.parametrize(
    ("wanted", "lock"),
    [
        pytest.param(PROJECT["project"]["dependencies"], "worker", id="what the command line needs"),
        pytest.param(PROJECT["project"]["optional-dependencies"]["operator"], "operator", id="the operator"),
        pytest.param(PROJECT["dependency-groups"]["dev"], "dev", id="development"),
        pytest.param(PROJECT["build-system"]["requires"], "build", id="building"),
    ],
)
def test_locks_keep_the_bounds(wanted: list[str], lock: str) -> None:
    pinned = pins(lock)
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{name} is not in {lock}.txt: {MEND}"
        for version in pinned[name]:
            assert version in requirement.specifier, f"{name} {version} breaks {requirement}: {MEND}"


@pytest.mark.parametrize("lock", ["worker", "operator"])
def test_what_is_shipped_is_what_is_tested(lock: str) -> None:
    tested = pins("dev")
    assert {name: found for name, found in pins(lock).items() if tested.get(name) != found} == {}


def test_the_operators_input_names_no_versions() -> None:
    lines = (ROOT / "requirements" / "operator.in").read_text().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert names == sorted(names)
    assert not [name for name in names if not re.fullmatch(r"[a-z-]+", name)]


@pytest.mark.parametrize(
    ("root", "lock"),
    [
        pytest.param("backbone.__main__", "operator", id="the operator"),
        pytest.param("backbone.runtime.cli", "worker", id="the worker"),
    ],
)
def test_an_image_holds_every_package_that_its_code_imports(root: str, lock: str) -> None:
    graph = grimp.build_graph(
        "backbone", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )
    reached = graph.find_upstream_modules(root)
    foreign = {name for name in reached if name.split(".")[0] not in {"backbone", *sys.stdlib_module_names}}
    owners = importlib.metadata.packages_distributions()
    needed = {canonicalize_name(owners[name][0]) for name in foreign}
    assert needed
    assert needed - set(pins(lock)) == set(), f"not in {lock}.txt"


def test_no_image_carries_the_other_ones_packages() -> None:
    assert {"confluent-kafka", "duckdb", "pyarrow", "typer", "rich"}.isdisjoint(pins("operator"))
    assert {"kopf", "kubernetes", "aiohttp", "prometheus-client"}.isdisjoint(pins("worker"))
