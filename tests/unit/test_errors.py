"""The tree of errors is drawn as it is."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import backbone
from backbone import errors
from backbone.client import errors as errors_of_a_reader

ENTRY = re.compile(r"^( *)([A-Z]\w+)(?: {2,}\S.*)?$")
RAISED = re.compile(r"^ +Raised (?:by (?P<modules>[\w., ]+)|wherever .+)\.$")


def modules() -> Iterator[ModuleType]:
    """Every module of the package that importing does not run."""
    for found in pkgutil.walk_packages(backbone.__path__, "backbone."):
        if not found.name.endswith(".__main__"):
            yield importlib.import_module(found.name)


@cache
def raised_on_purpose() -> dict[str, type[BaseException]]:
    """The public classes of errors that the package defines, by name."""
    return {
        name: item
        for module in modules()
        for name, item in vars(module).items()
        if isinstance(item, type) and issubclass(item, BaseException)
        if item.__module__ == module.__name__ and not name.startswith("_")
    }


def drawn(text: str) -> dict[str, tuple[str | None, tuple[str, ...]]]:
    """Each error of a drawing with its parent and the modules that raise it."""
    found: dict[str, tuple[str | None, tuple[str, ...]]] = {}
    above: list[str] = []
    for line in text.splitlines():
        if entry := ENTRY.match(line):
            depth = len(entry[1]) // 2
            above[depth:] = [entry[2]]
            found[entry[2]] = (above[depth - 1] if depth else None, ())
        elif raised := RAISED.match(line):
            places = tuple((raised["modules"] or "").split(", ")) if raised["modules"] else ("",)
            found[above[-1]] = (found[above[-1]][0], places)
    return found


@cache
def raising() -> dict[str, set[str]]:
    """The modules that make or raise each error."""
    found: dict[str, set[str]] = {name: set() for name in raised_on_purpose()}
    for module in modules():
        # The same name may be another class there; one that a function imports is not in the module.
        known = {name for name, item in raised_on_purpose().items() if vars(module).get(name, item) is item}
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
            made = node.func if isinstance(node, ast.Call) else node
            made = made.exc if isinstance(made, ast.Raise) else made
            if isinstance(made, ast.Name) and made is not node and made.id in known:
                found[made.id].add(module.__name__.removeprefix("backbone."))
    return found


TREE = drawn(errors.__doc__ or "")


def test_the_drawing_has_every_error_once() -> None:
    parents = {parent for parent, _ in TREE.values()}
    assert set(TREE) - parents | {"BackboneError"} <= set(raised_on_purpose())
    assert set(raised_on_purpose()) - set(TREE) == set()


@pytest.mark.parametrize("name", [name for name, (parent, _) in TREE.items() if parent])
def test_an_error_is_drawn_below_the_one_that_it_derives_from(name: str) -> None:
    assert raised_on_purpose()[name].__bases__[0].__name__ == TREE[name][0]


@pytest.mark.parametrize("name", [name for name, (parent, _) in TREE.items() if parent])
def test_an_error_is_drawn_with_the_modules_that_raise_it(name: str) -> None:
    places = TREE[name][1]
    found = sorted(raising()[name])
    assert found, f"nothing raises {name}"
    assert [module for module in found if not _below(module, places)] == []
    assert [place for place in places if not any(_below(module, (place,)) for module in found)] == []


def _below(module: str, places: tuple[str, ...]) -> bool:
    return any(not place or module == place or module.startswith(f"{place}.") for place in places)


def test_the_drawing_for_a_reader_agrees() -> None:
    for name, (parent, _) in drawn(errors_of_a_reader.__doc__ or "").items():
        assert TREE[name][0] == parent
