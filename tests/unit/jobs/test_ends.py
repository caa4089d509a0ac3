"""Every way a Job can end, or fail to get on, has a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.readings import NOW, unfinished_job, unfinished_pod

from backbone.jobs.ends import (
    Trouble,
    last_words,
    look_again,
    outdated,
    tail,
    trouble_under_way,
    why_no_report,
)
from backbone.ports.readings import JobReading, PodReading
from backbone.vocabulary import Outcome

RUNNING = unfinished_pod("Running", name="run-a")
PENDING = replace(RUNNING, phase="Pending")
FAILED = replace(RUNNING, phase="Failed", exit_code=1, terminated_reason="Error", finished=NOW)
JOB = unfinished_job("run", uid="u")


def later(pod: PodReading, name: str = "run-b") -> PodReading:
    return replace(pod, name=name, created=NOW + timedelta(seconds=30))


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param((), None, id="a Job without a pod yet is not in trouble"),
        pytest.param((RUNNING,), None, id="a pod that runs is not in trouble"),
        pytest.param((PENDING,), None, id="a pod that waits for nothing in particular is not in trouble"),
        pytest.param(
            (replace(PENDING, waiting_reason="ImagePullBackOff", waiting_message="no such tag"),),
            Trouble(Outcome.IMAGE_PULL_FAILED, "no such tag"),
            id="a back-off in pulling is a failed pull",
        ),
        pytest.param(
            (replace(PENDING, waiting_reason="InvalidImageName"),),
            Trouble(Outcome.IMAGE_PULL_FAILED, "InvalidImageName"),
            id="a name that is no image is a failed pull",
        ),
        pytest.param(
            (replace(PENDING, waiting_reason="CreateContainerConfigError", waiting_message="no configmap"),),
            Trouble(Outcome.CONTAINER_NOT_STARTED, "CreateContainerConfigError: no configmap"),
            id="a container that cannot be configured was not started",
        ),
        pytest.param(
            (replace(PENDING, unschedulable="0/1 nodes are available"),),
            Trouble(Outcome.UNSCHEDULABLE, "0/1 nodes are available"),
            id="a pod that no node takes is unschedulable",
        ),
        pytest.param(
            (replace(FAILED, terminated_reason="OOMKilled", exit_code=137), later(RUNNING)),
            Trouble(Outcome.OUT_OF_MEMORY, "the kernel killed it at its memory limit; trying again"),
            id="a second pod after one that ran out of memory is told with the first one's end",
        ),
        pytest.param(
            (replace(FAILED, reason="Evicted", message="low on disk", exit_code=None), later(PENDING)),
            Trouble(Outcome.EVICTED, "low on disk; trying again"),
            id="a second pod after an evicted one is told with the eviction",
        ),
        pytest.param(
            (replace(FAILED, exit_code=3, termination_message='{"outcome":"Partial"}'),),
            None,
            id="a run that ended with a report is over, not in trouble",
        ),
    ],
)
def test_trouble_under_way(pods: tuple[PodReading, ...], expected: Trouble | None) -> None:
    assert trouble_under_way(replace(JOB, pods=pods), None, NOW) == expected


def test_a_pod_that_gets_no_sandbox_is_in_trouble_after_two_minutes() -> None:
    job = replace(JOB, pods=(replace(PENDING, without_sandbox_since=NOW),))
    assert trouble_under_way(job, None, NOW + timedelta(seconds=119)) is None
    trouble = trouble_under_way(job, None, NOW + timedelta(seconds=120))
    assert trouble is not None
    assert trouble.outcome is Outcome.CONTAINER_NOT_STARTED
    assert "no sandbox for pod run-a since 12:00:00 UTC" in trouble.message


def test_what_kept_a_container_from_running_stands_until_there_is_a_pod_again() -> None:
    pull = Trouble(Outcome.IMAGE_PULL_FAILED, "no such tag")
    assert trouble_under_way(replace(JOB, pods=()), pull, NOW) == pull
    assert trouble_under_way(replace(JOB, pods=(RUNNING,)), pull, NOW) is None
    evicted = Trouble(Outcome.EVICTED, "the node had no memory left; trying again")
    assert trouble_under_way(replace(JOB, pods=()), evicted, NOW) is None


def test_trouble_that_stays_the_same_keeps_its_first_words() -> None:
    first = Trouble(Outcome.IMAGE_PULL_FAILED, "Back-off pulling image")
    job = replace(JOB, pods=(replace(PENDING, waiting_reason="ErrImagePull", waiting_message="not found"),))
    assert trouble_under_way(job, first, NOW) == first
    assert trouble_under_way(job, Trouble(Outcome.UNSCHEDULABLE, "no room"), NOW) == Trouble(
        Outcome.IMAGE_PULL_FAILED, "not found"
    )


UNPULLED = Trouble(Outcome.IMAGE_PULL_FAILED, "no such tag")


@pytest.mark.parametrize(
    ("job", "told", "earlier", "outcome", "words"),
    [
        pytest.param(
            replace(JOB, failure="DeadlineExceeded"),
            None,
            None,
            Outcome.DEADLINE_EXCEEDED,
            "stopped",
            id="a Job past its deadline whose pod ran is DeadlineExceeded",
        ),
        pytest.param(
            replace(JOB, failure="DeadlineExceeded"),
            None,
            UNPULLED,
            Outcome.IMAGE_PULL_FAILED,
            "no such tag",
            id="a Job past its deadline that never pulled its image is ImagePullFailed",
        ),
        pytest.param(
            replace(JOB, failure="DeadlineExceeded"),
            None,
            Trouble(Outcome.OUT_OF_MEMORY, "killed; trying again"),
            Outcome.DEADLINE_EXCEEDED,
            "stopped",
            id="a Job past its deadline after a crash is DeadlineExceeded",
        ),
        pytest.param(
            replace(JOB, pods=(FAILED,)),
            None,
            None,
            Outcome.DIED_WITHOUT_MESSAGE,
            "exit code 1; it said nothing",
            id="a worker that died silently is DiedWithoutMessage",
        ),
        pytest.param(
            replace(JOB, pods=(FAILED,)),
            "it left no report but: Traceback",
            None,
            Outcome.DIED_WITHOUT_MESSAGE,
            "Traceback",
            id="a worker that died with a traceback shows its end",
        ),
        pytest.param(
            replace(JOB, pods=(replace(FAILED, terminated_reason="OOMKilled", exit_code=137),)),
            None,
            None,
            Outcome.OUT_OF_MEMORY,
            "memory limit",
            id="a worker that the kernel killed is OutOfMemory",
        ),
        pytest.param(
            replace(JOB, pods=(replace(FAILED, reason="Evicted", message="disk pressure", exit_code=None),)),
            None,
            None,
            Outcome.EVICTED,
            "disk pressure",
            id="a worker that the node evicted is Evicted",
        ),
        pytest.param(
            replace(JOB, pods=(replace(FAILED, disrupted=True, exit_code=143),)),
            None,
            None,
            Outcome.EVICTED,
            "evicted",
            id="a worker that a drain took away is Evicted",
        ),
        pytest.param(
            JOB,
            None,
            None,
            Outcome.DIED_WITHOUT_MESSAGE,
            "its pod is gone",
            id="a Job without its pod says so",
        ),
        pytest.param(
            replace(JOB, succeeded=True, failure="CompletionsReached"),
            None,
            None,
            Outcome.JOB_VANISHED,
            "before its report was read",
            id="a Job that did its work and lost its pod has an outcome that nobody read",
        ),
    ],
)
def test_why_there_is_no_report(
    job: JobReading, told: str | None, earlier: Trouble | None, outcome: Outcome, words: str
) -> None:
    end = why_no_report(job, told, earlier)
    assert end.outcome is outcome
    assert words in end.message


def test_the_last_words_are_those_of_the_pod_that_ended_last() -> None:
    first = replace(FAILED, termination_message="first")
    second = replace(later(FAILED), termination_message="second", finished=NOW + timedelta(seconds=60))
    assert last_words(replace(JOB, pods=(second, first))) == "second"
    assert last_words(replace(JOB, pods=(RUNNING,))) is None


def test_a_long_log_is_cut_from_its_beginning() -> None:
    cut = tail("x\n" * 1000 + "the end")
    assert len(cut) == 301
    assert cut.endswith("the end")
    assert tail("short\nlog") == "short log"


REFUSED = replace(JOB, refused="no quota")
SECONDS = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("job", "earlier", "expected"),
    [
        pytest.param(REFUSED, None, "no quota", id="a refusal is told in the API server's words"),
        pytest.param(REFUSED, "more used", "no quota", id="its newest words count"),
        pytest.param(JOB, "no quota", "no quota", id="once events are forgotten it stands on record"),
    ],
)
def test_a_refused_pod_has_a_name(job: JobReading, earlier: str | None, expected: str) -> None:
    known = Trouble(Outcome.POD_REFUSED, earlier) if earlier else None
    assert trouble_under_way(job, known, NOW) == Trouble(Outcome.POD_REFUSED, expected)


def test_a_pod_that_came_at_last_ends_the_refusal() -> None:
    known = Trouble(Outcome.POD_REFUSED, "no quota")
    assert trouble_under_way(replace(JOB, pods=(RUNNING,)), known, NOW) is None


def test_a_job_that_was_refused_until_its_deadline_says_so() -> None:
    ended = replace(JOB, finished=NOW, failure="DeadlineExceeded")
    end = why_no_report(ended, None, Trouble(Outcome.POD_REFUSED, "no quota"))
    assert end == Trouble(Outcome.POD_REFUSED, "it never ran, and its deadline passed. no quota")


@pytest.mark.parametrize(
    ("age", "pause"),
    [pytest.param(0, 3, id="at once"), pytest.param(6, 3, id="soon"), pytest.param(600, 300, id="seldom")],
)
def test_a_job_without_a_pod_is_looked_at_again_ever_more_seldom(age: int, pause: int) -> None:
    assert look_again((JOB,), NOW + age * SECONDS) == pause * SECONDS


def test_jobs_with_pods_need_no_other_look() -> None:
    assert look_again((replace(JOB, pods=(RUNNING,)), replace(JOB, finished=NOW)), NOW) is None


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param(replace(REFUSED, made_by="old"), True, id="other settings may be taken"),
        pytest.param(replace(REFUSED, made_by="new"), False, id="the same settings will not"),
        pytest.param(replace(JOB, made_by="old"), False, id="nobody refused its pods"),
        pytest.param(replace(REFUSED, made_by="old", pods=(RUNNING,)), False, id="it runs by now"),
    ],
)
def test_a_refused_job_is_made_anew_once_settings_change(job: JobReading, expected: bool) -> None:
    assert outdated(job, "new") is expected
