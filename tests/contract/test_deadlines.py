"""A server that falls silent costs a bounded wait, by name, whatever it is asked; a slow one has its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

import pyarrow as pa
import pytest

from backbone.adapters.timescale import bounded
from backbone.adapters.timescale.bounded import BoundedConnection
from backbone.adapters.timescale.copy import copy_in
from backbone.adapters.timescale.errors import store_faults, translated
from backbone.adapters.timescale.migration_lock import LOCK
from backbone.adapters.timescale.migrator import Migrator
from backbone.adapters.timescale.pool import DatabasePool
from backbone.adapters.timescale.rows import batches, streamed
from backbone.adapters.timescale.session import check, connect, connected
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.client.database import DatabaseClient
from backbone.client.errors import StoreError
from backbone.ingest.run import LAST_WAIT
from backbone.market.dimensions import DAILY_BARS
from backbone.migrations import packaged
from backbone.ports.database import DatabaseError, DatabaseFault
from backbone.vocabulary import Outcome
from databases import changed, execute, portable
from frozen_servers import BACKENDS, KINDS, WHOLE, WIRE, Silence, silence
from market_rows import NAMES, SOURCES, On, ingest
from services.postgres import PostgresServer
from stores import OnTimescale
from test_timescale_faults import IN_THE_MIDDLE, made_up

LIMIT, GRACE = 1.0, 0.5
SLACK = 1.5
"""For a machine that does other things too."""
NUMBERS = pa.schema([pa.field("number", pa.int64(), nullable=False)])
TEXTS = pa.schema([pa.field("text", pa.string())])
MANY = "SELECT repeat('x', 500) FROM generate_series(1, 1000000)"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds of grace are as good as one, and one is over sooner."""
    monkeypatch.setattr(bounded, "GRACE", GRACE)


@contextmanager
def within(seconds: float, place: Silence | None = None) -> Iterator[None]:
    """The block ends in so many seconds, from the beginning of the silence on, and leaves no thread."""
    began, threads = time.monotonic(), ours()
    yield
    if place is not None:
        assert place.began is not None
        began = place.began
    assert time.monotonic() - began < seconds + SLACK
    assert ours() <= threads


def ours() -> set[str]:
    """Names of threads that are not the proxy's; a pool that begins anew has those of the old one."""
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if not name.endswith(("(_pass)", "(_accept)"))}


def select(connection: BoundedConnection, begin: Callable[[], None]) -> None:
    begin()
    connection.execute("SELECT 1")


def copy_to_server(connection: BoundedConnection, begin: Callable[[], None]) -> None:
    connection.execute("CREATE TEMP TABLE taken (number BIGINT)")
    batch = pa.record_batch([pa.array(range(100_000))], schema=NUMBERS)

    def sent() -> Iterator[pa.RecordBatch]:
        yield batch
        begin()
        for _ in range(200):
            yield batch

    copy_in(connection, ("taken",), NUMBERS, sent())


def copy_from_server(connection: BoundedConnection, begin: Callable[[], None]) -> None:
    found = batches(connection, MANY, TEXTS, {})
    next(found)
    begin()
    for _ in found:
        pass


def stream(connection: BoundedConnection, begin: Callable[[], None]) -> None:
    found = streamed(connection, MANY, TEXTS, {})
    next(found)
    begin()
    for _ in found:
        pass


def commit(connection: BoundedConnection, begin: Callable[[], None]) -> None:
    with connection.transaction():
        connection.execute("CREATE TABLE IF NOT EXISTS kept ()")
        begin()


ASKED = (select, copy_to_server, copy_from_server, commit)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ask", ASKED, ids=lambda ask: ask.__name__)
def test_what_a_worker_asks_ends_by_name_within_its_limit_and_the_grace(
    own_postgres: ConnectionSettings,
    postgres_server: PostgresServer,
    kind: str,
    ask: Callable[[BoundedConnection, Callable[[], None]], None],
) -> None:
    settings = changed(own_postgres, statement_timeout=LIMIT)
    with silence(kind, postgres_server, settings) as place, connected(place.settings) as connection:
        # The server's own limit may pass before it is silent, on a busy machine, and is another test's.
        connection.execute("SET statement_timeout = 0")
        with (
            within(LIMIT + GRACE, place),
            pytest.raises(StoreError) as caught,
            store_faults("work", settings),
        ):
            ask(connection, place.begin)
        assert (caught.value.outcome, caught.value.fault) == (
            Outcome.STORE_UNREACHABLE,
            DatabaseFault.CONNECTION_TIMED_OUT,
        )
        # The connection is of no use, and says so at once.
        with within(0), pytest.raises(StoreError) as caught, store_faults("work", settings):
            connection.execute("SELECT 1")
        assert (caught.value.outcome, caught.value.fault) == (
            Outcome.STORE_UNREACHABLE,
            DatabaseFault.CONNECTION_LOST,
        )


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ask", [select, copy_from_server, stream], ids=lambda ask: ask.__name__)
def test_what_a_reader_asks_ends_within_his_own_deadline(
    own_postgres: ConnectionSettings,
    postgres_server: PostgresServer,
    kind: str,
    ask: Callable[[BoundedConnection, Callable[[], None]], None],
) -> None:
    settings = changed(own_postgres, patience=0.5)
    with silence(kind, postgres_server, settings) as place, connected(place.settings) as connection:
        with within(0.5, place), pytest.raises(StoreError) as caught, store_faults("read", settings):
            ask(connection, place.begin)
        assert caught.value.fault is DatabaseFault.CONNECTION_TIMED_OUT


