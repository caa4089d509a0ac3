"""A store of each tier, empty and ready: what the ports promise is the same on all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb

from backbone.adapters.duckdb.quarantine import published_quarantine
from backbone.adapters.duckdb.reader import published
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.adapters.timescale.pool import DatabasePool
from backbone.adapters.timescale.quarantine import TimescaleQuarantineReader
from backbone.adapters.timescale.reader import committed
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.adapters.timescale.store import TimescaleStore
from backbone.ports.quarantine import QuarantineReader
from backbone.ports.store import Reader, Store
from databases import execute

Pause = Callable[[float], None]


class Tier(Protocol):
    """One place to store rows, and to read them and the quarantine from."""

    def store(self, pause: Pause = time.sleep) -> Store: ...

    @contextmanager
    def reading(self) -> Iterator[Reader]: ...

    @contextmanager
    def quarantine(self) -> Iterator[QuarantineReader]: ...

    def query(self, statement: str) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True)
class OnDuckDB:
    folder: Path

    def store(self, pause: Pause = time.sleep) -> Store:
        return DuckDBStore(self.folder, pause)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        with published(self.folder) as reader:
            yield reader

    @contextmanager
    def quarantine(self) -> Iterator[QuarantineReader]:
        with published_quarantine(self.folder) as quarantine:
            yield quarantine

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement on what readers see."""
        copy = self.folder / "published" / "backbone.duckdb"
        with duckdb.connect(str(copy), read_only=True) as connection:
            return connection.sql(statement).fetchall()


@dataclass(frozen=True)
class OnTimescale:
    settings: ConnectionSettings

    def store(self, pause: Pause = time.sleep) -> Store:
        return TimescaleStore(self.settings, pause)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        with DatabasePool(self.settings) as pool, committed(pool) as reader:
            yield reader

    @contextmanager
    def quarantine(self) -> Iterator[QuarantineReader]:
        with DatabasePool(self.settings) as pool:
            yield TimescaleQuarantineReader(pool)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement on what readers see."""
        return execute(self.settings, statement)

    @property
    def count(self) -> int:
        """Daily bars there are."""
        return int(self.query("SELECT count(*) FROM market.daily_bars")[0][0])
