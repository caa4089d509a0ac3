"""What is corruption: DuckDB's own word, found twice, moves a file; anything else moves none."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import refused_calls
from backbone.adapters.duckdb.reader import published
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.adapters.duckdb.volume import Volume, write_ahead_log
from backbone.market.dimensions import DAILY_BARS
from backbone.ports.journal import RunStart
from backbone.ports.store import Selection
from backbone.ports.store_errors import StoreCorrupt, StoreError
from backbone.vocabulary import Outcome
from small_copies import NOW, bar, ingest

PAGE = 4096
BLOCK = 256 * 1024
NO_WAIT = timedelta()


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("refused")
    done = subprocess.run(
        [sys.executable, refused_calls.__file__, folder],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return {told["case"]: told for told in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("case", refused_calls.cases())
def test_what_the_system_refuses_at_opening_is_named_and_moves_nothing(
    refused: dict[str, dict[str, Any]], case: str
) -> None:
    told = refused[case]
    assert told["left"] == {"rows": 28, "runs": ["killed", "run-1"], "aside": []}
    if "memory" in case:
        # Where the system gives none, DuckDB and the interpreter may end the process; what counts is above.
        assert told["outcome"] in {"StoreInaccessible", "StoreFailed", "opened", "died"}
    elif case.startswith("EACCES"):
        assert told["outcome"] == "VolumeReadOnly"
    elif "descriptors" in case and int(case[0]) >= 4:
        assert told["outcome"] == "opened"
    else:
        assert told["outcome"] == "StoreInaccessible", told["words"]
        assert any(os.strerror(number) in told["words"] for number in refused_calls.NUMBERS)


@pytest.fixture
def store(tmp_path: Path) -> Volume:
    """A store that was published, with 28 rows, and that has 28 more in its working file."""
    ingest(tmp_path, [bar(day) for day in range(1, 29)])
    return Volume(tmp_path)


def rows(volume: Volume) -> int:
    with published(volume.root) as reader:
        return sum(batch.num_rows for batch in reader.batches(Selection(DAILY_BARS)))


def aside(volume: Volume) -> list[str]:
    return sorted(str(path.relative_to(volume.root)) for path in volume.root.rglob("*.corrupt-*"))


def flipped(content: bytes, at: int, count: int = 64) -> bytes:
    return content[:at] + bytes(byte ^ 0xFF for byte in content[at : at + count]) + content[at + count :]


def every_block_flipped(content: bytes) -> bytes:
    for at in range(3 * PAGE, len(content), BLOCK):
        content = flipped(content, at + 100)
    return content


def open_once(volume: Volume, pause: Callable[[float], None] = lambda seconds: None) -> object:
    with DuckDBStore(volume.root, pause).writer("next", NO_WAIT) as writer:
        return writer.recovery


UNSOUND: dict[str, Callable[[bytes], bytes]] = {
    "an empty file": lambda content: b"",
    "a text": lambda content: b"not a database",
    "a picture": lambda content: b"\x89PNG\r\n" + bytes(range(256)) * 64,
    "one byte of it": lambda content: content[:1],
    "half a main header": lambda content: content[:100],
    "a main header alone": lambda content: content[:PAGE],
    "headers alone": lambda content: content[: 3 * PAGE],
    "bytes of the main header flipped": lambda content: flipped(content, 20),
    "bytes of the first header flipped": lambda content: flipped(content, PAGE + 8),
    "bytes of the second header flipped": lambda content: flipped(content, 2 * PAGE + 8),
    "every block zeroed": lambda content: content[: 3 * PAGE] + bytes(len(content) - 3 * PAGE),
    "bytes of every block flipped": every_block_flipped,
}


@pytest.mark.parametrize("damage", UNSOUND.values(), ids=UNSOUND.keys())
def test_what_duckdb_calls_corrupt_twice_is_set_aside_and_the_copy_is_left_as_it_is(
    store: Volume, damage: Callable[[bytes], bytes]
) -> None:
    copy = store.published.read_bytes()
    damaged = damage(store.working.read_bytes())
    store.working.write_bytes(damaged)
    waited: list[float] = []
    ingest_again = DuckDBStore(store.root, waited.append)
    with ingest_again.writer("next", NO_WAIT) as writer:
        assert writer.recovery is not None
        assert (writer.recovery.set_aside, writer.recovery.continued_from) == (
            aside(store)[0],
            "published/backbone.duckdb",
        )
    assert aside(store)[0].startswith("working/") and len(aside(store)) == 1
    assert waited == [1.0], "a second look comes before a rename"
    assert store.published.read_bytes() == copy
    assert rows(store) == 28


def test_a_file_of_which_blocks_are_gone_is_set_aside_when_a_run_comes_upon_it(store: Volume) -> None:
    content = store.working.read_bytes()
    store.working.write_bytes(content[: len(content) // 3])
    with pytest.raises(StoreCorrupt):
        ingest(store.root, [bar(29)], number=2)
    assert [name.split("-")[0] for name in aside(store)] == ["working/backbone.duckdb.corrupt"] * 2
    ingest(store.root, [bar(29)], number=2)
    assert rows(store) == 29


def test_a_log_that_duckdb_calls_corrupt_is_set_aside_with_its_file(tmp_path: Path) -> None:
    refused_calls.in_a_child(lambda: refused_calls.leave_a_log(tmp_path))
    volume = Volume(tmp_path)
    log = write_ahead_log(volume.working)
    content = log.read_bytes()
    log.write_bytes(flipped(content, len(content) // 2, 16))
    open_once(volume)
    assert [name.rsplit(".", 1)[-1] for name in aside(volume)][-1] == "wal"
    assert rows(volume) == 28


@pytest.mark.parametrize(
    ("prepare", "outcome"),
    [
        pytest.param(
            lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(8192)),
            Outcome.STORE_INACCESSIBLE,
            id="a database of SQLite",
        ),
        pytest.param(lambda path: path.mkdir(), Outcome.STORE_INACCESSIBLE, id="a folder"),
        pytest.param(os.mkfifo, Outcome.STORE_INACCESSIBLE, id="a pipe"),
        pytest.param(
            lambda path: path.symlink_to("/proc/self/mem"),
            Outcome.STORE_INACCESSIBLE,
            id="a device that fails",
        ),
    ],
)
def test_what_duckdb_does_not_call_corrupt_ends_the_run_by_name_and_moves_nothing(
    store: Volume, prepare: Callable[[Path], None], outcome: Outcome
) -> None:
    store.working.unlink()
    prepare(store.working)
    with pytest.raises(StoreError) as told:
        open_once(store)
    assert told.value.outcome is outcome, told.value
    assert not isinstance(told.value, StoreCorrupt)
    assert aside(store) == []
    assert rows(store) == 28


def test_a_look_that_fails_for_a_moment_moves_nothing(store: Volume) -> None:
    sound = store.working.read_bytes()
    store.working.write_bytes(flipped(sound, 20))
    assert open_once(store, lambda seconds: store.working.write_bytes(sound) and None) is None
    assert aside(store) == []
    assert rows(store) == 28


def test_a_block_that_fails_for_a_moment_costs_one_run_and_no_file(store: Volume) -> None:
    sound = store.working.read_bytes()
    mended = DuckDBStore(store.root, lambda seconds: store.working.write_bytes(sound) and None)
    with pytest.raises(StoreError) as told, mended.writer("next", NO_WAIT):
        store.working.write_bytes(flipped(sound, 20))
        raise StoreCorrupt("cannot store dailyBars: Corrupt database file")
    assert told.value.outcome is Outcome.STORE_INACCESSIBLE
    assert "a second look found the file sound" in str(told.value)
    assert aside(store) == []
    assert open_once(store) is None


def test_nothing_is_moved_while_the_published_copy_cannot_be_judged(store: Volume) -> None:
    store.working.write_bytes(b"not a database")
    copy = store.published.read_bytes()
    store.published.unlink()
    store.published.symlink_to("/proc/self/mem")
    with pytest.raises(StoreError) as told:
        open_once(store)
    assert told.value.outcome is Outcome.STORE_INACCESSIBLE
    assert (aside(store), store.working.read_bytes()) == ([], b"not a database")
    store.published.unlink()
    store.published.write_bytes(copy)
    open_once(store)
    assert rows(store) == 28


def test_a_copy_of_an_earlier_version_is_judged_by_the_tables_that_it_has(store: Volume) -> None:
    with duckdb.connect(str(store.published)) as earlier:
        earlier.execute("DROP TABLE telemetry.quarantine")
    store.working.write_bytes(b"not a database")
    recovery = open_once(store)
    assert recovery is not None
    assert len(aside(store)) == 1


def test_a_recovery_is_told_by_every_later_run_even_if_the_one_that_moved_the_file_died(
    store: Volume,
) -> None:
    with DuckDBStore(store.root).writer("second", NO_WAIT) as writer:
        assert writer.recovery is None
    store.published.unlink()
    # As a worker leaves it that dies between moving the file and saying so.
    store.set_aside(store.working)
    for _ in range(2):
        with DuckDBStore(store.root).writer("next", NO_WAIT) as writer:
            assert writer.recovery is not None
            assert (writer.recovery.set_aside, writer.recovery.continued_from) == (aside(store)[0], "empty")
            writer.journal.begin(RunStart("next", "plan", 1, NOW))


def test_a_reader_without_descriptors_is_told_so_and_not_that_the_copy_is_corrupt(tmp_path: Path) -> None:
    ingest(tmp_path, [bar(1)])
    for free in range(2):
        told = refused_calls.in_a_child(lambda free=free: refused_calls.read(tmp_path, free))
        assert told == [str(Outcome.STORE_INACCESSIBLE), os.strerror(errno.EMFILE)], free
