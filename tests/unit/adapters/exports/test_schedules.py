"""Over random schedules an incremental export has what the store has, and what the store dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from support.exports import AT, WANTED, bars
from support.failing_disk import FailingDisk

from backbone.adapters.exports.attempt import Attempt
from backbone.adapters.exports.folder import ExportFolder
from backbone.adapters.exports.pruning import prune
from backbone.adapters.exports.reading import exported_rows, open_export
from backbone.adapters.exports.verifying import differences
from backbone.market.canonical import RowsHash, hashed_schema, rows_hash
from backbone.market.dimensions import DAILY_BARS
from backbone.parts.exports.contents import Contents
from backbone.parts.exports.manifest import Manifest, ManifestPartition
from backbone.parts.exports.merging import merged
from backbone.parts.exports.partitions import Partition, PartitionBy
from backbone.parts.exports.plan import (
    Basis,
    Change,
    Journal,
    Plan,
    Wanted,
    assembled,
    basis,
    by_changes,
    by_comparison,
    full,
)

Key = tuple[str, str, date]
Version = tuple[int, int, str, float]
"""Revision, minute of the answer, run, and the close: the greater one stays."""
Rows = dict[Key, Version]

FIRST_DAY, DAYS = date(2024, 11, 1), 150


@dataclass
class Store:
    """A store of daily bars in memory: its rows, its journal and its ledger of changes."""

    random: Random
    rows: Rows = field(default_factory=dict)
    removed: Rows = field(default_factory=dict)
    changes: set[Change] = field(default_factory=set)
    open_runs: set[int] = field(default_factory=set)
    newest: int = 0
    whole_from: date | None = None
    identity: str = "store-1"

    def begin(self) -> None:
        self.newest += 1
        self.open_runs.add(self.newest)

    def end(self) -> None:
        if self.open_runs:
            self.open_runs.remove(self.random.choice(sorted(self.open_runs)))

    def deliver(self) -> list[Key]:
        """A run that is open brings rows: new, late, corrected, or older than what is stored."""
        if not self.open_runs:
            self.begin()
        run = self.random.choice(sorted(self.open_runs))
        keys = [self._key() for _ in range(self.random.randint(1, 5))]
        for key in keys:
            version = (
                self.random.randint(1, 3),
                self.random.randint(0, 9),
                f"run-{run}",
                self.random.random(),
            )
            before = self.rows.get(key)
            if before is None or version > before:
                self.rows[key] = version
                self.changes.add(Change(run, key[0], key[2]))
        return keys

    def withdraw(self) -> list[Key]:
        if not self.rows:
            return []
        key = self.random.choice(sorted(self.rows))
        self.removed[key] = self.rows.pop(key)
        self.begin()
        self.changes.add(Change(self.newest, key[0], key[2]))
        self.end()
        return [key]

    def retain(self) -> list[Key]:
        """Retention drops rows of long ago, and is no change."""
        later = (self.whole_from or FIRST_DAY) + timedelta(self.random.randint(5, 40))
        self.whole_from = min(later, FIRST_DAY + timedelta(DAYS - 30))
        dropped = [key for key in self.rows if key[2] < self.whole_from]
        for key in dropped:
            del self.rows[key]
        return dropped

    def table(self, partition: Partition) -> pa.Table:
        first, end = partition.bounds(DAILY_BARS)
        inside = {
            key: version
            for key, version in self.rows.items()
            if key[0] == partition.source and first <= key[2] and (end is None or key[2] < end)
        }
        return table_of(inside)

    def partitions(self, by: PartitionBy) -> set[Partition]:
        return {Partition.of(source, day, by) for source, _, day in self.rows}

    def _key(self) -> Key:
        day = FIRST_DAY + timedelta(self.random.randint(0, DAYS))
        return (self.random.choice(["fred", "a/b"]), self.random.choice("AB"), day)


def table_of(rows: Rows) -> pa.Table:
    (like,) = bars([("", "", FIRST_DAY, 0.0)]).to_pylist()
    changed = [
        {
            "source": source,
            "symbol": symbol,
            "session_date": day,
            "revision": revision,
            "observed_at": AT + timedelta(minutes=minute),
            "run_id": run,
            "close": close,
        }
        for (source, symbol, day), (revision, minute, run, close) in sorted(rows.items())
    ]
    return pa.Table.from_pylist([like | item for item in changed], schema=DAILY_BARS.schema)


def rows_of(table: pa.Table) -> Rows:
    return {
        (row["source"], row["symbol"], row["session_date"]): (
            row["revision"],
            (row["observed_at"] - AT) // timedelta(minutes=1),
            row["run_id"],
            row["close"],
        )
        for row in table.to_pylist()
    }


def planned(store: Store, wanted: Wanted, last: Manifest | None) -> Plan:
    journal = Journal(store.newest, min(store.open_runs, default=None))
    found = basis(wanted, last, journal)
    if last is None or found is Basis.FULL:
        return full(wanted, last, journal, store.partitions(wanted.partition_by))
    if found is Basis.CHANGES:
        return by_changes(wanted, last, journal, store.changes)
    hashes: dict[Partition, RowsHash] = {
        item: rows_hash(store.table(item), hashed_schema(DAILY_BARS))
        for item in store.partitions(wanted.partition_by)
    }
    return by_comparison(wanted, last, journal, hashes)


def exported(folder: ExportFolder, store: Store, wanted: Wanted, job: str) -> Plan:
    """One export, as a worker does it."""
    found = folder.found()
    plan = planned(store, wanted, found.manifest)
    before = found.manifest.by_partition if found.manifest else {}
    entries: list[ManifestPartition] = []
    with Attempt(folder, DAILY_BARS, job, 1) as attempt:
        for item in plan.rewritten:
            rows = store.table(item)
            if store.whole_from and item.begins_before(DAILY_BARS, store.whole_from) and item in before:
                paths = [file.path for file in before[item].files]
                old = exported_rows(folder.root, paths, DAILY_BARS)
                rows = merged(DAILY_BARS, old, rows, table_of(store.removed), store.whole_from)
            contents = Contents(DAILY_BARS, {})
            file = attempt.write(item, rows.to_batches(), contents)
            entry = contents.entry(item, [file] if file else [])
            entries += [entry] if entry else []
        manifest = assembled(
            wanted,
            plan,
            entries,
            [],
            found.manifest,
            number=folder.next_number(found),
            engine="Worker",
            written_at=AT,
            confirmed_from=store.whole_from,
        )
        attempt.commit(manifest, found)
    return plan


@pytest.mark.parametrize("seed", range(4))
def test_an_incremental_export_equals_the_store_and_what_it_once_had(tmp_path: Path, seed: int) -> None:
    random, by = Random(seed), list(PartitionBy)[seed % 3]
    store, folder = Store(random), ExportFolder(tmp_path, FailingDisk())
    truth: Rows = {}
    seen: Rows = {}
    acts: list[Callable[[], object]] = [store.begin, store.end, store.deliver, store.deliver, store.deliver]
    for step in range(8):
        for _ in range(random.randint(1, 6)):
            random.choice(acts)()
        truth = {key: max(version, truth.get(key, version)) for key, version in store.rows.items()} | {
            key: version for key, version in truth.items() if key not in store.rows
        }
        for key in store.withdraw() if random.random() < 0.5 else []:
            del truth[key]
        for key in store.retain() if random.random() < 0.3 else []:
            # What was never exported is lost with the store's row, and so is a later version of it.
            truth.pop(key)
            truth |= {key: seen[key]} if key in seen else {}
        if random.random() < 0.1:
            store.identity = f"store-{step}"
        exported(folder, store, replace(WANTED, partition_by=by, store=store.identity), f"bars-{step}")
        prune(folder, keep=3)
        opened = open_export(tmp_path)
        seen = rows_of(opened.rows.to_table())
        assert seen == truth
        assert differences(tmp_path, folder.manifest(opened.number)) == []


def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    store, folder = Store(Random(1)), ExportFolder(tmp_path, FailingDisk())
    for _ in range(20):
        store.deliver()
    store.end()
    export_days = partial(exported, folder, store, replace(WANTED, partition_by=PartitionBy.DAY))
    assert len(export_days("bars-1").rewritten) > 30
    assert export_days("bars-2").rewritten == ()
    store.deliver()
    assert 0 < len(export_days("bars-3").rewritten) <= 5
