"""Where an export goes, and what is on the disk when it ends early."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pyarrow as pa
import pytest

import refused_calls
from backbone.adapters.duckdb.reader import published
from backbone.adapters.export import export, manifest_path
from backbone.market.dimensions import DAILY_BARS
from backbone.ports.store import Reader, Selection
from backbone.ports.store_errors import StoreError
from small_copies import bar, ingest
from worker import Emp

STEPS = 4
"""Renames and removals of an export over an earlier one."""
FSYNC = 74 if os.uname().machine == "x86_64" else 82


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    ingest(folder, [bar(day) for day in range(1, 29)])
    return folder


def exported(data: Path, target: Path, last: int | None = None) -> None:
    with published(data) as reader:
        export(reader, Selection(DAILY_BARS, last=last), "csv", target, {})


def fits(target: Path) -> bool:
    """Whether there is no manifest, or it tells of the file that is there."""
    listing = manifest_path(target)
    if not listing.exists():
        return True
    told = json.loads(listing.read_text())["sha256"]
    return bool(told == hashlib.sha256(target.read_bytes()).hexdigest())


@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing yet"])
@pytest.mark.parametrize("hops", [1, 3])
def test_a_link_is_followed(tmp_path: Path, data: Path, emp: Emp, hops: int, there: bool) -> None:
    actual = tmp_path / "out" / "nightly.csv"
    actual.parent.mkdir()
    if there:
        actual.write_text("old\n")
    link = actual
    for number in range(hops):
        behind, link = link, tmp_path / f"latest-{number}.csv"
        link.symlink_to(behind)
    done = emp("export", "daily-bars", "--to", link, "--data-dir", data)
    assert done.returncode == 0, done.stderr
    assert link.is_symlink() and stat.S_ISREG(actual.lstat().st_mode)
    assert actual.read_text().startswith('"source"') and actual.read_text().count("\n") == 29
    assert fits(actual) and manifest_path(actual).exists()
    assert str(actual) in done.stdout


def socket_at(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(os.mkfifo, id="a pipe"),
        pytest.param(lambda path: path.symlink_to("/proc/self/fd/1"), id="standard output, a pipe"),
        pytest.param(lambda path: path.symlink_to("/dev/null"), id="a device"),
        pytest.param(socket_at, id="a socket"),
    ],
)
def test_what_is_no_file_is_refused_by_name_and_left_as_it_is(
    tmp_path: Path, data: Path, emp_anew: Emp, prepare: Callable[[Path], object]
) -> None:
    target = tmp_path / "x.csv"
    prepare(target)
    before = target.lstat()
    done = emp_anew("export", "daily-bars", "--to", target, "--data-dir", data)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {target} is not a regular file") and done.stderr.count("\n") == 1
    after = target.lstat()
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert not manifest_path(target).exists()


def test_a_link_to_itself_is_named(tmp_path: Path, data: Path, emp: Emp) -> None:
    target = tmp_path / "x.csv"
    target.symlink_to(target.name)
    done = emp("export", "daily-bars", "--to", target, "--data-dir", data)
    assert done.returncode == 1
    assert os.strerror(errno.ELOOP) in done.stderr and done.stderr.count("\n") == 1


def test_the_file_that_takes_this_commands_output_is_not_replaced_under_it(
    tmp_path: Path, data: Path
) -> None:
    target = tmp_path / "x.csv"

    def to_its_own_output() -> str:
        with target.open("w") as stream:
            os.dup2(stream.fileno(), 1)
        try:
            exported(data, Path("/dev/stdout"))
        except Exception as error:  # noqa: BLE001 - told to the parent
            return str(error)
        return ""

    assert "this command's own output" in str(refused_calls.in_a_child(to_its_own_output))
    assert target.read_text() == ""


def test_a_manifest_that_is_there_tells_of_the_file_that_is_there_whenever_the_export_is_killed(
    tmp_path: Path, data: Path
) -> None:
    ended = []
    for step in range(1, STEPS + 2):
        target = tmp_path / str(step) / "x.csv"
        exported(data, target, last=1)
        former = target.read_bytes()

        def killed(step: int = step, target: Path = target) -> str:
            left = step

            def count(event: str, arguments: tuple[object, ...]) -> None:
                nonlocal left
                if event in {"os.rename", "os.remove"} and str(target.parent) in str(arguments[0]):
                    left -= 1
                    if left == 0:
                        os._exit(9)

            sys.addaudithook(count)
            exported(data, target)
            return "whole"

        ended.append(refused_calls.in_a_child(killed))
        assert fits(target), step
        assert target.read_bytes() == former or target.read_text().count("\n") == 29
        exported(data, target)
        assert fits(target) and manifest_path(target).exists()
        assert not list(target.parent.glob(".*.part"))
    assert ended[0] == ["died", "9"]
    assert ended.count(["died", "9"]) >= 4


def test_data_that_could_not_be_made_durable_replace_nothing(tmp_path: Path, data: Path) -> None:
    target = tmp_path / "x.csv"
    exported(data, target, last=1)
    before = (target.read_bytes(), manifest_path(target).read_bytes())

    def without_a_disk() -> str:
        refused_calls.refusing(FSYNC, errno.EIO)()
        try:
            exported(data, target)
        except StoreError as error:
            return str(error.outcome)
        return "exported"

    assert refused_calls.in_a_child(without_a_disk) == "StoreInaccessible"
    assert (target.read_bytes(), manifest_path(target).read_bytes()) == before


@pytest.mark.parametrize(
    ("own", "way"),
    [
        *(
            (name, "itself")
            for name in ("published/backbone.duckdb", "working/new.csv", "store.lock", "owner")
        ),
        ("working/backbone.duckdb", "a link"),
        ("published/backbone.duckdb", "a folder's link"),
    ],
)
def test_no_file_of_the_store_is_replaced_by_an_export(
    tmp_path: Path, data: Path, emp: Emp, own: str, way: str
) -> None:
    (data / "owner").write_text("mark")
    target = data / own
    if way == "a link":
        (tmp_path / "link.csv").symlink_to(target)
        target = tmp_path / "link.csv"
    elif way == "a folder's link":
        (tmp_path / "other").symlink_to(data)
        target = tmp_path / "other" / own
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    done = emp("export", "daily-bars", "--format", "csv", "--to", target, "--data-dir", data)
    assert done.returncode == 2, done.stdout
    assert "is a file of the store itself; name another one" in done.stderr
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def attempted(data: Path, target: Path, last: int) -> str:
    try:
        exported(data, target, last)
    except StoreError as error:
        return str(error)
    return "exported"


def test_of_two_exports_to_one_file_the_second_is_told_of_the_first(tmp_path: Path, data: Path) -> None:
    target = tmp_path / "x.csv"
    told = []

    class Asking:
        """A reader in the middle of which somebody else exports to the same file."""

        def __init__(self, reader: Reader) -> None:
            self._reader = reader
            self.provenance = reader.provenance

        def batches(self, selection: Selection) -> Iterator[pa.RecordBatch]:
            told.append(attempted(data, target, last=1))
            yield from self._reader.batches(selection)
            told.append(attempted(data, target, last=2))

    with published(data) as reader:
        export(cast("Reader", Asking(reader)), Selection(DAILY_BARS), "csv", target, {})
    assert told == [f"another export to {target} is under way"] * 2
    assert fits(target) and target.read_text().count("\n") == 29
    assert attempted(data, target, last=3) == "exported"
    assert fits(target) and target.read_text().count("\n") == 4


def test_however_many_export_at_once_the_manifest_tells_of_the_file_that_is_there(
    tmp_path: Path, data: Path
) -> None:
    target = tmp_path / "x.csv"
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            ended = list(pool.map(lambda last: attempted(data, target, last), range(1, 7)))
            assert "exported" in ended
            assert set(ended) <= {"exported", f"another export to {target} is under way"}
            assert fits(target) and manifest_path(target).exists()
            assert not list(tmp_path.glob(".*.part"))
