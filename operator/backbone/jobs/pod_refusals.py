"""Why a Job has no pod: the API server's words, which stand in an event of the Job and nowhere else."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import datetime

from ..errors import Denied
from ..ports.cluster import Cluster, JsonObject
from ..ports.readings import JobReading
from .ends import lacks_a_pod

FAILED_CREATE = "FailedCreate"
"""The Job controller's reason for an event about a pod that it could not create."""

_PREFIXES = ("(combined from similar events): ", "Error creating: ")
"""What the recorder of events and the Job controller put before the API server's words, in this order."""


async def with_refusals(
    cluster: Cluster, namespace: str, jobs: tuple[JobReading, ...], now: datetime
) -> tuple[JobReading, ...]:
    """The Jobs, and of each that has been without a pod for some seconds why; raises what the port raises."""
    return tuple(await asyncio.gather(*(_asked(cluster, namespace, job, now) for job in jobs)))


async def _asked(cluster: Cluster, namespace: str, job: JobReading, now: datetime) -> JobReading:
    if not lacks_a_pod(job, now):
        return job
    try:
        events = await cluster.events(namespace, job.uid, FAILED_CREATE)
    except Denied:
        # A role from before the right: nothing is known of the cause, and all else goes on.
        return job
    return replace(job, refused=words_of(events, job.name))


def words_of(events: list[JsonObject], job: str) -> str | None:
    """What the newest of these events says; None where there is none.

    Each try has a pod's name of its own, which says nothing: without it the same refusal has the same words.
    """
    newest = max(events, key=_time, default=None)
    if newest is None:
        return None
    said = str(newest.get("message") or newest.get("reason") or FAILED_CREATE)
    for prefix in _PREFIXES:
        said = said.removeprefix(prefix)
    return re.sub(rf'"{re.escape(job)}-[a-z0-9]*"', f'"{job}-…"', said)


def _time(event: JsonObject) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return max((str(item) for item in times if item), default="")
