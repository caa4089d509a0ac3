"""The institutional tier's store: TimescaleDB, one writer at a time, readers see what is committed.

The writer has one connection for as long as it writes. Its session holds the lock, each of its batches is one
transaction, and each of those looks first whether the run is still the one that writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta

import pyarrow as pa
from psycopg import Connection

from ...authority.owner import Owner
from ...market.confirmations import CLOCKS_APART
from ...market.dimensions import Dimension, moment_of
from ...ports.journal import JournalEntry, RunLost, closed_by_another
from ...ports.quarantine import Origin, QuarantineFilter, Release
from ...ports.store import Arrival, Attempt, Recovery, RunEnd, RunStart, SubjectSpan
from ...ports.store_errors import StoreError
from ...vocabulary import Outcome
from . import attempts_sql, lock, quarantine, sql
from .errors import store_faults
from .guard import DatabaseGuard
from .rows import Value, table
from .session import Row, connect
from .settings import ConnectionSettings
from .upsert import upsert


class TimescaleStore:
    """A store.Store. `pause` waits between two tries for the lock, and may raise to give up.

    `backbone` is whose plans run here, as the journal tells it. `changed` is told, after each batch, of which
    subjects it committed rows that were new or differed, and also where nobody knows whether the commit came
    about. For an `owner` each writer takes a database that is nobody's, and refuses one that is another's.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        pause: Callable[[float], None] = time.sleep,
        *,
        backbone: str = "",
        changed: Callable[[Dimension, AbstractSet[str]], None] = lambda *_: None,
        owner: Owner | None = None,
    ) -> None:
        self._settings = settings
        self._owner = owner
        self._backbone = backbone
        self._pause = pause
        self._changed = changed

    @property
    def published(self) -> bool:
        """Never: there is no copy for readers, who see what is committed."""
        return False

    @contextmanager
    def running(self, run_id: str) -> Iterator[None]:
        """For as long as this lasts the run counts as alive. Raises StoreError.

        Takes a session of its own, which the server ends with the process.
        """
        settings = replace(self._settings, application=f"{run_id} is alive")
        with store_faults("connect", settings):
            connection = connect(settings)
        with closing(connection):
            with store_faults("show that the run is alive", settings):
                lock.show_alive(connection, run_id)
            yield

    @contextmanager
    def writer(self, holder: str, wait: timedelta) -> Iterator[TimescaleWriter]:
        """The one writer, once the lock is free. Raises StoreError, with STORE_BUSY after `wait`.

        `holder` is the session's name on the server, for those who wait in vain and for its administrator.
        """
        settings = replace(self._settings, application=holder)
        with store_faults("connect", settings):
            connection = connect(settings)
        with closing(connection):
            with store_faults("become the writer", settings):
                if connection.execute(sql.JOURNAL_THERE).fetchone() != (True,):
                    raise StoreError(
                        Outcome.STORE_FAILED,
                        f"the database {settings.database} on {settings.place} has no tables of ours; "
                        "`emp-runtime database -f FOLDER` makes them",
                    )
                lock.take(connection, wait, self._pause)
                if self._owner is not None:
                    DatabaseGuard(settings, self._owner).claim(connection)
            yield TimescaleWriter(connection, settings, self._backbone, self._changed)


