"""The client on real files: one whole copy at a time, the present one, and the truth about what it holds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from backbone.adapters.duckdb.store import DuckDBStore
from backbone.adapters.duckdb.volume import Volume
from backbone.client import (
    DAILY_BARS,
    INTRADAY_BARS,
    MACRO_SERIES,
    Ambiguous,
    CacheCounts,
    Client,
    NotHeld,
    NothingPublished,
    Rejected,
    StoreError,
    Unfit,
    frame,
)
from backbone.market.defects import Defect
from backbone.ports.journal import RunStart
from backbone.ports.quarantine import Origin
from backbone.vocabulary import Outcome
from small_copies import NO_WAIT, NOW, Row, bar, ingest

OLD = timedelta(days=400)
READS = 200
PUBLISHES = 12


def minute_bar(minute: int, seconds: int) -> Row:
    return {
        "source": "test/minutes",
        "symbol": "ES",
        "interval_seconds": seconds,
        "start": NOW + timedelta(minutes=minute),
        "open": 1.0,
        "high": 1.0,
        "low": 1.0,
        "close": float(minute),
        "volume": 1,
        "trades": None,
        "price_basis": "asTraded",
        "revision": 0,
    }


def reading(period: date, vintage: date, value: float | None) -> Row:
    return {
        "source": "test/macro",
        "series": "UNRATE",
        "period": period,
        "frequency": "monthly",
        "vintage": vintage,
        "value": value,
        "revision": 0,
    }


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of the test's folder, whose clock stands still."""
    with Client(tmp_path, clock=lambda: NOW) as made:
        yield made


def closes(client: Client, **wish: object) -> list[float]:
    with client.snapshot() as data:
        found: list[float] = data.rows(DAILY_BARS, ["AAPL"], **wish)["close"].to_pylist()  # type: ignore[arg-type]
        return found


def test_rows_come_in_the_schema_of_their_dimension(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(1), bar(2, symbol="IBM"), bar(2)])
    with client.snapshot() as data:
        rows = data.rows(DAILY_BARS, ["IBM", "AAPL"])
    assert rows.schema.equals(DAILY_BARS.schema)
    assert rows["symbol"].to_pylist() == ["AAPL", "AAPL", "IBM"]


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        pytest.param({}, [1.0, 2.0, 3.0, 4.0], id="all"),
        pytest.param({"last": 2}, [3.0, 4.0], id="the last two"),
        pytest.param(
            {"start": datetime(2024, 2, 2, tzinfo=UTC), "end": datetime(2024, 2, 4, tzinfo=UTC)},
            [2.0, 3.0],
            id="from a start, which is included, to an end, which is not",
        ),
        pytest.param(
            {"start": datetime(2024, 2, 2, 20, 0, tzinfo=timezone(timedelta(hours=-5)))},
            [3.0, 4.0],
            id="a moment of another zone counts as its day in UTC",
        ),
        pytest.param({"start": datetime(2025, 1, 1, tzinfo=UTC)}, [], id="a window without rows is empty"),
    ],
)
def test_a_window(tmp_path: Path, client: Client, wish: dict[str, object], found: list[float]) -> None:
    ingest(tmp_path, [bar(day, float(day)) for day in range(1, 5)])
    assert closes(client, **wish) == found


def test_batches_are_the_rows(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(day, float(day)) for day in range(1, 29)])
    with client.snapshot() as data:
        streamed = pa.Table.from_batches(data.batches(DAILY_BARS, ["AAPL"], last=20))
        assert streamed == data.rows(DAILY_BARS, ["AAPL"], last=20)


def test_values_are_bound_and_never_become_statements(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(1)])
    with client.snapshot() as data, pytest.raises(NotHeld):
        data.rows(DAILY_BARS, ["AAPL' OR '1'='1"])


Ask = Callable[[Client], object]


def ask(subjects: object, **wish: object) -> Ask:
    def asked(client: Client) -> object:
        with client.snapshot() as data:
            return data.rows(DAILY_BARS, subjects, **wish)  # type: ignore[arg-type]

    return asked


