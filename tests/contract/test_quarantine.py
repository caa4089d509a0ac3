"""The quarantine on real DuckDB files: each bad row once, as it came, until somebody releases it."""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from backbone.adapters import duckdb_sql
from backbone.adapters.duckdb import DuckDBStore
from backbone.adapters.duckdb_quarantine import published_quarantine
from backbone.adapters.duckdb_reader import published
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS, INTRADAY_TRADES, MACRO_SERIES, Dimension
from backbone.ports.quarantine import EntryState, Origin, QuarantineFilter
from backbone.ports.store import RunEnd, RunStart, Selection
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.report import RowCount, RunReport
from backbone.vocabulary import Outcome

NOW = datetime(2024, 3, 28, 22, tzinfo=UTC)
NO_WAIT = timedelta()
ALL = QuarantineFilter()
DAYS = [date(2024, 3, day) for day in (18, 19, 20, 21, 22, 25, 26, 27, 28)]


def bars(**changes: dict[int, object]) -> list[dict[str, object]]:
    """Nine bars of AAPL; `changes` are values of a column by place."""
    rows = [
        {
            "source": "test/bars",
            "symbol": "AAPL",
            "session_date": day,
            "open": 100.0,
            "high": 102.0 + place / 10,
            "low": 99.0,
            "close": 101.0,
            "adjusted_close": 101.0,
            "volume": 1000 + place,
            "price_basis": "splitAdjusted",
            "revision": 0,
        }
        for place, day in enumerate(DAYS)
    ]
    for name, values in changes.items():
        for place, value in values.items():
            rows[place][name] = value
    return rows


class Says:
    """A provider that delivers these rows."""

    def __init__(self, rows: list[dict[str, object]], dimension: Dimension = DAILY_BARS) -> None:
        self._facts = pa.Table.from_pylist(rows, schema=dimension.facts)

    def fetch(self, query: Query) -> Delivery:
        return Delivery((Slice("test/bars", NOW, self._facts),))


