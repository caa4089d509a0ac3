"""One command at a time: a lock that a killed process cannot leave behind."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from report import Problem, note


@contextmanager
def exclusive(path: Path, *, seconds: float, remove: bool = False) -> Iterator[None]:
    """Hold `path` alone; wait for another holder at most `seconds`.

    With `remove` the file goes away with the lock, so that nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(path, time.monotonic() + seconds)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        if remove:
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, deadline: float) -> int:
    told = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise Problem(f"another run (pid {holder}) still holds {path}") from None
            if not told:
                note(f"waiting for another run (pid {holder}) to finish")
                told = True
            time.sleep(0.2)
            continue
        if _is_current(descriptor, path):
            return descriptor
        os.close(descriptor)  # its holder removed the file: take the new one


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
