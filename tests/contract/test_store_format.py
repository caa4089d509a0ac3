"""Files that others can open: earlier DuckDBs, and a worker of the version before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

import content
from backbone.adapters.duckdb.reader import published
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.adapters.duckdb.volume import Volume
from backbone.market.dimensions import DAILY_BARS
from backbone.ports.journal import RunStart
from backbone.ports.store import Selection
from backbone.ports.store_errors import StoreError
from backbone.vocabulary import Outcome
from small_copies import NOW, bar, ingest
from stores import OnDuckDB
from worker import ROOT, Emp, command, report

FORMER_VERSION = "5f5c9761d68cd95b76486661c3583b3972b093e7"
NO_WAIT = timedelta()
PLAN = """
apiVersion: backbone.emp.dev/v1alpha1
kind: DataBackbone
metadata: {name: market}
spec: {}
---
apiVersion: backbone.emp.dev/v1alpha1
kind: IngestPlan
metadata: {name: bars}
spec:
  backboneRef: {name: market}
  schedule: "@daily"
  dailyBars: {provider: Sample, symbols: [AAPL, GOOG, IBM, MSFT]}
"""
COUNT = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as store:
    tables = store.execute("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
    rows = {
        table: store.execute(f'SELECT count(*) FROM "{schema}"."{table}"').fetchone()[0]
        for schema, table in tables
    }
    closes = store.execute("SELECT close FROM market.daily_bars ORDER BY session_date LIMIT 3").fetchall()
print(json.dumps([duckdb.__version__, rows, closes]))
"""


@pytest.fixture(scope="session", params=["1.4", "1.5"])
def reader(request: pytest.FixtureRequest) -> str:
    subprocess.run([ROOT / "hack" / "readers"], check=True, timeout=300)
    return str(request.param)


@pytest.fixture(scope="session")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the version before."""
    folder = tmp_path_factory.mktemp("former")
    archive = subprocess.run(
        ["git", "archive", FORMER_VERSION, "operator"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder / "operator"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


def of_duckdb_2(volume: Volume, rows: int = 28) -> None:
    """A store as the version before made it, in the format that DuckDB makes unless it is told otherwise."""
    ingest(volume.root, [bar(day) for day in range(1, rows + 1)])
    for path in (volume.working, volume.published):
        other = path.with_name("other")
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{path}' AS one (READ_ONLY)")
            connection.execute(f"ATTACH '{other}' AS two (STORAGE_VERSION 'latest')")
            connection.execute("COPY FROM DATABASE one TO two")
        other.replace(path)
        assert format_of(path) != "v1.4.0+"


def format_of(path: Path) -> str:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS one (READ_ONLY)")
        found = connection.execute(
            "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = 'one'"
        ).fetchone()
    assert found is not None
    return str(found[0])


def rows(folder: Path) -> int:
    with published(folder) as reader:
        return sum(batch.num_rows for batch in reader.batches(Selection(DAILY_BARS)))


def test_an_earlier_duckdb_opens_a_published_copy(tmp_path: Path, plan: Path, emp: Emp, reader: str) -> None:
    data = tmp_path / "data"
    assert emp("ingest-once", "-f", plan, "--data-dir", data).returncode == 0
    done = subprocess.run(
        [sys.executable, "-c", COUNT, Volume(data).published],
        env={**os.environ, "PYTHONPATH": str(ROOT / "build" / f"duckdb-{reader}")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    version, counted, closes = json.loads(done.stdout)
    assert version.startswith(f"{reader}.")
    told = content.rows(data)
    assert counted["daily_bars"] == told["dailyBars"] > 0
    assert len(closes) == 3


def test_a_store_of_another_format_is_rewritten_once_and_that_is_told(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    of_duckdb_2(volume)
    told = []
    for number in (2, 3):
        with DuckDBStore(tmp_path).writer(f"run-{number}", NO_WAIT) as writer:
            writer.journal.begin(RunStart(f"run-{number}", "plan", 1, NOW))
            told.append(writer.publish())
    assert told[0].startswith("the store's file was rewritten from format v2")
    assert told[1] == ""
    assert (format_of(volume.working), format_of(volume.published)) == ("v1.4.0+", "v1.4.0+")
    assert rows(tmp_path) == 28
    assert (
        sorted(path.name for path in tmp_path.glob("*/*") if path.suffix != ".lock")
        == ["backbone.duckdb"] * 2
    )


def test_a_rewriting_that_finds_no_room_leaves_both_files_as_they_were(small_volume: Path) -> None:
    volume = Volume(small_volume)
    of_duckdb_2(volume)
    before = [path.read_bytes() for path in (volume.working, volume.published)]
    with (small_volume / "ballast").open("wb") as ballast:
        left = os.statvfs(small_volume)
        os.posix_fallocate(ballast.fileno(), 0, left.f_bavail * left.f_bsize - 65536)
    with pytest.raises(StoreError) as told, DuckDBStore(small_volume).writer("next", NO_WAIT) as writer:
        writer.publish()
    assert told.value.outcome is Outcome.VOLUME_FULL
    assert volume.published.read_bytes() == before[1]
    assert format_of(volume.working) != "v1.4.0+"
    (small_volume / "ballast").unlink()
    with DuckDBStore(small_volume).writer("next", NO_WAIT) as writer:
        assert writer.publish()
    assert rows(small_volume) == 28


def test_the_versions_take_over_from_each_other(
    tmp_path: Path, plan: Path, emp: Emp, environment: dict[str, str], former: Path
) -> None:
    data = tmp_path / "data"

    def formerly(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        of_then = {**environment, "PYTHONPATH": str(former)}
        line = command(*arguments, "--data-dir", data)
        return subprocess.run(line, env=of_then, capture_output=True, text=True, check=False)

    first = formerly("ingest-once", "-f", plan)
    assert first.returncode == 0, first.stderr
    before = content.digest(data)
    assert format_of(Volume(data).published) != "v1.4.0+"
    done = emp("ingest-once", "-f", plan, "--data-dir", data)
    assert done.returncode == 0, done.stderr
    assert "was rewritten from format" in report(tmp_path)["message"]
    assert content.digest(data) == before
    days = "SELECT count(*) FROM (SELECT DISTINCT source, session_date FROM market.daily_bars)"
    noted = "SELECT count(*) FROM telemetry.ingest_changes WHERE sequence = 1 AND dimension = 'dailyBars'"
    assert OnDuckDB(data).query(noted) == OnDuckDB(data).query(days), "rows of the version before"
    read = formerly("read", "daily-bars", "AAPL", "--last", "1")
    assert (read.returncode, "AAPL" in read.stdout) == (0, True), read.stderr
    again = formerly("ingest-once", "-f", plan)
    assert again.returncode == 0, again.stderr
    assert (content.digest(data), report(tmp_path)["sequence"]) == (before, 3)
    assert format_of(Volume(data).published) == "v1.4.0+"
    telling = "SELECT sequence FROM telemetry.ingest_runs WHERE tells_changes"
    assert OnDuckDB(data).query(telling) == [(2,)]
