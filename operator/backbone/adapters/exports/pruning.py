"""Removing manifests that are not kept any more, and files that no manifest names.

A reader may have opened a manifest just before another one took its place, so a manifest goes a day after it
left the kept ones. A file that no manifest names may be of an export that is under way, so it goes a day
after it was written. The clock is that of the file system, because the clocks of two nodes may be days apart;
and an export checks its files under the lock under which they are removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import Rejected
from .disk import TEMPORARY, naming_target_faults
from .folder import DATA, LOCK, MANIFESTS, ExportFolder

GRACE_SECONDS = 86_400.0


def prune(folder: ExportFolder, keep: int) -> list[str]:
    """Keep the newest `keep` manifests, at least one; the paths that were removed. Raises TargetError.

    Called after a commit. What is left over by an error is removed the next time.
    """
    with naming_target_faults(f"remove old files of {folder.root}"), folder.locked():
        long_ago = _now(folder) - GRACE_SECONDS
        gone = _outdated(folder, max(keep, 1), long_ago)
        named = _named(folder, set(folder.numbers()) - set(gone))
        # Manifests first: one that stays longer than its files names files that are missing.
        removed = [folder.manifest_path(number) for number in gone]
        for path in removed:
            folder.disk.remove(path)
        if removed:
            folder.disk.sync_folder(folder.root / MANIFESTS)
        for path in _files(folder):
            if path.relative_to(folder.root).as_posix() not in named and path.stat().st_mtime < long_ago:
                folder.disk.remove(path)
                removed.append(path)
    return [path.relative_to(folder.root).as_posix() for path in removed]


def _now(folder: ExportFolder) -> float:
    """The time of the file system, in seconds since 1970."""
    lock = folder.root / LOCK
    lock.touch()
    return lock.stat().st_mtime


def _outdated(folder: ExportFolder, keep: int, long_ago: float) -> list[int]:
    """Manifests that left the kept ones a day ago or earlier, oldest first.

    One that was never current, and is newer than the current one, counts as one more.
    """
    numbers = folder.numbers()
    current = folder.current()
    found = []
    for number, follower in zip(numbers, numbers[keep:], strict=False):
        left_at = folder.manifest_path(follower).stat().st_mtime
        if left_at < long_ago and str(number) != current:
            found.append(number)
    return found


def _named(folder: ExportFolder, numbers: set[int]) -> set[str]:
    """The files that manifests name. One that is not whole names none: nobody can read it."""
    named: set[str] = set()
    for number in numbers:
        try:
            manifest = folder.manifest(number)
        except Rejected:
            continue
        named |= {file.path for file in manifest.files}
    return named


def _files(folder: ExportFolder) -> Iterator[Path]:
    """Data files, and files that an export left before it renamed them."""
    yield from (path for path in sorted((folder.root / DATA).rglob("*")) if path.is_file())
    for place in (folder.root, folder.root / MANIFESTS):
        yield from (path for path in sorted(place.glob(f"{TEMPORARY}*")) if path.is_file())