def run(
    folder: Path,
    rows: list[dict[str, object]],
    run_id: str = "run-1",
    at: datetime = NOW,
    plan: str = "sample",
) -> RunReport:
    task = Task("Test", Query(DAILY_BARS, ("AAPL",)), True)
    return IngestRun(
        RunRequest(run_id, plan, 7, (task,), NO_WAIT),
        {"Test": Says(rows)},
        DuckDBStore(folder),
        clock=lambda: at,
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()


def entries(folder: Path, chosen: QuarantineFilter = ALL) -> list[dict[str, object]]:
    with published_quarantine(folder) as quarantine:
        return quarantine.entries(chosen, 1000)


def held(folder: Path) -> dict[object, dict[str, object]]:
    with published(folder) as reader:
        rows = [row for batch in reader.batches(Selection(DAILY_BARS)) for row in batch.to_pylist()]
    return {row["session_date"]: row for row in rows}


BAD = {"close": {2: float("nan"), 5: 0.0}}


def test_a_bad_row_is_kept_as_it_came_with_its_reason_and_origin(tmp_path: Path) -> None:
    report = run(tmp_path, bars(**BAD))
    assert (report.outcome, report.rows) == (Outcome.SUCCEEDED, 7)
    assert report.dimensions[0].quarantined == (
        RowCount(reason="NonPositivePrice", rows=1),
        RowCount(reason="NotFinite", rows=1),
    )
    assert set(held(tmp_path)) == set(DAYS) - {DAYS[2], DAYS[5]}
    entry = entries(tmp_path, QuarantineFilter(reason="NotFinite"))[0]
    assert json.loads(str(entry["raw"])) == {
        "source": "test/bars",
        "symbol": "AAPL",
        "session_date": "2024-03-20",
        "open": "100.0",
        "high": "102.2",
        "low": "99.0",
        "close": "nan",
        "adjusted_close": "101.0",
        "volume": "1002",
        "price_basis": "splitAdjusted",
        "revision": "0",
    }
    assert {name: entry[name] for name in ("provider", "plan", "plan_generation", "run_id", "subject")} == {
        "provider": "Test",
        "plan": "sample",
        "plan_generation": 7,
        "run_id": "run-1",
        "subject": "AAPL",
    }
    assert (entry["key"], entry["schema_version"]) == ("test/bars|AAPL|2024-03-20", 2)
    assert (entry["first_seen"], entry["times_seen"], entry["state"]) == (NOW, 1, "Held")


def test_the_same_bad_row_again_is_the_same_entry_and_counted_once_per_run(tmp_path: Path) -> None:
    later = NOW + timedelta(hours=1)
    run(tmp_path, bars(**BAD))
    for _ in range(2):
        report = run(tmp_path, bars(**BAD), "run-2", later)
    assert sum(item.rows for item in report.dimensions[0].quarantined) == 2
    found = entries(tmp_path)
    assert [
        (item["times_seen"], item["run_id"], item["first_seen"], item["last_seen"]) for item in found
    ] == [(2, "run-1", NOW, later)] * 2


def test_a_name_of_which_nothing_was_kept_is_told_as_quarantined(tmp_path: Path) -> None:
    report = run(tmp_path, bars(close=dict.fromkeys(range(9), 0.0)))
    daily = report.dimensions[0]
    assert (report.outcome, daily.outcome, daily.missing) == (
        Outcome.QUARANTINED,
        Outcome.QUARANTINED,
        ("AAPL",),
    )
    assert "Quarantined: AAPL (every row that came is in quarantine)" in daily.message


def test_a_row_that_comes_right_later_closes_the_entry(tmp_path: Path) -> None:
    run(tmp_path, bars(**BAD))
    report = run(tmp_path, bars(), "run-2", NOW + timedelta(hours=1))
    assert (report.rows, report.dimensions[0].quarantined) == (9, ())
    assert {item["state"] for item in entries(tmp_path)} == {"Superseded"}
    report = run(tmp_path, bars(**BAD), "run-3", NOW + timedelta(hours=2))
    assert len(report.dimensions[0].quarantined) == 2
    assert {(item["state"], item["state_since"]) for item in entries(tmp_path)} == {
        ("Held", NOW + timedelta(hours=2))
    }
    assert len(held(tmp_path)) == 9


def release(folder: Path, chosen: QuarantineFilter = ALL, run_id: str = "release-1") -> tuple[int, int]:
    at = NOW + timedelta(days=1)
    with DuckDBStore(folder).writer(run_id, NO_WAIT) as writer:
        sequence = writer.begin(RunStart(run_id, "quarantine", 0, at))
        with writer.batch():
            done = writer.release(chosen, run_id, at)
            writer.finish(sequence, RunEnd(Outcome.SUCCEEDED, at, done.rows, done.rows, ""))
        writer.publish()
    return done.rows, done.unfit


def test_a_released_row_is_stored_under_its_flag_and_stays_when_it_comes_again(tmp_path: Path) -> None:
    run(tmp_path, bars(**BAD))
    assert release(tmp_path, QuarantineFilter(reason="NonPositivePrice")) == (1, 0)
    row = held(tmp_path)[DAYS[5]]
    assert (row["close"], row["flags"], row["run_id"], row["provider"], row["plan_generation"]) == (
        0.0,
        "Released",
        "release-1",
        "Test",
        7,
    )
    assert [item["state"] for item in entries(tmp_path, QuarantineFilter(reason="NonPositivePrice"))] == [
        "Released"
    ]
    report = run(tmp_path, bars(**BAD), "run-2", NOW + timedelta(days=2))
    assert report.dimensions[0].quarantined == (RowCount(reason="NotFinite", rows=1),)
    assert held(tmp_path)[DAYS[5]]["flags"] == "Released"


def test_a_plan_releases_rows_that_another_one_brought_first(tmp_path: Path) -> None:
    for number, plan in enumerate(("first", "second", "first")):
        run(tmp_path, bars(**BAD), f"run-{number}", NOW + timedelta(hours=number), plan)
    assert len(entries(tmp_path, QuarantineFilter(plan="second"))) == 2
    assert entries(tmp_path, QuarantineFilter(plan="third")) == []
    assert release(tmp_path, QuarantineFilter(plan="third")) == (0, 0)
    assert release(tmp_path, QuarantineFilter(plan="second"), "release-2") == (1, 1)


def test_releasing_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    run(tmp_path, bars(**BAD))
    assert release(tmp_path) == (1, 1)
    before = held(tmp_path)
    assert DAYS[2] not in before
    assert release(tmp_path, run_id="release-2") == (0, 1)
    assert {day: row["run_id"] for day, row in held(tmp_path).items()} == {
        day: row["run_id"] for day, row in before.items()
    }


def test_of_two_rows_that_contradict_each_other_one_is_released_by_its_id_and_the_other_closed(
    tmp_path: Path,
) -> None:
    twice = [*bars(), {**bars()[4], "high": 103.5}]
    report = run(tmp_path, twice)
    assert report.dimensions[0].quarantined == (RowCount(reason="ConflictingRows", rows=2),)
    assert release(tmp_path) == (0, 0)
    assert [item["state"] for item in entries(tmp_path)] == ["Held", "Held"]
    right = next(str(item["id"]) for item in entries(tmp_path) if '"high":"103.5"' in str(item["raw"]))
    assert release(tmp_path, QuarantineFilter(ids=(right,)), "release-2") == (1, 0)
    assert {item["id"]: item["state"] for item in entries(tmp_path)}[right] == "Released"
    assert sorted(str(item["state"]) for item in entries(tmp_path)) == ["Released", "Superseded"]
    assert held(tmp_path)[DAYS[4]]["high"] == 103.5


def test_a_repeated_row_is_not_released_over_a_later_correction(tmp_path: Path) -> None:
    report = run(tmp_path, [*bars(), bars()[4]])
    assert report.dimensions[0].quarantined == (RowCount(reason="RepeatedRow", rows=1),)
    run(tmp_path, bars(close={4: 101.5}), "run-2", NOW + timedelta(hours=1))
    assert release(tmp_path, QuarantineFilter(plan="sample")) == (0, 0)
    assert held(tmp_path)[DAYS[4]]["close"] == 101.5


def test_a_row_that_no_table_could_hold_stays_in_quarantine(tmp_path: Path) -> None:
    facts = pa.Table.from_pylist(bars(), schema=DAILY_BARS.facts)
    close = pa.array(["dear" if place == 3 else "101.0" for place in range(9)])
    facts = facts.set_column(facts.schema.get_field_index("close"), "close", close)
    says = Says(bars())
    says._facts = facts
    task = Task("Test", Query(DAILY_BARS, ("AAPL",)), True)
    IngestRun(
        RunRequest("run-1", "sample", 1, (task,), NO_WAIT),
        {"Test": says},
        DuckDBStore(tmp_path),
        clock=lambda: NOW,
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()
    assert release(tmp_path) == (0, 1)
    entry = entries(tmp_path)[0]
    assert (entry["state"], entry["reason"], json.loads(str(entry["raw"]))["close"]) == (
        "Held",
        "SchemaMismatch",
        "dear",
    )


def test_entries_that_were_not_seen_for_long_expire_and_their_rows_are_judged_anew(tmp_path: Path) -> None:
    run(tmp_path, bars(**BAD))
    run(tmp_path, bars(close={2: float("nan")}), "run-2", NOW + timedelta(days=40))
    for expected in (1, 0):
        with DuckDBStore(tmp_path).writer("expire", NO_WAIT) as writer:
            assert writer.expire(ALL, NOW + timedelta(days=30)) == expected
            writer.publish()
    assert [item["reason"] for item in entries(tmp_path)] == ["NotFinite"]
    run(tmp_path, bars(**BAD), "run-3", NOW + timedelta(days=41))
    assert len(entries(tmp_path)) == 2


def test_a_released_row_needs_no_second_decision_after_entries_expired(tmp_path: Path) -> None:
    run(tmp_path, bars(**BAD))
    release(tmp_path, QuarantineFilter(reason="NonPositivePrice"))
    with DuckDBStore(tmp_path).writer("expire", NO_WAIT) as writer:
        assert writer.expire(ALL, NOW + timedelta(days=30)) == 1
        writer.publish()
    report = run(tmp_path, bars(close={5: 0.0}), "run-2", NOW + timedelta(days=41))
    assert [item["state"] for item in entries(tmp_path)] == ["Released"]
    assert report.dimensions[0].quarantined == ()


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        pytest.param(ALL, 2, id="all"),
        pytest.param(QuarantineFilter(dimension=MACRO_SERIES), 0, id="another dimension"),
        pytest.param(QuarantineFilter(dimension=DAILY_BARS, reason="NotFinite"), 1, id="a reason"),
        pytest.param(QuarantineFilter(subjects=("AAPL", "IBM")), 2, id="symbols"),
        pytest.param(QuarantineFilter(subjects=("IBM",)), 0, id="another symbol"),
        pytest.param(QuarantineFilter(state=EntryState.RELEASED), 0, id="a state"),
        pytest.param(QuarantineFilter(ids=("none",)), 0, id="an id"),
    ],
)
def test_entries_are_chosen_by(tmp_path: Path, chosen: QuarantineFilter, count: int) -> None:
    run(tmp_path, bars(**BAD))
    assert len(entries(tmp_path, chosen)) == count


