"""Several processes on one cluster: in which order they take the tests, and when one waits for the others.

The locks are the kernel's, so a process that is killed leaves none behind. Nobody waits for one without end:
whatever is done under them has deadlines of its own.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath

import pytest
from xdist.scheduler import LoadScopeScheduling

from deployment import ROOT

PLACE = ROOT / "build" / "e2e"

ORDER = ("long", "", "short", "alone")
"""In which order tests with these marks begin, and those without."""

TOGETHER = {
    "test_admission",
    "test_exports",
    "test_institutional",
    "test_kafka",
    "test_plan",
    "test_providers",
    "test_quarantine",
    "test_run_outcomes",
    "test_tiny_volume",
}
"""Modules whose tests share servers, a backbone or a kind of volume: one process takes all of a module's."""


def turn(item: pytest.Item) -> int:
    """The place of a test in the order."""
    return next((ORDER.index(mark.name) for mark in item.iter_markers() if mark.name in ORDER), 1)


class Turns(LoadScopeScheduling):
    """Hands out modules that stay together, then all other tests one by one in their order.

    `--dist loadgroup` is meant for this, but pytest-xdist 3.8 groups nothing on pytest 9.2, without a word.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if PurePath(module).stem in TOGETHER else nodeid


@contextmanager
def held(name: str, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock alone, or together with all who share it."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def once(run: str, what: str, install: Callable[[], None]) -> None:
    """Install something once in a run: the first process does it, and the others wait and find it done.

    One lock serves all that is installed, since the chart's CRDs are also applied without it.
    """
    installed_by = PLACE / f"{what}.run"
    with held("installing"):
        if installed_by.exists() and installed_by.read_text() == run:
            return
        install()
        installed_by.write_text(run)
