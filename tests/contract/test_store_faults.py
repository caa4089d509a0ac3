"""Damaged files, full and read-only volumes: a named outcome, and nothing that was published is lost."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import content
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.adapters.duckdb.volume import write_ahead_log
from worker import SAMPLES, Emp, command, remount, report

WORKING = "working/backbone.duckdb"
PUBLISHED = "published/backbone.duckdb"
PAGE = 4096

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


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


def garbage(original: bytes) -> bytes:
    return os.urandom(len(original))


def header_flipped(original: bytes) -> bytes:
    return original[:64] + os.urandom(64) + original[128:]


def catalog_flipped(original: bytes) -> bytes:
    return original[: 3 * PAGE] + os.urandom(8 * PAGE) + original[11 * PAGE :]


def data_flipped(original: bytes) -> bytes:
    middle = len(original) // 2
    return original[:middle] + os.urandom(8 * PAGE) + original[middle + 8 * PAGE :]


def truncated(original: bytes) -> bytes:
    return original[: len(original) // 3]


def emptied(_: bytes) -> bytes:
    return b""


DAMAGES = pytest.mark.parametrize(
    "damage",
    [garbage, header_flipped, catalog_flipped, data_flipped, truncated, emptied],
    ids=lambda item: item.__name__.replace("_", " "),
)


@DAMAGES
def test_a_damaged_working_file_is_set_aside_and_the_work_goes_on_from_the_published_copy(
    tmp_path: Path, plan: Path, emp: Emp, damage: Callable[[bytes], bytes]
) -> None:
    data = tmp_path / "data"
    assert emp("ingest-once", "-f", plan, "--data-dir", data).returncode == 0
    before = content.digest(data)
    original = (data / WORKING).read_bytes()
    damaged = damage(original)
    (data / WORKING).write_bytes(damaged)

    done = emp("ingest-once", "-f", plan, "--data-dir", data)

    assert done.returncode == 0, done.stderr
    recovery = report(tmp_path)["storeRecovery"]
    assert recovery["continuedFrom"] == PUBLISHED
    assert_kept((data / recovery["setAside"]).read_bytes(), damaged, original)
    assert recovery["setAside"].startswith(f"{WORKING}.corrupt-2")
    assert content.digest(data) == before
    assert report(tmp_path)["sequence"] == 2
    assert "set aside as" in done.stderr


def assert_kept(kept: bytes, damaged: bytes, original: bytes) -> None:
    """The damage is still there to look at; elsewhere the run may have written before it came upon it."""
    if len(damaged) < len(original):
        assert kept == damaged
    else:
        places = [
            at for at in range(0, len(damaged), PAGE) if damaged[at : at + PAGE] != original[at : at + PAGE]
        ]
        assert places
        assert all(kept[at : at + PAGE] == damaged[at : at + PAGE] for at in places)


def test_without_a_published_copy_the_work_goes_on_empty(tmp_path: Path, plan: Path, emp: Emp) -> None:
    working = tmp_path / "data" / WORKING
    working.parent.mkdir(parents=True)
    working.write_bytes(b"not a database")
    assert emp("ingest-once", "-f", plan, "--data-dir", tmp_path / "data").returncode == 0
    assert report(tmp_path)["storeRecovery"]["continuedFrom"] == "empty"
    assert content.rows(tmp_path / "data")["dailyBars"] > 0


def test_when_both_are_damaged_both_are_set_aside(tmp_path: Path, plan: Path, emp: Emp) -> None:
    data = tmp_path / "data"
    emp("ingest-once", "-f", plan, "--data-dir", data)
    before = content.digest(data)
    for name in (WORKING, PUBLISHED):
        (data / name).write_bytes(f"damaged {name}".encode())

    assert emp("ingest-once", "-f", plan, "--data-dir", data).returncode == 0

    recovery = report(tmp_path)["storeRecovery"]
    kept = [(data / name).read_bytes().decode() for name in recovery["setAside"].split(", ")]
    assert kept == [f"damaged {WORKING}", f"damaged {PUBLISHED}"]
    assert recovery["continuedFrom"] == "empty"
    assert content.digest(data) == before


def test_a_second_damage_in_the_same_second_overwrites_nothing(tmp_path: Path) -> None:
    working = tmp_path / WORKING
    working.parent.mkdir()
    for number in range(3):
        working.write_bytes(f"damage {number}".encode())
        with DuckDBStore(tmp_path).writer("run", timedelta()):
            pass
    kept = sorted(path.read_bytes() for path in working.parent.glob("*.corrupt-*"))
    assert kept == [b"damage 0", b"damage 1", b"damage 2"]


def test_a_damaged_log_is_set_aside_with_its_file(tmp_path: Path, plan: Path, emp: Emp) -> None:
    data = tmp_path / "data"
    emp("ingest-once", "-f", plan, "--data-dir", data)
    before = content.digest(data)
    write_ahead_log(data / WORKING).write_bytes(b"\x62" * 4096)
    assert emp("ingest-once", "-f", plan, "--data-dir", data).returncode == 0
    assert content.digest(data) == before
    assert content.rows(data)["dailyBars"] > 0


def test_a_lost_working_file_is_taken_from_the_published_copy(tmp_path: Path, plan: Path, emp: Emp) -> None:
    data = tmp_path / "data"
    emp("ingest-once", "-f", plan, "--data-dir", data)
    before = content.digest(data)
    (data / WORKING).unlink()
    assert emp("ingest-once", "-f", plan, "--data-dir", data).returncode == 0
    assert (content.digest(data), report(tmp_path)["sequence"]) == (before, 2)
    assert report(tmp_path)["dimensions"][0].get("changed", 0) == 0


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path, plan: Path, emp: Emp) -> None:
    data = tmp_path / "data"
    emp("ingest-once", "-f", plan, "--data-dir", data)
    newer = of_version((data / WORKING).read_bytes(), 9999)
    (data / WORKING).write_bytes(newer)
    done = emp("ingest-once", "-f", plan, "--data-dir", data)
    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "StoreFailed")
    assert "9999" in report(tmp_path)["message"]
    assert (data / WORKING).read_bytes() == newer


def of_version(original: bytes, version: int) -> bytes:
    """A database file that claims another storage version, with the checksum of its first page."""
    page = bytearray(original[:PAGE])
    page[12:20] = struct.pack("<Q", version)
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", page[8:]):
        checksum ^= (word * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    page[:8] = struct.pack("<Q", checksum)
    return bytes(page) + original[PAGE:]


def test_a_working_file_that_somebody_else_opened_is_busy_and_left_alone(
    tmp_path: Path, plan: Path, emp: Emp
) -> None:
    data = tmp_path / "data"
    emp("ingest-once", "-f", plan, "--data-dir", data)
    held = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", held, data / WORKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        done = emp("ingest-once", "-f", plan, "--data-dir", data)
    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "StoreBusy")
    assert [path.name for path in (data / "working").iterdir()] == ["backbone.duckdb"]


@pytest.mark.parametrize(
    ("place", "mode"),
    [
        pytest.param(WORKING, 0o000, id="a working file that may not be opened"),
        pytest.param("published", 0o555, id="a folder of copies that takes no file"),
        pytest.param("store.lock", 0o000, id="a lock that may not be opened"),
    ],
)
def test_a_volume_without_the_right_to_write_is_named_and_left_alone(
    *, tmp_path: Path, plan: Path, emp: Emp, environment: dict[str, str], place: str, mode: int
) -> None:
    data = tmp_path / "data"
    emp("ingest-once", "-f", plan, "--data-dir", data)
    before = content.digest(data)
    (data / place).chmod(mode)
    obedient = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    ingest = command("ingest-once", "-f", plan, "--data-dir", data)
    done = subprocess.run([*obedient, *ingest], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "VolumeReadOnly"), done.stderr
    assert content.digest(data) == before
    assert not list(data.glob("*/*corrupt*"))


def test_a_reader_of_a_damaged_copy_is_told_so_in_one_line(tmp_path: Path, plan: Path, emp: Emp) -> None:
    data = tmp_path / "data"
    emp("ingest-once", "-f", plan, "--data-dir", data)
    (data / PUBLISHED).write_bytes(b"damaged")
    done = emp("read", "daily-bars", "AAPL", "--data-dir", data)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: cannot open backbone.duckdb") and done.stderr.count("\n") == 1


def test_a_full_volume_is_named_and_the_published_copy_stays(
    tmp_path: Path, plan: Path, emp: Emp, emp_anew: Emp, small_volume: Path
) -> None:
    assert emp("ingest-once", "-f", plan, "--data-dir", small_volume).returncode == 0
    before = content.digest(small_volume)

    done = emp_anew("ingest-once", "-f", SAMPLES, "--data-dir", small_volume)

    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "VolumeFull")
    assert "VolumeFull" in done.stderr and "No space left on device" in done.stderr
    assert content.digest(small_volume) == before
    assert not list(small_volume.glob("*/.incoming-*"))


def test_a_full_volume_that_grew_is_caught_up_with(
    tmp_path: Path, plan: Path, emp: Emp, small_volume: Path
) -> None:
    emp("ingest-once", "-f", plan, "--data-dir", small_volume)
    # The trades find no room; the end of the run does, which a volume without a free byte would not take.
    remount(small_volume, "size=12m")
    assert emp("ingest-once", "-f", SAMPLES, "--data-dir", small_volume).returncode == 3
    remount(small_volume, "size=64m")
    done = emp("ingest-once", "-f", SAMPLES, "--data-dir", small_volume)
    assert done.returncode == 0, done.stderr
    assert content.rows(small_volume)["intradayTrades"] == 500_000
    assert report(tmp_path)["recent"][0]["outcome"] == "VolumeFull"


@pytest.mark.parametrize("free", [0, 16, 64, 256, 1024], ids=lambda item: f"{item} KiB left")
def test_a_volume_that_somebody_filled(
    tmp_path: Path, plan: Path, emp: Emp, small_volume: Path, free: int
) -> None:
    remount(small_volume, "size=10m")  # the store, its copy, and the next copy while it is written
    emp("ingest-once", "-f", plan, "--data-dir", small_volume)
    before = content.digest(small_volume)
    with (small_volume / "ballast").open("wb") as ballast:
        left = os.statvfs(small_volume)
        os.posix_fallocate(ballast.fileno(), 0, max(left.f_bavail * left.f_bsize - free * 1024, 1))

    done = emp("ingest-once", "-f", SAMPLES, "--data-dir", small_volume)

    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "VolumeFull")
    assert content.digest(small_volume) == before
    (small_volume / "ballast").unlink()
    assert emp("ingest-once", "-f", plan, "--data-dir", small_volume).returncode == 0
    assert content.digest(small_volume) == before


def test_a_read_only_volume_is_named_and_still_read(
    tmp_path: Path, plan: Path, emp: Emp, small_volume: Path
) -> None:
    emp("ingest-once", "-f", plan, "--data-dir", small_volume)
    remount(small_volume, "ro")
    done = emp("ingest-once", "-f", plan, "--data-dir", small_volume)
    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "VolumeReadOnly")
    assert emp("read", "daily-bars", "AAPL", "--last", "1", "--data-dir", small_volume).returncode == 0


@pytest.mark.parametrize(
    ("prepare", "code", "outcome"),
    [
        pytest.param(lambda volume: None, 0, "VolumeProbed", id="a sound volume"),
        pytest.param(lambda volume: remount(volume, "ro"), 3, "VolumeReadOnly", id="a read-only volume"),
        pytest.param(
            lambda volume: (volume / "b").write_bytes(bytes(7_700_000)), 3, "VolumeFull", id="a full volume"
        ),
    ],
)
def test_the_probe_names_the_state_of_the_volume(
    *,
    tmp_path: Path,
    emp_anew: Emp,
    small_volume: Path,
    prepare: Callable[[Path], object],
    code: int,
    outcome: str,
) -> None:
    prepare(small_volume)
    done = emp_anew("probe-volume", EMP_DATA_DIR=str(small_volume))
    assert (done.returncode, report(tmp_path)["outcome"]) == (code, outcome)
    assert not list(small_volume.glob("probe/*"))
