"""The volume of one backbone: layout, lock, durable copies, and the probe that proves it takes writes.

    store.lock                    held by the one writer; the kernel frees it when the holder dies
    running/                      a file per run that is alive, locked by it for as long as it lives
    working/backbone.duckdb       opened by that writer alone
    published/backbone.duckdb     replaced by rename; readers open this one, read-only
    exports/                      where the worker puts exports, unless told otherwise
    probe/                        the volume probe's own file
    looks/                        what checks remember from one to the next, replaced without the lock

The locks are flock(2): they hold between pods of one node, which is where a ReadWriteOnce volume is. NFS is
not supported.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ...ports.store_errors import StoreError
from ...vocabulary import Outcome

DATABASE = "backbone.duckdb"
INCOMING = ".incoming-"
POLL_SECONDS = 0.1
LOOK_SECONDS = 1.0
"""Far longer than a look for a sign of life takes."""
PROBE_BYTES = 1 << 20
HEADER_BYTES = 3 * 4096

OWN = ("store.lock", "running", "working", "published", "probe", "looks", "owner")
"""What is not for others to write; `owner` is the folder's mark."""

_STAMP = "%Y%m%dT%H%M%SZ"
_SET_ASIDE = re.compile(re.escape(DATABASE) + r"\.corrupt-(\d{8}T\d{6}Z)(?:-\d+)?")
_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


class Volume:
    """Paths of one backbone's volume, and what is done with files as a whole. Raises StoreError."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.working = root / "working" / DATABASE
        self.published = root / "published" / DATABASE
        self.exports = root / "exports"
        self._lock = root / "store.lock"

    @contextmanager
    def locked(self, holder: str, wait: timedelta, pause: Callable[[float], None]) -> Iterator[None]:
        """Hold the lock; `holder` is told to those who wait in vain, `pause` is called between two tries.

        Raises StoreError, with STORE_BUSY when the lock is not free within `wait`.
        """
        with naming_faults("prepare the volume"):
            for folder in (self.working.parent, self.published.parent):
                folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
        try:
            self._acquire(descriptor, wait, pause)
            with naming_faults("remove what a crash left behind"):
                self._sweep()
            # Only for the message to those who wait: a full volume must not stand in the way of mending it.
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{holder} since {_stamp()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def _acquire(self, descriptor: int, wait: timedelta, pause: Callable[[float], None]) -> None:
        deadline = time.monotonic() + wait.total_seconds()
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another worker"
                    raise StoreError(
                        Outcome.STORE_BUSY,
                        f"waited {wait.total_seconds():.0f} s for the lock held by {holder}",
                    ) from None
                pause(POLL_SECONDS)

    @contextmanager
    def alive(self, run_id: str) -> Iterator[None]:
        """Let others see that a run is alive, until this ends or the process does. Raises StoreError."""
        path = self._sign_of_life(run_id)
        with naming_faults("show that the run is alive"):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = _signed(path)
        try:
            yield
        finally:
            if descriptor is not None:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                os.close(descriptor)

    def is_alive(self, run_id: str) -> bool:
        """Whether some process runs it. Raises StoreError."""
        path = self._sign_of_life(run_id)
        with naming_faults("look whether a run is alive"):
            while True:
                try:
                    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                except FileNotFoundError:
                    return False
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if is_at(descriptor, path):
                        # While it is locked: a run that begins now sees that it is gone, and makes another.
                        with suppress(OSError):
                            path.unlink(missing_ok=True)
                        return False
                except BlockingIOError:
                    return True
                finally:
                    os.close(descriptor)

    def _sign_of_life(self, run_id: str) -> Path:
        # A digest: an id may be no name of a file.
        return self.root / "running" / hashlib.sha256(run_id.encode()).hexdigest()[:32]

    def _sweep(self) -> None:
        for folder in (self.working.parent, self.published.parent):
            for leftover in folder.glob(f"{INCOMING}*"):
                leftover.unlink()

    def set_aside(self, database: Path) -> None:
        """Move a database and its log out of the way, overwriting nothing."""
        name = f"{database.name}.corrupt-{_stamp()}"
        target, count = database.with_name(name), 1
        while target.exists():
            count += 1
            target = database.with_name(f"{name}-{count}")
        with naming_faults("set a corrupt file aside"):
            log = write_ahead_log(database)
            if log.exists():
                log.rename(write_ahead_log(target))
            if database.exists():
                database.rename(target)
            sync_folder(database.parent)

    def owns(self, path: Path) -> bool:
        """Whether a path leads to a file of the store itself, or into a folder that is the store's."""
        root, place = (Path(os.path.realpath(item)) for item in (self.root, path))
        return any(place.is_relative_to(root / name) for name in OWN)

    def files_set_aside(self) -> dict[str, datetime]:
        """Databases that were moved out of the way, by their path in the volume, and when. Raises OSError."""
        found = {}
        for database in (self.working, self.published):
            for path in sorted(database.parent.glob(f"{DATABASE}.corrupt-*")):
                if stamp := _SET_ASIDE.fullmatch(path.name):
                    moment = datetime.strptime(stamp[1], _STAMP).replace(tzinfo=UTC)
                    found[str(path.relative_to(self.root))] = moment
        return found

    def incoming(self, target: Path) -> Path:
        """Where a file is prepared that will replace `target`; a crash leaves it to the next sweep."""
        return target.with_name(f"{INCOMING}{os.getpid()}-{target.name}")

    def copy_durably(self, source: Path, target: Path) -> None:
        """Copy a file and flush it to the disk. Removes a part-written target."""
        try:
            with naming_faults("copy the database"):
                shutil.copyfile(source, target)
                sync_file(target)
        except BaseException:
            with suppress(OSError):
                target.unlink(missing_ok=True)
            raise

    def flush(self, path: Path) -> None:
        """Flush a file to the disk."""
        with naming_faults("flush the database"):
            sync_file(path)

    def replace(self, prepared: Path, target: Path) -> None:
        """Put a flushed file in another's place; a reader sees the one or the other."""
        with naming_faults("replace the database"):
            prepared.replace(target)
            sync_folder(target.parent)

    def probe(self) -> int:
        """Write a file, lock and flush it, read it back, remove it; how many bytes were compared."""
        content = os.urandom(PROBE_BYTES)
        path = self.root / "probe" / f"{os.getpid()}"
        with naming_faults("write and read a file"):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("wb") as stream:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                sync_folder(path.parent)
                found = path.read_bytes()
            finally:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        if found != content:
            raise StoreError(Outcome.STORE_FAILED, "the volume gave back other bytes than were written")
        return len(content)


