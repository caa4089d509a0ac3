"""The market's rows in a DuckDB store, as its writer sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ...market.confirmations import Moment, answers, packed, without_outdated
from ...market.dimensions import Dimension, moment_of
from ...market.verdicts import packed_windows, unconfirmed
from ...ports.quarantine import EntryState, Origin
from ...ports.rows import SubjectSpan
from ...ports.store_errors import StoreError
from ...vocabulary import Outcome
from . import outdated_sql, quarantine, sql, verdicts_sql, writing_sql
from .changes import DuckDBChanges
from .session import registered, translated
from .verdicts import standing

_LOOKING = "look up what is stored"


class DuckDBRows:
    """A rows.Rows. Each answer is stored by one statement, and compared by one."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, changes: DuckDBChanges) -> None:
        self._connection = connection
        self._changes = changes

    def upsert(self, dimension: Dimension, rows: pa.Table) -> int:
        """Store rows; how many were new or differed."""
        connection = self._connection
        if not rows.schema.equals(dimension.schema):
            raise StoreError(
                Outcome.STORE_FAILED, f"{dimension.name}: rows are not of the dimension's schema"
            )
        with registered(connection, "incoming", rows), translated(f"store {dimension.name}"):
            # Keys of different hashes differ; only where two agree are the keys themselves counted.
            alike = _number(connection, writing_sql.alike_keys(dimension))
            doubled = _number(connection, writing_sql.doubled_keys(dimension)) if alike else 0
            if doubled:
                raise StoreError(
                    Outcome.STORE_FAILED, f"{dimension.name}: {doubled} keys come more than once in one batch"
                )
        return sum(self._kept(dimension, moment, answer) for moment, answer in answers(rows))

    def outdated(self, dimension: Dimension, rows: pa.Table) -> int:
        """How many of one answer's rows lost to another version."""
        given = {
            "dimension": dimension.name,
            "at": rows["observed_at"][0].as_py(),
            "run": rows["run_id"][0].as_py(),
            "revision": pc.min(rows["revision"]).as_py(),
        }
        connection = self._connection
        with translated(f"compare {dimension.name}"), registered(connection, "incoming", rows):
            # A result that is not read to its end keeps the connection from what comes next.
            if connection.execute(outdated_sql.may_lose(dimension), given).fetchall() != [(True,)]:
                return 0
            ((count,),) = connection.execute(outdated_sql.lost(dimension)).fetchall()
        return int(count)

    def preceding(self, dimension: Dimension, facts: pa.Table, count: int) -> pa.Table:
        """The last stored rows of each line before its first row in `facts`."""
        with registered(self._connection, "incoming", facts), translated("query the store"):
            found = self._connection.sql(sql.before(dimension), params=[count])
            return found.to_arrow_table().cast(dimension.facts)

    def spans(
        self, dimension: Dimension, source: str, interval_seconds: int | None
    ) -> dict[str, SubjectSpan]:
        """From when to when the store holds each subject of a source."""
        given = [source] if interval_seconds is None else [source, interval_seconds]
        statement = sql.subject_spans(dimension, interval=interval_seconds is not None)
        with translated(_LOOKING):
            found = self._connection.execute(statement, given).fetchall()
        return {
            name: SubjectSpan(_moment(first), _moment(last), revision, gap and _moment(gap))
            for name, first, last, revision, gap in found
        }

    def latest(self, dimension: Dimension, source: str, names: Sequence[str], count: int) -> pa.Table:
        """The last rows of each name, in its facts columns."""
        with translated(_LOOKING):
            found = self._connection.sql(sql.latest(dimension), params=[source, list(names), count])
            return found.to_arrow_table().cast(dimension.facts)

    def within(self, dimension: Dimension, windows: pa.Table) -> pa.Table:
        """Stored rows inside windows that hold more than they should."""
        connection = self._connection
        with registered(connection, "windows", windows), translated("query the store"):
            return connection.sql(verdicts_sql.within(dimension)).to_arrow_table().cast(dimension.schema)

    def lengths(self, dimension: Dimension, lines: pa.Table) -> dict[tuple[object, ...], int]:
        """How many rows are stored of each line."""
        connection = self._connection
        with registered(connection, "lines", lines), translated("query the store"):
            found = connection.sql(verdicts_sql.lengths(dimension)).fetchall()
            return {tuple(row[:-1]): row[-1] for row in found}

    def remove(self, dimension: Dimension, rows: pa.Table, origin: Origin, *, waiting: bool = False) -> int:
        """Put stored rows into quarantine; how many left."""
        connection = self._connection
        version = {"at": origin.at, "run": origin.run_id}
        named = {**version, "dimension": dimension.name}
        state = EntryState.WAITING if waiting else EntryState.HELD
        with translated("query the store"):
            later = connection.execute(sql.CONFIRMED_LATER, [dimension.name, *version.values()]).fetchall()
        rows = unconfirmed(dimension, rows, (versions for (versions,) in later))
        with registered(connection, "incoming", rows), translated("take rows out of the store"):
            connection.execute(verdicts_sql.leaving(dimension), [dimension.name])
            connection.execute(verdicts_sql.KEEP_LEAVING, {**named, "plan": origin.plan, "state": state})
            connection.execute(verdicts_sql.KEEP_VERDICTS, named)
            connection.execute(verdicts_sql.gone(dimension), version)
            left = 0 if waiting else self._changes.noted(dimension, verdicts_sql.delete(dimension))
            for statement in verdicts_sql.END_LEAVING:
                connection.execute(statement)
        return left

    def delivered_whole(self, dimension: Dimension, windows: pa.Table, origin: Origin) -> None:
        """Remember windows that an answer held whole."""
        revision = pc.max(windows["revision"]).as_py()
        values = [dimension.name, revision, origin.at, origin.run_id, packed_windows(windows)]
        with translated("write the store"):
            self._connection.execute(verdicts_sql.KEEP_WHOLE, values)

    def _kept(self, dimension: Dimension, moment: Moment, rows: pa.Table) -> int:
        """Store the rows of one answer that no later one has overtaken; how many were new or differed."""
        connection = self._connection
        with translated(f"store {dimension.name}"):
            values = [dimension.name, moment.observed_at, moment.run_id]
            later = connection.execute(sql.CONFIRMED_LATER, values).fetchall()
            rows = without_outdated(dimension, rows, (versions for (versions,) in later))
            rows = standing(connection, dimension, moment, rows)
            with registered(connection, "incoming", rows):
                quarantine.supersede(connection, dimension)
                # A source's first delivery meets nothing, and an INSERT takes two thirds of a MERGE's time.
                if _number(connection, writing_sql.known_sources(dimension)):
                    changed = self._changes.noted(dimension, writing_sql.merge(dimension))
                else:
                    changed = _number(connection, writing_sql.insert(dimension))
                    self._changes.came(dimension, rows)
            if changed < rows.num_rows:
                connection.execute(sql.CONFIRM, [*values, packed(dimension, rows)])
            return changed


def _moment(value: date | datetime) -> datetime:
    found = moment_of(value)
    assert found is not None  # noqa: S101 - time columns hold no nulls
    return found.astimezone(UTC)


def _number(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    # To its end: a result that is not keeps the connection from other work.
    return int(connection.execute(statement).fetchall()[0][0])
