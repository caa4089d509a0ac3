"""Which days runs changed, on every tier: told in the transaction that changes rows, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from backbone.adapters.duckdb import changes as of_duckdb
from backbone.adapters.duckdb import changes_sql as duckdb_sql
from backbone.adapters.duckdb import stored_rows as of_duckdb_rows
from backbone.adapters.timescale import changes as of_timescale
from backbone.adapters.timescale import sql as timescale_sql
from backbone.adapters.timescale import stored_rows as of_timescale_rows
from backbone.adapters.timescale import verdicts_sql as timescale_verdicts_sql
from backbone.adapters.timescale.session import connected
from backbone.market.canonical import hashed_schema
from backbone.market.dimensions import DAILY_BARS, DIMENSIONS, INTRADAY_TRADES, Dimension
from backbone.market.lineage import Lineage, stamp
from backbone.ports.journal import RunStart
from backbone.ports.store import Writer
from databases import Database
from small_copies import NO_WAIT, NOW, bar, ingest_into, trade
from stores import OnDuckDB, OnTimescale, Tier
from test_verdicts import bars, by_hand, evening, whole

SEEN = """
    SELECT source, day, "sequence" FROM telemetry.ingest_changes WHERE dimension = 'dailyBars' ORDER BY 1, 2
"""
LONG_AGO = date(2014, 2, 3)
A_SECOND = date(2024, 2, 2)
Told = dict[tuple[str, date], int]


def told(tier: Tier, dimension: str = "dailyBars") -> Told:
    """The number of the last run that changed rows, by source and day, as readers see it."""
    found = tier.query("SELECT dimension, source, day, sequence FROM telemetry.ingest_changes")
    return {(source, day): number for name, source, day, number in found if name == dimension}


def days(changes: Told, number: int) -> set[date]:
    return {day for (_, day), last in changes.items() if last == number}


def everything_is_told_once(tier: Tier) -> None:
    """New rows, a correction ten years back, the same rows again, rows that a source took back, a release."""
    ingest_into(tier.store(), [bar(1), bar(2), bar(3, session_date=LONG_AGO), bar(1, source="b")])
    first = {("test/bars", LONG_AGO), ("test/bars", date(2024, 2, 1)), ("test/bars", A_SECOND)}
    assert told(tier) == dict.fromkeys({*first, ("b", date(2024, 2, 1))}, 1)
    again = [bar(1), bar(2, close=7.0), bar(3, session_date=LONG_AGO, close=8.0), bar(4)]
    ingest_into(tier.store(), again, number=2)
    assert days(told(tier), 2) == {A_SECOND, LONG_AGO, date(2024, 2, 4)}
    before = told(tier)
    ingest_into(tier.store(), again, number=3)
    assert told(tier) == before, "who only saw the rows again changed none"


def content(tier: Tier) -> set[tuple[Any, ...]]:
    """What is stored of each daily bar, but how it came."""
    names = ", ".join(f'"{name}"' for name in hashed_schema(DAILY_BARS).names)
    return set(tier.query(f"SELECT session_date, {names} FROM market.daily_bars"))


def removals_are_told(tier: Tier) -> None:
    """Also flags that the absence of rows gives others."""
    rows = bars()
    evening(tier, 0, rows)
    stored, left = content(tier), [*rows[:20], *rows[23:]]
    assert days(told(tier), 1) == {row["session_date"] for row in rows}
    evening(tier, 1, left, whole(rows))
    assert {row["session_date"] for row in rows[20:23]} < days(told(tier), 2)
    withdrawn = content(tier)
    assert days(told(tier), 2) == {row[0] for row in stored ^ withdrawn}
    by_hand(tier, "release")
    assert days(told(tier), 3) == {row[0] for row in withdrawn ^ content(tier)}


def acknowledged_removals_are_told(tier: Tier) -> None:
    rows = bars()
    evening(tier, 0, rows)
    stored = content(tier)
    evening(tier, 1, rows[:30], whole(rows))
    assert content(tier) == stored and days(told(tier), 2) == set(), "so many wait for somebody"
    by_hand(tier, "acknowledge")
    assert days(told(tier), 3) == {row["session_date"] for row in rows[30:]}


def rows_and_what_is_told_are_one(tier: Tier) -> None:
    """Inside of the batch its writer sees both; whoever ends it by an error leaves neither."""
    ingest_into(tier.store(), [bar(1)])
    corrected = pa.Table.from_pylist([bar(1, close=7.0), bar(2), bar(2, source="b")], schema=DAILY_BARS.facts)
    with tier.store().writer("run-2", NO_WAIT) as writer:
        at = NOW + timedelta(hours=1)
        writer.journal.begin(RunStart("run-2", "plan", 1, at))
        with suppress(ZeroDivisionError), writer.batch():
            writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, corrected, Lineage("run-2", 1, at, "Test")))
            assert {day for _, day, number in of_writer(writer) if number == 2} == {
                date(2024, 2, 1),
                A_SECOND,
            }
            assert 1 / 0
        assert of_writer(writer) == [("test/bars", date(2024, 2, 1), 1)]
        writer.publish()
    assert told(tier) == {("test/bars", date(2024, 2, 1)): 1}
    assert tier.query("SELECT count(*) FROM market.daily_bars WHERE close = 1.5") == [(1,)]


def of_writer(writer: Writer) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = writer._connection.execute(SEEN).fetchall()  # type: ignore[attr-defined]
    return found


def of_two_runs_the_greater_number_stays(tier: Tier) -> None:
    """A run that began earlier and stores later: who asks after the smaller number gets the day."""
    ingest_into(tier.store(), [bar(1)])
    ingest_into(tier.store(), [bar(1, close=7.0)], number=2)
    rows = pa.Table.from_pylist([bar(1, close=8.0), bar(2)], schema=DAILY_BARS.facts)
    with tier.store().writer("run-1", NO_WAIT) as writer:
        writer.journal.sequence = 1  # type: ignore[attr-defined]
        at = NOW + timedelta(hours=1)
        with writer.batch():
            assert (
                writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, rows, Lineage("run-1", 1, at, "Test"))) == 2
            )
        writer.publish()
    assert told(tier) == {("test/bars", date(2024, 2, 1)): 2, ("test/bars", A_SECOND): 1}


def days_are_those_of_utc(tier: Tier) -> None:
    moments = [datetime(2024, 2, 1, 23, 59, 59, 999_999, UTC), datetime(2024, 2, 3, tzinfo=UTC)]
    moments += [datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)]

    for number, price in ((1, 5.0), (2, 6.0)):
        rows = [trade(at, price) for at in moments]
        ingest_into(tier.store(), rows, INTRADAY_TRADES, number=number)
        changed = days(told(tier, "intradayTrades"), number)
        assert changed == {date(2024, 2, 1), date(2024, 2, 3), date(1969, 12, 31)}


PROMISES = {
    promise.__name__: promise
    for promise in (
        everything_is_told_once,
        removals_are_told,
        acknowledged_removals_are_told,
        rows_and_what_is_told_are_one,
        of_two_runs_the_greater_number_stays,
        days_are_those_of_utc,
    )
}


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_is_kept(tier: Tier, promise: str) -> None:
    PROMISES[promise](tier)


TAKEN_IN = {
    ("test/bars", LONG_AGO): 1,
    ("test/bars", date(2024, 2, 1)): 2,
    ("test/bars", A_SECOND): 1,
    ("nobody knows", A_SECOND): 0,
}
"""By the last run of which a row is left; of rows whose run no journal has, before all runs."""


def two_runs(tier: Tier) -> None:
    ingest_into(tier.store(), [bar(1), bar(2), bar(3, session_date=LONG_AGO), bar(2, source="nobody knows")])
    ingest_into(tier.store(), [bar(1, close=7.0)], number=2)
    at = datetime(2024, 2, 1, 23, 59, 59, 999_999, UTC)
    ingest_into(tier.store(), [trade(at)], INTRADAY_TRADES, number=3)


UNKNOWN = "UPDATE market.daily_bars SET run_id = 'set aside' WHERE source = 'nobody knows'"
OF_BEFORE = (
    UNKNOWN,
    "DROP TABLE telemetry.ingest_changes",
    "ALTER TABLE telemetry.ingest_runs DROP COLUMN tells_changes",
)


@pytest.mark.parametrize("step", range(4))
def test_a_file_of_an_earlier_version_tells_of_its_rows_from_a_run_on(tmp_path: Path, step: int) -> None:
    """Also where a worker died after some of the steps."""
    tier = OnDuckDB(tmp_path)
    two_runs(tier)
    for place in ("working", "published"):
        with duckdb.connect(str(tmp_path / place / "backbone.duckdb")) as connection:
            for statement in OF_BEFORE:
                connection.execute(statement)
            if place == "working":
                for statement in [duckdb_sql.TABLE, *map(duckdb_sql.taking_in, DIMENSIONS)][:step]:
                    connection.execute(statement)
    with tier.reading() as reader:
        assert len(reader.runs(9)) == 3, "the copy of before is read as it is"
    ingest_into(tier.store(), [bar(4)], number=4)
    assert told(tier) == {**TAKEN_IN, ("test/bars", date(2024, 2, 4)): 4}
    assert told(tier, "intradayTrades") == {("t", date(2024, 2, 1)): 3}
    told_by = tier.query("SELECT sequence FROM telemetry.ingest_runs WHERE tells_changes")
    assert told_by == [(4,)], "what earlier runs removed nobody knows"


@pytest.mark.parametrize("kind", ["postgres", "timescale"])
def test_a_database_of_an_earlier_version_tells_of_its_rows_once_migrated(
    kind: str, migrated_database_of: Callable[[str], Database]
) -> None:
    database = migrated_database_of(kind)
    tier = OnTimescale(database.settings)
    two_runs(tier)
    for statement in (*OF_BEFORE, "DELETE FROM telemetry.schema_migrations WHERE number >= 14"):
        database.execute(statement)
    database.migrator().migrate()
    assert told(tier) == TAKEN_IN
    assert told(tier, "intradayTrades") == {("t", date(2024, 2, 1)): 3}
    assert tier.query("SELECT count(*) FROM telemetry.ingest_runs WHERE tells_changes") == [(0,)]


Mutation = Callable[[pytest.MonkeyPatch, Tier], None]


def another_transaction(patch: pytest.MonkeyPatch, tier: Tier) -> None:
    """What is told is committed for itself, before the rows are."""
    if isinstance(tier, OnTimescale):
        settings, note = tier.settings, of_timescale.note

        def apart(connection: Any, *rest: Any) -> None:
            with connected(settings) as other:
                note(other, *rest)

        patch.setattr(of_timescale, "note", apart)
        return
    statement = duckdb_sql.NOTE

    def noted(self: of_duckdb.DuckDBChanges, dimension: Dimension, changing: str) -> int:
        rows = self._connection.sql(changing).to_arrow_table()
        other = self._connection.cursor()
        other.register("changed", rows.group_by(["source", "day"]).aggregate([]))
        other.execute(statement, {"sequence": self._run.sequence, "dimension": dimension.name})
        return int(rows.num_rows)

    patch.setattr(of_duckdb.DuckDBChanges, "noted", noted)


def nothing_before_the_commit(patch: pytest.MonkeyPatch, _: Tier) -> None:
    """What is told waits for the rows' commit, and a crash comes between the two."""
    silent = "SELECT source, day FROM telemetry.ingest_changes WHERE FALSE"
    patch.setattr(of_timescale, "note", lambda *_: None)
    patch.setattr(timescale_sql, "noting", lambda _days: silent)
    patch.setattr(of_duckdb, "NOTE", "SELECT $sequence, $dimension")


