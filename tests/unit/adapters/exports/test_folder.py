"""An export's folder: whose it is, what the next export continues from, what goes, what readers see."""

from __future__ import annotations

import errno
import io
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest
from support.exports import export, same_rows, year

from backbone.adapters.exports import attempt as attempts
from backbone.adapters.exports.attempt import Attempt
from backbone.adapters.exports.disk import Disk
from backbone.adapters.exports.folder import ExportFolder
from backbone.adapters.exports.pruning import prune
from backbone.adapters.exports.reading import exported_rows, open_export
from backbone.adapters.exports.target import MARKER, Target
from backbone.adapters.exports.verifying import differences
from backbone.errors import Rejected
from backbone.market.canonical import Engine, RowsHash, hash_sql, hashed_schema, rows_hash
from backbone.market.dimensions import DAILY_BARS
from backbone.parts.exports.contents import Contents
from backbone.parts.exports.faults import TargetError, TargetFault
from backbone.parts.exports.partitions import Partition
from backbone.ports.store_errors import NothingPublished

OLD, NEW = Partition("yahoo", "2024"), Partition("yahoo", "2025")
HOSTILE = Partition("a/b=c d" + "𝄞" * 57, "2026")
STORED = pa.concat_tables(
    [year("yahoo", 2024, 1.0), year("yahoo", 2025, 2.0), year(HOSTILE.source, 2026, 3.0)]
)


@pytest.fixture
def folder(tmp_path: Path) -> ExportFolder:
    return Target(tmp_path).export("bars")


def fault_of(error: pytest.ExceptionInfo[TargetError]) -> TargetFault:
    return error.value.fault


# Whose a target is


def test_a_target_belongs_to_the_first_plan_that_takes_it(tmp_path: Path) -> None:
    Target(tmp_path).claim("uid-1")
    Target(tmp_path).claim("uid-1")
    with pytest.raises(TargetError, match="belongs to the plan with uid uid-1") as error:
        Target(tmp_path).claim("uid-2")
    assert fault_of(error) is TargetFault.TARGET_TAKEN
    assert [path.name for path in tmp_path.iterdir()] == [MARKER]


def test_a_folder_that_does_not_exist_is_missing(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is not a folder") as error:
        Target(tmp_path / "absent").claim("uid-1")
    assert fault_of(error) is TargetFault.TARGET_MISSING


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff"], ids=repr)
def test_a_marker_that_does_not_read_belongs_to_somebody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MARKER).write_bytes(content)
    with pytest.raises(TargetError, match="does not name a plan") as error:
        Target(tmp_path).claim("uid-1")
    assert fault_of(error) is TargetFault.TARGET_TAKEN


def test_of_two_plans_at_once_one_has_the_target(tmp_path: Path) -> None:
    class Slow(Disk):
        def link(self, source: Path, target: Path) -> None:
            Target(tmp_path).claim("uid-2")
            super().link(source, target)

    with pytest.raises(TargetError, match="uid uid-2"):
        Target(tmp_path, Slow()).claim("uid-1")


def test_room_is_asked_for_before_anything_is_written(tmp_path: Path) -> None:
    Target(tmp_path).expect_room(1)
    with pytest.raises(TargetError, match="bytes free, and the export is expected to take") as error:
        Target(tmp_path).expect_room(1 << 60)
    assert fault_of(error) is TargetFault.TARGET_FULL


# What the next export continues from


def test_the_first_export_continues_from_nothing(folder: ExportFolder) -> None:
    found = folder.found()
    assert (found.current, found.manifest, found.damaged) == (None, None, frozenset())
    assert folder.next_number(found) == 1


