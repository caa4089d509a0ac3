"""What the process says of itself. Health proves progress: it fails when visits are owed and none ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

STALLED_AFTER = 300.0
"""Seconds without the end of a visit while one is owed. A visit has a deadline of two minutes."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer to a GET."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


@dataclass(slots=True)
class Health:
    """What the process is doing, told by the composition root."""

    state: str = "starting"
    able: bool = False
    """Whether the process could lead: a standby is ready to take over."""
    stalled: Callable[[], float] = lambda: 0.0

    def live(self) -> Page:
        """The page /healthz."""
        stalled = self.stalled()
        if stalled > STALLED_AFTER:
            return _page(503, f"no progress: visits are owed and none has ended for {stalled:.0f} seconds")
        return _page(200, self.state)

    def ready(self) -> Page:
        """The page /readyz."""
        return _page(200 if self.able else 503, self.state)


def _page(status: int, text: str) -> Page:
    return Page(status, f"{text}\n".encode())
