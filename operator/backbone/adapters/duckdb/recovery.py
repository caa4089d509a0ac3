"""What becomes of a store whose file DuckDB calls corrupt, and what the store remembers of it.

One look proves nothing: a disk or a page of memory can fail for a moment. A file is set aside only after a
second look, each file for its own fault alone, and nothing at all while one of them cannot be judged.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from ...ports.store import Recovery
from ...ports.store_errors import StoreCorrupt
from . import sql
from .session import translated
from .tables import read_in_full
from .volume import Volume, forget_cached, naming_faults

SECOND_LOOK_SECONDS = 1.0
EMPTY = "empty"


def wait_for_another_look(database: Path, pause: Callable[[float], None]) -> None:
    """Let a moment pass, and the next look be at what the disk gives then. Raises StoreError."""
    pause(SECOND_LOOK_SECONDS)
    with naming_faults(f"look at {database.name} again"):
        forget_cached(database)


def stays_corrupt(database: Path, pause: Callable[[float], None]) -> bool:
    """Whether a second look finds the file corrupt as well. Raises StoreError where it could not look."""
    wait_for_another_look(database, pause)
    return not _reads_back(database)


def set_aside(volume: Volume, pause: Callable[[float], None]) -> None:
    """Move the working file, which two looks found corrupt, out of the way; the copy only for its own fault.

    Raises StoreError; where the copy cannot be judged, nothing was moved.
    """
    copy = volume.published
    with naming_faults("look at the published copy"):
        published = copy.exists()
    copy_too = published and not _reads_back(copy) and stays_corrupt(copy, pause)
    volume.set_aside(volume.working)
    if copy_too:
        volume.set_aside(copy)


def last_recovery(connection: duckdb.DuckDBPyConnection, volume: Volume) -> Recovery | None:
    """The last time that a corrupt file was set aside. Raises StoreError.

    Files beside the store that it does not know yet were set aside since: by this process, or by one that
    died before it could say so.
    """
    with naming_faults("look for files that were set aside"):
        found = volume.files_set_aside()
    with translated("read the recoveries"):
        told = connection.execute(sql.RECOVERIES).fetchall()
        known = {name for names, _, _ in told for name in names.split(", ")}
        if fresh := [name for name in found if name not in known]:
            begun = connection.execute(sql.ANY_RUN).fetchall()
            source = str(volume.published.relative_to(volume.root)) if begun else EMPTY
            told.append((", ".join(fresh), source, max(found[name] for name in fresh)))
            connection.execute(sql.KEEP_RECOVERY, told[-1])
    return Recovery(*sorted(told, key=lambda row: row[2])[-1]) if told else None


def _reads_back(database: Path) -> bool:
    try:
        read_in_full(database)
    except StoreCorrupt:
        return False
    return True
