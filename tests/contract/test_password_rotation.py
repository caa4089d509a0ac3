"""A password that changes on the server first, then in the Secret, beside a run that stores: it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backbone.adapters.timescale import rotation
from backbone.adapters.timescale.settings import ConnectionSettings, from_folder
from backbone.adapters.timescale.store import TimescaleStore
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS
from backbone.ports.cache import INSTITUTIONAL
from backbone.ports.database import DatabaseFault
from backbone.ports.journal import RunStart
from backbone.ports.store_errors import StoreError
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.reports.run import RunReport
from backbone.stores.invalidation import Invalidation
from backbone.vocabulary import Outcome
from databases import changed, execute, on_postgres_migrated, uri_of
from market_rows import NAMES, bars, stamped
from mounted import hold
from redis_place import RedisPlace

WAIT = timedelta(seconds=5)
TEN = datetime(2024, 3, 1, 10, 0, tzinfo=UTC)


class Rotated:
    """A database, and the mounted Secret that says how it is reached."""

    def __init__(self, settings: ConnectionSettings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.told: list[str] = []
        on_postgres_migrated(settings)
        hold(folder, uri=uri_of(settings))

    def read(self) -> ConnectionSettings:
        return from_folder("timescale", self.folder)

    def on_the_server(self, password: str) -> None:
        execute(self.settings, f"ALTER ROLE {self.settings.user} PASSWORD '{password}'")
        self.settings = changed(self.settings, password=password)

    def in_the_secret(self) -> None:
        hold(self.folder, uri=uri_of(self.settings))

    def store(self, pause: Callable[[float], None] = time.sleep) -> TimescaleStore:
        return TimescaleStore(self.read(), pause, again=self.read, tell=self.told.append)


@pytest.fixture
def rotated(own_postgres: ConnectionSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rotated:
    monkeypatch.setattr(rotation, "LOOK_SECONDS", 0.1)
    return Rotated(own_postgres, tmp_path / "timescale")


class Delivers:
    """A provider that lets something happen while it is asked, and while its rows are copied."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile

    def fetch(self, query: Query) -> Delivery:
        self._meanwhile()
        return Delivery((Slice("test", TEN, bars("test", 5)),))


def run(place: Rotated, meanwhile: Callable[[], None]) -> RunReport:
    tasks = (Task("Test", Query(DAILY_BARS, NAMES), True),)
    return IngestRun(
        RunRequest("run-1", "plan", 1, tasks, WAIT),
        {"Test": Delivers(meanwhile)},
        place.store(),
        clock=lambda: TEN,
        progress=place.told.append,
        checkpoint=lambda: None,
    ).execute()


@contextmanager
def soon(seconds: float, what: Callable[[], None]) -> Iterator[None]:
    timer = threading.Timer(seconds, what)
    timer.start()
    yield
    timer.join()


def test_a_run_whose_password_changes_under_it_goes_on_with_the_secrets_new_one(rotated: Rotated) -> None:
    def meanwhile() -> None:
        rotated.on_the_server("the-new-one")
        threading.Timer(1.0, rotated.in_the_secret).start()

    report = run(rotated, meanwhile)
    assert report.outcome is Outcome.SUCCEEDED, report.message
    assert execute(rotated.settings, "SELECT count(*) > 0 FROM market.daily_bars") == [(True,)]
    refused = [text for text in rotated.told if "reading the Secret again" in text]
    assert len(refused) == 1, "once for each change"
    assert not any("the-new-one" in text for text in rotated.told)


def test_the_session_of_a_copy_goes_on_and_the_next_one_has_the_new_password(rotated: Rotated) -> None:
    with rotated.store().writer("run-1", WAIT) as writer:
        writer.journal.begin(RunStart("run-1", "plan", 1, TEN))
        with writer.batch():
            writer.rows.upsert(DAILY_BARS, stamped(bars("test")))
            rotated.on_the_server("changed")
            writer.rows.upsert(DAILY_BARS, stamped(bars("other")))
    with soon(0.5, rotated.in_the_secret), rotated.store().writer("run-2", WAIT) as writer:
        assert writer.rows.upsert(DAILY_BARS, stamped(bars("third"))) > 0
    sources = execute(rotated.settings, "SELECT DISTINCT source FROM market.daily_bars ORDER BY 1")
    assert sources == [("other",), ("test",), ("third",)]


def test_a_password_that_stays_wrong_is_named_once_the_time_is_over_and_not_waited_for_again(
    rotated: Rotated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "ROTATION", timedelta(seconds=1))
    rotated.on_the_server("changed")
    store = rotated.store()
    began = time.monotonic()
    with pytest.raises(StoreError) as caught, store.writer("run-1", WAIT):
        pass
    took = time.monotonic() - began
    assert caught.value.fault is DatabaseFault.AUTHENTICATION_FAILED
    assert 1 < took < 2.5
    with pytest.raises(StoreError), store.writer("run-1", WAIT):
        pass
    assert time.monotonic() - began - took < 0.5


def test_whoever_is_stopped_while_it_waits_does_not_wait_to_say_so(rotated: Rotated) -> None:
    rotated.on_the_server("changed")

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    store = rotated.store(stop)
    with pytest.raises(KeyboardInterrupt), store.writer("run-1", WAIT):
        pass
    with pytest.raises(StoreError), store.writer("run-1", WAIT):
        pass


def test_a_secret_that_is_half_written_is_read_again(rotated: Rotated) -> None:
    rotated.on_the_server("changed")
    store = rotated.store()
    hold(rotated.folder, host="127.0.0.1")
    with soon(0.5, rotated.in_the_secret), store.writer("run-1", WAIT):
        pass


def test_an_invalidation_that_is_owed_is_done_with_the_next_connection(redis_place: RedisPlace) -> None:
    told: list[str] = []
    cache = redis_place.cache(INSTITUTIONAL)
    asked: list[str] = []
    answers = iter([None, None])
    invalidate = cache.invalidate

    def refusing(version: str, subjects: frozenset[str] | None = None) -> int | None:
        asked.append(version)
        return next(answers, 0) if len(asked) <= 2 else invalidate(version, subjects)

    cache.invalidate = refusing  # type: ignore[method-assign]
    owed = Invalidation(cache, told.append)
    owed.opened(("now", "before"))
    owed(DAILY_BARS, {"AAPL"})
    assert asked == ["now-daily-bars", "before-daily-bars"]
    assert "daily" in told[0].lower()
    owed.opened(("now", "before"))
    assert asked[2:] == ["now-daily-bars", "before-daily-bars"]
    owed.opened(("now", "before"))
    assert len(asked) == 4, "nothing is owed any more"
    owed.opened(("later", "now"))
    assert asked[4:] == ["later-daily-bars", "now-daily-bars"], "readers go by another mark after a failover"
    owed.close()
