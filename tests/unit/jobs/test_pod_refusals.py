"""Why a Job has no pod, from its events."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.readings import NOW, unfinished_job, unfinished_pod

from backbone.errors import Denied, Unreachable
from backbone.jobs.pod_refusals import with_refusals, words_of
from backbone.ports.readings import JobReading

JOB = unfinished_job("probe-1", uid="uid-1")
POD = unfinished_pod()
QUOTA = 'pods "probe-1-x7k2p" is forbidden: failed quota: all: must specify limits.cpu for: worker'


def event(message: str, at: str = "2024-03-01T12:00:01Z", **more: Any) -> dict[str, Any]:
    return {"reason": "FailedCreate", "message": message, "lastTimestamp": at, **more}


@pytest.mark.parametrize(
    ("events", "words"),
    [
        pytest.param([], None, id="no event"),
        pytest.param(
            [event(f"Error creating: {QUOTA}")],
            'pods "probe-1-…" is forbidden: failed quota: all: must specify limits.cpu for: worker',
            id="the API server's words less the name of a pod that never was",
        ),
        pytest.param(
            [event("(combined from similar events): Error creating: no room")], "no room", id="of a series"
        ),
        pytest.param(
            [event("later", "2024-03-01T12:00:09Z"), event("earlier")], "later", id="the newest counts"
        ),
        pytest.param(
            [
                event("last of a series", series={"lastObservedTime": "2024-03-01T12:01:00.000000Z"}),
                event("once", "2024-03-01T12:00:30Z"),
            ],
            "last of a series",
            id="a series counts by its last",
        ),
        pytest.param([event("", eventTime=None)], "FailedCreate", id="an event without words"),
    ],
)
def test_what_the_events_say(events: list[dict[str, Any]], words: str | None) -> None:
    assert words_of(events, "probe-1") == words


class Events:
    """A cluster that answers with one event, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[tuple[str, str, str]] = []

    async def events(self, namespace: str, uid: str, reason: str) -> list[dict[str, Any]]:
        self.asked.append((namespace, uid, reason))
        if self.error is not None:
            raise self.error
        return [event("no")]


@pytest.mark.parametrize(
    ("job", "age", "asked"),
    [
        pytest.param(JOB, 2.9, False, id="a Job that has only just begun"),
        pytest.param(JOB, 3.0, True, id="a Job without a pod for three seconds"),
        pytest.param(replace(JOB, started=None), 3.0, True, id="a Job that nobody has begun"),
        pytest.param(replace(JOB, pods=(POD,)), 60.0, False, id="a Job with a pod"),
        pytest.param(replace(JOB, finished=NOW), 60.0, False, id="a Job that has ended"),
    ],
)
async def test_events_are_asked_for_only_where_a_pod_is_overdue(
    job: JobReading, age: float, asked: bool
) -> None:
    cluster: Any = Events()
    (seen,) = await with_refusals(cluster, "ns", (job,), NOW + timedelta(seconds=age))
    assert cluster.asked == ([("ns", "uid-1", "FailedCreate")] if asked else [])
    assert seen.refused == ("no" if asked else None)


async def test_without_the_right_to_read_events_all_else_goes_on() -> None:
    cluster: Any = Events(Denied("forbidden"))
    assert await with_refusals(cluster, "ns", (JOB,), NOW + timedelta(minutes=1)) == (JOB,)


async def test_a_silent_api_server_is_not_the_same_as_no_refusal() -> None:
    cluster: Any = Events(Unreachable("no answer"))
    with pytest.raises(Unreachable):
        await with_refusals(cluster, "ns", (JOB,), NOW + timedelta(minutes=1))
