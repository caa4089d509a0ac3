"""One loop per object: its visits never overlap, wake-ups are merged, and no exception ends it.

Plain tasks rather than kopf daemons: a daemon makes kopf put a finalizer on the object, which would hold back
its deletion, and its namespace's, whenever the operator is not there.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from .errors import BackboneError, Conflict, Denied, Unreachable, Waiting
from .handling import Reconciler, Visited
from .metrics import Metrics
from .vocabulary import Reason

logger = logging.getLogger(__name__)

SETTLE = 0.2
"""Seconds to wait after a wake-up for those that follow on its heels."""
DEADLINE = 120.0
"""Seconds for one visit, all its calls included."""
AT_ONCE = 16
"""Visits that run side by side."""
FIRST_RETRY = 1.0
LAST_RETRY = 300.0
ADMIT_AFTER = 3
"""Visits in a row that could not look, before the status says so: a blink of the API server is no news."""


@dataclass(frozen=True, slots=True)
class Key:
    """Which object."""

    kind: str
    namespace: str
    name: str


@dataclass(slots=True)
class _Loop:
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    due: float = 0.0
    """Loop time from which on a visit is owed or under way."""
    failures: int = 0
    task: asyncio.Task[None] | None = None


class Visits:
    """The loops of all objects."""

    def __init__(
        self, reconcilers: Mapping[str, Reconciler[Any, Any]], metrics: Metrics, resync: timedelta
    ) -> None:
        self._reconcilers = reconcilers
        self._metrics = metrics
        self._resync = resync.total_seconds()
        self._loops: dict[Key, _Loop] = {}
        self._marks: dict[Hashable, Hashable] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._last_end = 0.0
        self._closed = False

    def wake(self, key: Key) -> None:
        """Have an object visited soon; a first call begins its visits, which end when it is gone."""
        loop = self._loops.get(key)
        if self._closed:
            return
        if loop is None:
            loop = self._loops[key] = _Loop(due=_now())
            loop.awake.set()
            loop.task = asyncio.create_task(self._live(key, loop), name=f"visits of {key}")
        elif not loop.awake.is_set():
            loop.due = min(loop.due, _now() + SETTLE)
            loop.awake.set()

    def changed(self, source: Hashable, mark: Hashable | None) -> bool:
        """Whether a watched object's mark differs from the last one; None forgets the object."""
        if mark is None:
            return self._marks.pop(source, None) is not None
        known = self._marks.get(source)
        self._marks[source] = mark
        return known != mark

    def stalled(self) -> float:
        """Seconds since a visit ended last, counted from when the oldest one was owed; 0 if none is."""
        now = _now()
        oldest = min((loop.due for loop in self._loops.values()), default=now)
        self._metrics.overdue.set(max(now - oldest, 0.0))
        return max(now - max(oldest, self._last_end), 0.0)

    async def close(self) -> None:
        """End all loops, for good: what is still watched wakes nobody any more."""
        self._closed = True
        tasks = [loop.task for loop in self._loops.values() if loop.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._loops.clear()

    async def _live(self, key: Key, loop: _Loop) -> None:
        while True:
            loop.due = min(loop.due, _now())
            await asyncio.sleep(SETTLE)
            loop.awake.clear()
            visited, pause = await self._turn(key, loop)
            # Nothing is awaited between this look and the removal, so no wake-up falls in between.
            if visited.gone and not loop.awake.is_set():
                del self._loops[key]
                return
            if visited.gone:
                continue
            loop.due = _now() + pause
            try:
                await asyncio.wait_for(loop.awake.wait(), pause)
            except TimeoutError:
                continue

    async def _turn(self, key: Key, loop: _Loop) -> tuple[Visited, float]:
        async with self._turns:
            with self._metrics.visit_seconds.labels(key.kind).time():
                visited = await self._visit(key, loop)
        self._last_end = _now()
        self._metrics.visits.labels(key.kind, visited.result).inc()
        if visited.after is not None:
            return visited, visited.after.total_seconds()
        return visited, self._resync * random.uniform(0.9, 1.1)  # noqa: S311 - spreads the load

    async def _visit(self, key: Key, loop: _Loop) -> Visited:
        reconciler = self._reconcilers[key.kind]
        try:
            async with asyncio.timeout(DEADLINE):
                visited = await reconciler.visit(key.namespace, key.name)
        except Conflict as error:
            logger.debug("%s changed while it was visited: %s", key, error)
            return Visited("conflict", after=timedelta(seconds=FIRST_RETRY))
        except Waiting as error:
            logger.debug("%s waits: %s", key, error)
            return Visited("waiting", after=error.after)
        except (Unreachable, TimeoutError) as error:
            loop.failures += 1
            denied = isinstance(error, Denied)
            reason = Reason.PERMISSION_DENIED if denied else Reason.API_UNREACHABLE
            message = str(error) or f"the visit took longer than {DEADLINE:.0f} seconds"
            logger.warning("%s could not be looked at: %s", key, message)
            if denied or loop.failures >= ADMIT_AFTER:
                await self._admit(key, reason, message)
            return Visited("denied" if denied else "unreachable", after=_backoff(loop.failures))
        except Exception as error:
            loop.failures += 1
            logger.exception("a bug came to light while visiting %s", key)
            await self._admit(key, Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error}")
            return Visited("error", after=_backoff(loop.failures))
        loop.failures = 0
        return visited

    async def _admit(self, key: Key, reason: Reason, message: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                await self._reconcilers[key.kind].admit(key.namespace, key.name, reason, message)
        except (BackboneError, TimeoutError) as error:
            logger.warning("%s could not be told about %s: %s", key, reason, error)
        except Exception:
            logger.exception("a bug came to light while telling %s about %s", key, reason)


def _backoff(failures: int) -> timedelta:
    return timedelta(seconds=min(FIRST_RETRY * (1 << min(failures, 16)), LAST_RETRY))


def _now() -> float:
    return asyncio.get_running_loop().time()
