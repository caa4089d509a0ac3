"""Chains of checks: the first that finds something decides, and each says why it stands where it stands."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backbone.evaluation import Finding
from backbone.grading.chain import Chain, first
from backbone.vocabulary import Reason

ODD = Finding(False, Reason.INVALID_SPEC, "odd")
UNKNOWN = Finding(None, Reason.PENDING, "nobody looked")
ROOMS = ("databackbone", "failoverdrill", "ingestplan")
LONGEST = 25
"""Lines of a check with its docstring."""


def odd(number: int) -> Finding | None:
    return ODD if number % 2 else None


def unseen(number: int) -> Finding | None:
    return UNKNOWN if number > 9 else None


def never(number: int) -> Finding | None:
    raise AssertionError("nobody asks a check after one that spoke")


@pytest.mark.parametrize(
    ("chain", "case", "found"),
    [
        ((), 1, None),
        ((odd,), 2, None),
        ((odd,), 1, ODD),
        ((odd, unseen), 12, UNKNOWN),
        ((odd, unseen), 11, ODD),
        ((unseen, odd), 11, UNKNOWN),
        ((unseen, odd, never), 11, UNKNOWN),
    ],
)
def test_the_first_check_that_speaks_decides(chain: Chain[int], case: int, found: Finding | None) -> None:
    assert first(chain, case) == found


def test_a_finding_that_holds_nothing_is_a_finding_and_not_silence() -> None:
    assert (first((unseen,), 12) or ODD) is UNKNOWN


def chains() -> Iterator[tuple[str, tuple[Callable[..., Any], ...]]]:
    """Every chain of a room, by module and name."""
    for room in ROOMS:
        folder = importlib.import_module(f"backbone.{room}")
        for info in pkgutil.iter_modules(folder.__path__):
            module = importlib.import_module(f"backbone.{room}.{info.name}")
            for name, annotation in vars(module).get("__annotations__", {}).items():
                if str(annotation).startswith("Chain["):
                    yield f"{room}.{info.name}.{name}", getattr(module, name)


CHAINS = dict(chains())


def test_every_room_has_chains() -> None:
    assert {name.partition(".")[0] for name in CHAINS} == set(ROOMS)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_a_check_is_short_and_says_why_it_stands_there(chain: tuple[Callable[..., Any], ...]) -> None:
    assert len(set(chain)) == len(chain)
    for check in chain:
        assert check.__doc__ is not None, f"{check.__name__} has no docstring"
        assert len(inspect.getsource(check).splitlines()) <= LONGEST, f"{check.__name__} is long"
