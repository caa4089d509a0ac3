"""One export: reading the partitions that changed from the store, and committing the next manifest.

The order of reading makes it right while runs go on: the journal, then changes, then partitions, and last
from when on the store has every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from ..adapters.exports.attempt import Attempt
from ..adapters.exports.folder import ExportFolder, Found
from ..adapters.exports.pruning import prune
from ..adapters.exports.reading import exported_rows
from ..adapters.exports.verifying import file_differences
from ..market.canonical import RowsHash, hashed_schema, rows_hash, total
from ..market.licences import LicenceGate
from ..parts.exports.contents import Contents, read_moment
from ..parts.exports.faults import TargetError
from ..parts.exports.manifest import Manifest, ManifestPartition, ManifestRun
from ..parts.exports.merging import merged
from ..parts.exports.partitions import Moment, Partition, PartitionBy, in_type
from ..parts.exports.plan import (
    Basis,
    Plan,
    Wanted,
    assembled,
    basis,
    by_changes,
    by_comparison,
    changed_meanwhile,
    expected_bytes,
    full,
)
from ..ports.exports import Change, ExportSource, Journal, Unit

READS = 3
"""Of one partition: a second where it changed meanwhile, and one more where retention dropped rows of it."""
ENGINE = "Worker"
_UNITS: dict[PartitionBy, Unit] = {
    PartitionBy.YEAR: "year",
    PartitionBy.MONTH: "month",
    PartitionBy.DAY: "day",
}
_BATCH_ROWS = 1 << 17


@dataclass(frozen=True, slots=True)
class ExportJob:
    """Who exports: `name` and `attempt` name files, `keep` is the number of manifests that stay.

    `progress` takes a line per partition, `checkpoint` raises where the process is told to stop, and `room`
    raises TargetError where the target has fewer bytes free.
    """

    name: str
    attempt: int
    keep: int
    progress: Callable[[str], None]
    checkpoint: Callable[[], None]
    room: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """A committed export: its manifest, by what its partitions were found, and how many were rewritten."""

    manifest: Manifest
    basis: Basis
    rewritten: int
    unread: tuple[str, ...] = ()
    """What is wrong with each manifest that was passed over."""


def exported(source: ExportSource, folder: ExportFolder, wanted: Wanted, job: ExportJob) -> Exported:
    """Export what differs from the last manifest.

    Raises TargetError, StoreError, and Rejected where the last manifest has another dimension or length of
    partitions.
    """
    return _Export(source, folder, wanted, job).run()


class _Export:
    """One export under way."""

    def __init__(self, source: ExportSource, folder: ExportFolder, wanted: Wanted, job: ExportJob) -> None:
        self._source, self._folder, self._wanted, self._job = source, folder, wanted, job
        self._dimension = wanted.dimension
        self._found: Found = folder.found()
        self._last = self._found.manifest
        self._before = self._last.by_partition if self._last else {}

    def run(self) -> Exported:
        for text in self._found.unread:
            self._job.progress(f"passed over: {text}")
        journal = self._source.journal()
        found = basis(self._wanted, self._last, journal)
        after = (
            journal.watermark if found is not Basis.CHANGES or self._last is None else self._last.watermark
        )
        changes = self._source.changes(self._dimension, after)
        if found is Basis.CHANGES and changes is None:
            found = Basis.COMPARISON
        plan, rows = self._plan(found, journal, changes or frozenset())
        self._job.progress(
            f"export {self._wanted.name}: {len(plan.rewritten):,} partitions to write by {found}, "
            f"{len(plan.kept):,} as they are"
        )
        self._job.room(expected_bytes(plan, self._last, rows))
        with Attempt(self._folder, self._dimension, self._job.name, self._job.attempt) as attempt:
            written = [
                entry
                for number, item in enumerate(plan.rewritten, 1)
                if (entry := self._entry(attempt, item, after, f"{number} of {len(plan.rewritten)}"))
            ]
            manifest = self._assembled(plan, written)
            self._job.checkpoint()
            attempt.commit(manifest, self._found)
        self._prune()
        return Exported(manifest, found, len(plan.rewritten), self._found.unread)

    def _plan(
        self, found: Basis, journal: Journal, changes: frozenset[Change]
    ) -> tuple[Plan, Mapping[Partition, int]]:
        """The plan, and the rows of the store's partitions where it was asked for them."""
        if found is Basis.CHANGES and self._last is not None:
            return by_changes(self._wanted, self._last, journal, changes, self._found.damaged), {}
        stored = self._source.partitions(self._dimension, _UNITS[self._wanted.partition_by])
        rows = {
            Partition.of(source, day, self._wanted.partition_by): count
            for (source, day), count in stored.items()
            if self._wanted.selects(source)
        }
        if found is Basis.COMPARISON and self._last is not None:
            hashes = {item: self._stored_hash(item) for item in rows}
            return by_comparison(self._wanted, self._last, journal, hashes, self._found.damaged), rows
        return full(self._wanted, self._last, journal, rows), rows

    def _stored_hash(self, partition: Partition) -> RowsHash:
        gate = LicenceGate(self._dimension, self._wanted.declared)
        schema = hashed_schema(self._dimension)
        return total(rows_hash(gate.passed(batch), schema) for batch in self._stored(partition))

    def _entry(
        self, attempt: Attempt, partition: Partition, after: int, which: str
    ) -> ManifestPartition | None:
        """Write a partition whole; what changed since it was read the second time is the next export's."""
        before = self._changes(after)
        merges = self._merges(partition)
        for read in range(1, READS + 1):
            contents = Contents(self._dimension, self._wanted.declared)
            batches = self._merged(partition) if merges else self._stored(partition)
            file = attempt.write(partition, batches, contents)
            now = self._changes(after)
            dropped = not merges and self._merges(partition)
            changed = partition in changed_meanwhile(before, now, self._wanted.partition_by)
            if read == READS or not (dropped or (changed and read == 1)):
                break
            if file is not None:
                attempt.discard(file)
            why = "retention dropped rows of it" if dropped else "it changed"
            self._job.progress(f"{partition.source} {partition.period}: read again, {why} meanwhile")
            before, merges = now, merges or dropped
        self._job.progress(f"{partition.source} {partition.period}: {contents.hash.rows:,} rows ({which})")
        return contents.entry(partition, [file] if file else [])

    def _stored(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        start, end = partition.bounds(self._dimension)
        for batch in self._source.partition(self._dimension, partition.source, start, end):
            self._job.checkpoint()
            yield batch

    def _merges(self, partition: Partition) -> bool:
        """Whether the last export may have rows of it that the store no longer has."""
        return partition in self._before and partition.begins_before(self._dimension, self._confirmed_from())

    def _merged(self, partition: Partition) -> list[pa.RecordBatch]:
        start, end = partition.bounds(self._dimension)
        stored = pa.Table.from_batches(self._stored(partition), schema=self._dimension.schema)
        removed = self._source.removed(self._dimension, partition.source, start, end)
        confirmed_from = self._confirmed_from()
        if confirmed_from is not None:
            last = self._last_rows(partition)
            stored = merged(self._dimension, last, stored, removed, confirmed_from)
        return list(stored.combine_chunks().to_batches(max_chunksize=_BATCH_ROWS))

    def _last_rows(self, partition: Partition) -> pa.Table:
        """The rows of the last export; a file that is not as it was written counts as lost."""
        paths = []
        for file in self._before[partition].files:
            wrong = next(file_differences(self._folder.root, self._last, file), None) if self._last else None
            if wrong is None:
                paths.append(file.path)
            else:
                self._job.progress(f"{wrong}: rows of it that retention dropped are lost")
        return exported_rows(self._folder.root, paths, self._dimension)

    def _changes(self, after: int) -> frozenset[Change]:
        """Of a store that does not tell them none: the next export compares hashes."""
        return self._source.changes(self._dimension, after) or frozenset()

    def _confirmed_from(self) -> Moment | None:
        """From when on the store has every row: of one store never earlier than the last export had it.

        A late row of long ago brings nothing else of its time back that retention dropped.
        """
        told = self._source.confirmed_from(self._dimension)
        last = self._last
        if last is None or last.store != self._wanted.store or last.confirmed_from is None:
            return told
        before = in_type(self._dimension, read_moment(last.confirmed_from))
        return before if told is None else max(in_type(self._dimension, told), before)

    def _assembled(self, plan: Plan, written: list[ManifestPartition]) -> Manifest:
        runs = [
            ManifestRun(
                run_id=run.run_id,
                sequence=run.sequence,
                plan=run.plan,
                plan_generation=run.plan_generation,
                provider=run.provider,
            )
            for run in self._source.runs(self._dimension)
        ]
        return assembled(
            self._wanted,
            plan,
            written,
            runs,
            self._last,
            number=self._folder.next_number(self._found),
            engine=ENGINE,
            written_at=datetime.now(UTC),
            confirmed_from=self._confirmed_from(),
        )

    def _prune(self) -> None:
        """What an error leaves over is removed the next time: the export is committed."""
        try:
            prune(self._folder, self._job.keep)
        except TargetError as error:
            self._job.progress(f"old files stay until the next export: {error}")
