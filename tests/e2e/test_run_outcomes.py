"""Runs that end badly on a real cluster, on a backbone that these tests share: each end has a name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deployment import Image, Kubectl, until
from documents import message, plan, run_again
from volume_pods import run_on_the_volume


@pytest.fixture
def kubectl(on_market: Kubectl) -> Kubectl:
    return on_market


def test_an_image_that_cannot_be_pulled_is_named_and_mends(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(plan(worker={"image": "backbone-worker:no-such-tag", "deadlineSeconds": 30}))
    seen = wait_condition("ingestplan/daily", "Ready", "False", "ImagePullFailed")
    assert "no-such-tag" in message(seen, "Ready")
    kubectl.apply(plan())
    run_again(kubectl, "mended")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=180)


def test_a_worker_that_dies_without_a_message_is_named(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(plan(worker={"image": images["operator"].reference}))
    wait_condition("ingestplan/daily", "Ready", "False", "DiedWithoutMessage", deadline=180)


def test_a_worker_past_its_memory_limit_is_named_and_mends(kubectl: Kubectl, wait_condition: Any) -> None:
    tight = {"limits": {"memory": "24Mi"}, "requests": {"memory": "16Mi"}}
    kubectl.apply(plan(worker={"resources": tight}))
    wait_condition("ingestplan/daily", "Ready", "False", "OutOfMemory", deadline=180)


def test_a_run_past_its_deadline_is_named(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    with store_held(kubectl, images["worker"].reference):
        kubectl.apply(plan(worker={"deadlineSeconds": 30, "storeWaitSeconds": 300}))
        wait_condition("ingestplan/daily", "Ready", "False", "DeadlineExceeded")


def test_a_busy_store_is_waited_for_and_then_named(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    with store_held(kubectl, images["worker"].reference):
        kubectl.apply(plan(worker={"storeWaitSeconds": 5}))
        wait_condition("ingestplan/daily", "Ready", "False", "StoreBusy")
    run_again(kubectl, "after-release")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")


@contextmanager
def store_held(kubectl: Kubectl, image: str) -> Iterator[None]:
    """The backbone's lock is in the hands of a pod meanwhile, as if that were another worker."""
    code = (
        "import fcntl, time; f = open('/data/store.lock', 'a'); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('held', flush=True); time.sleep(600)"
    )
    run_on_the_volume(kubectl, image, "holder", code)
    try:
        until(
            lambda: kubectl.try_run("logs", "holder").stdout,
            lambda text: "held" in text,
            60,
            "the lock is held",
        )
        yield
    finally:
        kubectl.run("delete", "pod", "holder", "--grace-period=1")


def test_an_evicted_worker_is_named(kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]) -> None:
    with store_held(kubectl, images["worker"].reference):
        kubectl.apply(plan(worker={"storeWaitSeconds": 300}))
        pod = waiting_worker(kubectl)
        # A quarter more than its scratch space; much more would keep the disk from other tests.
        fill = "f = open('/tmp/fill', 'wb')\nfor _ in range(1280): f.write(bytes(1 << 20))"
        kubectl.try_run("exec", pod, "--", "python3", "-c", fill)
        wait_condition("ingestplan/daily", "Ready", "False", "Evicted", deadline=180)


def waiting_worker(kubectl: Kubectl) -> str:
    """The name of the plan's pod, once its worker has begun: before that it would not heed a signal."""
    of_plan = ("-l", "backbone.emp.dev/plan=daily")
    until(
        lambda: kubectl.try_run("logs", *of_plan).stdout,
        lambda text: "plan daily into" in text,
        60,
        "a waiting worker",
    )
    (pod,) = kubectl.get("pods", *of_plan)["items"]
    return str(pod["metadata"]["name"])


def test_a_job_deleted_before_its_outcome_was_read_is_started_again(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    with store_held(kubectl, images["worker"].reference):
        kubectl.apply(plan())
        waiting_worker(kubectl)
        kubectl.run("delete", "jobs", "-l", "backbone.emp.dev/plan=daily", "--cascade=foreground")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=180)
