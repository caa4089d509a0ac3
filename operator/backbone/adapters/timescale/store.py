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
from datetime import timedelta

from psycopg import Connection

from ...authority.owner import Owner
from ...market.dimensions import Dimension
from ...ports.store_errors import StoreError
from ...vocabulary import Outcome
from . import sql, writer_lock
from .cache_marks import marks_on
from .errors import store_faults
from .guard import DatabaseGuard
from .rotation import RotatingConnector
from .session import Row
from .settings import ConnectionSettings
from .writer import TimescaleWriter


class TimescaleStore:
    """A store.Store. `pause` waits between two tries for the lock, and may raise to give up.

    `backbone` is whose plans run here, as the journal tells it. `changed` is told, after each batch, of which
    subjects it committed rows that were new or differed, and also where nobody knows whether the commit came
    about. For an `owner` each writer takes a database that is nobody's, and refuses one that is another's or
    not the one that is `expected`, as authority.owner.judge takes it. `again` reads the settings anew, where
    the server refuses user or password. `opened` is given the cache's marks of the database before each
    writer writes.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        pause: Callable[[float], None] = time.sleep,
        *,
        backbone: str = "",
        changed: Callable[[Dimension, AbstractSet[str]], None] = lambda *_: None,
        owner: Owner | None = None,
        expected: str | None = None,
        again: Callable[[], ConnectionSettings] | None = None,
        opened: Callable[[Sequence[str]], None] | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._connector = RotatingConnector(settings, again, pause, tell)
        self._opened = opened
        self._owner = owner
        self._expected = expected
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
        with self._connected(f"{run_id} is alive") as (connection, settings):
            with store_faults("show that the run is alive", settings):
                writer_lock.show_alive(connection, run_id)
            yield

    @contextmanager
    def writer(self, holder: str, wait: timedelta) -> Iterator[TimescaleWriter]:
        """The one writer, once the lock is free. Raises StoreError, with STORE_BUSY after `wait`.

        `holder` is the session's name on the server, for those who wait in vain and for its administrator.
        """
        with self._connected(holder) as (connection, settings):
            with store_faults("become the writer", settings):
                if connection.execute(sql.JOURNAL_THERE).fetchone() != (True,):
                    raise StoreError(
                        Outcome.STORE_FAILED,
                        f"the database {settings.database} on {settings.place} has no tables of ours; "
                        "`emp-runtime database -f FOLDER` makes them",
                    )
                writer_lock.take(connection, wait, self._pause)
                if self._owner is not None:
                    guard = DatabaseGuard(settings, self._owner, self._expected)
                    guard.permit(connection, empty=False)
                    guard.claim(connection)
                if self._opened is not None:
                    self._opened(marks_on(connection, settings))
            yield TimescaleWriter(connection, settings, self._backbone, self._changed)

    @contextmanager
    def _connected(self, application: str) -> Iterator[tuple[Connection[Row], ConnectionSettings]]:
        """A session of its own, by settings that lead in now. Raises StoreError."""
        with store_faults("connect", self._connector.settings):
            connection = self._connector.connect(application)
        with closing(connection):
            yield connection, replace(self._connector.settings, application=application)
            # The server ends a closed session when it gets to it; the next one need not wait for that.
            connection.unlock()