@pytest.mark.parametrize("harm", ["edited", "cut", "deleted", "emptied"])
def test_a_harmed_manifest_is_not_continued_from(folder: ExportFolder, harm: str) -> None:
    export(folder, STORED)
    export(folder, STORED, changed=[NEW], job="bars-2")
    path = folder.manifest_path(2)
    if harm == "deleted":
        path.unlink()
    else:
        content = path.read_bytes()
        harmed = {"edited": content.replace(b'"rows": 3', b'"rows": 4'), "cut": content[:-20], "emptied": b""}
        path.write_bytes(harmed[harm])
    found = folder.found()
    assert (found.current, found.manifest and found.manifest.number) == ("2", 1)
    assert len(found.unread) == 1
    assert "2.json" in found.unread[0]
    with pytest.raises(NothingPublished if harm == "deleted" else Rejected, match=r"2\.json"):
        open_export(folder.root)
    export(folder, STORED, changed=[NEW], job="bars-3")
    assert open_export(folder.root).number == 3
    assert same_rows(folder.root, STORED)


@pytest.mark.parametrize("text", [None, "", "x", "9", "-1", "9" * 5000, "\u0663"], ids=repr)
def test_a_harmed_pointer_does_not_lose_the_export(folder: ExportFolder, text: str | None) -> None:
    export(folder, STORED)
    pointer = folder.root / "current"
    pointer.unlink() if text is None else pointer.write_text(text)
    found = folder.found()
    assert found.manifest is not None
    assert found.manifest.number == 1
    export(folder, STORED, job="bars-2")
    assert same_rows(folder.root, STORED)


def test_a_partition_whose_file_went_is_damaged(folder: ExportFolder) -> None:
    manifest = export(folder, STORED)
    (folder.root / manifest.by_partition[OLD].files[0].path).unlink()
    with (folder.root / manifest.by_partition[NEW].files[0].path).open("ab") as stream:
        stream.write(b"x")
    assert folder.found().damaged == {OLD, NEW}


def test_a_number_is_never_used_twice(folder: ExportFolder) -> None:
    export(folder, STORED)
    folder.manifest_path(7).write_text("somebody's")
    assert folder.next_number(folder.found()) == 8
    (folder.root / "manifests" / "note.txt").write_text("no number")
    assert folder.numbers() == [1, 7]


# Writing


def test_a_partition_is_one_file_of_large_row_groups(
    folder: ExportFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "GROUP_ROWS", 4)
    batches = pa.concat_tables([year("yahoo", 2024, float(number)) for number in range(5)]).to_batches()
    with Attempt(folder, DAILY_BARS, "bars", 1) as attempt:
        file = attempt.write(OLD, batches, Contents(DAILY_BARS, {}))
    assert file is not None
    metadata = pyarrow.parquet.ParquetFile(folder.root / file.path).metadata
    assert [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)] == [6, 6, 3]
    assert file.bytes == (folder.root / file.path).stat().st_size


def test_a_partition_without_rows_has_no_file(folder: ExportFolder) -> None:
    with Attempt(folder, DAILY_BARS, "bars", 1) as attempt:
        assert (
            attempt.write(OLD, year("yahoo", 2024, 1.0).slice(0, 0).to_batches(), Contents(DAILY_BARS, {}))
            is None
        )
    assert not (folder.root / "data").exists()


def test_a_partition_that_is_read_again_has_one_file(folder: ExportFolder) -> None:
    with Attempt(folder, DAILY_BARS, "bars", 1) as attempt:
        first = attempt.write(OLD, year("yahoo", 2024, 1.0).to_batches(), Contents(DAILY_BARS, {}))
        assert first is not None
        attempt.discard(first)
        attempt.write(OLD, year("yahoo", 2024, 2.0).to_batches(), Contents(DAILY_BARS, {}))
    assert [path.name for path in (folder.root / "data").rglob("*.parquet")] == ["bars-1-2.parquet"]