@pytest.mark.parametrize(
    ("question", "kind", "message"),
    [
        pytest.param(ask(["ZZZ"]), NotHeld, "no dailyBars of 'ZZZ' are held", id="a symbol not held"),
        pytest.param(
            ask(["AAPL"]), Ambiguous, "held as test/other, test/bars: name one by source=", id="two sources"
        ),
        pytest.param(
            ask(["AAPL"], source="test/none"), NotHeld, "held only as test/other", id="a source not held"
        ),
        pytest.param(ask("AAPL"), Rejected, "is one name: give a list", id="a name instead of a list"),
        pytest.param(ask([]), Rejected, "name at least one", id="no name"),
        pytest.param(ask(["IBM"], last=0), Rejected, "ask for one row", id="no rows"),
        pytest.param(
            ask(["IBM"], start=datetime(2024, 1, 1)),  # noqa: DTZ001
            Rejected,
            "has no time zone",
            id="a moment without a zone",
        ),
    ],
)
def test_a_wrong_question_is_told(
    tmp_path: Path, client: Client, question: Ask, kind: type[Exception], message: str
) -> None:
    ingest(tmp_path, [bar(1), bar(2, source="test/other"), bar(1, symbol="IBM")])
    with pytest.raises(kind, match=message):
        question(client)


def test_sources_are_never_joined(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(1, 1.0), bar(2, 2.0, source="test/other")])
    assert closes(client, source="test/bars") == [1.0]


def test_bars_of_two_lengths_are_never_joined(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [minute_bar(0, 60), minute_bar(1, 60), minute_bar(0, 300)], INTRADAY_BARS)
    with client.snapshot() as data:
        with pytest.raises(Ambiguous, match="at 300 s: name one by interval_seconds="):
            data.rows(INTRADAY_BARS, ["ES"])
        assert data.rows(INTRADAY_BARS, ["ES"], interval_seconds=60).num_rows == 2
        with pytest.raises(NotHeld, match="held only as"):
            data.rows(INTRADAY_BARS, ["ES"], interval_seconds=900)


def test_without_a_copy_the_client_says_so_and_finds_it_later(tmp_path: Path, client: Client) -> None:
    with pytest.raises(NothingPublished, match="no run has published"), client.snapshot():
        pass
    ingest(tmp_path, [bar(1)])
    assert closes(client) == [1.5]


def test_a_corrupt_copy_is_an_error_and_a_new_one_mends_it(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(1)])
    whole = Volume(tmp_path).published.read_bytes()
    Volume(tmp_path).published.write_bytes(b"no database")
    with pytest.raises(StoreError), client.snapshot():
        pass
    Volume(tmp_path).published.write_bytes(whole)
    assert closes(client) == [1.5]


def test_a_client_follows_what_is_published_and_serves_nothing_older_from_its_cache(
    tmp_path: Path, client: Client
) -> None:
    seen = []
    for number in range(1, 5):
        ingest(tmp_path, [bar(1, float(number))], number=number)
        seen += [closes(client), closes(client)]
    assert seen == [[1.0], [1.0], [2.0], [2.0], [3.0], [3.0], [4.0], [4.0]]
    assert client.cache_counts() == CacheCounts(hits=4, misses=4, invalidations=3, keys=1)


def test_a_snapshot_stays_whole_while_another_copy_is_published(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(day, 1.0) for day in range(1, 29)])
    with client.snapshot() as before:
        stream = before.batches(DAILY_BARS, ["AAPL"])
        ingest(tmp_path, [bar(day, 2.0) for day in range(1, 29)], number=2)
        assert set(closes(client)) == {2.0}
        assert {value for batch in stream for value in batch["close"].to_pylist()} == {1.0}
        assert set(before.rows(DAILY_BARS, ["AAPL"], last=3)["close"].to_pylist()) == {1.0}
        assert before.version not in {None, ""}


def test_threads_that_read_across_publishes_see_one_copy_each_and_never_an_older_one(
    tmp_path: Path, client: Client
) -> None:
    ingest(tmp_path, [bar(day, 0.0) for day in range(1, 29)])
    done = threading.Event()

    def read() -> int:
        latest, reads = 0.0, 0
        while not done.is_set() or reads < READS:
            with client.snapshot() as data:
                first = set(data.rows(DAILY_BARS, ["AAPL"])["close"].to_pylist())
                second = set(data.rows(DAILY_BARS, ["AAPL"], last=5)["close"].to_pylist())
            assert first == second
            assert len(first) == 1
            assert max(first) >= latest
            latest, reads = max(first), reads + 1
        return reads

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        try:
            for number in range(1, PUBLISHES + 1):
                ingest(tmp_path, [bar(day, float(number)) for day in range(1, 29)], number=number)
        finally:
            done.set()
        assert min(reader.result() for reader in readers) >= READS
    assert set(closes(client)) == {float(PUBLISHES)}


