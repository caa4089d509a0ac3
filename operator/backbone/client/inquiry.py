"""Looking at what decides about fitness; whatever cannot be looked at is said to be unknown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from ..market.dimensions import Dimension
from ..ports.store import LastAttempt, Line, Reader
from ..ports.store_errors import StoreError
from .fitness import Fitness, FitnessFinding, Reading, Unfit, judge
from .questions import earlier

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
        readings = list(_readings(inquiry, reader))
    except StoreError as error:
        return unknown(inquiry, str(error), version)
    findings = tuple(finding for reading in readings for finding in judge(reading))
    return Fitness(inquiry.dimension.name, inquiry.at, version, findings)


def unknown(inquiry: Inquiry, why: str, version: str | None = None) -> Fitness:
    """The answer where nothing could be looked at."""
    findings = tuple(FitnessFinding(subject, Unfit.UNKNOWN, why) for subject in inquiry.subjects)
    return Fitness(inquiry.dimension.name, inquiry.at, version, findings)


def _readings(inquiry: Inquiry, reader: Reader) -> Iterator[Reading]:
    """One reading per subject; what was looked up is gone through once, however many there are."""
    lines = _by_subject(
        line
        for line in reader.lines(inquiry.dimension, inquiry.subjects, until=inquiry.at)
        if inquiry.source in {None, line.source} and inquiry.interval_seconds in {None, line.interval_seconds}
    )
    attempts = _by_subject(reader.last_attempts(inquiry.dimension, inquiry.subjects))
    waiting: dict[str, dict[str, int]] = defaultdict(dict)
    for (subject, source), count in reader.undecided(inquiry.dimension, inquiry.subjects, inquiry.at).items():
        if inquiry.source in {None, source}:
            waiting[subject][source] = count
    due_by = _due_by(inquiry)
    for subject in inquiry.subjects:
        held = tuple(lines[subject])
        due, undue = due_by(subject, held[0] if len(held) == 1 else None)
        # Where no row is held, all of them may be in quarantine.
        sources = {line.source for line in held} or waiting[subject].keys()
        quarantined = sum(count for source, count in waiting[subject].items() if source in sources)
        yield Reading(subject, held, due, undue, tuple(attempts[subject]), quarantined)


def _due_by(inquiry: Inquiry) -> Callable[[str, Line | None], tuple[datetime | None, str]]:
    """When a subject's rows are due, as far as is known what is held of it."""
    if inquiry.max_age is not None:
        stated = earlier(inquiry.at, inquiry.max_age)
        return lambda _, __: (stated, "")
    from .freshness import Dues

    return Dues(inquiry.dimension, inquiry.grace, inquiry.at).of


def _by_subject(items: Iterable[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for item in items:
        found[item.subject].append(item)
    return found
