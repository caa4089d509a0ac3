"""One attempt of a Job to export: it writes data files, and commits a manifest of them.

adapters.exports.folder has the layout, and why the steps have this order.
"""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet

from ...market.dimensions import Dimension
from ...parts.exports.contents import Contents
from ...parts.exports.faults import TargetError, TargetFault
from ...parts.exports.manifest import Manifest, ManifestFile
from ...parts.exports.partitions import Partition, spelled
from .disk import make_folders, naming_target_faults, temporary, write_durably
from .folder import CURRENT, DATA, ExportFolder, Found, superseded

AHEAD = 4
"""Batches that may wait to be counted."""
GROUP_ROWS = 1 << 17
"""Rows of a row group, but for the last of a file: a cursor's batches are too small."""


class Attempt:
    """Writes files of its own, and removes them if it ends with an error before `current` may have moved."""

    def __init__(self, folder: ExportFolder, dimension: Dimension, job: str, attempt: int) -> None:
        self._folder, self._disk = folder, folder.disk
        self._dimension = dimension
        self._name = f"{spelled(job)}-{attempt}"
        self._count = 0
        self._written: list[Path] = []
        self._flushed: set[Path] = set()
        self._moving = False

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was written, if that is certain to be in no dataset."""
        if kind is not None and not self._moving:
            for path in reversed(self._written):
                with suppress(OSError):
                    self._disk.remove(path)

    def write(
        self, partition: Partition, batches: Iterable[pa.RecordBatch], contents: Contents
    ) -> ManifestFile | None:
        """Write the rows that may be exported into a new, durable file; None without such rows.

        Raises TargetError, and what reading the batches raises.
        """
        groups = _groups(_counted(batches, contents))
        first = next(groups, None)
        if first is None:
            return None
        folder = self._folder.root / DATA / partition.path(self._dimension)
        with naming_target_faults(f"write to {folder}"):
            make_folders(self._disk, self._folder.root, folder, self._flushed)
            path, stream = self._create(folder)
            with stream, _Hashing(stream) as sink:
                with pa.parquet.ParquetWriter(sink, self._dimension.schema) as writer:
                    writer.write_table(first)
                    for group in groups:
                        writer.write_table(group)
                sha256, size = sink.sha256, sink.size
            self._disk.sync_file(path)
            self._disk.sync_folder(folder)
        return contents.file(path.relative_to(self._folder.root).as_posix(), size, sha256)

    def discard(self, file: ManifestFile) -> None:
        """Remove a file of this attempt, because its partition changed while it was read."""
        path = self._folder.root / file.path
        with naming_target_faults(f"remove {path}"):
            self._disk.remove(path)
        self._written.remove(path)

    def commit(self, manifest: Manifest, found: Found) -> None:
        """Make a manifest the current one, if what it continues from still is.

        Raises TargetError, with Superseded where another export was first.
        """
        with naming_target_faults(f"commit to {self._folder.root}"):
            self._publish(manifest)
            with self._folder.locked():
                self._expect_unmoved(found)
                self._expect_files(manifest)
                self._move_current(manifest.number)

    def _create(self, folder: Path) -> tuple[Path, BinaryIO]:
        """A new file. A container that starts again has the names of the one before it."""
        while True:
            self._count += 1
            path = folder / f"{self._name}-{self._count}.parquet"
            try:
                stream = self._disk.create(path)
            except FileExistsError:
                continue
            self._written.append(path)
            return path, stream

    def _publish(self, manifest: Manifest) -> None:
        """Give the manifest its name, which only one export can do."""
        path = self._folder.manifest_path(manifest.number)
        make_folders(self._disk, self._folder.root, path.parent, self._flushed)
        prepared = temporary(path)
        try:
            write_durably(self._disk, prepared, manifest.encode())
            self._disk.link(prepared, path)
        except FileExistsError:
            raise superseded(f"{path} exists already") from None
        finally:
            self._disk.remove(prepared)
        self._written.append(path)
        self._disk.sync_folder(path.parent)

    def _expect_unmoved(self, found: Found) -> None:
        now = self._folder.current()
        if now != found.current:
            raise superseded(f"{self._folder.root / CURRENT} was {found.current}, and is {now}")

    def _expect_files(self, manifest: Manifest) -> None:
        """No file was removed while the export was under way: that is done under the lock, too."""
        if damaged := self._folder.damaged(manifest):
            raise TargetError(
                TargetFault.TARGET_FAILED,
                f"files of {min(damaged)} were changed or removed during the export",
            )

    def _move_current(self, number: int) -> None:
        current = self._folder.root / CURRENT
        prepared = temporary(current)
        write_durably(self._disk, prepared, f"{number}\n".encode())
        # Whatever fails from here on, the dataset may be the current one.
        self._moving = True
        self._disk.replace(prepared, current)
        self._disk.sync_folder(current.parent)


class _Hashing(io.RawIOBase):
    """Passes bytes on to a file and hashes them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._digest.hexdigest()

    def writable(self) -> bool:
        """It takes bytes and gives none."""
        return True

    def write(self, content: object) -> int:
        """Write all bytes."""
        part = memoryview(content)  # type: ignore[arg-type]
        self._stream.write(part)
        self._digest.update(part)
        self.size += part.nbytes
        return part.nbytes


def _counted(batches: Iterable[pa.RecordBatch], contents: Contents) -> Iterator[pa.RecordBatch]:
    """The rows that may be exported; a second thread counts them while this one reads and writes."""
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1, "exports") as counting:
        for batch in batches:
            kept = contents.permitted(batch)
            if not kept.num_rows:
                continue
            waiting.append(counting.submit(contents.count, kept))
            while len(waiting) > AHEAD:
                waiting.popleft().result()
            yield kept
        for item in waiting:
            item.result()


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Tables of GROUP_ROWS or more, but for the last."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(item.num_rows for item in waiting) >= GROUP_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)
