"""Looking at what decides about fitness; whatever cannot be looked at is said to be unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from ..market.dimensions import Dimension
from ..ports.store import LastAttempt, Line, Reader
from ..ports.store_errors import StoreError
from .fitness import Finding, Fitness, Reading, Unfit, judge

T = TypeVar("T", Line, LastAttempt)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question for fitness. Without `max_age` the sessions count, with `grace` or its usual length."""

    dimension: Dimension
    subjects: tuple[str, ...]
    source: str | None
    interval_seconds: int | None
    max_age: timedelta | None
    grace: timedelta | None
    at: datetime


def answer(inquiry: Inquiry, reader: Reader, version: str) -> Fitness:
    """The answer from one copy."""
    try:
        readings = _readings(inquiry, reader)
    except StoreError as error:
        return unknown(inquiry, str(error), version)
    findings = tuple(finding for reading in readings for finding in judge(reading))
    return Fitness(inquiry.dimension.name, inquiry.at, version, findings)


def unknown(inquiry: Inquiry, why: str, version: str | None = None) -> Fitness:
    """The answer where nothing could be looked at."""
    findings = tuple(Finding(subject, Unfit.UNKNOWN, why) for subject in inquiry.subjects)
    return Fitness(inquiry.dimension.name, inquiry.at, version, findings)


def _readings(inquiry: Inquiry, reader: Reader) -> list[Reading]:
    lines = [
        line
        for line in reader.lines(inquiry.dimension, inquiry.subjects, until=inquiry.at)
        if inquiry.source in {None, line.source} and inquiry.interval_seconds in {None, line.interval_seconds}
    ]
    attempts = reader.last_attempts(inquiry.dimension, inquiry.subjects)
    undecided = reader.undecided(inquiry.dimension, inquiry.subjects, inquiry.at)
    return [
        _reading(inquiry, subject, _of(subject, lines), _of(subject, attempts), undecided)
        for subject in inquiry.subjects
    ]


def _reading(
    inquiry: Inquiry,
    subject: str,
    lines: tuple[Line, ...],
    attempts: tuple[LastAttempt, ...],
    undecided: dict[tuple[str, str], int],
) -> Reading:
    due, undue = _due(inquiry, subject)
    # Where no row is held, all of them may be in quarantine.
    sources = {line.source for line in lines} or {source for _, source in undecided}
    quarantined = sum(
        count
        for (name, source), count in undecided.items()
        if name == subject and source in sources and inquiry.source in {None, source}
    )
    return Reading(subject, lines, due, undue, attempts, quarantined)


def _due(inquiry: Inquiry, subject: str) -> tuple[datetime | None, str]:
    if inquiry.max_age is not None:
        return inquiry.at - inquiry.max_age, ""
    from .freshness import due_by_sessions

    return due_by_sessions(inquiry.dimension, subject, inquiry.grace, inquiry.at)


def _of(subject: str, items: Iterable[T]) -> tuple[T, ...]:
    return tuple(item for item in items if item.subject == subject)