def test_a_target_that_fills_up_in_a_file_is_named_and_left_as_it_was(tmp_path: Path) -> None:
    class Full(Disk):
        def create(self, path: Path) -> BinaryIO:
            path.touch()
            return FullFile()

    class FullFile(io.BytesIO):
        def write(self, content: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    folder = Target(tmp_path).export("bars")
    export(folder, STORED)
    full = ExportFolder(folder.root, Full())
    with pytest.raises(TargetError, match="No space left on device") as error:
        export(full, STORED, changed=[NEW], job="bars-2")
    assert fault_of(error) is TargetFault.TARGET_FULL
    assert not list(folder.root.rglob("bars-2*"))
    assert same_rows(folder.root, STORED)


def test_an_error_of_the_store_leaves_nothing(folder: ExportFolder) -> None:
    def rows() -> object:
        yield from year("yahoo", 2024, 1.0).to_batches()
        raise RuntimeError("the connection broke")

    with (
        pytest.raises(RuntimeError, match="the connection broke"),
        Attempt(folder, DAILY_BARS, "bars", 1) as attempt,
    ):
        attempt.write(OLD, rows(), Contents(DAILY_BARS, {}))  # type: ignore[arg-type]
    assert not list(folder.root.rglob("*.parquet"))


def test_a_lock_that_is_held_is_not_waited_for_without_end(folder: ExportFolder) -> None:
    hasty = ExportFolder(folder.root, wait=timedelta(0))
    with folder.locked(), pytest.raises(TargetError, match="at its commit") as error, hasty.locked():
        raise AssertionError
    assert fault_of(error) is TargetFault.SUPERSEDED


# Reading


def test_a_reader_sees_one_manifest_and_its_types(folder: ExportFolder) -> None:
    export(folder, STORED)
    opened = open_export(folder.root)
    assert opened.rows.schema == DAILY_BARS.schema
    assert opened.rows.to_table().num_rows == 9
    assert same_rows(folder.root, STORED)
    newest = opened.rows.to_table(filter=pa.compute.field("session_date") >= pa.scalar(20454, pa.date32()))
    assert newest["source"].unique().to_pylist() == [HOSTILE.source]


def test_an_older_manifest_reads_as_it_was(folder: ExportFolder) -> None:
    export(folder, STORED)
    corrected = pa.concat_tables([year("yahoo", 2024, 9.0), STORED.slice(3)])
    export(folder, corrected, changed=[OLD], job="bars-2")
    for number, stored in ((1, STORED), (2, corrected)):
        found = open_export(folder.root, number).rows.to_table()
        assert rows_hash(found, DAILY_BARS.schema) == rows_hash(stored, DAILY_BARS.schema)


def test_duckdb_reads_the_files_of_a_manifest_and_computes_its_hash(folder: ExportFolder) -> None:
    manifest = export(folder, STORED)
    files = [str(folder.root / file.path) for file in manifest.files]
    with duckdb.connect() as connection:
        connection.read_parquet(files).create_view("exported")
        found = connection.execute(hash_sql(Engine.DUCKDB, hashed_schema(DAILY_BARS), "exported")).fetchone()
    assert found is not None
    assert RowsHash.of(*found) == manifest.hash


def test_rows_of_an_earlier_schema_read_in_the_present_one(folder: ExportFolder) -> None:
    rows = year("yahoo", 2024, 1.0)
    pyarrow.parquet.write_table(rows.drop_columns(["flags", "provider"]), folder.root / "old.parquet")
    pyarrow.parquet.write_table(rows, folder.root / "new.parquet")
    found = exported_rows(folder.root, ["old.parquet", "new.parquet"], DAILY_BARS)
    assert found.schema == DAILY_BARS.schema
    assert found["provider"].to_pylist() == ["unknown"] * 3 + ["sample"] * 3
    assert exported_rows(folder.root, [], DAILY_BARS) == rows.slice(0, 0)


def test_an_empty_export_is_an_export(folder: ExportFolder) -> None:
    export(folder, STORED.slice(0, 0))
    opened = open_export(folder.root)
    assert (opened.number, opened.rows.to_table().num_rows) == (1, 0)
    assert opened.rows.schema == DAILY_BARS.schema


def test_no_export_is_none(folder: ExportFolder) -> None:
    with pytest.raises(NothingPublished, match="has no export"):
        open_export(folder.root)
    export(folder, STORED)
    with pytest.raises(NothingPublished, match=r"5\.json does not exist"):
        open_export(folder.root, 5)


@pytest.mark.parametrize("harm", ["missing", "other bytes", "other rows"])
def test_a_check_names_the_file_that_differs(folder: ExportFolder, harm: str) -> None:
    manifest = export(folder, STORED)
    assert differences(folder.root, manifest) == []
    file = manifest.by_partition[OLD].files[0]
    path = folder.root / file.path
    if harm == "missing":
        path.unlink()
    elif harm == "other bytes":
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    else:
        other = manifest.by_partition[NEW].files[0]
        shutil.copy(folder.root / other.path, path)
        swapped = file.model_copy(update={"sha256": other.sha256, "rows": 4})
        entry = manifest.by_partition[OLD].model_copy(update={"files": (swapped,)})
        manifest = manifest.model_copy(update={"partitions": (entry,)})
    found = differences(folder.root, manifest)
    assert len(found) == (2 if harm == "other rows" else 1)
    assert all(file.path in item for item in found)


# Removing


def aged(folder: ExportFolder, days: float) -> None:
    for path in folder.root.rglob("*"):
        if path.is_file():
            os.utime(path, (0, path.stat().st_mtime - days * 86_400))


def test_kept_manifests_stay_readable_and_the_rest_goes(folder: ExportFolder) -> None:
    for number in range(1, 6):
        export(folder, STORED, changed=[NEW], job=f"bars-{number}")
    assert prune(folder, keep=2) == [], "they left less than a day ago"
    aged(folder, 1.1)
    removed = prune(folder, keep=2)
    assert folder.numbers() == [4, 5]
    assert [path for path in removed if path.startswith("manifests/")] == [
        f"manifests/{n}.json" for n in (1, 2, 3)
    ]
    for number in (4, 5):
        assert differences(folder.root, folder.manifest(number)) == []
    there = {path.name for path in folder.root.rglob("*.parquet")}
    assert {"bars-4-1-1.parquet", "bars-5-1-1.parquet"} <= there
    assert not {"bars-2-1-1.parquet", "bars-3-1-1.parquet"} & there


def test_a_day_begins_when_a_manifest_leaves_the_kept_ones(folder: ExportFolder) -> None:
    export(folder, STORED)
    aged(folder, 400)
    export(folder, STORED, changed=[NEW], job="bars-2")
    prune(folder, keep=1)
    assert folder.numbers() == [1, 2], "a reader may have opened the first a moment ago"
    assert differences(folder.root, folder.manifest(1)) == []


def test_the_current_manifest_stays_whatever_came_after_it(folder: ExportFolder) -> None:
    export(folder, STORED)
    for number in (2, 3):
        shutil.copy(folder.manifest_path(1), folder.manifest_path(number))
    aged(folder, 9)
    prune(folder, keep=1)
    assert 1 in folder.numbers()
    assert same_rows(folder.root, STORED)


def test_files_that_a_killed_export_left_go_after_a_day(folder: ExportFolder) -> None:
    export(folder, STORED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Attempt, "__exit__", lambda *_: None)
        with Attempt(folder, DAILY_BARS, "killed", 1) as attempt:
            attempt.write(OLD, year("yahoo", 2024, 1.0).to_batches(), Contents(DAILY_BARS, {}))
    (folder.root / ".current").write_text("2")
    (folder.root / "manifests" / ".2.json-1").write_text("{")
    assert prune(folder, keep=1) == []
    aged(folder, 1.1)
    names = sorted(Path(path).name for path in prune(folder, keep=1))
    assert names == [".2.json-1", ".current", "killed-1-1.parquet"]
    assert same_rows(folder.root, STORED)


def test_a_file_of_somebody_else_beside_the_data_stays(folder: ExportFolder) -> None:
    export(folder, STORED)
    (folder.root / "README.txt").write_text("mine")
    aged(folder, 9)
    prune(folder, keep=1)
    assert (folder.root / "README.txt").exists()
