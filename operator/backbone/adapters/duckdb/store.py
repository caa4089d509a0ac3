"""The bootstrap tier's store: one DuckDB file, one writer, published copies for readers.

A run works on working/backbone.duckdb under the volume's lock. Publishing checkpoints and closes that file,
copies it, reads the copy in full, and renames it over published/backbone.duckdb. So a crash at any moment
leaves a whole published copy, and a working file from which DuckDB recovers what was committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from ...market.confirmations import CLOCKS_APART
from ...market.dimensions import Dimension
from ...ports.journal import JournalEntry, RunLost, closed_by_another
from ...ports.quarantine import Origin, QuarantineFilter, Release
from ...ports.store import Arrival, Attempt, Recovery, RunEnd, RunStart, SubjectSpan
from ...ports.store_errors import StoreCorrupt, StoreError
from ...vocabulary import Outcome
from . import known, publishing, quarantine, recovery, sql
from .reader import journal_entries
from .session import format_of, opened, translated
from .tables import define
from .upsert import registered, upsert
from .volume import Volume, naming_faults


class DuckDBStore:
    """A store.Store on a volume. `pause` waits between two tries for the lock, and may raise to give up."""

    def __init__(self, root: Path, pause: Callable[[float], None] = time.sleep) -> None:
        self._volume = Volume(root)
        self._pause = pause
        self._recovery: Recovery | None = None
        self._defined = False

    @property
    def published(self) -> bool:
        """Whether readers have a copy, as far as can be seen."""
        try:
            return self._volume.published.exists()
        except OSError:
            return False

    def running(self, run_id: str) -> AbstractContextManager[None]:
        """For as long as this lasts the run counts as alive. Raises StoreError."""
        return self._volume.alive(run_id)

    @contextmanager
    def writer(self, holder: str, wait: timedelta) -> Iterator[DuckDBWriter]:
        """The one writer, once the lock is free. Raises StoreError.

        A working file that is corrupt at opening is set aside, and work goes on from the last published
        copy. If it shows only later, it is set aside and StoreCorrupt is raised; a second call starts from
        what is sound. Before anything is moved a second look has to find the same.
        """
        with self._volume.locked(holder, wait, self._pause), ExitStack() as stack:
            connection = self._begun(stack)
            try:
                yield DuckDBWriter(self._volume, connection, self._recovery)
            except StoreCorrupt as error:
                stack.close()
                if not recovery.stays_corrupt(self._volume.working, self._pause):
                    sound = f"{error}; a second look found the file sound, and nothing was moved"
                    raise StoreError(Outcome.STORE_INACCESSIBLE, sound) from error
                self._set_aside()
                raise

    def _begun(self, stack: ExitStack) -> duckdb.DuckDBPyConnection:
        """The working file, or what takes its place where two looks find it corrupt."""
        self._seed()
        with suppress(StoreCorrupt):
            return self._opened(stack)
        recovery.wait_for_another_look(self._volume.working, self._pause)
        with suppress(StoreCorrupt):
            return self._opened(stack)
        self._set_aside()
        self._seed()
        return self._opened(stack)

    def _opened(self, stack: ExitStack) -> duckdb.DuckDBPyConnection:
        """The working file with every table; who comes back for the lock need not look for them again."""
        with ExitStack() as opening:
            known = self._defined and self._volume.working.exists()
            connection = opening.enter_context(opened(self._volume.working))
            if not known:
                define(connection)
                self._recovery = recovery.last_recovery(connection, self._volume)
            self._defined = True
            stack.push(opening.pop_all())
        return connection

    def _set_aside(self) -> None:
        self._defined = False
        recovery.set_aside(self._volume, self._pause)

    def _seed(self) -> None:
        """Take the published copy where there is no working file."""
        volume = self._volume
        with naming_faults("look for the working file"):
            if volume.working.exists() or not volume.published.exists():
                return
        prepared = volume.incoming(volume.working)
        volume.copy_durably(volume.published, prepared)
        volume.replace(prepared, volume.working)


class DuckDBWriter:
    """A store.Writer. Every call raises StoreError."""

    def __init__(
        self, volume: Volume, connection: duckdb.DuckDBPyConnection, recovered: Recovery | None
    ) -> None:
        self._volume = volume
        self._connection = connection
        self.recovery = recovered
        self._plan = ""
        self._sequence: int | None = None

    def begin(self, run: RunStart) -> int:
        """Commit a started run; its sequence number."""
        with self.batch():
            self._execute(
                "UPDATE telemetry.ingest_runs SET outcome = ?, ended_at = ?, message = ? "
                "WHERE outcome IS NULL AND NOT list_contains(?, run_id)",
                Outcome.DIED_WITHOUT_MESSAGE,
                run.at,
                "the next run found it unfinished",
                self._alive(run.run_id),
            )
            self._execute(
                "INSERT INTO telemetry.ingest_runs (sequence, run_id, plan, plan_generation, started_at) "
                "SELECT coalesce(max(sequence), 0) + 1, ?, ?, ?, ? FROM telemetry.ingest_runs",
                run.run_id,
                run.plan,
                run.generation,
                run.at,
            )
            self._sequence = self._number("SELECT max(sequence) FROM telemetry.ingest_runs")
            self._execute(sql.FORGET_CONFIRMATIONS, CLOCKS_APART)
        self._plan = run.plan
        return self._sequence

    def _alive(self, but: str) -> list[str]:
        """Open runs that some process still runs, but one."""
        with translated("read the journal"):
            found = self._connection.execute(sql.OPEN_RUNS).fetchall()
        return [name for (name,) in found if name != but and self._volume.is_alive(name)]

    def resume(self, sequence: int, run_id: str) -> None:
        """Go on with a run that began under another writer."""
        with translated("read the journal"):
            row = self._connection.execute(sql.RUN, [sequence]).fetchone()
        if row is None or row[0] != run_id:
            raise RunLost(sequence)
        if row[1] is not None:
            raise closed_by_another(sequence)
        self._sequence = sequence

    def recent(self, count: int) -> tuple[JournalEntry, ...]:
        """The last finished runs, and as many of the plan that began here, newest first."""
        values = {"plan": self._plan, "count": count}
        with translated("read the journal"):
            table = self._connection.sql(sql.FINISHED, params=values).to_arrow_table()
        return journal_entries(table)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """A transaction."""
        self._execute("BEGIN TRANSACTION")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            raise

    def upsert(self, dimension: Dimension, rows: pa.Table) -> int:
        """Store rows; how many were new or differed."""
        return upsert(self._connection, dimension, rows)

    def before(self, dimension: Dimension, facts: pa.Table, count: int) -> pa.Table:
        """The last stored rows of each line before its first row in `facts`."""
        with registered(self._connection, facts), translated("query the store"):
            found = self._connection.sql(sql.before(dimension), params=[count])
            return found.to_arrow_table().cast(dimension.facts)

    def quarantine(self, dimension: Dimension, rows: pa.Table, reasons: pa.Array, origin: Origin) -> None:
        """Keep raw rows with a reason each."""
        with registered(self._connection, rows.append_column("reason", reasons)):
            quarantine.hold(self._connection, dimension, frozenset(rows.schema.names), origin)

    def held(self, dimension: Dimension, run_id: str) -> dict[str, int]:
        """Rows in quarantine that a run delivered, by reason."""
        return quarantine.held(self._connection, dimension, run_id)

    def release(self, chosen: QuarantineFilter, run_id: str, at: datetime) -> Release:
        """Store held rows under the flag Released."""
        return quarantine.release(self._connection, chosen, run_id, at)

    def expire(self, chosen: QuarantineFilter, before: datetime) -> int:
        """Drop entries that no run has seen since, without those released."""
        return quarantine.expire(self._connection, chosen, before)

    def record(self, sequence: int, arrival: Arrival) -> None:
        """Note in the journal what a source brought."""
        self._execute(
            "INSERT INTO telemetry.ingest_arrivals VALUES (?, ?, ?, ?, ?, ?, ?)",
            sequence,
            arrival.dimension,
            arrival.source,
            arrival.provider,
            arrival.as_of,
            arrival.rows,
            arrival.changed,
        )

    def attempted(self, sequence: int, dimension: Dimension, attempts: Sequence[Attempt]) -> None:
        """Note how the run fared with each name of a dimension, in place of what earlier ones told."""
        if self._number(sql.YOUNGER_ATTEMPTS, dimension=dimension.name, sequence=sequence):
            return
        self._execute(sql.FORGET_ATTEMPTS, dimension.name, sequence)
        self._execute(
            sql.KEEP_ATTEMPTS,
            dimension.name,
            [item.subject for item in attempts],
            [item.provider for item in attempts],
            [item.outcome for item in attempts],
            sequence,
        )

    def missed(self, plan: str, dimension: Dimension) -> frozenset[str]:
        """Names that the plan's last run did not get in full."""
        return known.missed(self._connection, plan, dimension)

    def spans(
        self, dimension: Dimension, source: str, interval_seconds: int | None
    ) -> dict[str, SubjectSpan]:
        """From when to when the store holds each subject of a source."""
        return known.spans(self._connection, dimension, source, interval_seconds)

    def latest(self, dimension: Dimension, source: str, names: Sequence[str], count: int) -> pa.Table:
        """The last rows of each name, in its facts columns."""
        return known.latest(self._connection, dimension, source, names, count)

    def finish(self, sequence: int, end: RunEnd) -> None:
        """Note in the journal how the run ended."""
        self._execute(
            'UPDATE telemetry.ingest_runs SET outcome = ?, ended_at = ?, "rows" = ?, changed = ?, '
            "message = ? WHERE sequence = ?",
            end.outcome,
            end.at,
            end.rows,
            end.changed,
            end.message,
            sequence,
        )

    def publish(self) -> str:
        """Close the working file and give readers a copy of it that was read in full.

        A file of another storage format is rewritten first, which is what the answer tells. Where publishing
        fails, the journal of the working file tells it, as far as the volume takes it.
        """
        try:
            self._execute("CHECKPOINT")
            former = format_of(self._connection)
            with translated("close the working file"):
                self._connection.close()
            told = publishing.in_present_format(self._volume, former)
            publishing.publish(self._volume)
        except StoreError as error:
            with suppress(duckdb.Error):
                self._connection.close()
            with suppress(StoreError, duckdb.Error), opened(self._volume.working) as connection:
                connection.execute(sql.UNPUBLISHED, [error.outcome, str(error), self._sequence])
            raise
        return told

    def _execute(self, statement: str, *values: object) -> None:
        with translated("write the store"):
            self._connection.execute(statement, list(values))

    def _number(self, statement: str, **named: object) -> int:
        with translated("query the store"):
            row = self._connection.execute(statement, named or None).fetchone()
        return int(row[0]) if row else 0
