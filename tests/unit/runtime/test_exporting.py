"""Over random schedules an incremental export has what the store has, and what the store dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from support.exports import AT, WANTED, bars
from support.failing_disk import FailingDisk

from backbone.adapters.exports.folder import ExportFolder
from backbone.adapters.exports.reading import open_export
from backbone.adapters.exports.verifying import differences
from backbone.market.dimensions import DAILY_BARS, Dimension
from backbone.parts.exports.partitions import Partition, PartitionBy
from backbone.parts.exports.plan import Wanted
from backbone.ports.exports import Bound, Change, Journal, Provenance, Unit
from backbone.runtime.exporting import Exported, ExportJob, exported

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
    withdrawn: Rows = field(default_factory=dict)
    ledger: set[Change] = field(default_factory=set)
    open_runs: set[int] = field(default_factory=set)
    newest: int = 0
    whole_from: date | None = None
    identity: str = "store-1"
    tells: bool = True
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    """What happens, one by one, once a statement has read a partition."""

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
                self.ledger.add(Change(run, key[0], key[2]))
        return keys

    def withdraw(self) -> list[Key]:
        if not self.rows:
            return []
        key = self.random.choice(sorted(self.rows))
        self.withdrawn[key] = self.rows.pop(key)
        self.begin()
        self.ledger.add(Change(self.newest, key[0], key[2]))
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

    def journal(self) -> Journal:
        return Journal(self.newest, min(self.open_runs, default=None))

    def changes(self, _dimension: Dimension, after: int) -> frozenset[Change] | None:
        if not self.tells:
            return None
        return frozenset(item for item in self.ledger if item.sequence > after)

    def partitions(self, _dimension: Dimension, unit: Unit) -> dict[tuple[str, date], int]:
        by = PartitionBy(unit.title())
        return Counter((source, Partition.of(source, day, by).first) for source, _, day in self.rows)

    def partition(
        self, _dimension: Dimension, source: str, start: Bound, end: Bound | None
    ) -> Iterator[pa.RecordBatch]:
        rows = table_of(within(self.rows, source, start, end)).to_batches()
        if self.meanwhile:
            self.meanwhile.pop(0)()
        yield from rows

    def removed(self, _dimension: Dimension, source: str, start: Bound, end: Bound | None) -> pa.Table:
        return table_of(within(self.withdrawn, source, start, end))

    def confirmed_from(self, _dimension: Dimension) -> Bound | None:
        return self.whole_from

    def runs(self, _dimension: Dimension) -> tuple[Provenance, ...]:
        return ()

    def _key(self) -> Key:
        day = FIRST_DAY + timedelta(self.random.randint(0, DAYS))
        return (self.random.choice(["fred", "a/b"]), self.random.choice("AB"), day)


def within(rows: Rows, source: str, start: Bound, end: Bound | None) -> Rows:
    return {
        key: version
        for key, version in rows.items()
        if key[0] == source and start <= key[2] and (end is None or key[2] < end)
    }


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


def export_now(folder: ExportFolder, store: Store, wanted: Wanted, job: str, keep: int = 3) -> Exported:
    """One export, as a Job makes it."""
    return exported(store, folder, wanted, ExportJob(job, 1, keep, _silent, _go_on, _room))


def _silent(_text: str) -> None:
    pass


def _go_on() -> None:
    pass


def _room(_needed: int) -> None:
    pass


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
        store.tells = random.random() < 0.8
        if random.random() < 0.1:
            store.identity = f"store-{step}"
        export_now(folder, store, replace(WANTED, partition_by=by, store=store.identity), f"bars-{step}")
        opened = open_export(tmp_path)
        seen = rows_of(opened.rows.to_table())
        assert seen == truth
        assert differences(tmp_path, folder.manifest(opened.number)) == []


def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    store, folder = Store(Random(1)), ExportFolder(tmp_path, FailingDisk())
    for _ in range(20):
        store.deliver()
    store.end()
    export_days = partial(export_now, folder, store, replace(WANTED, partition_by=PartitionBy.DAY))
    assert export_days("bars-1").rewritten > 30
    assert export_days("bars-2").rewritten == 0
    store.deliver()
    assert 0 < export_days("bars-3").rewritten <= 5


def test_what_happens_while_a_partition_is_read_is_in_this_export_or_the_next(tmp_path: Path) -> None:
    store, folder = Store(Random(1)), ExportFolder(tmp_path, FailingDisk())
    for _ in range(20):
        store.deliver()
    store.end()
    export_now(folder, store, WANTED, "bars-1")
    before = rows_of(open_export(tmp_path).rows.to_table())
    store.deliver()
    # First rows change, then retention drops rows of the same partition.
    store.meanwhile = [store.deliver, store.retain]
    export_now(folder, store, WANTED, "bars-2")
    export_now(folder, store, WANTED, "bars-3")
    after = rows_of(open_export(tmp_path).rows.to_table())
    assert before.keys() <= after.keys() and store.rows.items() <= after.items()
    assert store.whole_from and min(day for _, _, day in after) < store.whole_from


def test_a_late_row_from_before_retention_takes_no_exported_row_away(tmp_path: Path) -> None:
    store, folder = Store(Random(1)), ExportFolder(tmp_path, FailingDisk())
    store.begin()
    for number in range(3):
        key = ("fred", "A", FIRST_DAY + timedelta(number))
        store.rows[key] = (1, 1, "run-1", 1.0)
        store.ledger.add(Change(store.newest, "fred", key[2]))
    store.end()
    export_now(folder, store, WANTED, "bars-1")
    store.whole_from = FIRST_DAY + timedelta(10)
    store.rows.clear()
    store.begin()
    store.ledger.add(Change(store.newest, "fred", FIRST_DAY))
    store.end()
    export_now(folder, store, WANTED, "bars-2")
    # A database answers by its oldest chunk, and a late row makes one there.
    store.whole_from = FIRST_DAY
    store.rows["fred", "A", FIRST_DAY] = (2, 2, "run-3", 2.0)
    store.begin()
    store.ledger.add(Change(store.newest, "fred", FIRST_DAY))
    store.end()
    export_now(folder, store, WANTED, "bars-3")
    days = {day for _, _, day in rows_of(open_export(tmp_path).rows.to_table())}
    assert days == {FIRST_DAY + timedelta(number) for number in range(3)}


def test_a_partition_that_always_changes_is_read_twice_and_left_to_the_next_export(tmp_path: Path) -> None:
    store, folder = Store(Random(1)), ExportFolder(tmp_path, FailingDisk())
    reads: list[int] = []

    def change() -> None:
        reads.append(1)
        store.begin()
        store.ledger.add(Change(store.newest, "fred", FIRST_DAY))
        store.meanwhile = [change] if len(reads) < 10 else []

    store.rows[("fred", "A", FIRST_DAY)] = (1, 1, "run-1", 1.0)
    store.begin()
    store.meanwhile = [change]
    export_now(folder, store, WANTED, "bars-1")
    assert len(reads) == 2


def test_a_damaged_file_of_dropped_rows_is_told_and_taken_for_lost(tmp_path: Path) -> None:
    store, folder = Store(Random(1)), ExportFolder(tmp_path, FailingDisk())
    for day in (FIRST_DAY, FIRST_DAY + timedelta(20)):
        store.rows[("fred", "A", day)] = (1, 1, "run-1", 1.0)
    first = export_now(folder, store, WANTED, "bars-1").manifest
    store.whole_from = FIRST_DAY + timedelta(10)
    del store.rows["fred", "A", FIRST_DAY]
    (file,) = first.files
    content = bytearray((tmp_path / file.path).read_bytes())
    content[40] ^= 1
    (tmp_path / file.path).write_bytes(content)
    store.begin()
    store.ledger.add(Change(store.newest, "fred", FIRST_DAY))
    told: list[str] = []
    exported(store, folder, WANTED, ExportJob("bars-2", 1, 3, told.append, _go_on, _room))
    assert any("other bytes than were written" in text for text in told)
    assert rows_of(open_export(tmp_path).rows.to_table()) == store.rows
