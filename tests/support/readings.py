"""Builders of what is read off the API server's objects: what a test leaves out is that of a sound object."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from backbone.ports.readings import ChildReading, ClaimReading, CronJobReading, JobReading, PodReading
from backbone.vocabulary import FIELD_MANAGER, LABEL_MANAGED_BY

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

Labels = tuple[tuple[str, str], ...]


def marked(label: str, name: str) -> Labels:
    """Labels of a child that the operator made for the object of this name."""
    return ((LABEL_MANAGED_BY, FIELD_MANAGER), (label, name))


def child(
    kind: str,
    name: str,
    *,
    uid: str = "child",
    labels: Labels = (),
    controller_uid: str | None = "uid",
    terminating: bool = False,
    desired: str | None = None,
    owned_fields: str = "",
) -> ChildReading:
    """A child as found, in its first version."""
    return ChildReading(kind, name, uid, "1", labels, controller_uid, terminating, desired, owned_fields)


def claim(
    *,
    name: str = "market-data",
    uid: str = "claim-1",
    labels: Labels = (),
    phase: str = "Bound",
    capacity: str | None = "1Gi",
    requested: str | None = "1Gi",
) -> ClaimReading:
    """A claim that nobody owns, bound to a volume of the size that it asks for."""
    return ClaimReading(
        kind="PersistentVolumeClaim",
        name=name,
        uid=uid,
        resource_version="1",
        labels=labels,
        controller_uid=None,
        terminating=False,
        desired=None,
        owned_fields="",
        phase=phase,
        capacity=capacity,
        requested=requested,
    )


def cron_job(
    name: str,
    *,
    uid: str = "c",
    labels: Labels = (),
    schedule: str = "0 22 * * 1-5",
    time_zone: str | None = "Etc/UTC",
    suspended: bool = False,
) -> CronJobReading:
    """A CronJob of the object `uid`, which made no Job yet."""
    return CronJobReading(
        kind="CronJob",
        name=name,
        uid=uid,
        resource_version="1",
        labels=labels,
        controller_uid="uid",
        terminating=False,
        desired=None,
        owned_fields="",
        schedule=schedule,
        time_zone=time_zone,
        suspended=suspended,
    )


def pod(
    words: str = "",
    *,
    name: str = "pod",
    created: datetime = NOW,
    phase: str = "Succeeded",
    reason: str = "",
    disrupted: bool = False,
    exit_code: int = 0,
    terminated_reason: str | None = "Completed",
    finished: datetime = NOW,
) -> PodReading:
    """A pod that ended; `words` are its termination message."""
    return PodReading(
        name=name,
        created=created,
        phase=phase,
        reason=reason,
        message="",
        disrupted=disrupted,
        unschedulable=None,
        waiting_reason=None,
        waiting_message="",
        without_sandbox_since=None,
        exit_code=exit_code,
        terminated_reason=terminated_reason,
        termination_message=words,
        finished=finished,
    )


def unfinished_pod(
    phase: str = "Pending",
    *,
    name: str = "pod",
    created: datetime = NOW,
    unschedulable: str | None = None,
    waiting_reason: str | None = None,
    waiting_message: str = "",
    without_sandbox_since: datetime | None = None,
) -> PodReading:
    """A pod that waits or runs."""
    return PodReading(
        name=name,
        created=created,
        phase=phase,
        reason="",
        message="",
        disrupted=False,
        unschedulable=unschedulable,
        waiting_reason=waiting_reason,
        waiting_message=waiting_message,
        without_sandbox_since=without_sandbox_since,
        exit_code=None,
        terminated_reason=None,
        termination_message="",
        finished=None,
    )


UNPULLED = unfinished_pod(waiting_reason="ErrImagePull", waiting_message="no such tag")


def job(
    name: str,
    *pods: PodReading,
    uid: str | None = None,
    created: datetime = NOW,
    started: datetime | None = NOW,
    finished: datetime | None = NOW,
    succeeded: bool = True,
    failure: str = "",
    scheduled: bool = False,
    claim_uid: str | None = None,
    cause: str | None = None,
) -> JobReading:
    """A Job that was complete at once, as far as nothing else is said; its uid is its name."""
    return JobReading(
        name=name,
        uid=name if uid is None else uid,
        created=created,
        started=started,
        finished=finished,
        succeeded=succeeded,
        failure=failure,
        scheduled=scheduled,
        terminating=False,
        claim_uid=claim_uid,
        pods=pods,
        cause=cause,
    )


def unfinished_job(
    name: str,
    *pods: PodReading,
    uid: str | None = None,
    created: datetime = NOW,
    started: datetime | None = NOW,
    claim_uid: str | None = None,
) -> JobReading:
    """A Job under way."""
    return job(
        name,
        *pods,
        uid=uid,
        created=created,
        started=started,
        finished=None,
        succeeded=False,
        claim_uid=claim_uid,
    )
