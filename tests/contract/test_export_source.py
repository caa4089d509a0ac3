"""What exports read of a store, on both tiers, and whole exports of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from backbone.adapters.duckdb.export_source import exporting as of_volume
from backbone.adapters.exports.folder import ExportFolder
from backbone.adapters.timescale.export_source import exporting as of_database
from backbone.adapters.timescale.export_source import partition_sql
from backbone.adapters.timescale.pool import DatabasePool
from backbone.adapters.timescale.session import connected
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.client import exports
from backbone.market.canonical import hashed_schema, rows_hash
from backbone.market.dimensions import DAILY_BARS, INTRADAY_TRADES, Dimension
from backbone.migrations import packaged
from backbone.parts.exports.partitions import PartitionBy, in_type
from backbone.parts.exports.plan import Wanted
from backbone.ports.exports import ExportSource
from backbone.ports.store import Selection
from backbone.ports.store_errors import NothingPublished
from backbone.runtime.exporting import Exported, ExportJob, exported
from databases import Database
from small_copies import bar, ingest_into, trade
from stores import OnDuckDB, OnTimescale, Tier

LONG_AGO = {"session_date": date(2014, 2, 3)}
ODD = "a/b=c d" + 57 * "x"
"""A source of 64 characters that no folder can be called."""


@contextmanager
def source_of(tier: Tier) -> Iterator[ExportSource]:
    if isinstance(tier, OnDuckDB):
        with of_volume(tier.folder) as found:
            yield found
        return
    assert isinstance(tier, OnTimescale)
    with DatabasePool(tier.settings) as pool, of_database(pool) as found:
        yield found


def export_of(tier: Tier, folder: Path, job: str, by: PartitionBy = PartitionBy.YEAR) -> Exported:
    folder.mkdir(exist_ok=True)
    with source_of(tier) as source:
        wanted = Wanted("bars", "uid-1", DAILY_BARS, by, source.identity)
        told = ExportJob(job, 1, 3, lambda _text: None, lambda: None, lambda _bytes: None)
        return exported(source, ExportFolder(folder), wanted, told)


def same_rows(tier: Tier, folder: Path) -> bool:
    with tier.reading() as reader:
        stored = pa.Table.from_batches(reader.batches(Selection(DAILY_BARS)), schema=DAILY_BARS.schema)
    found = exports.open(folder).to_table()
    schema = hashed_schema(DAILY_BARS)
    return rows_hash(found, schema) == rows_hash(stored, schema) and sorted(
        found["run_id"].to_pylist()
    ) == sorted(stored["run_id"].to_pylist())


def test_a_correction_ten_years_back_beside_todays_rewrites_two_partitions(
    tier: Tier, tmp_path: Path
) -> None:
    folder = tmp_path / "bars"
    days = [date(year, 2, day) for year in range(2014, 2025) for day in (3, 4)]
    ingest_into(tier.store(), [bar(1, session_date=day) for day in days])
    first = export_of(tier, folder, "bars-1")
    assert first.rewritten == 11 and same_rows(tier, folder)
    assert [run.run_id for run in first.manifest.runs] == ["run-1"]
    ingest_into(tier.store(), [bar(3, close=7.0), bar(1, close=8.0, **LONG_AGO)], number=2)
    second = export_of(tier, folder, "bars-2")
    assert second.rewritten == 2 and same_rows(tier, folder)
    assert (second.manifest.watermark, len(second.manifest.partitions)) == (2, 11)
    assert export_of(tier, folder, "bars-3").rewritten == 0
    assert exports.open(folder, manifest=1).count_rows() == len(days)


@pytest.mark.parametrize("by", list(PartitionBy))
def test_a_source_of_any_name_is_exported_and_one_that_went_leaves(
    tier: Tier, tmp_path: Path, by: PartitionBy
) -> None:
    folder = tmp_path / "bars"
    ingest_into(tier.store(), [bar(day, source=name) for name in (ODD, "test/bars") for day in (1, 28)])
    found = export_of(tier, folder, "bars-1", by)
    assert {item.source for item in found.manifest.partitions} == {ODD, "test/bars"}
    assert same_rows(tier, folder)


def test_an_empty_dimension_is_an_export_without_rows(tier: Tier, tmp_path: Path) -> None:
    ingest_into(tier.store(), [])
    assert export_of(tier, tmp_path / "bars", "bars-1").manifest.rows == 0
    assert exports.open(tmp_path / "bars").to_table().schema.names == DAILY_BARS.schema.names


def test_another_store_is_compared_by_hash(tier: Tier, tmp_path: Path) -> None:
    folder, other = tmp_path / "bars", OnDuckDB(tmp_path / "other")
    rows = [bar(1, session_date=date(year, 2, 3)) for year in (2022, 2023, 2024)]
    ingest_into(tier.store(), rows)
    export_of(tier, folder, "bars-1")
    other.folder.mkdir()
    ingest_into(other.store(), [*rows[:2], bar(1, close=7.0, session_date=date(2024, 2, 3))], number=7)
    second = export_of(other, folder, "bars-2")
    assert (second.basis, second.rewritten) == ("Comparison", 1)
    assert exports.open(folder).to_table()["close"].to_pylist().count(7.0) == 1


def test_a_volume_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(NothingPublished, match="the next export after the first run"):
        export_of(OnDuckDB(tmp_path), tmp_path / "bars", "bars-1")


YEARS = (2014, 2020, 2024)


@pytest.mark.parametrize("dimension", [DAILY_BARS, INTRADAY_TRADES], ids=lambda item: item.table)
def test_one_partition_is_read_from_the_chunks_of_its_time_alone(
    timescale: ConnectionSettings, dimension: Dimension
) -> None:
    Database("timescale", timescale, packaged()).migrator().migrate()
    tier = OnTimescale(timescale)
    rows = {
        DAILY_BARS.name: [bar(1, session_date=date(year, 6, 3)) for year in YEARS],
        INTRADAY_TRADES.name: [trade(datetime(year, 6, 3, tzinfo=UTC)) for year in YEARS],
    }[dimension.name]
    ingest_into(tier.store(), rows, dimension)
    chunks = tier.query(f"SELECT show_chunks('market.{dimension.table}')::text")
    assert len(chunks) == len(YEARS)
    start, end = (in_type(dimension, datetime(year, 1, 1, tzinfo=UTC)) for year in (2020, 2021))
    statement = f"EXPLAIN {partition_sql(dimension, bounded=True)}".encode()
    given: dict[str, object] = {"source": rows[0]["source"], "start": start, "end": end}
    with connected(timescale) as connection:
        plan = " ".join(line for (line,) in connection.execute(statement, given))
    assert sum(name.split(".")[1] in plan for (name,) in chunks) == 1, plan
