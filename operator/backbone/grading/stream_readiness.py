"""How ready Kafka is, as a grade for each of its checks in order; pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..documented import Documented
from ..evaluation import Finding


class Grade(Documented):
    """How ready something is; the best first."""

    PASS = ("Pass", "The check found nothing wrong.")
    WARN = ("Warn", "It works, and somebody should look at it.")
    FAIL = ("Fail", "It does not do its work.")
    UNKNOWN = ("Unknown", "Nobody could look, or an earlier check is not passed.")


CHECKS = ("settings", "reachable", "authorised", "topics", "lag")
"""In the order in which they are asked; the first that is wrong is the reason."""


def grade_of(found: Finding | None) -> Grade:
    """The grade of what a check found. A finding that holds, and was worth telling, is a warning."""
    if found is None:
        return Grade.PASS
    if found.holds is None:
        return Grade.UNKNOWN
    return Grade.WARN if found.holds else Grade.FAIL


def graded(wrong: str | None, found: Finding | None) -> Mapping[str, Grade]:
    """A grade for each check, where `wrong` names the first that found something.

    The checks before it are passed, and those after it were not asked. Without a check's name nobody could
    look at any.
    """
    if found is None:
        return dict.fromkeys(CHECKS, Grade.PASS)
    grades = dict.fromkeys(CHECKS, Grade.UNKNOWN)
    if wrong is not None:
        at = CHECKS.index(wrong)
        grades |= {**dict.fromkeys(CHECKS[:at], Grade.PASS), wrong: grade_of(found)}
    return grades
