"""The one writer of TimescaleDB on its one connection: each batch is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import UTC, datetime

from psycopg import Connection

from ...market.dimensions import Dimension
from ...ports.store import Recovery
from .errors import store_faults
from .journal import TimescaleJournal
from .quarantine import TimescaleQuarantine
from .rows import moment
from .session import Row
from .settings import ConnectionSettings
from .stored_rows import TimescaleRows


class TimescaleWriter:
    """A store.Writer. After each batch `changed` receives the subjects of which it committed rows."""

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
        self._tell = changed
        self.journal = TimescaleJournal(connection, settings, backbone)
        self.rows = TimescaleRows(connection, settings, self.journal)
        self.quarantine = TimescaleQuarantine(connection, settings, self.rows)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction, of a run that nobody has taken over from."""
        self.rows.changed.clear()
        whole = False
        try:
            with store_faults("commit a batch", self._settings), self._connection.transaction():
                self.journal.stand_aside()
                yield
                whole = True
        finally:
            # A commit whose answer was lost may have come about all the same.
            for dimension, subjects in self.rows.changed.items() if whole else ():
                self._tell(dimension, subjects)

    def now(self) -> datetime:
        """The server's clock (UTC)."""
        with store_faults("ask the time", self._settings):
            row = self._connection.execute("SELECT clock_timestamp()").fetchone()
        return moment(row[0]) if row else datetime.now(UTC)

    def publish(self) -> str:
        """Nothing is left to do: readers see each batch from its commit on."""
        return ""
