"""Runs that end badly on a real cluster: each has a name, and nothing that was stored is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployment import Image, Kubectl, program, reader_pod, until
from documents import backbone, conditions, message, plan


def run_again(kubectl: Kubectl, token: str) -> None:
    kubectl.run("annotate", "ingestplan", "daily", f"backbone.emp.dev/run-now={token}", "--overwrite")


def change_worker(kubectl: Kubectl, **worker: Any) -> None:
    patch = json.dumps({"spec": {"worker": worker}})
    kubectl.run("patch", "ingestplan", "daily", "--type=merge", "-p", patch)


def outcome(kubectl: Kubectl) -> str | None:
    found = kubectl.get("ingestplan", "daily").get("status", {}).get("lastRun", {}).get("outcome")
    return found if found is None else str(found)


def test_an_image_that_cannot_be_pulled_is_named_and_mends(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(backbone(), plan(worker={"image": "backbone-worker:no-such-tag", "deadlineSeconds": 60}))
    seen = wait_condition("ingestplan/daily", "Ready", "False", "ImagePullFailed")
    assert "no-such-tag" in message(seen, "Ready")
    kubectl.apply(plan())
    run_again(kubectl, "mended")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=180)


def test_a_worker_that_dies_without_a_message_is_named(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(backbone())
    wait_condition("databackbone/market", "Ready", "True")
    kubectl.apply(plan(worker={"image": images["operator"].reference}))
    wait_condition("ingestplan/daily", "Ready", "False", "DiedWithoutMessage", deadline=180)


def test_a_worker_past_its_memory_limit_is_named_and_mends(kubectl: Kubectl, wait_condition: Any) -> None:
    tight = {"limits": {"memory": "24Mi"}, "requests": {"memory": "16Mi"}}
    kubectl.apply(backbone(), plan(worker={"resources": tight}))
    wait_condition("ingestplan/daily", "Ready", "False", "OutOfMemory", deadline=180)


def test_a_worker_whose_sandbox_cannot_be_made_is_named_while_it_waits(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    none = {"limits": {"memory": "1Mi"}, "requests": {"memory": "1Mi"}}
    kubectl.apply(backbone(), plan(worker={"resources": none}))
    seen = wait_condition("ingestplan/daily", "Ready", "False", "ContainerNotStarted", deadline=240)
    assert "memory limit" in message(seen, "Ready")


def test_a_run_past_its_deadline_is_named(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(backbone(), plan("first"))
    wait_condition("ingestplan/first", "Ready", "True")
    hold_the_lock(kubectl, images["worker"].reference, seconds=90)
    kubectl.apply(plan(worker={"deadlineSeconds": 30, "storeWaitSeconds": 300}))
    wait_condition("ingestplan/daily", "Ready", "False", "DeadlineExceeded")


def test_a_busy_store_is_waited_for_and_then_named(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(backbone(), plan("first"))
    wait_condition("ingestplan/first", "Ready", "True")
    hold_the_lock(kubectl, images["worker"].reference, seconds=40)
    kubectl.apply(plan(worker={"storeWaitSeconds": 5}))
    wait_condition("ingestplan/daily", "Ready", "False", "StoreBusy")
    until(
        lambda: kubectl.get("pod", "holder")["status"]["phase"],
        lambda phase: phase == "Succeeded",
        90,
        "release",
    )
    run_again(kubectl, "after-release")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")


def hold_the_lock(kubectl: Kubectl, image: str, seconds: int) -> None:
    """A pod that holds the backbone's lock as another worker would."""
    code = (
        "import fcntl, time; f = open('/data/store.lock', 'a'); fcntl.flock(f, fcntl.LOCK_EX); "
        f"print('held', flush=True); time.sleep({seconds})"
    )
    run_on_the_volume(kubectl, image, "holder", code)
    until(
        lambda: kubectl.try_run("logs", "holder").stdout, lambda text: "held" in text, 60, "the lock is held"
    )


