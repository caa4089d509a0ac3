"""How a Job stands or ended, as an Outcome. Pure: it looks at readings alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..ports.readings import JobReading, PodReading
from ..reports.envelope import EXIT_RUN_FAILED
from ..vocabulary import Outcome

TAIL = 300
"""Characters of a crashed worker's log that are worth a place in a status."""

NEVER_STARTED = {
    Outcome.POD_REFUSED,
    Outcome.IMAGE_PULL_FAILED,
    Outcome.UNSCHEDULABLE,
    Outcome.CONTAINER_NOT_STARTED,
}
"""Troubles of a pod whose container did not run at all."""

SANDBOX_TAKES = timedelta(minutes=2)
"""How long a kubelet may need to attach volumes and to make a sandbox before that is called trouble: a
minute, and another by which its clock and ours may differ."""

POD_TAKES = timedelta(seconds=3)
"""How long a Job may be without a pod before somebody asks why."""

OTHER_SETTINGS = "the API server refuses its pods, and the settings of pods have changed since"

_PULL = {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_NOT_STARTED = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a Job does not run, or why it ended without a report."""

    outcome: Outcome
    message: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.message}"


def trouble_under_way(job: JobReading, earlier: Trouble | None, now: datetime) -> Trouble | None:
    """What keeps an unfinished Job from getting on: its newest pod does not run, or the one before it died.

    While the trouble stays the same its first message does, too: the kubelet words a retry in turns. What
    kept a container from running stands until there is a pod again: at its deadline a Job's pods go first.
    """
    found = _under_way(job, now)
    if found is None and not job.pods and earlier is not None and earlier.outcome in NEVER_STARTED:
        return earlier
    if earlier is None or found is None or earlier.outcome != found.outcome:
        return found
    # A refusal's words are the API server's, and say how much is used by now.
    return found if found.outcome is Outcome.POD_REFUSED else earlier


def lacks_a_pod(job: JobReading, now: datetime) -> bool:
    """Whether an unfinished Job has been without a pod for so long that somebody should ask why."""
    return _podless(job) and now - (job.started or job.created) >= POD_TAKES


def look_again(jobs: Iterable[JobReading], now: datetime) -> timedelta | None:
    """When to look again at Jobs without a pod, which nothing but time tells of; None where there is none.

    The longer a Job has had none, the longer it takes.
    """
    ages = [now - (job.started or job.created) for job in jobs if _podless(job)]
    return max(POD_TAKES, min(ages) / 2) if ages else None


def outdated(job: JobReading, made_by: str | None) -> bool:
    """Whether a Job's pods are refused as they are, and would now be made by other settings."""
    return _podless(job) and job.refused is not None and job.made_by != made_by


def _podless(job: JobReading) -> bool:
    return job.finished is None and not job.pods


def _under_way(job: JobReading, now: datetime) -> Trouble | None:
    if not job.pods:
        return Trouble(Outcome.POD_REFUSED, job.refused) if job.refused is not None else None
    pod = _newest(job.pods)
    pending = None if pod is None else _pending(pod) or _no_sandbox(pod, now)
    if pending is not None:
        return pending
    dead = [item for item in job.pods if item.phase == "Failed"]
    last = _newest(tuple(dead))
    if last is None or last.exit_code == EXIT_RUN_FAILED:
        # With that code the run is over, and its report is read once the Job is marked as failed.
        return None
    end = _death(last, None)
    return Trouble(end.outcome, f"{end.message}; trying again")


def last_words(job: JobReading) -> str | None:
    """What the worker of a finished Job left as its termination message, if its pod is still there."""
    ended = [pod for pod in job.pods if pod.exit_code is not None and pod.termination_message]
    return max(ended, key=_end).termination_message if ended else None


def why_no_report(job: JobReading, told: str | None, earlier: Trouble | None) -> Trouble:
    """Name the end of a Job that left no report.

    `told` says why its last words are no report; `earlier` is what kept it from running when it was seen
    last, since the pods of a Job that passed its deadline are gone.
    """
    pod = _newest(job.pods)
    if job.failure == "DeadlineExceeded":
        known = earlier or (_pending(pod) if pod is not None else None)
        if known is not None and known.outcome in NEVER_STARTED:
            return Trouble(known.outcome, f"it never ran, and its deadline passed. {known.message}")
        return Trouble(Outcome.DEADLINE_EXCEEDED, "it was stopped at its deadline")
    if pod is None and job.succeeded:
        return Trouble(Outcome.JOB_VANISHED, "it ended, and its pod was deleted before its report was read")
    if pod is None:
        return earlier or Trouble(Outcome.DIED_WITHOUT_MESSAGE, "its pod is gone")
    return _death(pod, told)


def tail(text: str) -> str:
    """The end of a log, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= TAIL else f"…{line[-TAIL:]}"


def _death(pod: PodReading, told: str | None) -> Trouble:
    if pod.reason == "Evicted" or pod.disrupted:
        return Trouble(Outcome.EVICTED, pod.message or "its pod was evicted")
    if pod.terminated_reason == "OOMKilled":
        return Trouble(Outcome.OUT_OF_MEMORY, "the kernel killed it at its memory limit")
    code = "no exit code" if pod.exit_code is None else f"exit code {pod.exit_code}"
    words = told or (f"its last words: {tail(pod.termination_message)}" if pod.termination_message else "")
    return Trouble(Outcome.DIED_WITHOUT_MESSAGE, f"{code}; {words or 'it said nothing'}")


def _pending(pod: PodReading) -> Trouble | None:
    if pod.exit_code is not None or pod.phase not in {"Pending", "Unknown"}:
        return None
    if pod.waiting_reason in _PULL:
        return Trouble(Outcome.IMAGE_PULL_FAILED, pod.waiting_message or pod.waiting_reason)
    if pod.waiting_reason in _NOT_STARTED:
        return Trouble(Outcome.CONTAINER_NOT_STARTED, f"{pod.waiting_reason}: {pod.waiting_message}")
    if pod.unschedulable is not None:
        return Trouble(Outcome.UNSCHEDULABLE, pod.unschedulable)
    return None


def _no_sandbox(pod: PodReading, now: datetime) -> Trouble | None:
    since = pod.without_sandbox_since
    if pod.phase != "Pending" or since is None or now - since < SANDBOX_TAKES:
        return None
    message = (
        f"the kubelet has had no sandbox for pod {pod.name} since {since:%H:%M:%S} UTC: a volume that does "
        "not attach, the network, or a memory limit too small; `kubectl describe pod` tells"
    )
    return Trouble(Outcome.CONTAINER_NOT_STARTED, message)


def _newest(pods: tuple[PodReading, ...]) -> PodReading | None:
    return max(pods, key=lambda pod: (pod.created, pod.name), default=None)


def _end(pod: PodReading) -> datetime:
    return pod.finished or pod.created