def test_the_grace_is_ten_seconds(own_postgres: ConnectionSettings, postgres_server: PostgresServer) -> None:
    settings = changed(own_postgres, statement_timeout=LIMIT)
    with silence(WHOLE, postgres_server, settings) as place, connected(place.settings) as connection:
        began = time.monotonic()
        with within(LIMIT + 10), pytest.raises(DatabaseError), translated("work", settings):
            select(connection, place.begin)
        assert time.monotonic() - began > LIMIT + 9


@pytest.mark.parametrize("kind", [WHOLE, WIRE])
def test_no_connection_comes_about(
    own_postgres: ConnectionSettings, postgres_server: PostgresServer, kind: str
) -> None:
    settings = changed(own_postgres, connect_timeout=2)
    with silence(kind, postgres_server, settings) as place:
        place.begin()
        with within(2), pytest.raises(DatabaseError) as caught:
            connect(place.settings)
        assert caught.value.fault is DatabaseFault.CONNECTION_TIMED_OUT
        with within(2):
            found = check(place.settings, None)
        assert found is not None
        assert found.fault is DatabaseFault.CONNECTION_TIMED_OUT


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", KINDS)
def test_a_wait_for_the_lock_of_a_migration(
    own_postgres: ConnectionSettings, postgres_server: PostgresServer, kind: str
) -> None:
    settings = changed(own_postgres, statement_timeout=2.0)
    with (
        connected(own_postgres) as holder,
        holder.transaction(),
        silence(kind, postgres_server, settings) as place,
    ):
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        migrator = Migrator(place.settings, portable(packaged()), timedelta(seconds=30))
        later = threading.Timer(0.5, place.begin)
        later.start()
        with within(2.0 + GRACE, place), pytest.raises(DatabaseError) as caught:
            migrator.migrate()
        later.join()
        assert caught.value.fault is DatabaseFault.CONNECTION_TIMED_OUT


@pytest.mark.parametrize("kind", KINDS)
def test_a_pool_lets_go_of_connections_that_do_not_answer(
    own_postgres: ConnectionSettings, postgres_server: PostgresServer, kind: str
) -> None:
    """Where others come about it goes on with these; else it says that none does."""
    with silence(kind, postgres_server, own_postgres) as place:
        settings = changed(place.settings, connect_timeout=2, patience=5.0)
        with DatabasePool(settings) as pool:
            with pool.connection() as first, pool.connection() as second:
                frozen = {first.info.backend_pid, second.info.backend_pid}
            place.begin()
            began = time.monotonic()
            if kind in {WHOLE, WIRE}:
                with pytest.raises(DatabaseError) as caught, pool.connection():
                    pass
                assert caught.value.fault is DatabaseFault.CONNECTION_TIMED_OUT
            else:
                with pool.connection() as other:
                    assert other.execute("SELECT 1").fetchone() == (1,)
                    assert other.info.backend_pid not in frozen
            assert time.monotonic() - began < 5.0
        assert [thread.name for thread in threading.enumerate() if "backbone" in thread.name] == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_ends_and_the_next_one_makes_up_for_it(
    institutional: OnTimescale, postgres_server: PostgresServer, kind: str
) -> None:
    settings = changed(institutional.settings, statement_timeout=3.0, connect_timeout=2)
    with silence(kind, postgres_server, settings) as place:
        # What it was at, and a try to note in the journal how it ended.
        with within(3.0 + GRACE + LAST_WAIT.total_seconds(), place):
            report = ingest(OnTimescale(place.settings).store(), checkpoint=On(IN_THE_MIDDLE, place.begin))
        assert report.outcome is Outcome.STORE_UNREACHABLE, report.message
        assert "no answer within" in report.message
    made_up(institutional)


