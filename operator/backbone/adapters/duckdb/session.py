"""Opening a DuckDB file within the container's means, and naming what goes wrong."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from ...ports.store_errors import StoreCorrupt, StoreError
from ...vocabulary import Outcome
from .volume import naming_faults

ATTACHED = "published"
SESSION = (
    "SET TimeZone = 'UTC'",
    # It would go to standard output, among the rows.
    "SET enable_progress_bar = false",
)
THREADS = 2
MEMORY_SHARE = 0.4
"""Of what the container may use; Arrow tables and the interpreter need the rest."""
MEMORY_FLOOR = 128 << 20
MEMORY_CEILING = 1 << 30
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

_FULL = ("No space left on device", "Disk quota exceeded")
_READ_ONLY = ("Read-only file system", "Permission denied", "Operation not permitted")
_BUSY = ("Could not set lock on file",)
_NEWER = ("database file with version number", "created with a newer version", "storage version")
_CORRUPT = ("Corrupt database file", "not a valid DuckDB database file", "Could not read enough bytes")


@contextmanager
def opened(database: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own. Raises StoreError; StoreCorrupt where the file is no sound database."""
    spill = _spill_folder()
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "memory_limit": f"{memory_limit()}B",
        "temp_directory": spill or "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        with translated(f"open {database.name}", unnamed_is_corrupt=True):
            connection = duckdb.connect(str(database), read_only=read_only, config=settings)
        try:
            with translated("prepare the session"):
                for statement in SESSION:
                    connection.execute(statement)
            yield connection
        finally:
            with suppress(duckdb.Error):
                connection.close()
    finally:
        if spill:
            shutil.rmtree(spill, ignore_errors=True)


@contextmanager
def attached(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own that reads the file which has this name now. Raises as `opened` does.

    The file is attached to a database in memory: to a second `connect` with one name DuckDB gives what this
    process has open under it, however often the file was replaced since.
    """
    with opened(Path(":memory:")) as connection:
        with translated(f"open {database.name}", unnamed_is_corrupt=True):
            connection.execute(f"ATTACH ? AS {ATTACHED} (READ_ONLY)", [str(database)])
        yield connection


def settled(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A second connection to the same attached file, for one query at a time."""
    cursor = connection.cursor()
    for statement in (f"USE {ATTACHED}", *SESSION):
        cursor.execute(statement)
    return cursor


@contextmanager
def translated(what: str, *, unnamed_is_corrupt: bool = False) -> Iterator[None]:
    """Turn a driver's error into a StoreError; the one place that reads DuckDB's texts.

    `unnamed_is_corrupt` is for opening a file, where an error of no known cause means an unsound file.
    """
    try:
        with naming_faults(what):
            yield
    except duckdb.Error as error:
        text = str(error)
        message = f"cannot {what}: {text.splitlines()[0] if text else type(error).__name__}"
        if _any(_FULL, text):
            raise StoreError(Outcome.VOLUME_FULL, message) from error
        if _any(_READ_ONLY, text):
            raise StoreError(Outcome.VOLUME_READ_ONLY, message) from error
        if _any(_BUSY, text):
            raise StoreError(Outcome.STORE_BUSY, message) from error
        if _any(_NEWER, text) or isinstance(error, duckdb.OutOfMemoryException):
            raise StoreError(Outcome.STORE_FAILED, message) from error
        if unnamed_is_corrupt or _any(_CORRUPT, text):
            raise StoreCorrupt(message) from error
        raise StoreError(Outcome.STORE_FAILED, message) from error


def memory_limit() -> int:
    """Bytes that DuckDB may use before it spills: a share of what the container or the machine has."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):
            available = min(available, int(path.read_text()))
    return int(min(max(available * MEMORY_SHARE, MEMORY_FLOOR), MEMORY_CEILING))


def _spill_folder() -> str | None:
    """A folder of this process's own under TMPDIR; None where nothing can be written."""
    try:
        return tempfile.mkdtemp(prefix="backbone-duckdb-")
    except OSError:
        return None


def _any(signs: tuple[str, ...], text: str) -> bool:
    return any(sign in text for sign in signs)
