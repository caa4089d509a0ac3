"""Exports of a few daily bars, as a worker makes them of the product's functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from backbone.adapters.exports.attempt import Attempt
from backbone.adapters.exports.folder import ExportFolder, Found
from backbone.adapters.exports.reading import open_export
from backbone.market.canonical import rows_hash
from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import Lineage, stamp
from backbone.parts.exports.contents import Contents
from backbone.parts.exports.manifest import Manifest, ManifestPartition, ManifestRun
from backbone.parts.exports.partitions import Partition, PartitionBy
from backbone.parts.exports.plan import Basis, Plan, Wanted, assembled, basis, full
from backbone.ports.exports import Journal

AT = datetime(2026, 3, 9, 22, 30, tzinfo=UTC)
WANTED = Wanted("bars", "uid-1", DAILY_BARS, PartitionBy.YEAR, "store-1")

Bar = tuple[str, str, date, float]
"""Source, symbol, session and close."""


def bars(
    rows: Iterable[Bar], *, run: str = "run-1", revision: int = 1, observed_at: datetime = AT
) -> pa.Table:
    """Bars in the dimension's schema; all four prices are the close."""
    facts = [
        {
            "source": source,
            "symbol": symbol,
            "session_date": session,
            **dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), close),
            "volume": 100,
            "price_basis": "Raw",
            "revision": revision,
        }
        for source, symbol, session, close in rows
    ]
    table = pa.Table.from_pylist(facts, schema=DAILY_BARS.facts)
    return stamp(DAILY_BARS, table, Lineage(run, 1, observed_at, "sample"))


def year(source: str, number: int, close: float, *, run: str = "run-1") -> pa.Table:
    """Three bars of a source in one year."""
    return bars(((source, symbol, date(number, 3, 9), close) for symbol in ("A", "B", "C")), run=run)


def of_partition(stored: pa.Table, partition: Partition) -> pa.Table:
    """The rows of a partition by year."""
    rows = [
        row["source"] == partition.source and str(row["session_date"].year) == partition.period
        for row in stored.select(["source", "session_date"]).to_pylist()
    ]
    return stored.filter(pa.array(rows, pa.bool_()))


def partitions_of(stored: pa.Table) -> set[Partition]:
    """The partitions by year of which there are rows."""
    rows = stored.select(["source", "session_date"]).to_pylist()
    return {Partition.of(row["source"], row["session_date"], PartitionBy.YEAR) for row in rows}


def written(attempt: Attempt, partition: Partition, rows: pa.Table) -> ManifestPartition | None:
    """Write the rows of a partition; its entry in the manifest."""
    contents = Contents(DAILY_BARS, {})
    file = attempt.write(partition, rows.to_batches(), contents)
    return contents.entry(partition, [file] if file else [])


def next_manifest(
    folder: ExportFolder, attempt: Attempt, found: Found, plan: Plan, stored: pa.Table
) -> Manifest:
    """Write what a plan rewrites; the manifest."""
    entries = [written(attempt, item, of_partition(stored, item)) for item in plan.rewritten]
    runs = [ManifestRun(run_id=name) for name in stored["run_id"].unique().to_pylist()]
    return assembled(
        WANTED,
        plan,
        [item for item in entries if item],
        runs,
        found.manifest,
        number=folder.next_number(found),
        engine="Worker",
        written_at=AT,
        confirmed_from=None,
    )


def export(
    folder: ExportFolder,
    stored: pa.Table,
    *,
    changed: Sequence[Partition] = (),
    job: str = "bars-1",
    number: int = 1,
) -> Manifest:
    """Export a store's rows: all, or what changed since the last export. Raises TargetError."""
    found = folder.found()
    journal = Journal(1)
    if found.manifest is None or basis(WANTED, found.manifest, journal) is Basis.FULL:
        plan = full(WANTED, found.manifest, journal, partitions_of(stored))
    else:
        rewritten = {*changed, *found.damaged}
        kept = [item for item in found.manifest.partitions if item.partition not in rewritten]
        plan = Plan(journal.watermark, tuple(sorted(rewritten)), tuple(kept))
    with Attempt(folder, DAILY_BARS, job, number) as attempt:
        manifest = next_manifest(folder, attempt, found, plan, stored)
        attempt.commit(manifest, found)
    return manifest


def same_rows(root: Path, stored: pa.Table) -> bool:
    """Whether the current export has the rows of a store."""
    exported = open_export(root).rows.to_table()
    return rows_hash(exported, DAILY_BARS.schema) == rows_hash(stored, DAILY_BARS.schema)
