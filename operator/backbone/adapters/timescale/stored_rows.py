"""The market's rows in TimescaleDB, on the connection of its writer and within its transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection

from ...market.dimensions import Dimension
from ...market.dimensions import line_of as line_columns
from ...market.verdicts import packed_windows, window_schema
from ...ports.quarantine import Origin
from ...ports.rows import SubjectSpan
from . import outdated_sql, sql, verdicts, verdicts_sql
from .copy import copy_in
from .errors import store_faults
from .journal import TimescaleJournal
from .rows import Value, moment, table
from .session import Row
from .settings import ConnectionSettings
from .upsert import upsert


class TimescaleRows:
    """A rows.Rows. `changed` has the subjects whose rows changed since the batch began, by dimension."""

    def __init__(
        self, connection: Connection[Row], settings: ConnectionSettings, journal: TimescaleJournal
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._journal = journal
        self.changed: dict[Dimension, set[str]] = {}

    @property
    def sequence(self) -> int | None:
        """The number of the run that writes; None where none began."""
        return self._journal.sequence

    def note(self, dimension: Dimension, subjects: Iterable[str]) -> None:
        """Remember that rows of these subjects changed in the batch."""
        if found := set(subjects):
            self.changed.setdefault(dimension, set()).update(found)

    def upsert(self, dimension: Dimension, rows: pa.Table) -> int:
        """Store rows; how many were new or differed."""
        with store_faults(f"store {dimension.name}", self._settings), self._connection.transaction():
            written = upsert(self._connection, dimension, rows, self.sequence)
        self.note(dimension, written)
        return written.total()

    def outdated(self, dimension: Dimension, rows: pa.Table) -> int:
        """How many of one answer's rows lost to another version.

        They are compared only where there is a later answer, or another revision, to lose to.
        """
        times = pc.min_max(rows[dimension.time]).as_py()
        given = {
            "dimension": dimension.name,
            "entities": pc.unique(rows[dimension.entity]).to_pylist(),
            "first": times["min"],
            "last": times["max"],
            "at": rows["observed_at"][0].as_py(),
            "run": rows["run_id"][0].as_py(),
            "revision": pc.min(rows["revision"]).as_py(),
        }
        connection, may_lose = self._connection, outdated_sql.may_lose(dimension).encode()
        with store_faults(f"compare {dimension.name}", self._settings):
            if connection.execute(may_lose, given).fetchone() != (True,):
                return 0
            with connection.transaction():
                names = outdated_sql.compared(dimension)
                connection.execute(sql.staging(dimension, names).encode())
                staged = rows.select(names)
                copy_in(connection, ("pg_temp", "staging"), staged.schema, staged.to_batches())
                row = connection.execute(outdated_sql.lost(dimension).encode(), given).fetchone()
                connection.execute("DROP TABLE pg_temp.staging")
        return int(row[0]) if row else 0

    def preceding(self, dimension: Dimension, facts: pa.Table, count: int) -> pa.Table:
        """The last stored rows of each line before its first row in `facts`."""
        line = list(sql.line_of(dimension))
        first = facts.group_by(line).aggregate([(dimension.time, "min")])
        values = {name: first[name].to_pylist() for name in line}
        values["first"] = first[f"{dimension.time}_min"].to_pylist()
        with store_faults("query the store", self._settings):
            return table(self._connection, sql.before(dimension), dimension.facts, {**values, "count": count})

    def spans(
        self, dimension: Dimension, source: str, interval_seconds: int | None
    ) -> dict[str, SubjectSpan]:
        """From when to when the store holds each subject of a source."""
        given: list[str | int] = [source] if interval_seconds is None else [source, interval_seconds]
        statement = sql.spans(dimension, interval=interval_seconds is not None)
        with store_faults("look up what is stored", self._settings):
            found = self._connection.execute(statement.encode(), given).fetchall()
        return {
            name: SubjectSpan(moment(first), moment(last), revision, moment(gap) if gap else None)
            for name, first, last, revision, gap in found
        }

    def latest(self, dimension: Dimension, source: str, names: Sequence[str], count: int) -> pa.Table:
        """The last rows of each name, in its facts columns."""
        values: dict[str, Value] = {"source": source, "subjects": list(names), "count": count}
        with store_faults("look up what is stored", self._settings):
            return table(self._connection, sql.latest(dimension), dimension.facts, values)

    def within(self, dimension: Dimension, windows: pa.Table) -> pa.Table:
        """Stored rows inside windows that hold more than they should."""
        names = [name for name in window_schema(dimension).names if name != "revision"]
        values = {name: windows[name].to_pylist() for name in names}
        with store_faults("query the store", self._settings):
            return table(self._connection, verdicts_sql.within(dimension), dimension.schema, values)

    def lengths(self, dimension: Dimension, lines: pa.Table) -> dict[tuple[object, ...], int]:
        """How many rows are stored of each line."""
        line = line_columns(dimension)
        given = [lines[name].to_pylist() for name in line]
        statement = verdicts_sql.lengths(dimension, line).encode()
        with store_faults("query the store", self._settings):
            found = self._connection.execute(statement, given).fetchall()
        return {tuple(row[:-1]): int(row[-1]) for row in found}

    def remove(self, dimension: Dimension, rows: pa.Table, origin: Origin, *, waiting: bool = False) -> int:
        """Put stored rows into quarantine; how many left."""
        left: Counter[str]
        with store_faults("take rows out of the store", self._settings), self._connection.transaction():
            left = verdicts.remove(
                self._connection, dimension, rows, origin, waiting=waiting, sequence=self.sequence
            )
        self.note(dimension, left)
        return left.total()

    def delivered_whole(self, dimension: Dimension, windows: pa.Table, origin: Origin) -> None:
        """Remember windows that an answer held whole."""
        revision = pc.max(windows["revision"]).as_py()
        values = [dimension.name, revision, origin.at, origin.run_id, packed_windows(windows)]
        with store_faults("write the store", self._settings):
            self._connection.execute(verdicts_sql.KEEP_WHOLE, values)