class TimescaleWriter:
    """A store.Writer. Every call raises StoreError."""

    recovery: Recovery | None = None
    """Nothing is ever set aside here: what a crash leaves is the database's own to mend."""

    def __init__(
        self,
        connection: Connection[Row],
        settings: ConnectionSettings,
        backbone: str,
        changed: Callable[[Dimension, AbstractSet[str]], None],
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._backbone = backbone
        self._plan = ""
        self._tell = changed
        self._changed: dict[Dimension, set[str]] = {}
        self._sequence: int | None = None

    def begin(self, run: RunStart) -> int:
        """Commit a started run, and close those that a crash left open; the run's sequence number."""
        why = "the next run found it unfinished"
        with self._working("write the journal"), self._connection.transaction():
            # Numbers have no gap, also where a pooler let two writers in.
            self._connection.execute(sql.ONE_AT_A_TIME)
            alive = self._alive(run.run_id)
            self._connection.execute(sql.CLOSE_UNFINISHED, [sql.CLOSED_BY_ANOTHER, run.at, why, alive])
            values = [run.run_id, run.plan, run.generation, run.at, self._backbone]
            row = self._connection.execute(sql.START, values).fetchone()
            if self._backbone:
                self._connection.execute(sql.OF_AN_EARLIER_VERSION, [self._backbone, run.plan])
            self._connection.execute(sql.FORGET_CONFIRMATIONS, [CLOCKS_APART])
        self._plan, self._sequence = run.plan, int(row[0]) if row else 0
        return self._sequence

    def _alive(self, but: str) -> list[str]:
        """Open runs whose session lives, but one."""
        found = self._connection.execute(sql.OPEN_RUNS).fetchall()
        return [name for (name,) in found if name != but and lock.is_alive(self._connection, name)]

    def resume(self, sequence: int, run_id: str) -> None:
        """Go on with a run that began under another writer."""
        with self._working("read the journal"):
            row = self._connection.execute(sql.RUN, [sequence]).fetchone()
        if row is None or row[0] != run_id:
            raise RunLost(sequence)
        if row[1] is not None:
            raise closed_by_another(sequence)
        self._sequence = sequence

    def recent(self, count: int) -> tuple[JournalEntry, ...]:
        """The last finished runs of the backbone, and as many of the plan that began here, newest first."""
        values = {"backbone": self._backbone, "plan": self._plan, "count": count}
        with self._working("read the journal"):
            found = self._connection.execute(sql.FINISHED.encode(), values).fetchall()
        return tuple(JournalEntry(*row) for row in found)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction, of a run that nobody has taken over from."""
        self._changed.clear()
        whole = False
        try:
            with self._working("commit a batch"), self._connection.transaction():
                self._stand_aside()
                yield
                whole = True
        finally:
            # A commit whose answer was lost may have come about all the same.
            for dimension, subjects in self._changed.items() if whole else ():
                self._tell(dimension, subjects)

    def _stand_aside(self) -> None:
        """Raise where another writer has begun since: a pooler, or a server without locks, let it in."""
        if self._sequence is None:
            return
        row = self._connection.execute(sql.OUTCOME, [self._sequence]).fetchone()
        if row == (sql.CLOSED_BY_ANOTHER,):
            raise closed_by_another(self._sequence)

    def upsert(self, dimension: Dimension, rows: pa.Table) -> int:
        """Store rows; how many were new or differed."""
        with self._working(f"store {dimension.name}"), self._connection.transaction():
            quarantine.supersede(self._connection, dimension, rows)
            written = upsert(self._connection, dimension, rows)
        if written:
            self._changed.setdefault(dimension, set()).update(written)
        return written.total()

    def before(self, dimension: Dimension, facts: pa.Table, count: int) -> pa.Table:
        """The last stored rows of each line before its first row in `facts`."""
        line = list(sql.line_of(dimension))
        first = facts.group_by(line).aggregate([(dimension.time, "min")])
        values = {name: first[name].to_pylist() for name in line}
        values["first"] = first[f"{dimension.time}_min"].to_pylist()
        with self._working("query the store"):
            return table(self._connection, sql.before(dimension), dimension.facts, {**values, "count": count})

    def quarantine(self, dimension: Dimension, rows: pa.Table, reasons: pa.Array, origin: Origin) -> None:
        """Keep raw rows with a reason each."""
        with self._working("write the quarantine"), self._connection.transaction():
            quarantine.hold(self._connection, dimension, rows.append_column("reason", reasons), origin)

    def held(self, dimension: Dimension, run_id: str) -> dict[str, int]:
        """Rows in quarantine that a run delivered, by reason."""
        with self._working("query the quarantine"):
            return quarantine.held(self._connection, dimension, run_id)

    def release(self, chosen: QuarantineFilter, run_id: str, at: datetime) -> Release:
        """Store held rows under the flag Released."""
        with self._working("release rows from quarantine"), self._connection.transaction():
            return quarantine.release(self._connection, chosen, run_id, at, self.upsert)

    def expire(self, chosen: QuarantineFilter, before: datetime) -> int:
        """Drop entries that no run has seen since, without those released."""
        with self._working("expire rows in quarantine"):
            return quarantine.expire(self._connection, chosen, before)

    def record(self, sequence: int, arrival: Arrival) -> None:
        """Note in the journal what a source brought."""
        values = [
            *(sequence, arrival.dimension, arrival.source, arrival.provider, arrival.as_of),
            *(arrival.rows, arrival.changed),
        ]
        with self._working("write the journal"):
            self._connection.execute(sql.ARRIVAL, values)

    def attempted(self, sequence: int, dimension: Dimension, attempts: Sequence[Attempt]) -> None:
        """Note how the run fared with each name of a dimension, in place of what earlier ones told."""
        columns = (
            [item.subject for item in attempts],
            [item.provider for item in attempts],
            [str(item.outcome) for item in attempts],
        )
        with self._working("write the journal"), self._connection.transaction():
            run = {"dimension": dimension.name, "sequence": sequence}
            if self._connection.execute(attempts_sql.YOUNGER_ATTEMPTS.encode(), run).fetchone() == (True,):
                return
            self._connection.execute(attempts_sql.FORGET_ATTEMPTS.encode(), run)
            self._connection.execute(attempts_sql.KEEP_ATTEMPTS, [dimension.name, *columns, sequence])

    def missed(self, plan: str, dimension: Dimension) -> frozenset[str]:
        """Names that the plan's last run did not get in full."""
        with self._working("look up what is stored"):
            values = [self._backbone, plan, dimension.name, Outcome.SUCCEEDED]
            found = self._connection.execute(attempts_sql.MISSED, values)
            return frozenset(str(name) for (name,) in found)

    def spans(
        self, dimension: Dimension, source: str, interval_seconds: int | None
    ) -> dict[str, SubjectSpan]:
        """From when to when the store holds each subject of a source."""
        given: list[str | int] = [source] if interval_seconds is None else [source, interval_seconds]
        statement = sql.spans(dimension, interval=interval_seconds is not None)
        with self._working("look up what is stored"):
            found = self._connection.execute(statement.encode(), given).fetchall()
        return {
            name: SubjectSpan(moment(first), moment(last), revision) for name, first, last, revision in found
        }

    def latest(self, dimension: Dimension, source: str, names: Sequence[str], count: int) -> pa.Table:
        """The last rows of each name, in its facts columns."""
        values: dict[str, Value] = {"source": source, "subjects": list(names), "count": count}
        with self._working("look up what is stored"):
            return table(self._connection, sql.latest(dimension), dimension.facts, values)

    def finish(self, sequence: int, end: RunEnd) -> None:
        """Note in the journal how the run ended."""
        with self._working("write the journal"), self._connection.transaction():
            self._stand_aside()
            # A provider's own words may hold a character that no text of PostgreSQL can.
            message = end.message.replace("\0", "␀")
            values = [end.outcome, end.at, end.rows, end.changed, message, sequence]
            self._connection.execute(sql.FINISH, values)

    def publish(self) -> str:
        """Nothing is left to do: readers see each batch from its commit on."""
        return ""

    @contextmanager
    def _working(self, what: str) -> Iterator[None]:
        with store_faults(what, self._settings):
            yield


def moment(value: date | datetime) -> datetime:
    """A time column's value as a moment in UTC."""
    found = moment_of(value)
    if found is None:
        raise ValueError("a stored row without a time")
    return found
