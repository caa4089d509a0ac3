"""Work through a pool without a pause, and what became of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from backbone.adapters.timescale.pool import DatabasePool
from backbone.ports.database import DatabaseError

WORKERS = 4


class Work:
    """Threads that insert rows through a pool without a pause, each row one transaction."""

    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool
        self._stop = threading.Event()
        self.sent = 0
        self.failures: list[str] = []
        self.users: set[str] = set()
        self._lock = threading.Lock()

    def _one(self) -> None:
        while not self._stop.is_set():
            try:
                with self._pool.connection() as connection, connection.transaction():
                    row = connection.execute(
                        "INSERT INTO work DEFAULT VALUES RETURNING session_user"
                    ).fetchone()
            except DatabaseError as error:
                self.failures.append(f"{error.fault}: {error}")
                continue
            assert row
            with self._lock:
                self.sent += 1
                self.users.add(row[0])

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(WORKERS) as threads:
            futures = [threads.submit(self._one) for _ in range(WORKERS)]
            try:
                yield
            finally:
                self._stop.set()
            for future in futures:
                future.result()

    def goes_on(self, rows: int = 100) -> None:
        """Wait until so many further rows are in."""
        goal, deadline = self.sent + rows, time.monotonic() + 20
        while self.sent < goal:
            assert time.monotonic() < deadline, self.failures[:3]
            time.sleep(0.01)