@pytest.fixture
def filled(institutional: OnTimescale) -> OnTimescale:
    assert ingest(institutional.store()).outcome is Outcome.SUCCEEDED
    return institutional


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        pytest.param(WHOLE, {}, id="five seconds where nothing else is said"),
        *(pytest.param(kind, {"deadline": 3.0}, id=kind) for kind in KINDS),
    ],
)
def test_a_trading_program_hears_in_time_that_the_database_is_silent(
    filled: OnTimescale, postgres_server: PostgresServer, kind: str, given: dict[str, float]
) -> None:
    source = SOURCES[0]
    with (
        silence(kind, postgres_server, filled.settings) as place,
        DatabaseClient(place.settings, **given) as client,
        client.snapshot() as data,
    ):
        assert data.rows(DAILY_BARS, NAMES[:1], source=source, last=3).num_rows
        place.begin()
        with (
            within(given.get("deadline", 5.0), place),
            nullcontext() if kind == BACKENDS else unreachable(),
        ):
            assert data.rows(DAILY_BARS, NAMES[1:2], source=source, last=3).num_rows == 3
        # Nobody decides on what could not be looked at.
        assert kind == BACKENDS or not client.fitness(DAILY_BARS, NAMES[:1], source=source)


@contextmanager
def unreachable() -> Iterator[None]:
    with pytest.raises(StoreError) as caught:
        yield
    assert (caught.value.outcome, caught.value.fault) == (
        Outcome.STORE_UNREACHABLE,
        DatabaseFault.CONNECTION_TIMED_OUT,
    )


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", KINDS)
def test_silence_that_ends_in_time_costs_nothing(
    own_postgres: ConnectionSettings, postgres_server: PostgresServer, kind: str
) -> None:
    settings = changed(own_postgres, statement_timeout=20.0)
    made: list[Silence] = []

    def ask() -> None:
        with connected(made[0].settings) as connection:
            threading.Timer(0.1, made[0].begin).start()
            found.append(connection.execute("SELECT pg_sleep(0.5), 1").fetchone())

    found: list[object] = []
    with silence(kind, postgres_server, settings) as place:
        made.append(place)
        asking = threading.Thread(target=ask)
        asking.start()
        asking.join(1.5)
    asking.join()
    assert found == [("", 1)]


@pytest.mark.usefixtures("quick")
def test_a_healthy_statement_has_its_whole_limit(own_postgres: ConnectionSettings) -> None:
    with connected(changed(own_postgres, statement_timeout=2.0)) as connection:
        assert connection.execute("SELECT pg_sleep(1.8), 1").fetchone() == ("", 1)
        with pytest.raises(DatabaseError) as caught, translated("work", own_postgres):
            connection.execute("SELECT pg_sleep(9)")
        assert caught.value.fault is DatabaseFault.STATEMENT_TIMED_OUT
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.usefixtures("quick")
def test_a_healthy_stream_has_its_own_limit(own_postgres: ConnectionSettings) -> None:
    """It may take longer than another statement, for the server and for whoever reads it."""
    with connected(changed(own_postgres, statement_timeout=1.0)) as connection:
        late = streamed(connection, "SELECT 1 FROM pg_sleep(2)", NUMBERS, {})
        assert [batch.num_rows for batch in late] == [1]
    with connected(changed(own_postgres, patience=0.5)) as connection:
        found = streamed(connection, "SELECT generate_series(1, 200000)", NUMBERS, {})
        rows = next(found).num_rows
        time.sleep(1.0)
        assert rows + sum(batch.num_rows for batch in found) == 200_000


def test_no_statement_of_a_lock_or_a_password_is_taken_for_a_dead_server(
    filled: OnTimescale,
) -> None:
    settings = filled.settings
    wrong = {
        DatabaseFault.AUTHENTICATION_FAILED: changed(settings, password="wrong"),
        DatabaseFault.CONNECTION_REFUSED: changed(settings, port=1),
        DatabaseFault.DATABASE_MISSING: changed(settings, database="nowhere"),
        DatabaseFault.TLS_FAILED: changed(settings, tls="require"),
        DatabaseFault.NAME_NOT_RESOLVED: changed(settings, host="nowhere.invalid"),
    }
    for fault, other in wrong.items():
        with pytest.raises(StoreError) as caught, OnTimescale(other).store().writer("run", timedelta()):
            pass
        assert (caught.value.outcome, caught.value.fault) == (Outcome.STORE_UNREACHABLE, fault)
    with (
        filled.store().writer("holder", timedelta()),
        pytest.raises(StoreError) as caught,
        filled.store().writer("run", timedelta()),
    ):
        pass
    assert (caught.value.outcome, caught.value.fault) == (Outcome.STORE_BUSY, DatabaseFault.LOCKED)
    execute(settings, "REVOKE ALL ON market.daily_bars FROM CURRENT_USER")
    with DatabaseClient(settings) as client, client.snapshot() as data, pytest.raises(StoreError) as caught:
        data.rows(DAILY_BARS, NAMES[:1], last=1)
    assert caught.value.fault is DatabaseFault.PERMISSION_MISSING


@pytest.mark.parametrize("fault", DatabaseFault, ids=str)
def test_a_store_error_keeps_the_fault(fault: DatabaseFault) -> None:
    settings = ConnectionSettings("h", 1, "d", "u", "p")
    with pytest.raises(StoreError) as caught, store_faults("work", settings):
        raise DatabaseError(fault, "said")
    assert caught.value.fault is fault
