"""The folder of one export.

    data/<partition>/<job>-<attempt>-<n>.parquet     never changed
    manifests/<n>.json     lists every file of one whole dataset; never changed
    current                number of the manifest that readers open; replaced by rename
    lock                   held while `current` moves, and while files are removed

Data files are flushed, with their names, before the manifest gets its name, and the manifest before
`current` moves. `current` moves only if it is as it was when the export began. A process that dies in between
leaves the last dataset as it was, and files that no manifest names, or a manifest that was never current.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ...errors import Rejected
from ...parts.exports.document import manifest_number
from ...parts.exports.faults import TargetError, TargetFault
from ...parts.exports.manifest import Manifest
from ...parts.exports.partitions import Partition
from .disk import Disk, naming_target_faults

CURRENT, MANIFESTS, DATA, LOCK = "current", "manifests", "data", "lock"
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Found:
    """What an export continues from: the text of `current`, and the newest manifest that is whole.

    `damaged` are partitions of which a file is missing or has another size; `unread` says of each manifest
    that is not whole what is wrong.
    """

    current: str | None
    manifest: Manifest | None
    damaged: frozenset[Partition] = frozenset()
    unread: tuple[str, ...] = ()


class ExportFolder:
    """One export's folder. Every call raises TargetError."""

    def __init__(self, root: Path, disk: Disk | None = None, wait: timedelta = timedelta(seconds=60)) -> None:
        self.root = root
        self.disk = disk or Disk()
        self._wait = wait

    def found(self) -> Found:
        """What the next export continues from: the current manifest, or the newest one that is whole."""
        with naming_target_faults(f"read the manifests of {self.root}"):
            current = self.current()
            unread = []
            named = _numbers(current)
            for number in [*named, *sorted(set(self.numbers()) - set(named), reverse=True)]:
                try:
                    manifest = self.manifest(number)
                except Rejected as error:
                    unread.append(str(error))
                else:
                    return Found(current, manifest, self.damaged(manifest), tuple(unread))
            return Found(current, None, unread=tuple(unread))

    def numbers(self) -> list[int]:
        """The numbers of all manifests, whether or not they were ever current. Raises OSError."""
        try:
            names = [path.stem for path in (self.root / MANIFESTS).iterdir() if path.suffix == ".json"]
        except FileNotFoundError:
            return []
        return sorted(number for name in names for number in _numbers(name))

    def manifest(self, number: int) -> Manifest:
        """A manifest by its number. Raises Rejected where it is missing or not whole, and OSError."""
        path = self.manifest_path(number)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise Rejected(f"{path} does not exist") from None
        return Manifest.decode(content, str(path))

    def manifest_path(self, number: int) -> Path:
        """The file of a manifest."""
        return self.root / MANIFESTS / f"{number}.json"

    def next_number(self, found: Found) -> int:
        """The number of the next manifest: greater than any that was ever used here."""
        with naming_target_faults(f"read the manifests of {self.root}"):
            return max([0, *_numbers(found.current), *self.numbers()]) + 1

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the folder. Raises OSError, and TargetError where it is not free in time."""
        descriptor = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
        try:
            deadline = time.monotonic() + self._wait.total_seconds()
            while not _locks(descriptor):
                if time.monotonic() >= deadline:
                    raise superseded("another export of this folder is at its commit")
                time.sleep(POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def current(self) -> str | None:
        """The text of `current`, None where it is absent. Raises OSError."""
        try:
            return (self.root / CURRENT).read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return None

    def damaged(self, manifest: Manifest) -> frozenset[Partition]:
        """Partitions of which a file is missing or has another size. Raises OSError."""
        return frozenset(
            item.partition
            for item in manifest.partitions
            if any(_size(self.root / file.path) != file.bytes for file in item.files)
        )


def _numbers(text: str | None) -> list[int]:
    number = None if text is None else manifest_number(text)
    return [] if number is None else [number]


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def superseded(why: str) -> TargetError:
    """The error of an export that lost."""
    return TargetError(TargetFault.SUPERSEDED, f"another export committed first: {why}")
