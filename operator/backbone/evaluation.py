"""What goes into an evaluator and what comes out of it, for every kind. Values only: no clock, no client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

from .conditions import Condition, condition
from .ports.readings import ChildReading
from .schema import Model
from .vocabulary import ConditionType, Documented, Reason

S = TypeVar("S", bound=Model)


@dataclass(frozen=True, slots=True)
class Subject(Generic[S]):
    """One of our objects: what the user asks for, and what its status said before this visit."""

    namespace: str
    name: str
    uid: str
    generation: int
    annotations: dict[str, str]
    spec: S
    status: dict[str, Any]
    """Less its conditions."""
    created: datetime | None = None
    """When it began (UTC): what is older speaks of another object of its name."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Make a child as the document says; `found` is the child as it was observed."""

    document: dict[str, Any]
    found: ChildReading | None


@dataclass(frozen=True, slots=True)
class Start:
    """Create a Job; nothing happens if one of its name exists."""

    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prune:
    """Delete a finished Job and its pods."""

    name: str
    uid: str


Action = Apply | Start | Prune


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server refused an action."""

    child: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition in the making: None where nothing is known; `stuck` where only a change helps."""

    holds: bool | None
    reason: Documented
    message: str
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """An event to be posted about the object."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that ended since the last visit, to be counted: what it asked of providers, and asked again."""

    outcome: str
    requests: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """A share that was measured of a backbone's cache, from 0 to 1; None where nobody could."""

    of: Literal["hits", "room", "evictions"]
    value: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is true, and what is to be done about it.

    The actions are taken in their order, and the first refusal ends them. Without `recheck_after` the
    next look is the ordinary one.
    """

    conditions: tuple[Condition, ...]
    fields: Model
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    ended: tuple[Ended, ...] = ()
    measures: tuple[Measure, ...] = ()
    recheck_after: timedelta | None = None


def refused(refusals: Iterable[Refusal], child: str) -> Refusal | None:
    """The refusal of this child, if there is one."""
    return next((item for item in refusals if item.child == child), None)


def as_conditions(findings: Mapping[ConditionType, Finding], generation: int) -> tuple[Condition, ...]:
    """The findings as conditions that speak of this generation."""
    return tuple(
        condition(kind, found.holds, found.reason, found.message, generation)
        for kind, found in findings.items()
    )
