"""The bootstrap tier's store: one DuckDB file, one writer, published copies for readers.

A run works on working/backbone.duckdb under the volume's lock. Publishing checkpoints and closes that file,
copies it, reads the copy in full, and renames it over published/backbone.duckdb. So a crash at any moment
leaves a whole published copy, and a working file from which DuckDB recovers what was committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from ...ports.store import Recovery
from ...ports.store_errors import StoreCorrupt, StoreError
from ...vocabulary import Outcome
from . import publishing, recovery, sql
from .changes import DuckDBChanges
from .journal import DuckDBJournal
from .quarantine import DuckDBQuarantine
from .session import format_of, opened, translated
from .statements import Statements
from .stored_rows import DuckDBRows
from .tables import define
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
    """A store.Writer."""

    def __init__(
        self, volume: Volume, connection: duckdb.DuckDBPyConnection, recovered: Recovery | None
    ) -> None:
        self._volume = volume
        self._connection = connection
        self._statements = Statements(connection)
        self.journal = DuckDBJournal(connection, self._statements, volume)
        changes = DuckDBChanges(connection, self.journal)
        self.rows = DuckDBRows(connection, changes)
        self.quarantine = DuckDBQuarantine(connection, changes)
        self.recovery = recovered

    def batch(self) -> AbstractContextManager[None]:
        """A transaction."""
        return self._statements.transaction()

    def now(self) -> datetime:
        """The clock of the machine that has the volume (UTC)."""
        return datetime.now(UTC)

    def publish(self) -> str:
        """Close the working file and give readers a copy of it that was read in full.

        A file of another storage format is rewritten first, which is what the answer tells. Where publishing
        fails, the journal of the working file tells it, as far as the volume takes it.
        """
        try:
            self._statements.execute("CHECKPOINT")
            former = format_of(self._connection)
            with translated("close the working file"):
                self._connection.close()
            told = publishing.in_present_format(self._volume, former)
            publishing.publish(self._volume)
        except StoreError as error:
            with suppress(duckdb.Error):
                self._connection.close()
            with suppress(StoreError, duckdb.Error), opened(self._volume.working) as connection:
                connection.execute(sql.UNPUBLISHED, [error.outcome, str(error), self.journal.sequence])
            raise
        return told
