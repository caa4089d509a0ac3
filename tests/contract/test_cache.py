"""What every cache of answers promises, on each that there is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from backbone.adapters.memory import MemoryCache
from backbone.errors import Rejected
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS
from backbone.ports.cache import (
    BOOTSTRAP,
    INSTITUTIONAL,
    MOST_TAGS,
    Cache,
    CacheCounts,
    CacheKey,
    CachePolicy,
    SymbolTier,
)
from backbone.ports.store import Selection
from redis_place import RedisPlace

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WAIT = 10
SMALL = CachePolicy(ttl=timedelta(minutes=30), max_keys=2)

Make = Callable[[CachePolicy], Cache]


class Clock:
    """A time that the test sets; `followers` are told how far it went."""

    def __init__(self) -> None:
        self._now = NOW
        self.followers: list[Callable[[timedelta], object]] = []

    def __call__(self) -> datetime:
        return self._now

    @property
    def now(self) -> datetime:
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        for follow in self.followers:
            follow(moment - self._now)
        self._now = moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["in memory", "on Redis"])
def make(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Make]:
    """Makes an empty cache of a policy."""
    if request.param == "in memory":
        yield lambda policy: MemoryCache(policy, clock)
        return
    place: RedisPlace = request.getfixturevalue("redis_place")
    clock.followers.append(place.age)
    yield place.cache


def key(*subjects: str, version: str = "copy-1", **wish: object) -> CacheKey:
    return CacheKey(version, 1, Selection(DAILY_BARS, subjects, **wish))  # type: ignore[arg-type]


def rows(value: float = 1.0) -> pa.Table:
    return pa.table({"close": [value]})


def answer(cache: Cache, wanted: CacheKey, value: float = 1.0) -> float:
    """What a fetch gives whose load would give `value`."""
    given: float = cache.fetch(wanted, lambda: rows(value))["close"][0].as_py()
    return given


def loads(cache: Cache, wanted: CacheKey) -> bool:
    """Whether a fetch has to load."""
    loaded = []
    cache.fetch(wanted, lambda: loaded.append(True) or rows())  # type: ignore[func-returns-value]
    return bool(loaded)


def test_what_was_loaded_once_is_a_hit(make: Make) -> None:
    cache = make(BOOTSTRAP)
    assert [answer(cache, key("AAPL"), value) for value in (1.0, 2.0)] == [1.0, 1.0]
    assert cache.counts() == CacheCounts(hits=1, misses=1, keys=1)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(key("IBM"), id="another symbol"),
        pytest.param(key("AAPL", "IBM"), id="one more symbol"),
        pytest.param(key("AAPL", source="test/bars"), id="a named source"),
        pytest.param(key("AAPL", start=NOW), id="a start"),
        pytest.param(key("AAPL", end=NOW), id="an end"),
        pytest.param(key("AAPL", last=5), id="the last five"),
        pytest.param(key("AAPL", interval_seconds=60), id="an interval"),
        pytest.param(key("AAPL", version="copy-2"), id="another copy"),
        pytest.param(replace(key("AAPL"), schema_version=2), id="another schema"),
        pytest.param(
            replace(key("AAPL"), selection=Selection(INTRADAY_BARS, ("AAPL",))), id="another dimension"
        ),
    ],
)
def test_another_question_has_another_answer(make: Make, other: CacheKey) -> None:
    cache = make(BOOTSTRAP)
    assert (answer(cache, key("AAPL"), 1.0), answer(cache, other, 2.0)) == (1.0, 2.0)


def test_names_that_look_like_others_when_joined_are_told_apart(make: Make) -> None:
    cache = make(BOOTSTRAP)
    assert (answer(cache, key("A,B"), 1.0), answer(cache, key("A", "B"), 2.0)) == (1.0, 2.0)


def test_keys_stand_in_the_namespace_of_the_policy() -> None:
    text = key("AAPL").text(BOOTSTRAP.namespace)
    assert text.startswith("emp:cache:v1:copy-1:dailyBars:")


@pytest.mark.parametrize(
    ("policy", "minutes", "keys"),
    [
        pytest.param(BOOTSTRAP, 30, 256, id="bootstrap"),
        pytest.param(INSTITUTIONAL, 15, 1024, id="institutional"),
    ],
)
def test_the_tiers_policies(make: Make, clock: Clock, policy: CachePolicy, minutes: int, keys: int) -> None:
    cache = make(policy)
    for number in range(keys + 1):
        answer(cache, key(f"S{number}"))
    assert (cache.counts().keys, cache.counts().evictions) == (keys, 1)
    clock.now += timedelta(minutes=minutes) - SECOND
    assert not loads(cache, key(f"S{keys}"))
    clock.now += SECOND
    assert loads(cache, key(f"S{keys}"))
    assert cache.counts().expirations == 1


def test_a_symbol_tier_has_a_time_of_its_own(make: Make, clock: Clock) -> None:
    cache = make(replace(BOOTSTRAP, tiers=(SymbolTier("fast", frozenset({"ES"}), ttl=SECOND),)))
    for wanted in (key("ES"), key("AAPL"), key("AAPL", "ES")):
        answer(cache, wanted)
    clock.now += SECOND
    assert [loads(cache, wanted) for wanted in (key("ES"), key("AAPL"), key("AAPL", "ES"))] == [
        True,
        False,
        True,
    ]


def test_the_least_recently_used_goes_first(make: Make) -> None:
    cache = make(SMALL)
    for name in ("A", "B", "A", "C"):
        answer(cache, key(name))
    assert cache.counts() == CacheCounts(hits=1, misses=3, evictions=1, keys=2)
    assert [loads(cache, key(name)) for name in ("A", "C", "B")] == [False, False, True]


def test_a_higher_priority_outlives_a_later_use(make: Make) -> None:
    cache = make(replace(SMALL, tiers=(SymbolTier("core", frozenset({"CORE"}), priority=1),)))
    for name in ("CORE", "A", "B", "C"):
        answer(cache, key(name))
    assert cache.counts().evictions == 2
    assert [loads(cache, key(name)) for name in ("CORE", "C")] == [False, False]


def test_what_is_over_makes_room_before_anything_is_evicted(make: Make, clock: Clock) -> None:
    short = SymbolTier("short", frozenset({"SHORT"}), ttl=SECOND, priority=9)
    cache = make(replace(SMALL, tiers=(short,)))
    answer(cache, key("A"))
    answer(cache, key("SHORT"))
    clock.now += SECOND
    answer(cache, key("B"))
    assert (cache.counts().evictions, cache.counts().expirations) == (0, 1)
    assert [loads(cache, key(name)) for name in ("A", "B")] == [False, False]


def test_a_new_version_drops_what_was_known_of_the_old_one(make: Make) -> None:
    cache = make(BOOTSTRAP)
    for name in ("A", "B"):
        answer(cache, key(name))
    answer(cache, key("A", version="copy-2"), 2.0)
    assert cache.invalidate("copy-1") == 2
    assert cache.counts() == CacheCounts(misses=3, invalidations=2, keys=1)
    assert answer(cache, key("A", version="copy-2"), 9.0) == 2.0


def test_an_answer_whose_version_goes_while_it_is_loaded_is_given_and_not_kept(make: Make) -> None:
    cache = make(BOOTSTRAP)

    def load() -> pa.Table:
        cache.invalidate("copy-1")
        return rows(1.0)

    assert cache.fetch(key("A"), load)["close"].to_pylist() == [1.0]
    assert cache.counts().keys == 0
    assert answer(cache, key("A"), 2.0) == 2.0


def test_an_invalidation_of_subjects_ends_what_is_about_them_and_no_more(make: Make) -> None:
    cache = make(BOOTSTRAP)
    many = tuple(f"S{number}" for number in range(MOST_TAGS + 1))
    about_a = [key("A"), key("B", "A"), key("A", last=5), key(), key("A", *many)]
    others = [key("B"), key("A", version="copy-2"), key("a"), key("A,B")]
    for wanted in (*about_a, *others):
        answer(cache, wanted)
    assert cache.invalidate("copy-1", {"A", "Z"}) == len(about_a)
    assert cache.counts().keys == len(others)
    assert [loads(cache, wanted) for wanted in others] == [False] * len(others)
    assert [loads(cache, wanted) for wanted in about_a] == [True] * len(about_a)


@pytest.mark.parametrize(("subject", "kept"), [("A", 0), ("B", 1)])
def test_an_answer_is_not_kept_whose_subject_changes_while_it_is_loaded(
    make: Make, subject: str, kept: int
) -> None:
    cache = make(BOOTSTRAP)

    def load() -> pa.Table:
        cache.invalidate("copy-1", {subject})
        return rows(1.0)

    assert cache.fetch(key("A"), load)["close"].to_pylist() == [1.0]
    assert cache.counts().keys == kept


def test_any_number_of_subjects_may_have_changed(make: Make) -> None:
    cache = make(BOOTSTRAP)
    answer(cache, key("S7"))
    assert cache.invalidate("copy-1", {f"S{number}" for number in range(20_000)}) == 1
    assert loads(cache, key("S7"))


def test_a_failed_load_is_raised_and_tried_again(make: Make) -> None:
    cache = make(BOOTSTRAP)

    def fail() -> pa.Table:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        cache.fetch(key("A"), fail)
    assert answer(cache, key("A"), 2.0) == 2.0
    assert cache.counts() == CacheCounts(misses=2, keys=1)


@pytest.mark.parametrize("fails", [False, True], ids=["and get its answer", "and get its error"])
def test_threads_that_miss_one_key_at_once_wait_for_a_single_load(make: Make, fails: bool) -> None:
    cache = make(BOOTSTRAP)
    others, started, leave = 7, threading.Event(), threading.Event()
    loaded: list[int] = []

    def load() -> pa.Table:
        loaded.append(1)
        started.set()
        assert leave.wait(WAIT)
        if fails:
            raise OSError("the disk is gone")
        return rows(5.0)

    with ThreadPoolExecutor(others + 1) as pool:
        fetches = [pool.submit(cache.fetch, key("HOT"), load)]
        assert started.wait(WAIT)
        fetches += [pool.submit(cache.fetch, key("HOT"), load) for _ in range(others)]
        while cache.counts().hits < others:
            threading.Event().wait(0.01)
        leave.set()
        told = [item.exception(WAIT) for item in fetches]
    assert len(loaded) == 1
    assert [str(error) for error in told] == ["the disk is gone" if fails else "None"] * (others + 1)


def test_many_threads_never_see_an_answer_of_another_key(make: Make) -> None:
    cache = make(replace(SMALL, max_keys=8))

    def work(seed: int) -> bool:
        names = [f"S{(seed * 7 + step) % 16}" for step in range(400)]
        return all(answer(cache, key(name), float(name[1:])) == float(name[1:]) for name in names)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    counts = cache.counts()
    assert (counts.hits + counts.misses, counts.keys) == (3200, 8)


@pytest.mark.parametrize(
    "wrong",
    [{"max_keys": 0}, {"ttl": timedelta()}, {"tiers": (SymbolTier("t", frozenset(), ttl=timedelta()),)}],
    ids=["no key", "no time", "a tier without time"],
)
def test_a_policy_that_keeps_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Rejected, match="at least one key"):
        replace(BOOTSTRAP, **wrong)


@pytest.mark.parametrize("priority", [-1001, 1001])
def test_a_priority_that_no_cache_could_rank_is_refused(priority: int) -> None:
    with pytest.raises(Rejected, match="from -1000 to 1000"):
        replace(BOOTSTRAP, tiers=(SymbolTier("t", frozenset({"A"}), priority=priority),))


def test_priorities_at_both_ends_are_ranked(make: Make) -> None:
    first = SymbolTier("first", frozenset({"FIRST"}), priority=-1000)
    last = SymbolTier("last", frozenset({"LAST"}), priority=1000)
    cache = make(replace(SMALL, tiers=(first, last)))
    for name in ("LAST", "A", "FIRST"):
        answer(cache, key(name))
    assert [loads(cache, key(name)) for name in ("LAST", "FIRST")] == [False, True]


def test_a_version_that_begins_like_another_is_not_taken_for_it(make: Make) -> None:
    cache = make(BOOTSTRAP)
    for version in ("copy", "copy:1", "co", "copy%"):
        answer(cache, key("A", version=version))
    answer(cache, replace(key("A", version="copy"), schema_version=12))
    assert cache.invalidate("copy") == 2
    assert cache.counts().keys == 3