def test_a_frame_has_days_without_a_zone_and_moments_in_utc(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(1)])
    with client.snapshot() as data:
        found = frame(data.rows(DAILY_BARS, ["AAPL"]))
    assert isinstance(found, pd.DataFrame)
    assert (found["session_date"].dtype.kind, found["session_date"][0]) == ("M", pd.Timestamp("2024-02-01"))
    assert str(found["observed_at"].dtype) == "datetime64[us, UTC]"


def test_macro_values_are_joined_as_they_were_known(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(day) for day in (1, 9, 20)])
    january = date(2024, 1, 1)
    readings = [reading(january, date(2024, 2, 9), 3.7), reading(january, date(2024, 2, 15), 3.9)]
    ingest(tmp_path, readings, MACRO_SERIES, number=2)
    with client.snapshot() as data:
        bars = data.rows(DAILY_BARS, ["AAPL"])
        found = data.as_of(bars, DAILY_BARS, add=MACRO_SERIES, subjects=["UNRATE"])
    assert found["UNRATE.value"].to_pylist() == [None, 3.7, 3.9]
    assert found.select(bars.column_names) == bars


def test_bars_are_joined_as_they_were_known(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(1, 1.0), bar(2, 2.0), bar(2, 20.0, symbol="SPY"), bar(5, 50.0, symbol="SPY")])
    with client.snapshot() as data:
        bars = data.rows(DAILY_BARS, ["AAPL"])
        found = data.as_of(bars, DAILY_BARS, add=DAILY_BARS, subjects=["SPY"])
    assert found["SPY.close"].to_pylist() == [None, 20.0]


def reasons(client: Client, *symbols: str, **condition: object) -> list[tuple[str, Unfit]]:
    found = client.fitness(DAILY_BARS, symbols, **condition)  # type: ignore[arg-type]
    return [(item.subject, item.reason) for item in found.findings]


def test_what_was_delivered_and_is_fresh_is_fit(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(29)])
    assert client.fitness(DAILY_BARS, ["AAPL"])
    assert client.fitness(DAILY_BARS, ["AAPL"], max_age=timedelta(days=2))


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        pytest.param({}, [], id="the last session is there"),
        pytest.param({"at": NOW + timedelta(days=4)}, [Unfit.STALE], id="sessions passed since"),
        pytest.param({"max_age": timedelta(hours=30)}, [Unfit.STALE], id="older than was said"),
        pytest.param({"at": NOW - OLD, "max_age": OLD}, [Unfit.MISSING], id="before the first row"),
        pytest.param({"source": "test/none"}, [Unfit.MISSING], id="another source"),
    ],
)
def test_fitness_at_a_moment(
    tmp_path: Path, client: Client, condition: dict[str, object], found: list[Unfit]
) -> None:
    ingest(tmp_path, [bar(29)])
    assert [reason for _, reason in reasons(client, "AAPL", **condition)] == found


@pytest.mark.parametrize(
    ("at", "found"),
    [
        pytest.param(datetime(2024, 2, 16, 23, tzinfo=UTC), [Unfit.MISSING], id="on the day of its vintage"),
        pytest.param(datetime(2024, 2, 17, tzinfo=UTC), [], id="from the midnight after it"),
        pytest.param(
            datetime(2024, 2, 18, tzinfo=UTC), [Unfit.STALE], id="only periods without a value since"
        ),
    ],
)
def test_a_series_is_as_old_as_the_last_value_that_was_known(
    tmp_path: Path, client: Client, at: datetime, found: list[Unfit]
) -> None:
    days = [reading(date(2024, 2, 14), date(2024, 2, 16), 3.7)]
    days += [reading(date(2024, 2, day), date(2024, 2, day), None) for day in (15, 16, 17)]
    ingest(tmp_path, days, MACRO_SERIES)
    answer = client.fitness(MACRO_SERIES, ["UNRATE"], max_age=timedelta(days=3), at=at)
    assert [item.reason for item in answer.findings] == found


def test_each_symbol_is_answered_for(tmp_path: Path, client: Client) -> None:
    rows = [
        bar(29),
        bar(29, symbol="IBM"),
        bar(29, symbol="MSFT"),
        bar(29, symbol="MSFT", source="test/other"),
    ]
    ingest(tmp_path, rows, fates={"IBM": Outcome.NO_DATA})
    assert reasons(client, "AAPL", "IBM", "MSFT", "ZZZ") == [
        ("IBM", Unfit.FAILED),
        ("MSFT", Unfit.UNKNOWN),
        ("ZZZ", Unfit.MISSING),
    ]


