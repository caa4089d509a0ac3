"""Opening a DuckDB file within the container's means, and naming what goes wrong."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from ...ports.store_errors import StoreCorrupt, StoreError
from ...vocabulary import Outcome
from .volume import look_at, naming_faults, outcome_of

ATTACHED = "published"
STORAGE_VERSION = "v1.4.0"
"""Of the files that are made; DuckDB 1.4 and newer read them, and no 1.x what DuckDB 2 makes of itself."""
FORMAT = f"{STORAGE_VERSION}+"
"""The same, as DuckDB tells it of a file."""
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

_BUSY = re.compile("Could not set lock on file")
_NEWER = re.compile("database file with version number|created with a newer version|storage version")
_CORRUPT = re.compile(
    r"not a valid DuckDB database file|Could not read enough bytes|corrupt(?!.*temporary file)", re.IGNORECASE
)
"""DuckDB's own words for an unsound file; of what it spilled to a temporary one it says the like."""
_PATH = re.compile(r'file "[^"]*"', re.IGNORECASE)
_ERRNO = {os.strerror(number): number for number in errno.errorcode}
_SYSTEM_WORDS = re.compile(f": ({'|'.join(re.escape(words) for words in _ERRNO)})[\"'.)]*$", re.MULTILINE)
"""How DuckDB tells what the system answered: in the system's words, at the end of a line."""


@contextmanager
def opened(database: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own. Raises StoreError; StoreCorrupt where DuckDB calls the file corrupt."""
    spill = _spill_folder()
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "memory_limit": f"{memory_limit()}B",
        "temp_directory": spill or "",
        "storage_compatibility_version": STORAGE_VERSION,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        with translated(f"open {database.name}", unnamed=Outcome.STORE_INACCESSIBLE):
            look_at(database)
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
        with translated(f"open {database.name}", unnamed=Outcome.STORE_INACCESSIBLE):
            look_at(database)
            connection.execute(f"ATTACH ? AS {ATTACHED} (READ_ONLY)", [str(database)])
        yield connection


def settled(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A second connection to the same attached file, for one query at a time."""
    cursor = connection.cursor()
    for statement in (f"USE {ATTACHED}", *SESSION):
        cursor.execute(statement)
    return cursor


@contextmanager
def translated(what: str, *, unnamed: Outcome = Outcome.STORE_FAILED) -> Iterator[None]:
    """Turn a driver's error into a StoreError; the one place that reads DuckDB's texts.

    What the system answered decides before anything else. Corrupt is only what DuckDB calls so; an error of
    no known cause is `unnamed`.
    """
    try:
        with naming_faults(what):
            yield
    except MemoryError as error:
        raise StoreError(Outcome.STORE_INACCESSIBLE, f"cannot {what}: no memory") from error
    except duckdb.Error as error:
        text = str(error)
        message = f"cannot {what}: {text.splitlines()[0] if text else type(error).__name__}"
        said = _PATH.sub("file", text)
        if answered := _SYSTEM_WORDS.search(said):
            raise StoreError(outcome_of(OSError(_ERRNO[answered[1]], "")), message) from error
        if _BUSY.search(said):
            raise StoreError(Outcome.STORE_BUSY, message) from error
        if _NEWER.search(said):
            raise StoreError(Outcome.STORE_FAILED, message) from error
        if _CORRUPT.search(said):
            raise StoreCorrupt(message) from error
        raise StoreError(unnamed, message) from error


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> Iterator[None]:
    """A table as a view of this name."""
    connection.register(name, rows)
    try:
        yield
    finally:
        # In an aborted transaction this fails too, and would hide why.
        with suppress(duckdb.Error):
            connection.unregister(name)


def format_of(connection: duckdb.DuckDBPyConnection) -> str:
    """The storage format of the file that a connection opened. Raises StoreError."""
    with translated("look at the store's format"):
        found = connection.execute(
            "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()"
        ).fetchone()
    return str(found[0]) if found else ""


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
