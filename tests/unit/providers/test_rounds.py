"""Names in turn: what may pass is asked again, behind the others, and a refused round ends in time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backbone.providers.pacing import Limits, Patience
from backbone.providers.protocol import Fate
from backbone.providers.rounds import ask_for
from backbone.providers.trouble import Trouble
from backbone.vocabulary import Outcome


class Time:
    """A clock that only sleeping and asking move."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


LIMITS = Limits(attempts=3, first_wait=1, longest_wait=4, budget=10, refusals=2)


def answers(asked: list[str], **troubles: list[Trouble]) -> Callable[[str], str]:
    """Answer in capitals, after the troubles of a name are used up."""

    def ask(name: str) -> str:
        asked.append(name)
        if troubles.get(name):
            raise troubles[name].pop(0)
        return name.upper()

    return ask


def patient(limits: Limits = LIMITS) -> Patience:
    return Patience(limits, lambda _: None)


def trouble(outcome: Outcome, wait: float | None = None) -> Trouble:
    return Trouble(outcome, "why", wait)


def test_what_passes_is_asked_again_behind_the_others() -> None:
    asked: list[str] = []
    found = ask_for(("a", "b", "c"), answers(asked, a=[trouble(Outcome.TIMED_OUT)]), patient())
    assert asked == ["a", "b", "c", "a"]
    assert found.answers == {"b": "B", "c": "C", "a": "A"}
    assert found.fates == {}
    assert found.retried == 1


def test_what_stays_is_asked_once_and_what_may_pass_no_more_often_than_the_limit() -> None:
    asked: list[str] = []
    unknown, down = trouble(Outcome.UNKNOWN_SYMBOL), trouble(Outcome.SERVER_TROUBLE)
    found = ask_for(("a", "b"), answers(asked, a=[unknown], b=[down] * 9), patient())
    assert asked == ["a", "b", "b", "b"]
    assert found.of(Outcome.UNKNOWN_SYMBOL) == ("a",)
    assert [(item.name, item.outcome) for item in found.failed()] == [("b", Outcome.SERVER_TROUBLE)]


def test_a_limit_that_lasts_leaves_the_rest_unasked_and_names_it() -> None:
    asked: list[str] = []
    limited = {name: [trouble(Outcome.RATE_LIMITED, 3600)] * 9 for name in "abcde"}
    found = ask_for(tuple("abcde"), answers(asked, **limited), patient())
    assert asked == ["a", "b"]
    assert set(found.fates) == set("abcde")
    assert {item.outcome for item in found.fates.values()} == {Outcome.RATE_LIMITED}


def test_one_name_that_is_limited_does_not_keep_the_others_from_coming() -> None:
    asked: list[str] = []
    found = ask_for(tuple("abc"), answers(asked, a=[trouble(Outcome.RATE_LIMITED, 3600)] * 9), patient())
    assert found.answers == {"b": "B", "c": "C"}
    assert set(found.fates) == {"a"}


@pytest.mark.parametrize("outcome", [Outcome.TIMED_OUT, Outcome.PROVIDER_UNREACHABLE], ids=str)
def test_a_provider_that_does_not_answer_is_left_alone_in_time(outcome: Outcome) -> None:
    limits, time, asked = Limits(), Time(), []

    def ask(name: str) -> str:
        asked.append(name)
        time.now += limits.deadline if outcome is Outcome.TIMED_OUT else 0
        raise Trouble(outcome, "no answer")

    names = tuple(f"S{number:03d}" for number in range(500))
    found = ask_for(names, ask, Patience(limits, time.pause, time))
    assert time.now - 100 <= limits.budget + limits.refusals * limits.deadline
    assert len(asked) <= 20
    assert set(found.fates) == set(names)
    assert {fate.outcome for fate in found.fates.values()} == {outcome}
    assert found.fates["S499"].message == "not asked for: no answer, and the run's patience is spent"


def test_names_that_were_asked_for_keep_what_became_of_them_when_the_round_ends() -> None:
    limited = {name: [trouble(Outcome.RATE_LIMITED, 3600)] * 9 for name in "bcde"}
    ask = answers([], a=[trouble(Outcome.SERVER_TROUBLE)] * 9, **limited)
    found = ask_for(tuple("abcde"), ask, patient())
    assert {name: fate.outcome for name, fate in found.fates.items()} == {
        "a": Outcome.SERVER_TROUBLE,
        **dict.fromkeys("bcde", Outcome.RATE_LIMITED),
    }
    assert found.fates["a"].message == "why"


def test_one_name_that_times_out_for_long_does_not_keep_the_others_from_coming() -> None:
    time = Time()

    def ask(name: str) -> str:
        time.now += 20 if name == "a" else 0
        if name == "a":
            raise trouble(Outcome.TIMED_OUT)
        return name.upper()

    found = ask_for(tuple("abc"), ask, Patience(LIMITS, time.pause, time))
    assert found.answers == {"b": "B", "c": "C"}
    assert found.failed() == (Fate("a", Outcome.TIMED_OUT, "why"),)
