"""`emp-runtime export run`: the outcomes of an export, and what each report says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from backbone.client import exports
from backbone.market.dimensions import MACRO_SERIES
from backbone.reports.exports import ExportReport
from backbone.vocabulary import Outcome
from small_copies import Row, bar, ingest
from worker import Emp, command, report

OBJECTS = """
apiVersion: backbone.emp.dev/v1alpha1
kind: DataBackbone
metadata: {name: market}
spec: {bootstrap: {storage: {size: 1Gi}}}
---
apiVersion: backbone.emp.dev/v1alpha1
kind: IngestPlan
metadata: {name: PLAN, uid: UID}
spec:
  backboneRef: {name: market}
  schedule: "@daily"
  dailyBars: {provider: Sample, symbols: [AAPL]}
  exports:
    - {name: bars, dimension: dailyBars, schedule: "@daily", partitionBy: Year, target: {claimName: exports}}
    - name: macro
      dimension: macroSeries
      schedule: "@daily"
      partitionBy: Year
      target: {claimName: exports}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    ingest(folder, [bar(day) for day in range(1, 29)])
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


def objects(folder: Path, plan: str = "bars", uid: str = "uid-1") -> Path:
    path = folder / f"{plan}.yaml"
    path.write_text(OBJECTS.replace("PLAN", plan).replace("UID", uid))
    return path


def run(emp: Emp, folder: Path, data: Path, target: Path, name: str = "bars", **plan: str) -> ExportReport:
    """Export, as the Job does; the report that it leaves."""
    objects_of = objects(folder, **plan)
    given = ("--plan", objects_of, "--name", name, "--data-dir", data)
    done = emp("export", "run", *given, EMP_EXPORTS_DIR=str(target))
    told = ExportReport.decode(json.dumps(report(folder)))
    assert done.returncode == (0 if told.outcome is Outcome.SUCCEEDED else 3), done.stderr
    return told


def test_an_export_reports_what_its_manifest_has_and_the_next_writes_what_changed(
    tmp_path: Path, emp: Emp, data: Path, target: Path
) -> None:
    first = run(emp, tmp_path, data, target)
    assert (first.outcome, first.manifest, first.rows, first.files) == (Outcome.SUCCEEDED, 1, 28, 1)
    assert (first.complete_up_to, first.partitions, first.rewritten) == (1, 1, 1)
    ingest(data, [bar(1, session_date=bar(1)["session_date"], close=7.0)], number=2)
    second = run(emp, tmp_path, data, target)
    assert (second.manifest, second.rows, second.rewritten, second.complete_up_to) == (2, 28, 1, 2)
    assert exports.open(target / "bars").to_table()["close"].to_pylist().count(7.0) == 1
    assert exports.open(target / "bars", manifest=1).to_table()["close"].to_pylist().count(7.0) == 0


def test_the_document_of_an_export_is_what_its_report_says_also_of_one_that_failed(
    tmp_path: Path, emp: Emp, data: Path, target: Path
) -> None:
    given = ("--plan", objects(tmp_path), "--name", "bars", "--data-dir", data, "-o", "json")
    for folder, code in ((target, 0), (tmp_path / "nowhere", 3)):
        done = emp("export", "run", *given, "--to", folder)
        assert done.returncode == code
        told = json.loads(done.stdout)
        assert told.pop("type") == "telemetry.ingest.spark_exports"
        assert (told.pop("version"), told.pop("backbone"), told.pop("plan")) == (1, "market", "bars")
        assert told.items() >= report(tmp_path).items()


def test_a_target_that_is_not_there_and_one_of_another_plan_are_named(
    tmp_path: Path, emp: Emp, data: Path, target: Path
) -> None:
    missing = run(emp, tmp_path, data, tmp_path / "nowhere")
    assert missing.outcome is Outcome.TARGET_MISSING
    assert "create the claim or the folder" in missing.message
    run(emp, tmp_path, data, target)
    before = sorted(target.rglob("*"))
    taken = run(emp, tmp_path, data, target, plan="other", uid="uid-2")
    assert taken.outcome is Outcome.TARGET_TAKEN
    assert "uid-1" in taken.message and "owner.json" in taken.message
    assert sorted(target.rglob("*")) == before


def test_a_volume_without_a_run_ends_by_name_after_the_target_was_claimed(
    tmp_path: Path, emp: Emp, target: Path
) -> None:
    told = run(emp, tmp_path, tmp_path / "empty", target)
    assert told.outcome is Outcome.QUERY_FAILED and "no run has published data" in told.message
    assert (target / "owner.json").exists()


def test_a_name_that_no_export_has_is_wrong_input(tmp_path: Path, emp: Emp, data: Path, target: Path) -> None:
    told = run(emp, tmp_path, data, target, name="trades")
    assert told.outcome is Outcome.INVALID_PLAN and "bars/bars, bars/macro" in told.message


def test_a_target_that_is_full_at_90_percent_keeps_the_last_export_whole(
    tmp_path: Path, emp: Emp, data: Path, small_volume: Path
) -> None:
    assert run(emp, tmp_path, data, small_volume).outcome is Outcome.SUCCEEDED
    days = pa.array(range(10_000, 18_000), pa.int32()).cast(pa.date32()).to_pylist()
    ingest(data, [bar(1, session_date=day, close=day.toordinal() / 7) for day in days], number=2)
    room = os.statvfs(small_volume)
    (small_volume / "filler").write_bytes(bytes(room.f_bavail * room.f_frsize - 300_000))
    full = run(emp, tmp_path, data, small_volume)
    assert full.outcome is Outcome.TARGET_FULL and "bytes free" in full.message
    assert "lower keepManifests" in full.message
    whole = emp("export", "verify", small_volume / "bars")
    assert whole.returncode == 0 and "28 rows" in whole.stdout
    (small_volume / "filler").unlink()
    assert run(emp, tmp_path, data, small_volume).rows == 28 + len(days)


def series(name: str, licence: str | None) -> Row:
    day = date(2024, 2, 1)
    row: Row = {field.name: None if field.nullable else "monthly" for field in MACRO_SERIES.facts}
    named = {"source": "fred", "series": name, "licence": licence}
    return row | named | {"period": day, "vintage": day, "value": 1.0, "revision": 0}


def test_a_restricted_series_is_left_out_and_counted_by_name(
    tmp_path: Path, emp: Emp, data: Path, target: Path
) -> None:
    licences = {"FREE": "public domain", "OWNED": "copyrighted: pre-approval required", "SILENT": None}
    ingest(data, [series(*item) for item in licences.items()], MACRO_SERIES, number=2)
    told = run(emp, tmp_path, data, target, name="macro")
    assert (told.rows, told.left_out_rows) == (1, 2)
    assert [item.name for item in told.left_out] == ["OWNED", "SILENT"]
    assert exports.open(target / "macro").to_table()["series"].to_pylist() == ["FREE"]


def test_one_that_is_told_to_stop_says_so_and_leaves_nothing(
    tmp_path: Path, environment: dict[str, str], data: Path, target: Path
) -> None:
    given = ("--plan", objects(tmp_path), "--name", "bars", "--data-dir", data, "--to", target)
    process = subprocess.Popen(command("export", "run", *given), cwd=tmp_path, env=environment)
    while not (target / "owner.json").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    code = process.wait(60)
    told = ExportReport.decode(json.dumps(report(tmp_path)))
    assert (code, told.outcome) in {(143, Outcome.STOPPED), (0, Outcome.SUCCEEDED)}
    if told.outcome is Outcome.STOPPED:
        assert not list(target.glob("bars/data/**/*.parquet"))
