"""One loop per object: its visits never overlap, wake-ups are merged, and no exception ends it.

Plain tasks rather than kopf daemons: a daemon makes kopf put a finalizer on the object, which would hold back
its deletion, and its namespace's, whenever the operator is not there.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from .decisions import log_decision
from .errors import BackboneError, Conflict, Denied, Unreachable, Waiting
from .handling import Reconciler, Visited
from .health import Progress
from .metrics import Metrics
from .vocabulary import Reason

logger = logging.getLogger(__name__)

SETTLE = 0.1
"""Seconds to wait after a wake-up for those that follow on its heels."""
DEADLINE = 120.0
"""Seconds for one visit, all its calls included."""
AT_ONCE = 8
"""Visits of one kind that run side by side; no kind waits for another."""
GRACE = 3.0
"""Seconds in which visits under way may end when the process is told to."""
FIRST_RETRY = 1.0
LAST_RETRY = 30.0
"""The longest pause of an object that failed: it is true again within a minute of what held it up."""
SHARE = 0.1
"""Seconds of that pause for each failing object: all together they leave the API server in peace."""
SCOUT_RETRY = 10.0
"""The longest pause of the first of those that failed for one reason: it finds out for all of them."""
CONFLICT_RETRY = 5.0
STAND_BY = 5.0
"""Seconds until it is asked again whether the namespace is still another operator's."""
BUG_RETRY = 300.0
UNLOOKED = {Reason.API_UNREACHABLE, Reason.PERMISSION_DENIED}
"""Why an object could not be looked at: told in the log when it begins and when it ends."""
ADMIT_AFTER = 3
"""Visits in a row that could not look, before the status says so: a blink of the API server is no news."""


