"""What an export rewrites: the difference between the last manifest and the store, in whole partitions.

The result equals a full export. Rows that were corrected, came late, were withdrawn or released are one case:
the store's ledger of changes names their day, and the export reads the partition of that day again, whole.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from ...errors import Rejected
from ...market.canonical import RowsHash, hashed_schema, type_of
from ...market.dimensions import SCHEMA_VERSION, Dimension
from ...market.licences import COLUMN, LICENCES
from ...ports.exports import Change, Journal
from .contents import written_value
from .manifest import Manifest, ManifestColumn, ManifestPartition, ManifestRun
from .partitions import Moment, Partition, PartitionBy


@dataclass(frozen=True, slots=True)
class Wanted:
    """An export as the plan describes it, of the store that serves.

    `owner` is the plan's uid and `store` the identity of the store. No `sources`: all. `declared` has the
    licences that sources declare for all that they deliver.
    """

    name: str
    owner: str
    dimension: Dimension
    partition_by: PartitionBy
    store: str
    sources: tuple[str, ...] = ()
    declared: Mapping[str, str] = field(default_factory=dict, hash=False)

    def selects(self, source: str) -> bool:
        """Whether rows of a source are exported."""
        return not self.sources or source in self.sources

    @property
    def columns(self) -> tuple[ManifestColumn, ...]:
        """The columns of each file that this version writes."""
        return tuple(
            ManifestColumn(name=item.name, type=type_of(item.type).name, nullable=item.nullable)
            for item in self.dimension.schema
        )

    @property
    def licence_rules(self) -> str:
        """The digest of what permits rows to be copied; of nothing where rows have no licence."""
        listed = sorted((item.name, item.restricted) for item in LICENCES)
        rules = [listed, sorted(self.declared.items())] if COLUMN in self.dimension.facts.names else []
        return sha256(json.dumps(rules).encode()).hexdigest()


class Basis(StrEnum):
    """By what an export finds the partitions that it rewrites."""

    FULL = "Full"
    """All of them: there is no last manifest, or it has other columns, sources or rules of licences."""
    CHANGES = "Changes"
    """Those that the ledger of changes names after the watermark of the last manifest."""
    COMPARISON = "Comparison"
    """Those whose hashes differ: the store is another one than the last manifest's, or went back in time."""


def basis(wanted: Wanted, last: Manifest | None, journal: Journal) -> Basis:
    """By what the next export finds its partitions, which says what to ask the store for.

    Raises Rejected where the dataset of the last manifest cannot be continued.
    """
    if last is None:
        return Basis.FULL
    _expect_same(wanted, last)
    if _other_rows(wanted, last) or _adds_sources(wanted, last):
        return Basis.FULL
    if last.store != wanted.store or journal.watermark < last.watermark:
        return Basis.COMPARISON
    return Basis.CHANGES


def _expect_same(wanted: Wanted, last: Manifest) -> None:
    pairs = {
        "dimension": (last.dimension, wanted.dimension.name),
        "partitionBy": (last.partition_by, wanted.partition_by),
    }
    for name, (before, now) in pairs.items():
        if before != now:
            raise Rejected(
                f"exports[{wanted.name}].{name} is {now}, and the last manifest has {before}; "
                "give the export another name, or set it back"
            )


def _other_rows(wanted: Wanted, last: Manifest) -> bool:
    """Whether a row that did not change is exported in another way, or no longer."""
    before = (last.columns, last.schema_version, last.licence_rules)
    return before != (wanted.columns, SCHEMA_VERSION, wanted.licence_rules)


def _adds_sources(wanted: Wanted, last: Manifest) -> bool:
    """Whether a source is selected now that was not; changes of it before the watermark were not exported."""
    return bool(last.sources) and not (wanted.sources and set(wanted.sources) <= set(last.sources))


@dataclass(frozen=True, slots=True)
class Plan:
    """What an export does: partitions that it rewrites whole, and those that it takes over as they are.

    `watermark` goes into the manifest.
    """

    watermark: int
    rewritten: tuple[Partition, ...]
    kept: tuple[ManifestPartition, ...] = ()


def full(wanted: Wanted, last: Manifest | None, journal: Journal, stored: Iterable[Partition]) -> Plan:
    """The plan of a full export; `stored` are all partitions of which the store has rows.

    Those of the last manifest are rewritten too: retention may have dropped their rows from the store.
    """
    every = {*stored, *(last.by_partition if last else ())}
    return _plan(wanted, last, journal, every)


