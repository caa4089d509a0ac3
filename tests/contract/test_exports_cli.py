"""`emp-runtime export read` and `verify`: what they say of an export, whole or damaged."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
from support.exports import export, year

from backbone.adapters.exports.folder import ExportFolder
from backbone.parts.exports.partitions import Partition
from worker import Emp

FIRST = pa.concat_tables([year("yahoo", 2025, 1.0), year("fred", 2024, 2.0)])


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    folder = tmp_path / "exports" / "bars"
    folder.mkdir(parents=True)
    export(ExportFolder(folder), FIRST)
    return folder


def test_a_whole_export_is_counted_and_its_rows_are_printed(bars: Path, emp: Emp) -> None:
    done = emp("export", "verify", bars)
    assert (done.returncode, done.stderr) == (0, "")
    assert "is whole: 6 rows in 2 files" in done.stdout
    counted = emp("export", "read", bars).stdout
    assert "6 rows of dailyBars, complete up to run 1" in " ".join(counted.split())
    rows = list(csv.DictReader(io.StringIO(emp("export", "read", bars, "-o", "csv").stdout)))
    listed = json.loads(emp("export", "read", bars, "-o", "json").stdout)
    assert [row["symbol"] for row in rows] == [row["symbol"] for row in listed] == [*"ABCABC"]
    assert listed[0]["session_date"] == "2024-03-09"


def test_an_export_without_rows_is_an_empty_list(tmp_path: Path, emp: Emp) -> None:
    export(ExportFolder(tmp_path), FIRST.slice(0, 0))
    assert emp("export", "read", tmp_path, "-o", "json").stdout == "[]\n"
    assert "is whole: 0 rows in 0 files" in emp("export", "verify", tmp_path).stdout


def test_what_differs_is_named_and_an_older_manifest_is_checked_too(bars: Path, emp: Emp) -> None:
    second = pa.concat_tables([year("yahoo", 2025, 3.0), year("fred", 2024, 2.0)])
    export(ExportFolder(bars), second, changed=[Partition("yahoo", "2025")], job="bars-2")
    file = next(bars.glob("data/dailyBars/yahoo/2025/bars-2-*"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    next(bars.glob("data/dailyBars/fred/2024/*")).unlink()
    done = emp("export", "verify", bars)
    assert done.returncode == 1
    assert f"{file.relative_to(bars)} has other bytes than were written\n" in done.stdout
    assert "fred/2024/bars-1-1-1.parquet is missing\n" in done.stdout
    assert "manifest 2" in done.stderr
    older = emp("export", "verify", bars, "--manifest", "1")
    assert older.returncode == 1 and "other bytes" not in older.stdout


@pytest.mark.parametrize("harm", ["edited", "cut", "removed"])
def test_a_manifest_that_is_not_as_it_was_written_is_refused(bars: Path, emp: Emp, harm: str) -> None:
    path = bars / "manifests" / "1.json"
    match harm:
        case "edited":
            path.write_text(path.read_text().replace('"rows": 3', '"rows": 4'))
        case "cut":
            path.write_bytes(path.read_bytes()[:-40])
        case _:
            path.unlink()
    for command in ("read", "verify"):
        done = emp("export", command, bars)
        assert done.returncode != 0 and str(path) in done.stderr and done.stdout == ""


def test_the_command_without_a_name_takes_options_first(tmp_path: Path, emp: Emp) -> None:
    done = emp("export", "--format", "csv", "daily-bars", "--data-dir", tmp_path)
    assert done.returncode != 0 and "no backbone" not in done.stdout
    assert "No such command" not in done.stderr
