"""The client on a real database: what it reads, what its cache keeps, and a password that changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from backbone.adapters.timescale.cache_marks import cache_version
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.adapters.timescale.watch import SecretWatch
from backbone.client import DAILY_BARS, INSTITUTIONAL, MACRO_SERIES, NotHeld, NothingPublished, Unfit
from backbone.client.database import MARK_STANDS, DatabaseClient
from backbone.ports.database import DatabaseFault
from databases import SCHEMAS, execute, on_postgres_migrated
from redis_place import RedisPlace
from small_copies import NOW, bar, ingest_into
from stores import OnTimescale
from test_migrate_cli import secret

T = TypeVar("T")


@pytest.fixture
def held(institutional: OnTimescale) -> OnTimescale:
    """Three bars of one symbol and one of another."""
    ingest_into(institutional.store(), [*(bar(day) for day in (1, 2, 5)), bar(5, symbol="IBM")])
    return institutional


def client_of(held: OnTimescale, **given: object) -> DatabaseClient:
    return DatabaseClient(held.settings, **given)  # type: ignore[arg-type]


def test_it_has_the_calls_of_a_snapshot(held: OnTimescale) -> None:
    with client_of(held) as client, client.snapshot() as data:
        assert data.subjects(DAILY_BARS) == ("AAPL", "IBM")
        rows = data.rows(DAILY_BARS, ["AAPL"], last=2)
        assert rows["session_date"].to_pylist() == [date(2024, 2, 2), date(2024, 2, 5)]
        assert rows.schema == DAILY_BARS.schema
        (line,) = data.lines(DAILY_BARS, ["IBM"])
        assert (line.source, line.first_at) == ("test/bars", datetime(2024, 2, 5, tzinfo=UTC))
        assert sum(batch.num_rows for batch in data.batches(DAILY_BARS, ["AAPL", "IBM"])) == 4
        assert [item.rows for item in data.holdings()] == [4]
        assert [run.outcome for run in data.runs(5)] == ["Succeeded"]
        with pytest.raises(NotHeld, match="no dailyBars of 'MSFT'"):
            data.rows(DAILY_BARS, ["MSFT"])


def test_fitness_asks_the_database_and_no_is_the_answer_where_it_cannot_be_asked(held: OnTimescale) -> None:
    week = timedelta(days=7)
    with client_of(held) as client:
        assert client.fitness(DAILY_BARS, ["AAPL"], max_age=week, at=datetime(2024, 2, 6, tzinfo=UTC))
        stale = client.fitness(DAILY_BARS, ["AAPL"], max_age=week, at=NOW)
        assert [finding.reason for finding in stale.findings] == [Unfit.STALE]
    gone = replace(held.settings, port=1)
    with DatabaseClient(gone) as client:
        (finding,) = client.fitness(DAILY_BARS, ["AAPL"], max_age=week).findings
        assert finding.reason is Unfit.UNKNOWN


def test_what_is_known_of_series_joins_as_of_the_time_of_a_bar(held: OnTimescale) -> None:
    value = {"source": "test/macro", "series": "cpi", "frequency": "monthly", "licence": None, "revision": 0}
    periods = [
        {**value, "period": date(2023, 12, 1), "vintage": date(2024, 2, 3), "value": 3.5},
        {**value, "period": date(2023, 11, 1), "vintage": date(2024, 1, 3), "value": 3.0},
    ]
    ingest_into(held.store(), periods, MACRO_SERIES, number=2)
    with client_of(held) as client, client.snapshot() as data:
        bars = data.rows(DAILY_BARS, ["AAPL"])
        known = data.as_of(bars, DAILY_BARS, add=MACRO_SERIES, subjects=["cpi"])
        assert known["cpi.value"].to_pylist() == [3.0, 3.0, 3.5]


def test_processes_share_answers_until_a_run_ends_them(held: OnTimescale, redis_place: RedisPlace) -> None:
    caches = [redis_place.cache(INSTITUTIONAL) for _ in range(2)]
    clients = [client_of(held, cache=cache) for cache in caches]
    for client in clients:
        with client.snapshot() as data:
            assert data.rows(DAILY_BARS, ["AAPL"], last=1)["close"].to_pylist() == [1.5]
            mark = data.version
    assert [cache.counts().hits for cache in caches] == [0, 1]

    ingest_into(held.store(), [bar(5, close=2.5)], number=2)
    with clients[1].snapshot() as data:
        assert data.rows(DAILY_BARS, ["AAPL"], last=1)["close"].to_pylist() == [1.5], "at most so long"
    assert caches[0].invalidate(cache_version(mark, DAILY_BARS)) == 1
    with clients[1].snapshot() as data:
        assert data.rows(DAILY_BARS, ["AAPL"], last=1)["close"].to_pylist() == [2.5]
    for client in clients:
        client.close()


def test_a_new_source_is_seen_once_what_was_remembered_is_too_old(held: OnTimescale) -> None:
    now = [NOW]
    with client_of(held, clock=lambda: now[0]) as client:
        with client.snapshot() as data:
            assert data.rows(DAILY_BARS, ["AAPL"]).num_rows == 3
        ingest_into(held.store(), [bar(5, source="test/other")], number=2)
        now[0] += INSTITUTIONAL.ttl + timedelta(seconds=1)
        with client.snapshot() as data, pytest.raises(Exception, match="name one by source="):
            data.rows(DAILY_BARS, ["AAPL"])


def test_a_database_in_the_place_of_another_is_noticed_by_a_client_that_lives_on(held: OnTimescale) -> None:
    now = [NOW]

    def seen(client: DatabaseClient) -> list[date]:
        with client.snapshot() as data:
            found: list[date] = data.rows(DAILY_BARS, ["AAPL"])["session_date"].to_pylist()
            return found

    with client_of(held, clock=lambda: now[0]) as client:
        before = seen(client)
        for schema in SCHEMAS:
            execute(held.settings, f"DROP SCHEMA {schema} CASCADE")
        assert seen(client) == before, "kept for a moment"
        now[0] += MARK_STANDS + timedelta(seconds=1)
        with pytest.raises(NothingPublished, match="no tables"):
            seen(client)
        on_postgres_migrated(held.settings)
        ingest_into(held.store(), [bar(6), bar(7, source="test/bars"), bar(8, symbol="IBM")])
        assert seen(client) == [date(2024, 2, 6), date(2024, 2, 7)] != before

        # One that cannot be asked for a while is the same one: what is cached stands.
        execute(held.settings, "ALTER SCHEMA telemetry RENAME TO away")
        execute(held.settings, "CREATE SCHEMA telemetry CREATE TABLE schema_migrations (number INTEGER)")
        now[0] += MARK_STANDS + timedelta(seconds=1)
        assert seen(client) == [date(2024, 2, 6), date(2024, 2, 7)]


def test_a_database_without_tables_holds_nothing(own_postgres: ConnectionSettings) -> None:
    with (
        DatabaseClient(own_postgres) as client,
        pytest.raises(NothingPublished, match="no tables"),
        client.snapshot(),
    ):
        pass


def test_it_follows_its_secret(held: OnTimescale, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SecretWatch.__init__, "__defaults__", (0.05,))
    secret(tmp_path, held.settings)

    def reads(client: DatabaseClient) -> int:
        with client.snapshot() as data:
            return sum(batch.num_rows for batch in data.batches(DAILY_BARS, ["AAPL"]))

    with DatabaseClient.of_secret(tmp_path / "secrets" / "timescale") as client:
        assert (reads(client), client.trouble) == (3, None)
        secret(tmp_path, replace(held.settings, password="wrong"))
        found = until(lambda: client.trouble)
        assert found.fault is DatabaseFault.AUTHENTICATION_FAILED
        assert reads(client) == 3, "the old connections go on"
        execute(held.settings, f"ALTER ROLE {held.settings.user} PASSWORD 'another'")
        secret(tmp_path, replace(held.settings, password="another"))
        until(lambda: client.trouble is None)
        assert reads(client) == 3
        assert client._pool.reading().timeouts == 0


def until(look: Callable[[], T]) -> T:
    """Look until there is something to see."""
    for _ in range(400):
        if seen := look():
            return seen
        time.sleep(0.05)
    raise AssertionError("not within 20 s")
