"""Kubernetes conditions as values, and how one follows another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from .documented import Documented
from .vocabulary import ConditionType

ConditionStatus = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of status.conditions.

    `last_transition_time` is None on a condition that has not met its predecessor yet.
    """

    type: str
    status: ConditionStatus
    reason: str
    message: str
    observed_generation: int
    last_transition_time: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """The condition as the API server stores it."""
        moment = self.last_transition_time
        if moment is None:
            raise ValueError(f"condition {self.type} was never passed through transition()")
        return {
            "type": str(self.type),
            "status": self.status,
            "reason": str(self.reason),
            "message": self.message[:MESSAGE_LIMIT],
            "observedGeneration": self.observed_generation,
            "lastTransitionTime": format_time(moment),
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Condition:
        """A condition read from the API server.

        Raises KeyError or ValueError on what is no condition.
        """
        return cls(
            type=raw["type"],
            status=raw["status"],
            reason=raw["reason"],
            message=raw.get("message", ""),
            observed_generation=int(raw.get("observedGeneration", 0)),
            last_transition_time=parse_time(raw["lastTransitionTime"]),
        )


MESSAGE_LIMIT = 1024
"""Characters; the API's own limit is 32,768, and nobody reads that in a table."""


def condition(
    kind: ConditionType,
    holds: bool | None,
    reason: Documented,
    message: str,
    generation: int,
) -> Condition:
    """A condition in domain words: `holds` None means unknown."""
    status: ConditionStatus = "Unknown" if holds is None else "True" if holds else "False"
    return Condition(kind, status, reason, message, generation)


def transition(
    previous: Iterable[Condition], current: Iterable[Condition], now: datetime
) -> tuple[Condition, ...]:
    """Date the current conditions: the time moves only where the status differs from the previous one's."""
    before = {item.type: item for item in previous}
    dated = []
    for item in current:
        old = before.get(item.type)
        same = old is not None and old.status == item.status
        dated.append(replace(item, last_transition_time=old.last_transition_time if old and same else now))
    return tuple(dated)


def read_conditions(raw: object) -> tuple[Condition, ...]:
    """Conditions from a status; entries that are no conditions are left out, since they will be rewritten."""
    if not isinstance(raw, list):
        return ()
    found = []
    for entry in raw:
        try:
            found.append(Condition.from_json(entry))
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, the API's metav1.Time. Raises ValueError on a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """The inverse of format_time; accepts fractions. Raises ValueError."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text} is out of range") from None
