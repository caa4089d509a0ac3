"""Opens a backbone's store, reader, snapshot or quarantine: on its volume, or in TimescaleDB.

No other module chooses by the tier. Each function imports the adapters that it opens: drivers take time to
load, and each tier needs only its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..manifest.objects import Backbone
from ..ports.store import Reader, Store
from .invalidation import Invalidation
from .places import Place
from .services import cache_of, settings_of

if TYPE_CHECKING:
    from ..adapters.timescale.settings import ConnectionSettings
    from ..client import Snapshot
    from ..ports.exports import ExportSource
    from ..ports.quarantine import QuarantineReader

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class OpenReader:
    """A reader, and the place of its rows as text without a secret."""

    reader: Reader
    place: str


@contextmanager
def open_store(place: Place, tell: Tell, pause: Callable[[float], None] = time.sleep) -> Iterator[Store]:
    """The store of a backbone. Raises Rejected, StoreError."""
    backbone = _on_database(place)
    if backbone is None:
        yield _volume_store(place, pause)
        return
    with _database_store(backbone, place.folder, settings_of(backbone), tell, pause) as store:
        yield store


@contextmanager
def open_store_for_run(
    place: Place, into: Tell, tell: Tell, pause: Callable[[float], None]
) -> Iterator[Store]:
    """The store of a backbone for a run: its database must answer, and must have every migration.

    `into` receives the place of the rows as text, once that place answers. Raises Rejected, StoreError.
    """
    backbone = _on_database(place)
    if backbone is None:
        into(str(place.folder))
        yield _volume_store(place, pause)
        return
    from ..adapters.timescale.errors import store_faults
    from ..adapters.timescale.migrator import expect_present
    from ..adapters.timescale.rotation import RotatingConnector
    from ..migrations import packaged

    again = partial(settings_of, backbone)
    leading_in = RotatingConnector(again(), again, pause, tell)
    with store_faults("connect", leading_in.settings):
        leading_in.connect(leading_in.settings.application).close()
    settings = leading_in.settings
    into(_told(settings))
    expect_present(settings, packaged())
    with _database_store(backbone, place.folder, settings, tell, pause) as store:
        yield store


@contextmanager
def open_reader(place: Place) -> Iterator[OpenReader]:
    """A reader of published rows that bypasses every cache. Raises Rejected, NothingPublished, StoreError."""
    backbone = _on_database(place)
    if backbone is None:
        from ..adapters.duckdb.reader import published

        with published(place.folder) as reader:
            yield OpenReader(reader, str(place.folder))
        return
    from ..adapters.timescale.pool import DatabasePool
    from ..adapters.timescale.reader import committed

    settings = settings_of(backbone)
    with DatabasePool(settings) as pool, committed(pool) as rows:
        yield OpenReader(rows, _told(settings))


@contextmanager
def open_snapshot(place: Place) -> Iterator[Snapshot]:
    """A client's snapshot; the institutional tier reads through the backbone's cache.

    Raises Rejected, NothingPublished, StoreError.
    """
    backbone = _on_database(place)
    if backbone is None:
        from ..client import Client

        with Client(place.folder) as volume, volume.snapshot() as data:
            yield data
        return
    from ..client.database import DatabaseClient

    settings = settings_of(backbone)
    with ExitStack() as closing:
        cache = cache_of(backbone)
        if cache is not None:
            closing.callback(cache.close)
        client = closing.enter_context(DatabaseClient(settings, cache=cache))
        yield closing.enter_context(client.snapshot())


@contextmanager
def open_quarantine(place: Place) -> Iterator[QuarantineReader]:
    """The published quarantine of a backbone. Raises Rejected, NothingPublished, StoreError."""
    backbone = _on_database(place)
    if backbone is None:
        from ..adapters.duckdb.quarantine import published_quarantine

        with published_quarantine(place.folder) as found:
            yield found
        return
    from ..adapters.timescale.cache_marks import database_mark_of
    from ..adapters.timescale.pool import DatabasePool
    from ..adapters.timescale.quarantine import TimescaleQuarantineReader

    with DatabasePool(settings_of(backbone)) as pool:
        # Raises NothingPublished for a database that has no tables yet.
        database_mark_of(pool)
        yield TimescaleQuarantineReader(pool)


@contextmanager
def open_export_source(place: Place) -> Iterator[ExportSource]:
    """What exports read of a backbone. Raises Rejected, NothingPublished, StoreError."""
    backbone = _on_database(place)
    if backbone is None:
        from ..adapters.duckdb.export_source import exporting as of_volume

        with of_volume(place.folder) as found:
            yield found
        return
    from ..adapters.timescale.export_source import exporting as of_database
    from ..adapters.timescale.pool import DatabasePool

    with DatabasePool(settings_of(backbone)) as pool, of_database(pool) as source:
        yield source


def _on_database(place: Place) -> Backbone | None:
    """The document of the backbone if TimescaleDB serves it; None if its volume does."""
    return place.backbone if place.tier == "Institutional" else None


def _volume_store(place: Place, pause: Callable[[float], None]) -> Store:
    from ..adapters.duckdb.store import DuckDBStore

    return DuckDBStore(place.folder, pause)


@contextmanager
def _database_store(
    backbone: Backbone,
    folder: Path,
    settings: ConnectionSettings,
    tell: Tell,
    pause: Callable[[float], None],
) -> Iterator[Store]:
    """The store in TimescaleDB; after each batch it invalidates the cached answers about changed rows.

    A cache that cannot be reached fails nothing: `tell` reports it, and the answers expire. Raises
    StoreError.
    """
    from ..adapters.timescale.store import TimescaleStore
    from .ownership import owner_of

    invalidation = Invalidation(cache_of(backbone), tell)
    try:
        yield TimescaleStore(
            settings,
            pause,
            backbone=backbone.path,
            changed=invalidation,
            owner=owner_of(backbone, folder),
            expected=backbone.expected,
            again=partial(settings_of, backbone),
            opened=invalidation.opened if backbone.spec.redis is not None else None,
            tell=tell,
        )
    finally:
        invalidation.close()


def _told(settings: ConnectionSettings) -> str:
    return f"database {settings.database} on {settings.place}"
