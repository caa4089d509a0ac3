"""What the process says of itself. Health proves progress: it fails when a visit never ends, or none does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

STALLED_AFTER = 300.0
"""Seconds for one visit, and without the end of any while one is owed. A visit has a deadline of two minutes,
and as many to tell why it failed."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer to a GET."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Progress:
    """How the visits of one kind get on. Ages are seconds, and 0 where there is nothing to have an age."""

    objects: int = 0
    queued: int = 0
    """Visits that are owed and have not begun."""
    under_way: int = 0
    overdue: float = 0.0
    """How long the oldest visit that is owed has waited and run."""
    longest: float = 0.0
    """How long the oldest visit under way has run."""
    longest_of: str = ""
    """Which object that is."""
    silent: float = 0.0
    """How long none has ended, counted from when the oldest was owed."""
    oldest_status: float = 0.0
    """Age of the status that was found or made true longest ago."""


Look = Callable[[], Mapping[str, Progress]]
"""Progress by kind, as it is now."""


@dataclass(slots=True)
class Health:
    """What the process is doing, told by the composition root."""

    state: str = "starting"
    able: bool = False
    """Whether the process could lead: a standby is ready to take over."""
    progress: Look = dict

    def live(self) -> Page:
        """The page /healthz."""
        troubles = [line for kind, seen in self.progress().items() for line in _troubles(kind, seen)]
        return _page(503, "\n".join(troubles)) if troubles else _page(200, self.state)

    def ready(self) -> Page:
        """The page /readyz."""
        return _page(200 if self.able else 503, self.state)


def _troubles(kind: str, seen: Progress) -> list[str]:
    """What keeps visits of a kind from getting on, if anything does."""
    if seen.longest > STALLED_AFTER:
        return [f"no progress: the visit of {kind} {seen.longest_of} has run for {seen.longest:.0f} seconds"]
    if seen.silent > STALLED_AFTER:
        return [f"no progress: visits of {kind} are owed and none has ended for {seen.silent:.0f} seconds"]
    return []


def _page(status: int, text: str) -> Page:
    return Page(status, f"{text}\n".encode())