def what_came_instead_of_what_changed(patch: pytest.MonkeyPatch, tier: Tier) -> None:
    """Rows that were only seen again count as changed."""
    upsert, stores = of_timescale_rows.upsert, of_duckdb_rows.DuckDBRows.upsert

    def all_of(connection: Any, dimension: Dimension, rows: pa.Table, sequence: int | None) -> Any:
        of_timescale.note(connection, dimension, rows, sequence)
        return upsert(connection, dimension, rows, sequence)

    def all_incoming(self: of_duckdb_rows.DuckDBRows, dimension: Dimension, rows: pa.Table) -> int:
        self._changes.came(dimension, rows)
        return stores(self, dimension, rows)

    patch.setattr(of_timescale_rows, "upsert", all_of)
    patch.setattr(of_duckdb_rows.DuckDBRows, "upsert", all_incoming)


def corrections_are_not_told(patch: pytest.MonkeyPatch, _: Tier) -> None:
    _untold(patch, timescale_sql, "MERGE")


def removals_are_not_told(patch: pytest.MonkeyPatch, _: Tier) -> None:
    _untold(patch, timescale_verdicts_sql, "DELETE")


def _untold(patch: pytest.MonkeyPatch, statements: Any, verb: str) -> None:
    noted = of_duckdb.DuckDBChanges.noted

    def quietly(self: of_duckdb.DuckDBChanges, dimension: Dimension, changing: str) -> int:
        return len(self._connection.sql(changing)) if verb in changing else noted(self, dimension, changing)

    patch.setattr(of_duckdb.DuckDBChanges, "noted", quietly)
    patch.setattr(statements, "noting", lambda _days: "SELECT 1")


