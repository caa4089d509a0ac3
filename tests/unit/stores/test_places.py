"""Which tier serves a backbone, and that nobody else in the worker asks."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import backbone
from backbone.databackbone.api import DataBackboneSpec
from backbone.manifest.objects import Backbone
from backbone.stores.places import asks_for_institutional, place_of, serves_institutional

TIERS = {"Bootstrap", "Institutional"}


def asking(mode: str, tier: Any = None) -> Backbone:
    section = {"timescale": {"connection": {"secretName": "db"}}} if mode == "Institutional" else {}
    return Backbone("market", DataBackboneSpec.model_validate({"mode": mode, **section}), tier)


@pytest.mark.parametrize(
    ("mode", "chosen", "serves"),
    [
        ("Bootstrap", None, "Bootstrap"),
        ("Institutional", None, "Institutional"),
        ("Institutional", "Bootstrap", "Bootstrap"),
        ("Institutional", "Institutional", "Institutional"),
        ("Bootstrap", "Institutional", "Institutional"),
    ],
)
def test_what_the_operator_chose_serves_and_otherwise_what_is_asked_for(
    tmp_path: Path, mode: str, chosen: Any, serves: str
) -> None:
    said: list[str] = []
    place = place_of(asking(mode, chosen), tmp_path, said.append)
    assert (place.name, place.folder, place.tier) == ("market", tmp_path, serves)
    assert said == []


@pytest.mark.parametrize(
    ("mode", "chosen", "asked"),
    [
        ("Bootstrap", None, False),
        ("Bootstrap", "Bootstrap", False),
        ("Institutional", "Bootstrap", True),
        ("Bootstrap", "Institutional", True),
    ],
)
def test_policies_are_for_a_tier_that_serves_or_is_asked_for(
    tmp_path: Path, mode: str, chosen: Any, asked: bool
) -> None:
    found = asking(mode, chosen)
    assert asks_for_institutional(found) is asked
    assert serves_institutional(found, tmp_path) is asked


def test_a_copy_that_does_not_read_may_hold_rows(tmp_path: Path) -> None:
    published = tmp_path / "published"
    published.mkdir()
    (published / "backbone.duckdb").write_bytes(b"no database")
    assert not serves_institutional(asking("Institutional"), tmp_path)
    assert serves_institutional(asking("Institutional", "Institutional"), tmp_path)


def test_nobody_else_in_the_worker_compares_tiers() -> None:
    found = [
        f"{path.name}:{node.lineno}"
        for room in ("ingest", "runtime")
        for path in sorted((Path(backbone.__file__).parent / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and part.value in TIERS
    ]
    assert found == []
