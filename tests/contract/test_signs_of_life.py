"""A run counts as alive from its first moment to its last, whoever looks meanwhile."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from backbone.adapters.duckdb import volume
from backbone.adapters.duckdb.volume import Volume
from backbone.adapters.timescale import writer_lock
from backbone.adapters.timescale.session import connected
from stores import OnTimescale


def held(path: Path, then: Callable[[], None]) -> threading.Thread:
    """Somebody who has the file locked for a moment, as one does who looks, and then does something."""
    locked = threading.Event()

    def hold() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            locked.set()
            time.sleep(0.2)
            then()

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(10)
    return thread


@pytest.mark.parametrize("removed", [True, False], ids=["and removes the sign", "and lets it be"])
def test_a_run_that_begins_while_somebody_looks_for_it_is_alive(tmp_path: Path, removed: bool) -> None:
    place = Volume(tmp_path)
    sign = place._sign_of_life("run-1")
    looking = held(sign, sign.unlink if removed else lambda: None)
    with place.alive("run-1"):
        looking.join()
        assert place.is_alive("run-1")
        assert place.is_alive("run-1"), "a look takes nothing away"
    assert not place.is_alive("run-1")


def test_a_second_process_of_a_run_takes_nothing_from_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "LOOK_SECONDS", 0.1)
    place = Volume(tmp_path)
    with place.alive("run-1"):
        with place.alive("run-1"):
            assert place.is_alive("run-1")
        assert place.is_alive("run-1")
    assert not place.is_alive("run-1")


def test_of_many_that_begin_while_others_look_without_pause_each_is_alive(tmp_path: Path) -> None:
    place, over = Volume(tmp_path), threading.Event()

    def look() -> None:
        while not over.is_set():
            place.is_alive("run-1")

    with ExitStack() as stack:
        stack.callback(over.set)
        lookers = [threading.Thread(target=look) for _ in range(3)]
        for each in lookers:
            each.start()
        seen = []
        for _ in range(300):
            with place.alive("run-1"):
                seen.append(place.is_alive("run-1"))
    for each in lookers:
        each.join()
    assert seen == [True] * 300


def test_a_run_on_a_database_that_begins_while_somebody_looks_for_it_is_alive(
    institutional: OnTimescale,
) -> None:
    locked = threading.Event()

    def look() -> None:
        with connected(institutional.settings) as connection, connection.transaction():
            assert not writer_lock.is_alive(connection, "run-1")
            locked.set()
            time.sleep(0.3)

    looking = threading.Thread(target=look)
    looking.start()
    assert locked.wait(10)
    with institutional.store().running("run-1"):
        looking.join()
        with connected(institutional.settings) as connection, connection.transaction():
            assert writer_lock.is_alive(connection, "run-1")