@dataclass(frozen=True, slots=True)
class Key:
    """Which object."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(slots=True)
class _Loop:
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    due: float = 0.0
    """Loop time from which on a visit is owed or under way."""
    began: float | None = None
    """Loop time at which the visit under way began."""
    confirmed: float = 0.0
    """Loop time at which the status was found or made true."""
    failures: int = 0
    failing: Reason | None = None
    """Why the last visit failed, for what the cluster can mend for many objects at once."""
    task: asyncio.Task[None] | None = None
    heard: dict[Hashable, Hashable] = field(default_factory=dict)
    """Marks of the watched objects that its visits read."""


class Visits:
    """The loops of all objects."""

    def __init__(
        self,
        reconcilers: Mapping[str, Reconciler[Any, Any]],
        metrics: Metrics,
        resync: timedelta,
        serves: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._reconcilers = reconcilers
        self._serves = serves
        self._metrics = metrics
        self._resync = resync.total_seconds()
        self._loops: dict[Key, _Loop] = {}
        self._marks: dict[Key, Hashable] = {}
        self._turns = {kind: asyncio.Semaphore(AT_ONCE) for kind in reconcilers}
        self._last_end = dict.fromkeys(reconcilers, 0.0)
        self._closed = False

    def wake(self, key: Key) -> None:
        """Have an object visited soon; a first call begins its visits, which end when it is gone."""
        loop = self._loops.get(key)
        if self._closed:
            return
        if loop is None:
            loop = self._loops[key] = _Loop(due=_now(), confirmed=_now())
            loop.awake.set()
            loop.task = asyncio.create_task(self._live(key, loop), name=f"visits of {key}")
        else:
            _rouse(loop)

    def changed(self, key: Key, mark: Hashable | None) -> bool:
        """Whether an object's own mark differs from the last one; None forgets the object."""
        if mark is None:
            return self._marks.pop(key, None) is not None
        known = self._marks.get(key)
        self._marks[key] = mark
        return known != mark

    def hear(self, key: Key, source: Hashable, mark: Hashable | None) -> None:
        """Have an object visited soon if something that its visits read has another mark than before.

        None is for a source that is gone, which is news even where nothing was heard of it before. An object
        that nobody visits is not there, or its own first visit, which sees all of this, is yet to come.
        """
        loop = self._loops.get(key)
        if loop is None:
            return
        if mark is None:
            loop.heard.pop(source, None)
        elif loop.heard.get(source) == mark:
            return
        else:
            loop.heard[source] = mark
        self.wake(key)

    def namespaces(self) -> set[str]:
        """Where there are objects that are visited."""
        return {key.namespace for key in self._loops}

    def progress(self) -> dict[str, Progress]:
        """How the visits of each kind get on."""
        now = _now()
        return {kind: self._progress(kind, now) for kind in self._reconcilers}

    def _progress(self, kind: str, now: float) -> Progress:
        loops = {key: loop for key, loop in self._loops.items() if key.kind == kind}
        if not loops:
            return Progress()
        begun = {key: loop.began for key, loop in loops.items() if loop.began is not None}
        first = min(begun, key=lambda key: begun[key], default=None)
        oldest = min(loop.due for loop in loops.values())
        return Progress(
            objects=len(loops),
            queued=sum(loop.due <= now and loop.began is None for loop in loops.values()),
            under_way=len(begun),
            overdue=max(now - oldest, 0.0),
            longest=0.0 if first is None else now - begun[first],
            longest_of="" if first is None else f"{first.namespace}/{first.name}",
            silent=max(now - max(oldest, self._last_end[kind]), 0.0),
            oldest_status=now - min(loop.confirmed for loop in loops.values()),
        )

    async def close(self) -> None:
        """End all loops, for good: what is still watched wakes nobody any more.

        Visits under way may end, so that what they did is also told.
        """
        self._closed = True
        tasks = {loop.task: loop.began is not None for loop in self._loops.values() if loop.task is not None}
        for task, busy in tasks.items():
            if not busy:
                task.cancel()
        if any(tasks.values()):
            await asyncio.wait([task for task, busy in tasks.items() if busy], timeout=GRACE)
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
                # Should it be there after all, the next list of its kind finds it new.
                self._marks.pop(key, None)
                return
            if self._closed:
                return
            if visited.gone:
                continue
            loop.due = _now() + pause
            try:
                await asyncio.wait_for(loop.awake.wait(), pause)
            except TimeoutError:
                continue

    async def _turn(self, key: Key, loop: _Loop) -> tuple[Visited, float]:
        async with self._turns[key.kind]:
            loop.began = _now()
            try:
                with self._metrics.visit_seconds.labels(key.kind).time():
                    visited = await self._visit(key, loop)
            finally:
                loop.began = None
        self._last_end[key.kind] = _now()
        self._metrics.visits.labels(key.kind, visited.result).inc()
        pause = self._resync * random.uniform(0.9, 1.1)  # noqa: S311 - spreads the load
        return visited, pause if visited.after is None else min(pause, visited.after.total_seconds())

    async def _visit(self, key: Key, loop: _Loop) -> Visited:
        reconciler = self._reconcilers[key.kind]
        try:
            async with asyncio.timeout(DEADLINE):
                if await self._serves(key.namespace):
                    visited = await reconciler.visit(key.namespace, key.name)
                else:
                    # Its status is another operator's business, and its end the watch tells.
                    visited = Visited("standing by", key not in self._marks, timedelta(seconds=STAND_BY))
        except Conflict as error:
            logger.debug("%s changed while it was visited: %s", key, error)
            return self._failed(loop, "conflict", longest=CONFLICT_RETRY)
        except Waiting as error:
            logger.debug("%s waits: %s", key, error)
            return Visited("waiting", after=error.after)
        except (Unreachable, TimeoutError) as error:
            reason = Reason.PERMISSION_DENIED if isinstance(error, Denied) else Reason.API_UNREACHABLE
            message = str(error) or f"the visit took longer than {DEADLINE:.0f} seconds"
            if loop.failing is not reason:
                log_decision(str(key), f"is not looked at: {reason}", message, level=logging.WARNING)
            if reason is Reason.PERMISSION_DENIED or loop.failures + 1 >= ADMIT_AFTER:
                await self._admit(key, reason, message)
            return self._failed(loop, str(reason), reason)
        except Exception as error:
            logger.exception("a bug came to light while visiting %s", key)
            await self._admit(key, Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error}")
            return self._failed(loop, str(Reason.INTERNAL_ERROR), longest=BUG_RETRY)
        loop.confirmed = _now()
        if visited.refused is not None:
            again = self._failed(loop, str(visited.refused), visited.refused)
            sooner = [after for after in (again.after, visited.after) if after is not None]
            return replace(again, after=min(sooner))
        self._succeeded(key, loop)
        return visited

    def _failed(
        self, loop: _Loop, result: str, reason: Reason | None = None, longest: float = LAST_RETRY
    ) -> Visited:
        """Count a failure in a row; when to try again."""
        loop.failures += 1
        loop.failing = reason
        failing = [other for other in self._loops.values() if other.failures]
        longest = max(longest, SHARE * len(failing))
        scout = next((other for other in failing if other.failing is reason), None)
        if reason is not None and scout is loop:
            longest = min(longest, SCOUT_RETRY)
        pause = min(FIRST_RETRY * (1 << min(loop.failures - 1, 16)), longest)
        spread = random.uniform(0.75, 1.0)  # noqa: S311 - those that failed together do not return together
        return Visited(result, after=timedelta(seconds=pause * spread))

    def _succeeded(self, key: Key, loop: _Loop) -> None:
        """The first that gets through after a failure wakes those that failed for the same reason."""
        reason, loop.failures, loop.failing = loop.failing, 0, None
        if reason is None:
            return
        if reason in UNLOOKED:
            log_decision(str(key), "is looked at again", f"{reason} is over")
        for other in self._loops.values():
            if other.failing is reason:
                _rouse(other)

    async def _admit(self, key: Key, reason: Reason, message: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                await self._reconcilers[key.kind].admit(key.namespace, key.name, reason, message)
        except (BackboneError, TimeoutError) as error:
            # That it is not looked at was logged when it began.
            logger.debug("%s could not be told about %s: %s", key, reason, error)
        except Exception:
            logger.exception("a bug came to light while telling %s about %s", key, reason)


def _rouse(loop: _Loop) -> None:
    if not loop.awake.is_set():
        loop.due = min(loop.due, _now() + SETTLE)
        loop.awake.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
