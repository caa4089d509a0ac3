"""Grades of Kafka's readiness, check by check."""

from __future__ import annotations

import pytest

from backbone.evaluation import Finding
from backbone.grading.stream_readiness import CHECKS, Grade, grade_of, graded
from backbone.vocabulary import Reason


@pytest.mark.parametrize(("holds", "grade"), [(True, "Warn"), (False, "Fail"), (None, "Unknown")])
def test_what_was_found_has_a_grade_and_nothing_is_a_pass(holds: bool | None, grade: str) -> None:
    assert grade_of(Finding(holds, Reason.OUT_OF_DATE, "")) == grade
    assert grade_of(None) is Grade.PASS


def test_the_checks_before_the_wrong_one_are_passed_and_those_after_it_unknown() -> None:
    found = graded("authorised", Finding(False, Reason.OUT_OF_DATE, ""))
    assert [found[name] for name in CHECKS] == ["Pass", "Pass", "Fail", "Unknown", "Unknown"]
    assert set(graded(None, Finding(None, Reason.OUT_OF_DATE, "")).values()) == {"Unknown"}
    assert set(graded(None, None).values()) == {"Pass"}