def run_on_the_volume(kubectl: Kubectl, image: str, name: str, code: str) -> None:
    """A pod of the worker image that runs Python with the volume writable."""
    pod = reader_pod(name, image, ["-c", code], claim="market-data")
    container = pod["spec"]["containers"][0]
    container["command"] = ["python3"]
    container["volumeMounts"][0]["readOnly"] = False
    pod["spec"]["volumes"][0]["persistentVolumeClaim"].pop("readOnly")
    kubectl.apply(pod)


def test_an_evicted_worker_is_named(kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]) -> None:
    kubectl.apply(backbone(), plan("first"))
    wait_condition("ingestplan/first", "Ready", "True")
    hold_the_lock(kubectl, images["worker"].reference, seconds=150)
    kubectl.apply(plan(worker={"storeWaitSeconds": 300}))
    pod = until(lambda: running_pod(kubectl), lambda name: name is not None, 60, "a waiting worker")
    fill = "f = open('/tmp/fill', 'wb')\nfor _ in range(4096): f.write(bytes(1 << 20))\nf.flush()"
    kubectl.try_run("exec", str(pod), "--", "python3", "-c", fill)
    wait_condition("ingestplan/daily", "Ready", "False", "Evicted", deadline=180)


def running_pod(kubectl: Kubectl) -> str | None:
    pods = kubectl.get("pods", "-l", "backbone.emp.dev/plan=daily")["items"]
    running = [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") == "Running"]
    return running[0] if running else None


def test_a_job_deleted_before_its_outcome_was_read_is_started_again(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(backbone(), plan("first"))
    wait_condition("ingestplan/first", "Ready", "True")
    hold_the_lock(kubectl, images["worker"].reference, seconds=30)
    kubectl.apply(plan())
    until(lambda: running_pod(kubectl), lambda name: name is not None, 60, "a waiting worker")
    kubectl.run("delete", "jobs", "-l", "backbone.emp.dev/plan=daily", "--cascade=foreground")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=180)


def test_a_corrupt_store_is_set_aside_and_both_files_are_named(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(backbone(), plan())
    wait_condition("ingestplan/daily", "Ready", "True")
    code = "f = open('/data/working/backbone.duckdb', 'r+b'); f.write(b'\\xff' * 65536)"
    run_on_the_volume(kubectl, images["worker"].reference, "vandal", code)
    until(
        lambda: kubectl.get("pod", "vandal")["status"]["phase"],
        lambda phase: phase == "Succeeded",
        60,
        "damage",
    )
    run_again(kubectl, "after-damage")
    seen = until(
        lambda: kubectl.get("ingestplan", "daily")["status"],
        lambda status: status.get("storeRecovery") is not None,
        120,
        "the recovery in status",
    )
    assert seen["storeRecovery"]["setAside"].startswith("working/backbone.duckdb.corrupt-")
    assert seen["storeRecovery"]["continuedFrom"] == "published/backbone.duckdb"
    seen = wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    assert seen["status"]["dimensions"][0]["changed"] == 0, "the published copy held every row"
    assert conditions(seen)["Complete"][0] == "True"


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        pytest.param(["6"], "VolumeFull", id="a full volume"),
        pytest.param(["64", "--read-only"], "VolumeReadOnly", id="a read-only volume"),
    ],
)
def test_a_volume_that_takes_no_writes_is_named(
    kubectl: Kubectl, wait_condition: Any, request: pytest.FixtureRequest, flags: list[str], reason: str
) -> None:
    program("cluster", "tiny-volume", kubectl.namespace, *flags)
    request.addfinalizer(lambda: program("cluster", "tiny-volume", kubectl.namespace, "--remove"))
    storage = {"storageClassName": "tiny", "size": f"{flags[0]}Mi"}
    trades = {"provider": "Sample", "symbols": ["ES"]}
    kubectl.apply(backbone(bootstrap={"storage": storage}), plan(intradayTrades=trades))
    if reason == "VolumeReadOnly":
        wait_condition("databackbone/market", "StorageAvailable", "False", reason)
        return
    wait_condition("databackbone/market", "StorageAvailable", "True", "VolumeProbed")
    wait_condition("ingestplan/daily", "Ready", "False", reason, deadline=180)
