"""What is the database's own of the store: who writes, how much at a time, what is written at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg.pq import TransactionStatus

from backbone.adapters.timescale import upsert as timescale_upsert
from backbone.adapters.timescale.bounded import BoundedConnection
from backbone.adapters.timescale.session import connect
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.adapters.timescale.store import TimescaleStore
from backbone.ingest.second_try import SecondTry
from backbone.market.dimensions import DAILY_BARS, Dimension
from backbone.ports.journal import RunEnd, RunStart
from backbone.ports.store import Selection
from backbone.ports.store_errors import NothingPublished, StoreError
from backbone.vocabulary import Outcome
from databases import Database, execute
from market_rows import NAMES, NOW, SENT, On, bars, ingest, stamped
from stores import OnTimescale

NO_WAIT = timedelta()


@pytest.fixture(params=["postgres", "timescale"])
def place(request: pytest.FixtureRequest, migrated_database_of: Callable[[str], Database]) -> OnTimescale:
    """An empty store on each kind of server."""
    return OnTimescale(migrated_database_of(request.param).settings)


def versions(place: OnTimescale) -> list[tuple[object, ...]]:
    """Where each row lies, and who locked it: another place is another version, and a lock is a write too."""
    return place.query(
        "SELECT tableoid, ctid, xmin, xmax, symbol, session_date FROM market.daily_bars ORDER BY 5, 6"
    )


def test_rows_that_did_not_change_are_not_written(place: OnTimescale) -> None:
    with place.store().writer("run-1", NO_WAIT) as writer:
        assert writer.rows.upsert(DAILY_BARS, stamped(bars("test"))) == 2000
        before = versions(place)
        assert writer.rows.upsert(DAILY_BARS, stamped(bars("test"), 2)) == 0
        assert versions(place) == before
        assert writer.rows.upsert(DAILY_BARS, stamped(bars("test", close=102.0), 2)) == 2000


def test_a_column_of_one_value_is_a_change_like_any_other(place: OnTimescale) -> None:
    def flagged(run: int, *flags: str | None) -> pa.Table:
        rows = stamped(bars("test", 2), run)
        return rows.set_column(
            rows.schema.get_field_index("flags"), "flags", pa.array([*flags] * 10, pa.string())
        )

    with place.store().writer("run-1", NO_WAIT) as writer:
        assert writer.rows.upsert(DAILY_BARS, flagged(1, None, None)) == 20
        for run, flags, changed in (
            (2, (None, None), 0),
            (3, (None, "Stale"), 10),
            (4, ("Stale", "Stale"), 10),
            (5, ("Stale", "Stale"), 0),
            (6, (None, None), 20),
        ):
            assert writer.rows.upsert(DAILY_BARS, flagged(run, *flags)) == changed
        others = stamped(bars("other", 2), 7)
        both = pa.concat_tables([flagged(7, None, None), others])
        assert writer.rows.upsert(DAILY_BARS, both) == 20
        assert writer.rows.upsert(DAILY_BARS, both) == 0
    assert place.query("SELECT run_id, source, count(*) FROM market.daily_bars GROUP BY 1, 2 ORDER BY 1") == [
        ("run-6", "test", 20),
        ("run-7", "other", 20),
    ]


@pytest.mark.parametrize("rows", [300, 1999, 2000, 2001])
def test_a_table_is_stored_slice_by_slice(
    place: OnTimescale, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timescale_upsert, "SLICE_ROWS", rows)
    with place.store().writer("run-1", NO_WAIT) as writer:
        one = bars("test", 100)
        assert writer.rows.upsert(DAILY_BARS, stamped(one)) == 1000
        # Shuffled, so that slices mix what is new with what is known, and both with what changed.
        both = bars("test", close=102.0).sort_by([("session_date", "ascending"), ("symbol", "descending")])
        assert writer.rows.upsert(DAILY_BARS, stamped(both, 2)) == 2000
    assert place.query("SELECT count(*), min(close), max(close) FROM market.daily_bars") == [(2000, 102, 102)]


def test_new_names_beside_known_ones_come_in_one_delivery(place: OnTimescale) -> None:
    everything = bars("test").sort_by("session_date")
    known = everything.filter([name < "SYM05" for name in everything["symbol"].to_pylist()])
    with place.store().writer("run-1", NO_WAIT) as writer:
        assert writer.rows.upsert(DAILY_BARS, stamped(known)) == 1000
        assert writer.rows.upsert(DAILY_BARS, stamped(everything, 2)) == 1000
    assert place.query("SELECT run_id, count(*) FROM market.daily_bars GROUP BY 1 ORDER BY 1") == [
        ("run-1", 1000),
        ("run-2", 1000),
    ]


def test_of_which_subjects_rows_changed_is_told_once_they_are_committed(place: OnTimescale) -> None:
    told: list[tuple[str, int, set[str]]] = []

    def changed(dimension: Dimension, subjects: AbstractSet[str]) -> None:
        told.append((dimension.name, place.count, set(subjects)))

    store = TimescaleStore(place.settings, changed=changed)
    with store.writer("run-1", NO_WAIT) as writer:
        with writer.batch():
            writer.rows.upsert(DAILY_BARS, stamped(bars("test")))
        assert told == [("dailyBars", 2000, set(NAMES))]
        with pytest.raises(ZeroDivisionError), writer.batch():
            writer.rows.upsert(DAILY_BARS, stamped(bars("test", close=102.0), 2))
            raise ZeroDivisionError
        with writer.batch():
            writer.rows.upsert(DAILY_BARS, stamped(bars("test"), 2))
        assert len(told) == 1, "nothing of it was committed, or nothing differed"
        everything = bars("test", close=103.0)
        late = everything.slice(everything.num_rows - 2)
        with writer.batch():
            writer.rows.upsert(DAILY_BARS, stamped(bars("test").slice(0, 1000), 3))
            writer.rows.upsert(DAILY_BARS, stamped(pa.concat_tables([late, bars("other", 1).slice(0, 1)]), 3))
        assert told[1:] == [("dailyBars", 2001, {NAMES[0], NAMES[-1]})]


def test_a_commit_whose_answer_was_lost_is_told_too(
    place: OnTimescale, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[set[str]] = []
    store = TimescaleStore(place.settings, changed=lambda _, subjects: told.append(set(subjects)))
    ends = psycopg.Transaction.__exit__

    def lost(self: psycopg.Transaction, *given: Any) -> bool:
        done = ends(self, *given)
        if self.connection.info.transaction_status is TransactionStatus.IDLE:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return done

    with store.writer("run-1", NO_WAIT) as writer:
        monkeypatch.setattr(psycopg.Transaction, "__exit__", lost)
        with pytest.raises(StoreError), writer.batch():
            writer.rows.upsert(DAILY_BARS, stamped(bars("test")))
    assert (told, place.count) == ([set(NAMES)], 2000)


def test_a_writer_leaves_no_table_of_its_own_behind(place: OnTimescale) -> None:
    with place.store().writer("run-1", NO_WAIT) as writer:
        writer.rows.upsert(DAILY_BARS, stamped(bars("test")))
        with pytest.raises(ZeroDivisionError), writer.batch():
            writer.rows.upsert(DAILY_BARS, stamped(bars("test", close=102.0), 2))
            raise ZeroDivisionError
        writer.rows.upsert(DAILY_BARS, stamped(bars("test", close=103.0), 3))
    left = "SELECT relname FROM pg_class WHERE relname IN ('staging', 'seen', 'meant')"
    assert place.query(left) == []


def test_a_time_that_no_reader_could_tell_is_refused(place: OnTimescale) -> None:
    rows = stamped(bars("test", 1))
    index = rows.schema.get_field_index("session_date")
    far = rows["session_date"].cast("int32").combine_chunks().to_numpy() + 3_000_000
    rows = rows.set_column(index, rows.schema.field(index), pa.array(far).cast(pa.date32()))
    with (
        place.store().writer("run-1", NO_WAIT) as writer,
        pytest.raises(StoreError, match=r"session_date .* is not in the years 1 to 9999"),
    ):
        writer.rows.upsert(DAILY_BARS, rows)


def test_whoever_was_taken_over_from_writes_nothing_more(place: OnTimescale) -> None:
    """As where a pooler, or the server, gives the lock of a session to everybody."""
    with place.store().writer("run-1", NO_WAIT) as first:
        sequence = first.journal.begin(RunStart("run-1", "sample", 1, NOW))
        with connect(place.settings) as other:
            other.execute(
                "UPDATE telemetry.ingest_runs SET outcome = 'DiedWithoutMessage' WHERE outcome IS NULL"
            )
        with pytest.raises(StoreError, match="another run has begun") as caught, first.batch():
            first.rows.upsert(DAILY_BARS, stamped(bars("test")))
        with pytest.raises(StoreError, match="another run has begun"):
            first.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, NOW, 1, 1, ""))
    assert caught.value.outcome is Outcome.STORE_BUSY
    assert place.count == 0


def test_a_dead_writer_gives_up_the_lock(institutional: OnTimescale) -> None:
    with institutional.store().writer("run run-1", NO_WAIT):
        execute(
            institutional.settings,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'run run-1'",
        )
        with institutional.store().writer("run run-2", timedelta(seconds=5)) as writer:
            assert writer.journal.begin(RunStart("run-2", "sample", 1, NOW)) == 1


def test_a_session_that_is_ended_in_a_batch_is_made_up_in_the_same_run(institutional: OnTimescale) -> None:
    sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'run run-1'"
    ended = On(3, lambda: execute(institutional.settings, sessions))
    pauses: list[float] = []
    again = SecondTry(pauses.append, lambda _: None)
    report = ingest(institutional.store(), checkpoint=ended, again=again)
    assert (report.outcome, report.again, len(pauses)) == (Outcome.SUCCEEDED, 1, 1), report.message
    assert (report.rows, institutional.count) == (SENT, SENT)
    assert (report.sequence, [past.outcome for past in report.recent]) == (2, [Outcome.STORE_UNREACHABLE])


def test_the_server_looks_after_a_writer_that_vanished_without_a_word(
    own_postgres: ConnectionSettings,
) -> None:
    with connect(own_postgres) as connection:
        asked = [f"tcp_keepalives_{name}" for name in ("idle", "interval", "count")]
        found = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in asked]
    assert found == [("10",), ("5",), ("3",)]


def test_who_waits_gets_the_lock_when_it_is_free(institutional: OnTimescale) -> None:
    got = []

    def second() -> None:
        with institutional.store().writer("run-2", timedelta(seconds=20)):
            got.append(time.monotonic())

    with institutional.store().writer("run-1", NO_WAIT):
        waiter = threading.Thread(target=second)
        waiter.start()
        time.sleep(1)
        freed = time.monotonic()
        assert got == []
    waiter.join(20)
    assert 0 < got[0] - freed < 5


def test_a_database_without_our_tables_is_told_what_to_do(postgres: ConnectionSettings) -> None:
    place = OnTimescale(postgres)
    with pytest.raises(StoreError, match="emp-runtime database"), place.store().writer("run-1", NO_WAIT):
        pass
    with pytest.raises(NothingPublished, match="emp-runtime database"), place.reading():
        pass


def test_readers_see_a_batch_when_it_is_committed(institutional: OnTimescale) -> None:
    ingest(institutional.store())
    with (
        institutional.reading() as reader,
        institutional.store().writer("run-2", NO_WAIT) as writer,
    ):
        with writer.batch():
            writer.rows.upsert(DAILY_BARS, stamped(bars("test/four"), 2))
            assert sum(item.rows for item in reader.holdings()) == SENT
        assert sum(item.rows for item in reader.holdings()) == SENT + 2000


def test_a_reading_that_is_left_early_gives_its_connection_back(place: OnTimescale) -> None:
    ingest(place.store(), days=1200)
    with place.reading() as reader:
        for _ in range(6):
            batches = reader.batches(Selection(DAILY_BARS))
            assert next(batches).num_rows > 0
            batches.close()  # type: ignore[attr-defined]
        assert sum(batch.num_rows for batch in reader.batches(Selection(DAILY_BARS))) == SENT * 6


def test_late_rows_go_into_chunks_of_the_columnstore(
    timescale: ConnectionSettings, database_of: Callable[[str], Database]
) -> None:
    database = database_of("timescale")
    database.migrator().migrate()
    place = OnTimescale(database.settings)
    ingest(place.store())
    database.execute(
        "ALTER TABLE market.daily_bars SET (timescaledb.compress, "
        "timescaledb.compress_orderby = 'session_date', "
        "timescaledb.compress_segmentby = 'symbol, source')"
    )
    database.execute("SELECT compress_chunk(chunk) FROM show_chunks('market.daily_bars') AS chunk")
    assert ingest(place.store(), "run-2", at=NOW + timedelta(hours=1)).dimensions[0].changed == 0
    report = ingest(place.store(), "run-3", close=102.0, days=201, at=NOW + timedelta(hours=2))
    assert (report.outcome, report.dimensions[0].changed) == (Outcome.SUCCEEDED, SENT + 30)
    assert place.count == SENT + 30


def test_a_writer_that_ended_gives_up_the_lock_before_the_server_has_ended_its_session(
    institutional: OnTimescale, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_open: list[BoundedConnection] = []

    def leave_open(connection: BoundedConnection) -> None:
        left_open.append(connection)

    with monkeypatch.context() as a_server_that_is_busy:
        # The class would call a list's own method without the connection.
        a_server_that_is_busy.setattr(BoundedConnection, "close", leave_open)
        for number in (1, 2):
            with institutional.store().writer(f"run run-{number}", NO_WAIT) as writer:
                assert writer.journal.begin(RunStart(f"run-{number}", "sample", 1, NOW)) == number
    for connection in left_open:
        connection.close()
    assert len(left_open) >= 2
