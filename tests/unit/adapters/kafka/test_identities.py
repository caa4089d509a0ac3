"""What is known of topics is replaced as a whole, and stands in nobody's way where it does not read."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backbone.adapters.kafka.identities import (
    FILE,
    VERSION,
    known_identities,
    remember_identities,
)
from backbone.adapters.kafka.look_files import LARGEST_BYTES
from backbone.ports.store_errors import StoreError
from backbone.vocabulary import Outcome

CLUSTER = "4L6g3nShT-eMCtK--X86sw"
TOPICS = {"ingest.dailyBars": "AAAAAAAAAAAAAAAAAAAAAQ", "dead-letters": "AAAAAAAAAAAAAAAAAAAAAg"}


def known(volume: Path) -> tuple[dict[str, str], list[str]]:
    told: list[str] = []
    return known_identities(volume, CLUSTER, told.append), told


def test_before_the_first_check_nothing_is_known_and_nothing_is_wrong(tmp_path: Path) -> None:
    assert known(tmp_path) == ({}, [])
    assert known(tmp_path / "not there") == ({}, [])


def test_what_one_check_remembers_the_next_one_knows(tmp_path: Path) -> None:
    remember_identities(tmp_path / "new", CLUSTER, TOPICS)
    assert known(tmp_path / "new") == (TOPICS, [])
    remember_identities(tmp_path / "new", CLUSTER, {"ingest.dailyBars": "another"})
    assert known(tmp_path / "new") == ({"ingest.dailyBars": "another"}, [])
    assert [item.name for item in (tmp_path / "new" / FILE).parent.iterdir()] == [FILE.name]


def test_what_was_seen_on_another_cluster_says_nothing_of_this_one(tmp_path: Path) -> None:
    remember_identities(tmp_path, "another", TOPICS)
    assert known(tmp_path) == ({}, [])


def test_a_thousand_topics_with_the_longest_names_have_room(tmp_path: Path) -> None:
    topics = {f"{number:04}{'x' * 245}": "AAAAAAAAAAAAAAAAAAAAAQ" for number in range(1006)}
    remember_identities(tmp_path, CLUSTER, topics)
    assert known(tmp_path) == (topics, [])


def test_a_torn_file_is_told_and_nothing_is_known(tmp_path: Path) -> None:
    remember_identities(tmp_path, CLUSTER, TOPICS)
    whole = (tmp_path / FILE).read_bytes()
    for length in range(len(whole) - 1):
        (tmp_path / FILE).write_bytes(whole[:length])
        topics, told = known(tmp_path)
        assert topics == {}
        assert len(told) == 1, length
    remember_identities(tmp_path, CLUSTER, TOPICS)
    assert known(tmp_path) == (TOPICS, [])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "Expecting value", id="empty"),
        pytest.param(b"\xff\xfe\x00", "", id="no text"),
        pytest.param(b"[1, 2]", "not of version 2", id="a list"),
        pytest.param(b'{"topics": {"t": "u"}}', "not of version 2", id="no version"),
        pytest.param(b'{"version": 3, "topics": {}}', "not of version 2", id="of a later version"),
        pytest.param(json.dumps({"version": VERSION}).encode(), "no identities", id="no topics"),
        pytest.param(b'{"version": 2, "topics": {"t": 5}}', "no identities", id="an identity that is none"),
        pytest.param(b"[" * 100_000, "", id="too deep"),
        pytest.param(b" " * (LARGEST_BYTES + 1), "more than", id="too large"),
    ],
)
def test_a_foreign_file_is_told_and_nothing_is_known(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_bytes(content)
    topics, told = known(tmp_path)
    assert topics == {}
    assert len(told) == 1
    assert says in told[0]
    assert str(tmp_path / FILE) in told[0]


@pytest.mark.parametrize(
    "make",
    [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)],
    ids=["a folder", "a pipe", "a link to itself"],
)
def test_what_is_no_file_is_told_and_does_not_block(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / FILE).parent.mkdir()
    make(tmp_path / FILE)
    topics, told = known(tmp_path)
    assert topics == {}
    assert len(told) == 1


def test_where_nothing_can_be_written_the_fault_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE.parent).write_text("in the way")
    with pytest.raises(StoreError) as caught:
        remember_identities(tmp_path, CLUSTER, TOPICS)
    assert caught.value.outcome is Outcome.STORE_INACCESSIBLE
    assert "write looks/kafka.json" in str(caught.value)


def keep_replacing(volume: Path) -> None:
    """Until somebody kills us."""
    while True:
        for word in ("one", "two"):
            remember_identities(volume, CLUSTER, {f"topic-{number}": word for number in range(1000)})


def test_whoever_reads_while_it_is_replaced_or_its_writer_is_killed_sees_one_check_in_full(
    tmp_path: Path,
) -> None:
    remember_identities(tmp_path, CLUSTER, {f"topic-{number}": "one" for number in range(1000)})
    for _ in range(3):
        writer = multiprocessing.get_context("fork").Process(target=keep_replacing, args=(tmp_path,))
        writer.start()
        seen = set()
        until = time.monotonic() + 30
        while seen != {"one", "two"}:
            topics, told = known(tmp_path)
            assert told == []
            assert len(topics) == 1000
            (word,) = set(topics.values())
            seen.add(word)
            assert time.monotonic() < until
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        topics, told = known(tmp_path)
        assert (len(topics), told) == (1000, [])
