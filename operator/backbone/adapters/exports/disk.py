"""The single steps by which an export changes its folder.

Each step is one call, so that a test can stop before each of them, and can lose what was not flushed.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ...parts.exports.faults import TargetError, TargetFault

TEMPORARY = "."
"""How the name of a file begins that nobody opens."""
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Disk:
    """Steps on files. Each raises OSError."""

    def create(self, path: Path) -> BinaryIO:
        """Open a new file for writing. Raises FileExistsError."""
        return path.open("xb")

    def sync_file(self, path: Path) -> None:
        """Flush the content of a file."""
        _sync(path, os.O_RDONLY)

    def sync_folder(self, path: Path) -> None:
        """Flush the names in a folder."""
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)

    def make_folder(self, path: Path) -> None:
        """Create one folder, if it is absent."""
        path.mkdir(exist_ok=True)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name. Raises FileExistsError where the name is taken."""
        target.hardlink_to(source)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file; one that has the name already loses it at that moment."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file, if it exists."""
        path.unlink(missing_ok=True)


def make_folders(disk: Disk, root: Path, folder: Path, flushed: set[Path]) -> None:
    """Create a folder below `root` with those above it, each flushed into the one that has it.

    A folder that exists may be of a process that died before it flushed it; `flushed` has those that are.
    """
    for part in reversed([folder, *folder.parents]):
        if part.is_relative_to(root) and part != root and part not in flushed:
            if not part.is_dir():
                disk.make_folder(part)
            disk.sync_folder(part.parent)
            flushed.add(part)


def temporary(path: Path) -> Path:
    """Where a file is prepared that will get another name; processes of two pods have the same number."""
    return path.with_name(f"{TEMPORARY}{path.name}-{secrets.token_hex(8)}")


def write_durably(disk: Disk, path: Path, content: bytes) -> None:
    """Write a new file and flush its content; its name is not flushed yet."""
    with disk.create(path) as stream:
        stream.write(content)
    disk.sync_file(path)


@contextmanager
def naming_target_faults(what: str) -> Iterator[None]:
    """Turn an OSError into a TargetError that names the fault."""
    try:
        yield
    except OSError as error:
        fault = TargetFault.TARGET_FULL if error.errno in _FULL else TargetFault.TARGET_FAILED
        raise TargetError(fault, f"cannot {what}: {error}") from error


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
