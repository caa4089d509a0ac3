"""What goes into an evaluator and what comes out of it, for every kind. Values only: no clock, no client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

from .conditions import Condition, condition
from .documented import Documented
from .measures import Measure
from .ports.cluster import JOB, Kind
from .ports.readings import ChildReading
from .schema import Model
from .vocabulary import ConditionType, Reason

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
    """Create a Job; nothing happens if one of its name exists.

    `why` is told in the log; what comes by the clock needs no telling, and has none. Here and below.
    """

    document: dict[str, Any]
    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Prune:
    """Delete a child of this identity: a finished Job with its pods, unless another kind is named."""

    name: str
    uid: str
    kind: Kind = JOB
    why: str = field(default="", compare=False)
    orphan: bool = False
    """Whether what it owns stays."""


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
class Evaluation:
    """What is true, and what is to be done about it.

    The actions are taken in their order, and the first refusal ends them. Without `recheck_after` the
    next look is the ordinary one.
    """

    conditions: tuple[Condition, ...]
    fields: Model
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    measures: tuple[Measure, ...] = ()
    recheck_after: timedelta | None = None


LONG = 100
"""Characters of a sentence that nobody wants to read twice."""


def said_once(
    findings: Mapping[ConditionType, Finding], order: Sequence[ConditionType]
) -> dict[ConditionType, Finding]:
    """The findings, where each long sentence stands in the first condition of an order that has it.

    The others name that condition. One that says nothing else says what its reason means.
    """
    told = dict(findings)
    for place, kind in enumerate(order):
        said = told[kind].message if kind in told else ""
        if len(said) <= LONG or told[kind] is not findings[kind]:
            continue
        for other in order[place + 1 :]:
            if other in told and said in told[other].message:
                told[other] = replace(told[other], message=_referring(told[other], said, kind))
    return told


def _referring(finding: Finding, said: str, to: ConditionType) -> str:
    before, _, after = finding.message.partition(said)
    if not before:
        before = f"{finding.reason.meaning.rstrip('.')}: "
    see = "See" if before.rstrip().endswith(".") else "see"
    return f"{before}{see} condition {to}.{after.removeprefix('.')}"


def as_conditions(findings: Mapping[ConditionType, Finding], generation: int) -> tuple[Condition, ...]:
    """The findings as conditions that speak of this generation."""
    return tuple(
        condition(kind, found.holds, found.reason, found.message, generation)
        for kind, found in findings.items()
    )
