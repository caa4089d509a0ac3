"""Children of a DataBackbone by value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from support import readings

from backbone.databackbone import children
from backbone.databackbone.api import DataBackboneSpec, TierStatus
from backbone.evaluation import Subject
from backbone.jobs.pods import WorkerImages
from backbone.ports.readings import ClaimReading
from backbone.vocabulary import ANNOTATION_DESIRED

LABELS = {
    "app.kubernetes.io/managed-by": "databackbone-operator",
    "backbone.emp.dev/backbone": "market",
}
OWNER = {
    "apiVersion": "backbone.emp.dev/v1alpha1",
    "kind": "DataBackbone",
    "name": "market",
    "uid": "uid",
    "controller": True,
    "blockOwnerDeletion": True,
}


def backbone(**spec: Any) -> Subject[DataBackboneSpec]:
    return Subject("ns", "market", "uid", 3, {}, DataBackboneSpec.model_validate(spec), {})


def claim_of(requested: str) -> ClaimReading:
    return readings.claim(uid="c", capacity=None, requested=requested)


def unstamped(document: dict[str, Any]) -> dict[str, Any]:
    """The document less its digest, which has to be there."""
    metadata = dict(document["metadata"])
    assert metadata.pop("annotations").keys() == {ANNOTATION_DESIRED}
    return {**document, "metadata": metadata}


def test_a_retained_claim_has_no_owner() -> None:
    assert unstamped(children.claim(backbone(), None, grow=False)) == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "market-data",
            "namespace": "ns",
            "labels": {**LABELS, "app.kubernetes.io/component": "volume"},
        },
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def test_a_claim_that_goes_with_its_backbone_has_an_owner() -> None:
    document = children.claim(backbone(deletionPolicy="Delete"), None, grow=False)
    assert document["metadata"]["ownerReferences"] == [OWNER]


@pytest.mark.parametrize(
    ("size", "standing", "expected"),
    [
        pytest.param("2Gi", "1Gi", True, id="a claim grows"),
        pytest.param("1Gi", "5Gi", False, id="a larger claim that is taken up stays as large"),
        pytest.param("1024Mi", "1Gi", False, id="equal sizes in two spellings are equal"),
        pytest.param("1Gi", "1e9", True, id="a size spelled with an exponent is left to the API server"),
    ],
)
def test_whether_the_claim_grows(size: str, standing: str, expected: bool) -> None:
    subject = backbone(bootstrap={"storage": {"size": size}})
    assert children.grows(subject, claim_of(standing)) is expected


def test_the_claim_keeps_its_size_until_it_is_to_grow() -> None:
    subject = backbone(bootstrap={"storage": {"size": "2Gi"}})
    sizes = [
        children.claim(subject, found, grow)["spec"]["resources"]["requests"]["storage"]
        for found, grow in ((None, False), (claim_of("1Gi"), False), (claim_of("1Gi"), True))
    ]
    assert sizes == ["2Gi", "1Gi", "2Gi"]


def test_a_storage_class_is_named_only_if_asked_for() -> None:
    document = children.claim(backbone(bootstrap={"storage": {"storageClassName": "fast"}}), None, grow=False)
    assert document["spec"]["storageClassName"] == "fast"


def test_the_binding_names_tier_claim_and_place() -> None:
    tier = TierStatus(
        active="Bootstrap", requested="Institutional", epoch=4, since=datetime(2024, 1, 1, tzinfo=UTC)
    )
    made = unstamped(children.binding(backbone(), tier))
    written = yaml.safe_load(made["data"].pop("databackbone.yaml"))
    assert (written["kind"], written["metadata"]["name"]) == ("DataBackbone", "market")
    assert written["status"]["tier"]["active"] == "Bootstrap", "what a worker goes by"
    assert made == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "market-binding",
            "namespace": "ns",
            "labels": {**LABELS, "app.kubernetes.io/component": "binding"},
            "ownerReferences": [OWNER],
        },
        "data": {
            "tier": "Bootstrap",
            "epoch": "4",
            "claimName": "market-data",
            "published": "published/backbone.duckdb",
        },
    }


def test_a_probe_sees_the_volume_and_nothing_else() -> None:
    job = children.probe(backbone(), "claim-1", "first", WorkerImages("worker:1", "sample:1", "Never"))
    assert job["metadata"]["labels"]["backbone.emp.dev/claim-uid"] == "claim-1"
    assert job["metadata"]["ownerReferences"] == [OWNER]
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["activeDeadlineSeconds"] == 300
    pod = job["spec"]["template"]["spec"]
    assert [volume["name"] for volume in pod["volumes"]] == ["data", "tmp"]
    container = pod["containers"][0]
    assert container["args"] == ["probe-volume"]
    assert container["image"] == "worker:1"
    assert container["imagePullPolicy"] == "Never"