def by_changes(
    wanted: Wanted,
    last: Manifest,
    journal: Journal,
    changes: Iterable[Change],
    damaged: Collection[Partition] = (),
) -> Plan:
    """The plan by the ledger of changes, which the store was asked for after its journal.

    `damaged` are partitions whose files are not as the last manifest has them.
    """
    days = {(item.source, item.day) for item in changes if item.sequence > last.watermark}
    changed = {Partition.of(source, day, wanted.partition_by) for source, day in days}
    return _plan(wanted, last, journal, changed | set(damaged))


def by_comparison(
    wanted: Wanted,
    last: Manifest,
    journal: Journal,
    stored: Mapping[Partition, RowsHash],
    damaged: Collection[Partition] = (),
) -> Plan:
    """The plan by the hashes of all partitions of which the store has rows.

    A partition of which restricted rows were left out always differs.
    """
    known = {partition: item.hash for partition, item in last.by_partition.items()}
    every = stored.keys() | known.keys()
    differing = {item for item in every if stored.get(item, RowsHash()) != known.get(item, RowsHash())}
    return _plan(wanted, last, journal, differing | set(damaged))


def assembled(
    wanted: Wanted,
    plan: Plan,
    written: Iterable[ManifestPartition],
    journal: Iterable[ManifestRun],
    last: Manifest | None,
    *,
    number: int,
    engine: str,
    written_at: datetime,
    confirmed_from: Moment | None,
) -> Manifest:
    """The next manifest: what the plan kept, and what was written of the partitions that it rewrote.

    `journal` are the runs that the store knows; the others come from the last manifest.
    """
    partitions = sorted([*plan.kept, *written], key=lambda item: item.partition)
    known = {run.run_id: run for run in (*(last.runs if last else ()), *journal)}
    named = sorted({run for item in partitions for run in item.runs})
    return Manifest(
        number=number,
        replaces=last.number if last else None,
        export=wanted.name,
        owner=wanted.owner,
        engine=engine,
        written_at=written_at,
        store=wanted.store,
        watermark=plan.watermark,
        confirmed_from=None if confirmed_from is None else str(written_value(confirmed_from)),
        dimension=wanted.dimension.name,
        schema_version=SCHEMA_VERSION,
        partition_by=wanted.partition_by,
        sources=wanted.sources,
        licence_rules=wanted.licence_rules,
        columns=wanted.columns,
        key=wanted.dimension.key,
        hashed=tuple(hashed_schema(wanted.dimension).names),
        runs=tuple(known.get(run) or ManifestRun(run_id=run) for run in named),
        partitions=tuple(partitions),
    )


LEAST_BYTES = 1 << 20
"""An export without rows needs room for its manifest all the same."""
ROW_BYTES = 16
"""Fewer than rows of most dimensions take in a file, so that no export is refused that has room."""


def expected_bytes(plan: Plan, last: Manifest | None, rows: Mapping[Partition, int]) -> int:
    """How much the files of a plan will take, by those of the last manifest; at least LEAST_BYTES.

    A partition that is new counts by its rows, where `rows` has them, and else as the mean of the others.
    """
    known = (
        {item.partition: sum(file.bytes for file in item.files) for item in last.partitions} if last else {}
    )
    mean = sum(known.values()) // len(known) if known else 0
    fallback = {item: count * ROW_BYTES for item, count in rows.items()}
    return max(LEAST_BYTES, sum(known.get(item, fallback.get(item, mean)) for item in plan.rewritten))


def changed_meanwhile(
    before: Collection[Change], after: Iterable[Change], by: PartitionBy
) -> frozenset[Partition]:
    """Partitions that changed between two looks at the ledger: what was read of them is read once more.

    What changes after that is the next export's, whose watermark is that of this one.
    """
    known = set(before)
    return frozenset(Partition.of(item.source, item.day, by) for item in after if item not in known)


def _plan(wanted: Wanted, last: Manifest | None, journal: Journal, rewritten: Iterable[Partition]) -> Plan:
    chosen = {item for item in rewritten if wanted.selects(item.source)}
    kept = [
        item
        for partition, item in (last.by_partition if last else {}).items()
        if partition not in chosen and wanted.selects(partition.source)
    ]
    return Plan(journal.watermark, tuple(sorted(chosen)), tuple(kept))
