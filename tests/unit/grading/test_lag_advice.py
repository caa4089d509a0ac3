"""Every word and reason of lag has an advice, in a sentence."""

from __future__ import annotations

import pytest

from backbone.grading.lag_advice import advice, means
from backbone.ports.lag import LagReason, LagWord


@pytest.mark.parametrize("word", LagWord)
@pytest.mark.parametrize("reason", [None, *LagReason])
def test_all_but_ok_says_what_to_do(word: LagWord, reason: LagReason | None) -> None:
    told = advice(word, reason)
    assert bool(told) == (word is not LagWord.OK or reason is not None)
    assert not told or told.endswith(".")


def test_of_what_could_not_be_judged_the_reason_tells_the_meaning() -> None:
    assert means("Unknown", "GroupNotFound") == LagReason.GROUP_NOT_FOUND.meaning
    assert means("Stopped", "RecordsExpired") == LagWord.STOPPED.meaning
    assert means("Later", None) == LagWord.UNKNOWN.meaning


def test_a_word_of_another_version_sends_to_the_log() -> None:
    assert "log" in advice("Later", None)
