"""What goes into one file of an export, noted while the rows pass by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from ...market.canonical import RowsHash, hashed_schema, rows_hash
from ...market.dimensions import Dimension
from ...market.licences import LicenceGate
from .manifest import KeyValues, LeftOutRows, ManifestFile, ManifestPartition
from .partitions import Partition

KeyValue = str | int | date | datetime


class Contents:
    """The rows of one partition, counted.

    `declared` has the licences that sources declare for all that they deliver.
    """

    def __init__(self, dimension: Dimension, declared: Mapping[str, str]) -> None:
        self._dimension = dimension
        self._hashed = hashed_schema(dimension)
        self._gate = LicenceGate(dimension, declared)
        self._runs: set[str] = set()
        self._price_bases: set[str] = set()
        self._least: dict[str, KeyValue] = {}
        self._greatest: dict[str, KeyValue] = {}
        self.hash = RowsHash()
        """Of the rows that passed."""

    def passed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that may be exported, counted; the others are counted by name."""
        kept = self.permitted(batch)
        if kept.num_rows:
            self.count(kept)
        return kept

    def permitted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that may be exported, still to be counted; the others are counted by name."""
        return self._gate.passed(batch)

    def count(self, kept: pa.RecordBatch) -> None:
        """Count permitted rows, of which there are some. Another thread may do it; it is most of the work."""
        self.hash += rows_hash(kept, self._hashed)
        self._runs |= set(kept["run_id"].unique().to_pylist())
        if "price_basis" in kept.schema.names:
            self._price_bases |= set(kept["price_basis"].unique().to_pylist())
        for name in self._dimension.key:
            ends = pc.min_max(kept[name]).as_py()
            self._least[name] = min(self._least.get(name, ends["min"]), ends["min"])
            self._greatest[name] = max(self._greatest.get(name, ends["max"]), ends["max"])

    def file(self, path: str, size: int, sha256: str) -> ManifestFile:
        """The manifest's entry of the file into which the rows went."""
        return ManifestFile(
            path=path,
            rows=self.hash.rows,
            bytes=size,
            sha256=sha256,
            hash=str(self.hash),
            least=_written(self._least),
            greatest=_written(self._greatest),
        )

    def entry(self, partition: Partition, files: Iterable[ManifestFile]) -> ManifestPartition | None:
        """The manifest's entry of the partition; None where it has no rows, and none were left out."""
        left_out = tuple(
            LeftOutRows(source=item.source, name=item.subject, licence=item.licence, rows=rows)
            for item, rows in sorted(self._gate.left_out.items())
        )
        if not self.hash.rows and not left_out:
            return None
        return ManifestPartition(
            source=partition.source,
            period=partition.period,
            files=tuple(files),
            runs=tuple(sorted(self._runs)),
            price_bases=tuple(sorted(self._price_bases)),
            licences=tuple(sorted(self._gate.licences)),
            left_out=left_out,
        )


def _written(values: Mapping[str, KeyValue]) -> KeyValues:
    return {name: written_value(value) for name, value in values.items()}


def read_moment(written: str) -> date | datetime:
    """A day or a moment that `written_value` wrote; a moment is in UTC. Raises ValueError."""
    return datetime.fromisoformat(written) if "T" in written else date.fromisoformat(written)


def written_value(value: KeyValue) -> str | int:
    """A value of a key as a manifest has it."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None)
        return f"{moment.isoformat(timespec='microseconds')}Z"
    return value.isoformat() if isinstance(value, date) else value
