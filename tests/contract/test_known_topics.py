"""A full volume takes nothing new about topics, and keeps what was known of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backbone.adapters.kafka.identities import FILE, known_identities, remember_identities
from backbone.ports.store_errors import StoreError
from backbone.vocabulary import Outcome
from worker import remount

CLUSTER = "4L6g3nShT-eMCtK--X86sw"
BEFORE = {f"topic-{number}": "one" for number in range(1000)}
AFTER = dict.fromkeys(BEFORE, "another")


def known(volume: Path) -> dict[str, str]:
    return known_identities(volume, CLUSTER, pytest.fail)


def assert_refused(volume: Path, outcome: Outcome) -> None:
    with pytest.raises(StoreError) as caught:
        remember_identities(volume, CLUSTER, AFTER)
    assert caught.value.outcome is outcome
    assert known(volume) == BEFORE
    assert [item.name for item in (volume / FILE).parent.iterdir()] == [FILE.name]


def test_a_full_or_read_only_volume_keeps_what_was_known_and_takes_more_once_there_is_space(
    small_volume: Path,
) -> None:
    remember_identities(small_volume, CLUSTER, BEFORE)
    filler = small_volume / "filler"
    with filler.open("wb", buffering=0) as stream, pytest.raises(OSError, match="No space left"):
        while True:
            stream.write(bytes(4096))
    assert_refused(small_volume, Outcome.VOLUME_FULL)
    filler.unlink()
    remount(small_volume, "ro")
    assert_refused(small_volume, Outcome.VOLUME_READ_ONLY)
    remount(small_volume, "rw")
    remember_identities(small_volume, CLUSTER, AFTER)
    assert known(small_volume) == AFTER