def whoever_writes_last(patch: pytest.MonkeyPatch, _: Tier) -> None:
    """Of two runs the number of the one that stored later stays."""
    less = 'known."sequence" < excluded."sequence"'
    patch.setattr(of_timescale, "_NOTE", of_timescale._NOTE.replace(less, "TRUE"))
    noting = timescale_sql.noting
    patch.setattr(timescale_sql, "noting", lambda days: noting(days).replace(less, "TRUE"))
    patch.setattr(of_duckdb, "NOTE", duckdb_sql.NOTE.replace('known."sequence" < item."sequence"', "TRUE"))


def days_of_another_zone(patch: pytest.MonkeyPatch, _: Tier) -> None:
    day = timescale_sql.day
    patch.setattr(
        timescale_sql, "day", lambda dimension, table: day(dimension, table).replace("'UTC'", "'Asia/Tokyo'")
    )
    in_tokyo = "CAST(make_timestamp(epoch_us({}) + 32400000000) AS DATE)"
    patch.setattr(
        duckdb_sql,
        "day",
        lambda dimension, table="": (
            in_tokyo.format(f'{table}"{dimension.time}"')
            if not dimension.dated
            else f'{table}"{dimension.time}"'
        ),
    )


MUTANTS: dict[Mutation, str] = {
    another_transaction: "rows_and_what_is_told_are_one",
    nothing_before_the_commit: "rows_and_what_is_told_are_one",
    what_came_instead_of_what_changed: "everything_is_told_once",
    corrections_are_not_told: "everything_is_told_once",
    removals_are_not_told: "removals_are_told",
    whoever_writes_last: "of_two_runs_the_greater_number_stays",
    days_of_another_zone: "days_are_those_of_utc",
}


@pytest.mark.parametrize("tier", ["duckdb", "postgres"], indirect=True)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_mutant_breaks_its_promise(tier: Tier, mutant: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch, tier)
    with pytest.raises(AssertionError):
        PROMISES[MUTANTS[mutant]](tier)