def test_a_run_that_died_before_it_asked_is_no(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(29)])
    with DuckDBStore(tmp_path).writer("run-2", NO_WAIT) as writer:
        writer.journal.begin(RunStart("run-2", "plan", 1, NOW))
    with DuckDBStore(tmp_path).writer("run-3", NO_WAIT) as writer:
        writer.journal.begin(RunStart("run-3", "other", 1, NOW))
        writer.publish()
    assert reasons(client, "AAPL") == [("AAPL", Unfit.FAILED)]


def quarantine(folder: Path, rows: list[Row], reason: Defect) -> None:
    """One published run that put rows into quarantine."""
    facts = pa.Table.from_pylist(rows, schema=DAILY_BARS.facts)
    reasons = pa.array([reason] * len(rows), pa.string())
    with DuckDBStore(folder).writer("run-9", NO_WAIT) as writer:
        with writer.batch():
            writer.quarantine.add(DAILY_BARS, facts, reasons, Origin("run-9", "plan", 1, "Test", NOW))
        writer.publish()


def test_rows_in_quarantine_are_no_until_somebody_decides(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(29), bar(29, symbol="IBM")])
    quarantine(tmp_path, [bar(28, -1.0), bar(28, -1.0, source="test/other")], Defect.NON_POSITIVE_PRICE)
    assert reasons(client, "AAPL", "IBM") == [("AAPL", Unfit.QUARANTINED)]
    assert reasons(client, "AAPL", source="test/other") == [
        ("AAPL", Unfit.MISSING),
        ("AAPL", Unfit.QUARANTINED),
    ]


@pytest.mark.parametrize(
    ("days", "condition", "found"),
    [
        pytest.param(31, {}, [], id="older than the last 30 rows"),
        pytest.param(30, {}, [Unfit.QUARANTINED], id="as old as the last 30th"),
        pytest.param(1, {}, [Unfit.QUARANTINED], id="newer"),
        pytest.param(-1, {}, [], id="of a day to come"),
        pytest.param(1, {"at": NOW - timedelta(days=2)}, [], id="of a day after the moment asked for"),
    ],
)
def test_rows_in_quarantine_speak_of_their_time(
    tmp_path: Path, client: Client, days: int, condition: dict[str, object], found: list[Unfit]
) -> None:
    day = NOW.date()
    rows = [bar(1, session_date=day - timedelta(days=back)) for back in range(40) if back not in {1, 31}]
    ingest(tmp_path, rows)
    quarantine(tmp_path, [bar(1, -1.0, session_date=day - timedelta(days=days))], Defect.NON_POSITIVE_PRICE)
    asked = {"max_age": timedelta(days=2), **condition}
    assert [reason for _, reason in reasons(client, "AAPL", **asked)] == found


def test_a_repeated_row_in_quarantine_speaks_against_nothing(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(29)])
    quarantine(tmp_path, [bar(29)], Defect.REPEATED_ROW)
    assert client.fitness(DAILY_BARS, ["AAPL"])


def test_a_copy_without_a_journal_of_attempts_is_no(tmp_path: Path, client: Client) -> None:
    ingest(tmp_path, [bar(29)])
    with DuckDBStore(tmp_path).writer("run-2", NO_WAIT) as writer:
        writer._connection.execute("DROP TABLE telemetry.ingest_attempts")
        writer._connection.execute("CHECKPOINT")
        writer._connection.close()
    published = Volume(tmp_path).published
    published.write_bytes(Volume(tmp_path).working.read_bytes())
    assert reasons(client, "AAPL") == [("AAPL", Unfit.UNKNOWN)]


@pytest.mark.parametrize("content", [None, b"no database"], ids=["no copy", "a corrupt copy"])
def test_what_cannot_be_looked_at_is_no_and_never_an_error(
    tmp_path: Path, client: Client, content: bytes | None
) -> None:
    if content is not None:
        Volume(tmp_path).published.parent.mkdir(parents=True)
        Volume(tmp_path).published.write_bytes(content)
    answer = client.fitness(DAILY_BARS, ["AAPL"])
    assert not answer
    assert [item.reason for item in answer.findings] == [Unfit.UNKNOWN]
    assert answer.version is None
