"""How often a provider is asked, and for how long a run waits."""

from __future__ import annotations

import pytest

from backbone.providers.pacing import STEP_SECONDS, Limits, Pace, Patience


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    time = Time()
    pace = Pace(2.0, 3, time.pause, time)
    for _ in range(3):
        pace.wait()
    assert time.slept == []
    for _ in range(10):
        pace.wait()
    assert time.now == pytest.approx(105.0)


def test_what_was_not_used_is_not_saved_beyond_the_burst() -> None:
    time = Time()
    pace = Pace(2.0, 3, time.pause, time)
    time.now += 3600
    for _ in range(5):
        pace.wait()
    assert time.now == pytest.approx(3701.0)


def test_each_wait_is_longer_than_the_one_before_up_to_a_bound_and_within_the_budget() -> None:
    time = Time()
    patience = Patience(Limits(first_wait=1, longest_wait=8, budget=100), time.pause)
    waits = []
    for turn in range(1, 7):
        before = time.now
        assert patience.wait(turn)
        waits.append(time.now - before)
    for turn, wait in enumerate(waits):
        most = min(8, 2**turn)
        assert most / 2 <= wait <= most
    assert patience.left == pytest.approx(100 - sum(waits))
    assert max(time.slept) <= STEP_SECONDS


def test_a_wait_that_the_provider_tells_is_kept_and_one_beyond_the_budget_is_not_begun() -> None:
    time = Time()
    patience = Patience(Limits(first_wait=1, budget=30), time.pause)
    assert patience.wait(1, told=20)
    assert time.now == pytest.approx(120)
    assert not patience.wait(1, told=3600)
    assert time.now == pytest.approx(120)


def test_waiting_ends_when_the_worker_is_told_to_stop() -> None:
    class Stopped(Exception):
        pass

    def pause(_: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        Patience(Limits(), pause).wait(5)
