"""What only a cache has that processes share: others fill it, empty it, break it, and die with a load."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import redis_shared
from backbone.adapters.redis import answers as redis_answers
from backbone.adapters.redis import counts as redis_counts
from backbone.grading.cache_health import cache_health
from backbone.ports.cache import INSTITUTIONAL, CacheCounts, CacheFault, SymbolTier
from redis_place import RedisPlace
from redis_reading import answer, key, loads, rows, until

WAIT = 20
PROCESSES = 4
SMALL = replace(INSTITUTIONAL, max_keys=2)


def test_what_one_process_loaded_is_a_hit_for_another(redis_place: RedisPlace) -> None:
    first, second = redis_place.cache(INSTITUTIONAL), redis_place.cache(INSTITUTIONAL)
    assert (answer(first, key("A"), 1.0), answer(second, key("A"), 2.0)) == (1.0, 1.0)
    assert first.counts() == CacheCounts(misses=1, keys=1)
    assert second.counts() == CacheCounts(hits=1, keys=1)


def test_the_sum_over_processes_counts_each_thing_once_as_the_totals_do(redis_place: RedisPlace) -> None:
    caches = [redis_place.cache(SMALL) for _ in range(3)]
    for step in range(30):
        answer(caches[step % 3], key(f"S{step % 5 if step % 2 else 0}"))
    caches[0].invalidate("copy-1")
    counts, totals = [cache.counts() for cache in caches], caches[0].totals()
    assert isinstance(totals, CacheCounts)
    for name in ("hits", "misses", "evictions", "expirations", "invalidations"):
        assert sum(getattr(found, name) for found in counts) == getattr(totals, name)
    assert (totals.hits + totals.misses, totals.invalidations, totals.keys) == (30, 2, 0)


def test_hits_are_told_once_a_second_of_use_or_with_the_next_question(
    redis_place: RedisPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, looking = redis_place.cache(SMALL), redis_place.cache(SMALL)
    monkeypatch.setattr(redis_counts, "TELL_SECONDS", 0.2)

    def hits() -> int:
        totals = looking.totals()
        assert isinstance(totals, CacheCounts)
        return totals.hits

    for name in ("A", "B", "A", "A"):
        answer(reading, key(name))
    assert hits() == 0
    # The hits made B what was not used for longest.
    answer(reading, key("C"))
    assert hits() == 2
    assert (loads(looking, key("A")), loads(looking, key("B"))) == (False, True)
    until(lambda: not loads(reading, key("B")) and hits() > 4, wait=5)
    monkeypatch.setattr(redis_counts, "TELL_SECONDS", 60.0)
    before, last = hits(), redis_place.cache(SMALL)
    answer(last, key("B"))
    last.close()
    assert hits() == before + 1


def test_what_one_process_invalidates_is_gone_for_all(redis_place: RedisPlace) -> None:
    first, second = redis_place.cache(INSTITUTIONAL), redis_place.cache(INSTITUTIONAL)
    answer(first, key("A"), 1.0)
    answer(first, key("A", version="copy-2"), 2.0)
    assert second.invalidate("copy-1") == 1
    assert (answer(first, key("A"), 3.0), answer(first, key("A", version="copy-2"), 4.0)) == (3.0, 2.0)


def test_a_slow_load_never_overwrites_what_another_process_invalidated_meanwhile(
    redis_place: RedisPlace,
) -> None:
    slow, other = redis_place.cache(INSTITUTIONAL), redis_place.cache(INSTITUTIONAL)

    def load() -> pa.Table:
        other.invalidate("copy-1")
        assert answer(other, key("B"), 5.0) == 5.0  # a new generation has begun
        return rows(1.0)

    assert slow.fetch(key("A"), load)["close"].to_pylist() == [1.0]
    assert len(redis_place.answers()) == 1
    assert answer(other, key("A"), 2.0) == 2.0


@pytest.mark.parametrize("lost", ["everything", "the generation", "the subject's"])
def test_a_load_is_not_kept_when_redis_forgot_in_between_that_it_might_be(
    redis_place: RedisPlace, lost: str
) -> None:
    cache = redis_place.cache(INSTITUTIONAL)

    def load() -> pa.Table:
        if lost == "everything":
            redis_place.clear()
        (tag,) = key("A").tags if lost == "the subject's" else ("",)
        redis_place.admin.delete(f"{redis_place.namespace}:generation:{tag}:copy-1")
        return rows(1.0)

    cache.fetch(key("A"), load)
    assert redis_place.answers() == []


def test_an_answer_that_an_invalidation_could_not_find_is_not_served(redis_place: RedisPlace) -> None:
    cache = redis_place.cache(INSTITUTIONAL)
    answer(cache, key("A"), 1.0)
    redis_place.admin.delete(f"{redis_place.namespace}:index")
    assert cache.invalidate("copy-1") == 0
    assert len(redis_place.answers()) == 1
    assert answer(cache, key("A"), 2.0) == 2.0


def test_processes_that_miss_one_key_at_once_wait_for_a_single_load(
    redis_place: RedisPlace, tmp_path: Path
) -> None:
    running = [
        subprocess.Popen(
            redis_shared.program(redis_place, tmp_path, seconds=0.5), stdout=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    until(lambda: len(list(tmp_path.glob("ready-*"))) == PROCESSES)
    (tmp_path / "go").touch()
    said = [process.communicate(timeout=WAIT)[0].strip() for process in running]
    assert said == ["5.0"] * PROCESSES
    assert len(list(tmp_path.glob("loaded-*"))) == 1


def test_a_process_that_dies_of_its_load_holds_nobody_up_for_long(
    redis_place: RedisPlace, tmp_path: Path
) -> None:
    dying = subprocess.Popen(redis_shared.program(redis_place, tmp_path, seconds=60))
    (tmp_path / "go").touch()
    until(lambda: bool(list(tmp_path.glob("loaded-*"))))
    dying.kill()
    dying.wait()
    started = time.monotonic()
    assert answer(redis_place.cache(INSTITUTIONAL), key("HOT"), 6.0) == 6.0
    assert time.monotonic() - started < redis_answers.LOAD_SECONDS + 1


def test_who_waited_long_enough_loads_too_and_says_so(
    redis_place: RedisPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, waiting = redis_place.cache(INSTITUTIONAL), redis_place.cache(INSTITUTIONAL)
    leave = threading.Event()

    def load() -> pa.Table:
        assert leave.wait(WAIT)
        return rows(1.0)

    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(slow.fetch, key("HOT"), load)
        until(lambda: any(name.endswith(":loading") for name in redis_place.names()))
        monkeypatch.setattr(redis_answers, "LOAD_SECONDS", 0.2)
        assert answer(waiting, key("HOT"), 2.0) == 2.0
        leave.set()
        assert hanging.result(WAIT)["close"].to_pylist() == [1.0]
    assert waiting.counts().fallbacks == {CacheFault.LOAD_OVERDUE: 1}


def test_a_failed_load_lets_another_process_load_at_once(redis_place: RedisPlace) -> None:
    first, second = redis_place.cache(INSTITUTIONAL), redis_place.cache(INSTITUTIONAL)

    def fail() -> pa.Table:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        first.fetch(key("A"), fail)
    started = time.monotonic()
    assert answer(second, key("A"), 2.0) == 2.0
    assert time.monotonic() - started < redis_answers.LOAD_SECONDS / 2


MARKS = 2 * redis_answers.MARK_DIGITS
"""Of its version and of its subject."""


def flipped(value: bytes) -> bytes:
    middle = len(value) // 2
    return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(flipped, id="a bit flipped"),
        pytest.param(lambda value: value[:-7], id="cut short"),
        pytest.param(lambda value: value[:MARKS], id="nothing but its marks"),
        pytest.param(lambda value: value[:MARKS] + b"x" * 500, id="somebody else's bytes"),
        pytest.param(lambda value: value + b"\0", id="more than was written"),
    ],
)
def test_a_corrupt_value_is_a_miss_and_deleted_and_counted(
    redis_place: RedisPlace, harm: Callable[[bytes], bytes]
) -> None:
    cache = redis_place.cache(INSTITUTIONAL)
    answer(cache, key("A"), 1.0)
    (place,) = redis_place.answers()
    value = redis_place.admin.get(place)
    assert isinstance(value, bytes)
    redis_place.admin.set(place, harm(value), keepttl=True)
    assert answer(cache, key("A"), 2.0) == 2.0
    assert answer(cache, key("A"), 3.0) == 2.0
    assert cache.counts() == CacheCounts(hits=1, misses=2, keys=1, fallbacks={CacheFault.CORRUPT: 1})
    totals = cache.totals()
    assert isinstance(totals, CacheCounts)
    assert (totals.hits, totals.misses) == (1, 2)


def test_a_key_of_ours_that_somebody_uses_otherwise_harms_that_answer_alone(redis_place: RedisPlace) -> None:
    cache = redis_place.cache(INSTITUTIONAL)
    answer(cache, key("A"))
    (place,) = redis_place.answers()
    redis_place.admin.delete(place)
    redis_place.admin.rpush(place, "a list")
    assert [answer(cache, key("A"), value) for value in (2.0, 3.0)] == [2.0, 3.0]
    assert answer(cache, key("B"), 4.0) == answer(cache, key("B"), 5.0)
    assert (cache.counts().fallbacks, cache.trouble) == ({CacheFault.FAILED: 2}, None)


def test_what_redis_itself_threw_out_counts_as_evicted(redis_place: RedisPlace) -> None:
    cache = redis_place.cache(INSTITUTIONAL)
    answer(cache, key("A"))
    redis_place.admin.delete(*redis_place.answers())
    assert loads(cache, key("A"))
    assert (cache.counts().evictions, cache.counts().expirations) == (1, 0)


@pytest.mark.parametrize("lost", ["index", "expiries", "counts"])
def test_bookkeeping_that_redis_threw_out_comes_back(redis_place: RedisPlace, lost: str) -> None:
    cache = redis_place.cache(SMALL)
    answer(cache, key("A"))
    redis_place.admin.delete(f"{redis_place.namespace}:{lost}")
    assert not loads(cache, key("A"))
    for step in range(6):
        answer(cache, key(f"S{step}"))
        assert len(redis_place.answers()) <= SMALL.max_keys + 1
    assert redis_place.admin.zcard(f"{redis_place.namespace}:index") == SMALL.max_keys


def test_each_answer_ends_by_itself_with_its_time(redis_place: RedisPlace) -> None:
    short = SymbolTier("short", frozenset({"ES"}), ttl=timedelta(milliseconds=300))
    cache = redis_place.cache(replace(INSTITUTIONAL, tiers=(short,)))
    answer(cache, key("ES"))
    answer(cache, key("A"))
    left = sorted(redis_place.admin.pttl(name) for name in redis_place.answers())
    assert left[0] <= 300
    assert 890_000 < left[1] <= 900_000
    until(lambda: len(redis_place.answers()) == 1, wait=2)
    assert loads(cache, key("ES"))
    assert cache.counts().expirations == 1


def test_nothing_but_counts_outlives_the_answers(redis_place: RedisPlace) -> None:
    cache = redis_place.cache(INSTITUTIONAL)

    def endless() -> set[str]:
        return {name.rpartition(":")[2] for name in redis_place.names() if redis_place.admin.ttl(name) < 0}

    answer(cache, key("A"))
    assert endless() == {"index", "expiries", "counts"}
    cache.invalidate("copy-1")
    assert (endless(), redis_place.answers()) == ({"counts"}, [])


def test_what_is_too_large_is_given_and_not_kept(redis_place: RedisPlace) -> None:
    cache = redis_place.cache(INSTITUTIONAL)
    noise = pa.table({"bytes": [os.urandom(redis_answers.LARGEST_VALUE)]})
    assert cache.fetch(key("A"), lambda: noise) is noise
    assert redis_place.answers() == []
    assert cache.counts().fallbacks == {CacheFault.TOO_LARGE: 1}
    assert not any(name.endswith(":loading") for name in redis_place.names())


def test_health_comes_from_the_totals_of_all_processes(redis_place: RedisPlace) -> None:
    caches = [redis_place.cache(SMALL) for _ in range(2)]
    before = caches[0].totals()
    for step in range(12):
        answer(caches[step % 2], key(f"S{step % 3}"))
    after = caches[1].totals()
    assert isinstance(before, CacheCounts)
    assert isinstance(after, CacheCounts)
    health = cache_health(before, after, SMALL.max_keys)
    assert (health.coverage, health.hit_ratio) == (1.0, 0.0)
    assert health.eviction_pressure == pytest.approx(10 / 12)


def test_names_of_any_kind_make_no_difference_to_keys(redis_place: RedisPlace) -> None:
    cache = redis_place.cache(INSTITUTIONAL)
    names = ["A B", "A'B", 'A"B', "A\nB", "A\0B", "Ä", "株", "'; FLUSHALL", "{A}", "*"]
    assert [answer(cache, key(name), float(n)) for n, name in enumerate(names)] == [*map(float, range(10))]
    assert [answer(cache, key(name), -1.0) for name in names] == [*map(float, range(10))]
