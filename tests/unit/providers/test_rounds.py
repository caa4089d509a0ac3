"""Names in turn: what may pass is asked again, behind the others, and a refused round ends in time."""

from __future__ import annotations

from collections.abc import Callable

from backbone.providers.pacing import Limits
from backbone.providers.rounds import ask_for
from backbone.providers.trouble import Trouble
from backbone.vocabulary import Outcome

LIMITS = Limits(attempts=3, first_wait=1, longest_wait=4, budget=10, refusals=2)


def answers(asked: list[str], **troubles: list[Trouble]) -> Callable[[str], str]:
    """Answer in capitals, after the troubles of a name are used up."""

    def ask(name: str) -> str:
        asked.append(name)
        if troubles.get(name):
            raise troubles[name].pop(0)
        return name.upper()

    return ask


def trouble(outcome: Outcome, wait: float | None = None) -> Trouble:
    return Trouble(outcome, "why", wait)


def test_what_passes_is_asked_again_behind_the_others() -> None:
    asked: list[str] = []
    found = ask_for(("a", "b", "c"), answers(asked, a=[trouble(Outcome.TIMED_OUT)]), LIMITS, lambda _: None)
    assert asked == ["a", "b", "c", "a"]
    assert found.answers == {"b": "B", "c": "C", "a": "A"}
    assert found.fates == {}
    assert found.retried == 1


def test_what_stays_is_asked_once_and_what_may_pass_no_more_often_than_the_limit() -> None:
    asked: list[str] = []
    unknown, down = trouble(Outcome.UNKNOWN_SYMBOL), trouble(Outcome.SERVER_TROUBLE)
    found = ask_for(("a", "b"), answers(asked, a=[unknown], b=[down] * 9), LIMITS, lambda _: None)
    assert asked == ["a", "b", "b", "b"]
    assert found.of(Outcome.UNKNOWN_SYMBOL) == ("a",)
    assert [(item.name, item.outcome) for item in found.failed()] == [("b", Outcome.SERVER_TROUBLE)]


def test_a_limit_that_lasts_leaves_the_rest_unasked_and_names_it() -> None:
    asked: list[str] = []
    limited = {name: [trouble(Outcome.RATE_LIMITED, 3600)] * 9 for name in "abcde"}
    found = ask_for(tuple("abcde"), answers(asked, **limited), LIMITS, lambda _: None)
    assert asked == ["a", "b"]
    assert set(found.fates) == set("abcde")
    assert {item.outcome for item in found.fates.values()} == {Outcome.RATE_LIMITED}


def test_one_name_that_is_limited_does_not_keep_the_others_from_coming() -> None:
    asked: list[str] = []
    found = ask_for(
        tuple("abc"), answers(asked, a=[trouble(Outcome.RATE_LIMITED, 3600)] * 9), LIMITS, lambda _: None
    )
    assert found.answers == {"b": "B", "c": "C"}
    assert set(found.fates) == {"a"}
