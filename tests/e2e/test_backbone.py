"""DataBackbone on a real API server: volume, tier, suspension, and what happens to the data."""

from __future__ import annotations

from typing import Any

from deployment import Image, Kubectl, reader_pod, until
from documents import backbone, conditions, cron_job, plan


def test_ready_waits_for_a_probe_that_wrote_and_read_the_volume(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone())
    seen = wait_condition("databackbone/market", "Ready", "True")
    volume = seen["status"]["volume"]
    assert volume["probeOutcome"] == "VolumeProbed"
    claim = kubectl.get("pvc", "market-data")
    assert claim["status"]["phase"] == "Bound"
    assert volume["claimUid"] == claim["metadata"]["uid"]
    kubectl.run("delete", "jobs", "-l", "app.kubernetes.io/component=volume-probe")
    until(
        lambda: kubectl.get("databackbone", "market")["status"]["volume"],
        lambda seen: seen["probeJob"] != volume["probeJob"],
        60,
        "deleting the probe asks for another",
    )


def test_a_storage_class_that_does_not_exist_never_gets_ready_and_says_so(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone(bootstrap={"storage": {"storageClassName": "no-such-class"}}))
    seen = wait_condition("databackbone/market", "StorageAvailable", "False", "VolumePending")
    assert conditions(seen)["Ready"][0] == "False"
    assert conditions(seen)["Reconciling"][0] == "True"


def test_growing_where_the_class_forbids_it_is_reported_with_the_servers_words(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone())
    wait_condition("databackbone/market", "Ready", "True")
    patch = '{"spec":{"bootstrap":{"storage":{"size":"2Gi"}}}}'
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", patch)
    seen = until(
        lambda: kubectl.get("databackbone", "market"),
        lambda item: any(entry[1] == "ChildRefused" for entry in conditions(item).values()),
        60,
        "ChildRefused",
    )
    told = [entry["message"] for entry in seen["status"]["conditions"] if entry["reason"] == "ChildRefused"]
    assert any("resize" in words for words in told), told


def test_suspended_backbone_stops_the_plans_and_goes_on_afterwards(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone(), plan())
    wait_condition("ingestplan/daily", "Ready", "True")
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    wait_condition("databackbone/market", "Ready", "False", "Suspended")
    wait_condition("ingestplan/daily", "Scheduled", "False", "BackboneSuspended")
    assert kubectl.get("cronjob", cron_job(kubectl))["spec"]["suspend"] is True
    kubectl.run("annotate", "ingestplan", "daily", "backbone.emp.dev/run-now=while-suspended")
    jobs_before = job_names(kubectl)
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    wait_condition("databackbone/market", "Ready", "True")
    until(
        lambda: kubectl.get("ingestplan", "daily")["status"]["triggers"].get("runNow"),
        lambda token: token == "while-suspended",
        60,
        "the token that waited is handled",
    )
    assert len(job_names(kubectl) - jobs_before) == 1


def job_names(kubectl: Kubectl) -> set[str]:
    return {
        job["metadata"]["name"] for job in kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"]
    }


def test_retained_data_is_taken_up_again_by_a_backbone_of_the_same_name(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone(deletionPolicy="Retain"), plan())
    wait_condition("ingestplan/daily", "Ready", "True")
    claim = kubectl.get("pvc", "market-data")["metadata"]["uid"]
    kubectl.run("delete", "ingestplan/daily", "databackbone/market", "--timeout=60s")
    assert kubectl.get("pvc", "market-data")["metadata"]["uid"] == claim
    kubectl.apply(backbone(deletionPolicy="Retain"), plan("again"))
    seen = wait_condition("ingestplan/again", "Ready", "True")
    assert kubectl.get("pvc", "market-data")["metadata"]["uid"] == claim
    assert seen["status"]["dimensions"][0]["changed"] == 0, "the rows of the first backbone are still there"
    assert seen["status"]["lastRun"]["sequence"] == 2, "the journal goes on"


def test_delete_policy_removes_the_data_with_the_backbone(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(backbone(deletionPolicy="Delete"))
    wait_condition("databackbone/market", "Ready", "True")
    kubectl.run("delete", "databackbone/market", "--timeout=60s")
    until(lambda: kubectl.find("pvc", "market-data"), lambda claim: claim is None, 90, "the claim is gone")


def test_changing_the_policy_to_retain_unties_the_data(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(backbone(deletionPolicy="Delete"))
    wait_condition("databackbone/market", "Ready", "True")
    assert kubectl.get("pvc", "market-data")["metadata"]["ownerReferences"]
    patch = '{"spec":{"deletionPolicy":"Retain"}}'
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", patch)
    until(
        lambda: kubectl.get("pvc", "market-data")["metadata"].get("ownerReferences"),
        lambda references: not references,
        60,
        "the owner reference is taken off",
    )


def test_a_claim_of_somebody_else_is_not_taken(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "market-binding"},
            "data": {"mine": "yes"},
        },
        backbone(),
    )
    wait_condition("databackbone/market", "Ready", "False", "NameTaken")
    assert kubectl.get("configmap", "market-binding")["data"] == {"mine": "yes"}


def test_a_claim_that_is_deleted_is_told_made_anew_and_filled_again(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(backbone(), plan())
    before = wait_condition("ingestplan/daily", "Ready", "True", "Delivered")["status"]
    holder = reader_pod(
        "holder", images["worker"].reference, ["-c", "import time; time.sleep(600)"], "market-data"
    )
    holder["spec"]["containers"][0]["command"] = ["python3"]
    kubectl.apply(holder)
    until(
        lambda: kubectl.get("pod", "holder")["status"].get("phase"),
        lambda seen: seen == "Running",
        60,
        "holder",
    )
    kubectl.run("delete", "pvc", "market-data", "--wait=false")
    wait_condition("databackbone/market", "Ready", "False", "VolumeLeaving")
    wait_condition("ingestplan/daily", "Ready", "False", "BackboneNotReady")
    kubectl.run("delete", "pod", "holder", "--grace-period=1")
    wait_condition("databackbone/market", "Ready", "True", "Available", deadline=180)
    after = wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=180)["status"]
    assert after["claimUid"] != before["claimUid"]
    assert after["lastRun"]["id"] != before["lastRun"]["id"]
    assert after["lastRun"]["rows"] == before["lastRun"]["rows"]