def test_every_row_leads_to_its_run_provider_plan_generation_and_schema_version(tmp_path: Path) -> None:
    run(tmp_path, bars(), "run-1")
    run(tmp_path, bars(close={4: 101.5}), "run-2", NOW + timedelta(hours=1))
    with duckdb.connect(str(tmp_path / "published" / "backbone.duckdb"), read_only=True) as connection:
        found = connection.sql("""
            SELECT bar.session_date, run.run_id, run.plan, run.plan_generation, bar.plan_generation,
                   bar.provider, arrival.provider, bar.schema_version, run.outcome
            FROM market.daily_bars AS bar
            JOIN telemetry.ingest_runs AS run USING (run_id)
            JOIN telemetry.ingest_arrivals AS arrival
              ON arrival."sequence" = run."sequence" AND arrival.source = bar.source
            ORDER BY bar.session_date
        """).fetchall()
    assert found == [
        (day, "run-2" if place == 4 else "run-1", "sample", 7, 7, "Test", "Test", 2, "Succeeded")
        for place, day in enumerate(DAYS)
    ]


V1 = """
    CREATE TABLE market.daily_bars_1 AS SELECT * EXCLUDE (provider, flags) REPLACE (1 AS schema_version)
    FROM market.daily_bars;
    DROP TABLE market.daily_bars; ALTER TABLE market.daily_bars_1 RENAME TO daily_bars;
    DROP TABLE telemetry.quarantine
"""


