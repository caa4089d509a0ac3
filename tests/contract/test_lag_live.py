"""Ten histories of consumer groups done anew on a real broker, all at once: each word is what was done."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from lag_histories import HISTORIES
from lag_scene import Looked, Scene

LIVE = [name for name, history in HISTORIES.items() if history.live]
AT_ONCE = 6


def played(bootstrap: str, name: str) -> Looked:
    with Scene.at(bootstrap) as scene:
        scene.tolerated = HISTORIES[name].tolerated
        HISTORIES[name].play(scene)
        return scene.looks[-1]


@pytest.fixture(scope="module")
def playing() -> Iterator[dict[str, Future[Looked]]]:
    yield {}


@pytest.mark.parametrize("name", LIVE)
def test_the_word_is_what_was_done(
    kafka_bootstrap: str, playing: dict[str, Future[Looked]], name: str
) -> None:
    if not playing:
        pool = ThreadPoolExecutor(AT_ONCE)
        playing.update({item: pool.submit(played, kafka_bootstrap, item) for item in LIVE})
        pool.shutdown(wait=False)
    history, look = HISTORIES[name], playing[name].result()
    group = look.group
    assert group.window is history.word, look.samples
    assert group.worst is not None
    assert group.partitions[group.worst].reason is history.reason
    assert (group.expired > 0) is history.expired
    assert all(item.lag is None or item.lag >= 0 for item in group.partitions.values())


def test_there_are_ten() -> None:
    assert len(LIVE) >= 10