def write_ahead_log(database: Path) -> Path:
    """DuckDB's log of a database file."""
    return database.with_name(f"{database.name}.wal")


def look_at(database: Path) -> None:
    """Open and read what DuckDB reads first, where it exists. Raises OSError.

    DuckDB makes a new database of a file that it cannot stat, and ends the process where no descriptor is
    left while it opens one. Here a fault of the system shows before that, with its number.
    """
    with ExitStack() as held:
        # One to spare: for the log that DuckDB makes, and for what it reads of the system.
        held.callback(os.close, os.open(os.sep, os.O_RDONLY | os.O_CLOEXEC))
        for path in (database, write_ahead_log(database)):
            with suppress(FileNotFoundError):
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                held.callback(os.close, descriptor)
                os.pread(descriptor, HEADER_BYTES, 0)


def forget_cached(database: Path) -> None:
    """Let the next read of a file come from the disk, as far as the system does so. Raises OSError."""
    with suppress(FileNotFoundError):
        descriptor = os.open(database, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, so that a rename survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def naming_faults(what: str) -> Iterator[None]:
    """Turn an OSError into a StoreError that names the volume's fault."""
    try:
        yield
    except OSError as error:
        raise StoreError(outcome_of(error), f"cannot {what}: {error}") from error


def outcome_of(error: OSError) -> Outcome:
    """Which fault of a volume an OSError is."""
    if error.errno in _FULL:
        return Outcome.VOLUME_FULL
    return Outcome.VOLUME_READ_ONLY if error.errno in _READ_ONLY else Outcome.STORE_INACCESSIBLE


def _signed(path: Path) -> int | None:
    """A new sign of life, locked; None where another process of the run has one, which is as good.

    Whoever looks for a sign locks it for a moment, and then removes it: it is tried again.
    """
    deadline = time.monotonic() + LOOK_SECONDS
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(descriptor, path):
                return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
        os.close(descriptor)
        time.sleep(LOOK_SECONDS / 100)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether a path names the file that is open, and no other one or none."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def sync_file(path: Path) -> None:
    """Flush a file's content to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stamp() -> str:
    return datetime.now(UTC).strftime(_STAMP)