def outdated(folder: Path) -> None:
    """Make the files what the first version of the schema left."""
    for name in ("working", "published"):
        with duckdb.connect(str(folder / name / "backbone.duckdb")) as connection:
            for statement in V1.split(";"):
                connection.execute(statement)


def test_a_store_of_the_first_version_is_read_and_brought_to_the_present_one_in_place(tmp_path: Path) -> None:
    run(tmp_path, bars())
    outdated(tmp_path)
    assert {(row["provider"], row["flags"], row["schema_version"]) for row in held(tmp_path).values()} == {
        ("unknown", None, 1)
    }
    assert entries(tmp_path) == []
    report = run(tmp_path, bars(close={4: 101.5, 5: 0.0}), "run-2", NOW + timedelta(hours=1))
    assert report.dimensions[0].changed == 1
    told = {
        day: (row["provider"], row["schema_version"], row["run_id"]) for day, row in held(tmp_path).items()
    }
    assert told == dict.fromkeys(DAYS, ("Test", 1, "run-1")) | {DAYS[4]: ("Test", 2, "run-2")}
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize("step", range(5))
def test_a_migration_that_is_interrupted_is_finished_by_the_next_worker(tmp_path: Path, step: int) -> None:
    run(tmp_path, bars())
    outdated(tmp_path)
    with duckdb.connect(str(tmp_path / "working" / "backbone.duckdb")) as connection:
        for statement in duckdb_sql.migration(DAILY_BARS)[:step]:
            connection.execute(statement, ["dailyBars"] if "?" in statement else None)
    run(tmp_path, bars(), "run-2", NOW + timedelta(hours=1))
    assert {row["provider"] for row in held(tmp_path).values()} == {"Test"}


MILLION = 1_000_000
LIMIT_SECONDS = 60


def test_a_quarantine_of_a_million_rows_is_written_listed_and_released_in_bounded_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = np.arange(MILLION, dtype=np.int64) * 1000 + 1_709_300_000_000_000
    rows = pa.table(
        {
            "source": pa.repeat("test/trades", MILLION),
            "symbol": pa.repeat("ES", MILLION),
            "ts": pa.array(second).cast(pa.timestamp("us", "UTC")),
            "ordinal": pa.repeat(pa.scalar(0, pa.int64()), MILLION),
            "price": pa.array(-np.arange(MILLION, dtype=np.float64)),
            "size": pa.repeat(pa.scalar(1, pa.int64()), MILLION),
            "price_basis": pa.repeat("asTraded", MILLION),
            "revision": pa.repeat(pa.scalar(0, pa.int64()), MILLION),
        },
        schema=INTRADAY_TRADES.facts,
    )
    reasons = pa.repeat("NonPositivePrice", MILLION)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    for number in (1, 2):
        origin = Origin(f"run-{number}", "sample", 1, "Test", NOW + timedelta(hours=number))
        with DuckDBStore(tmp_path).writer(origin.run_id, NO_WAIT) as writer:
            with writer.batch():
                writer.quarantine(INTRADAY_TRADES, rows, reasons, origin)
                assert writer.held(INTRADAY_TRADES, origin.run_id) == {"NonPositivePrice": MILLION}
            writer.publish()
    with published_quarantine(tmp_path) as quarantine:
        assert [item["entries"] for item in quarantine.counts(ALL)] == [MILLION]
        assert [item["times_seen"] for item in quarantine.entries(ALL, 3)] == [2, 2, 2]
    assert release(tmp_path) == (MILLION, 0)
    seconds = time.monotonic() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    with capsys.disabled():
        sys.stdout.write(f" a million rows twice and released in {seconds:.1f} s, {grown:.0f} MiB more ")
    assert seconds < LIMIT_SECONDS
    assert grown < 1536
