"""The volume of a backbone whose rows are in TimescaleDB stops nothing while pods can mount it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support import backbones
from support.backbones import CLAIM
from support.evaluations import conditions, fields, message
from support.institutional import PROBE, REPORT, SEEN, backbone, job, looked, serving
from support.readings import MINUTE, NOW

from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.observation import Observation
from backbone.evaluation import Apply, Evaluation, Prune
from backbone.ports.cluster import CLAIM as CLAIM_KIND
from backbone.ports.readings import ClaimReading, JobReading

FAULTS = {"VolumeFull": "no space left", "VolumeReadOnly": "read-only file system"}
LATER = NOW + MINUTE


def probe(outcome: str, claim: str = "claim-1") -> JobReading:
    told = FAULTS.get(outcome, "")
    return backbones.probe(outcome, message=told, name="q", finished=LATER, claim_uid=claim)


def volume_of(subject: dict[str, Any]) -> dict[str, Any]:
    """A status with the volume that was probed well."""
    return {**subject, "volume": backbone().status["volume"]}


def seen(claim: ClaimReading | None = CLAIM, *probes: JobReading) -> Observation:
    return replace(looked(), claim=claim, probes=probes or (PROBE,))


def judged(status: dict[str, Any], observation: Observation) -> Evaluation:
    return evaluate(backbone(volume_of(status)), observation, (), LATER)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_idle_volume_that_takes_no_writes_stops_nothing_and_is_told(fault: str) -> None:
    result = judged(serving(), seen(CLAIM, probe(fault)))
    assert conditions(result)["Ready"] == ("True", "Available")
    assert FAULTS[fault] in message(result, "Ready")
    assert conditions(result)["StorageAvailable"] == ("False", fault)
    assert conditions(result)["Stalled"][0] == "False"
    assert conditions(result)["Reconciling"][0] == "False"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_serving_volume_that_takes_no_writes_is_not_ready(fault: str) -> None:
    plain = backbone().spec.model_copy(update={"mode": "Bootstrap"})
    result = evaluate(backbone(spec=plain), seen(CLAIM, probe(fault)), (), LATER)
    assert conditions(result)["Ready"] == conditions(result)["StorageAvailable"] == ("False", fault)
    assert conditions(result)["Stalled"] == ("True", fault)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_database_that_is_lost_is_told_before_the_idle_volume(fault: str) -> None:
    lost = job(REPORT.model_copy(update={"outcome": "ConnectionRefused"}), "e", finished=LATER)
    result = judged(serving(), replace(seen(CLAIM, probe(fault)), checks=(lost,)))
    assert conditions(result)["Ready"] == ("False", "ConnectionRefused")


NEW = replace(CLAIM, uid="claim-2")


@pytest.mark.parametrize(
    ("claim", "ready"),
    [
        pytest.param(replace(CLAIM, terminating=True), ("False", "VolumeLeaving"), id="it is being deleted"),
        pytest.param(None, ("False", "VolumePending"), id="it is gone"),
        pytest.param(replace(NEW, phase="Pending"), ("False", "VolumePending"), id="a new one is not bound"),
        pytest.param(NEW, ("True", "Available"), id="a new one is bound, and was not probed yet"),
    ],
)
def test_runs_wait_for_a_deleted_claim_until_the_new_one_is_bound(
    claim: ClaimReading | None, ready: tuple[str, str]
) -> None:
    result = judged(serving(), seen(claim))
    assert conditions(result)["Ready"] == ready
    applied = [item.document["kind"] for item in result.actions if isinstance(item, Apply)]
    assert ("PersistentVolumeClaim" in applied) == (claim is None or not claim.terminating)


def test_of_an_idle_claim_that_leaves_it_is_told_where_the_rows_are() -> None:
    leaving = replace(CLAIM, terminating=True)
    assert "the rows are in TimescaleDB" in message(judged(serving(), seen(leaving)), "StorageAvailable")
    plain = backbone(spec=backbone().spec.model_copy(update={"mode": "Bootstrap"}))
    served = evaluate(plain, seen(leaving), (), LATER)
    assert conditions(served)["Ready"] == ("False", "VolumeLeaving")
    assert "TimescaleDB" not in message(served, "StorageAvailable")


LOST = replace(CLAIM, phase="Lost")


def deletions(result: Evaluation) -> list[Prune]:
    return [item for item in result.actions if isinstance(item, Prune) and item.kind is CLAIM_KIND]


def test_a_lost_claim_is_deleted_so_that_a_new_one_is_made() -> None:
    result = judged(serving(), seen(LOST))
    assert conditions(result)["Ready"] == conditions(result)["StorageAvailable"] == ("False", "VolumeLost")
    assert "the rows are in TimescaleDB" in message(result, "StorageAvailable")
    assert message(result, "Ready").endswith(": see condition StorageAvailable.")
    assert conditions(result)["Stalled"][0] == "False"
    assert deletions(result) == [Prune(LOST.name, LOST.uid, CLAIM_KIND)]
    applied = [item.document["kind"] for item in result.actions if isinstance(item, Apply)]
    assert "PersistentVolumeClaim" not in applied


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"spec": {"mode": "Bootstrap"}}, id="its rows were on it"),
        pytest.param({"spec": {"suspend": True}}, id="no work starts"),
        pytest.param({"volume": {"holdsRows": True}}, id="it held rows of an earlier tier"),
        pytest.param({"claim": {"terminating": True}}, id="it is on its way out"),
    ],
)
def test_no_other_claim_is_ever_deleted(change: dict[str, Any]) -> None:
    spec = backbone().spec.model_copy(update=change.get("spec", {}))
    status = volume_of(serving() if "mode" not in change.get("spec", {}) else {})
    status["volume"] = {**status["volume"], **change.get("volume", {})}
    claim = replace(LOST, **change.get("claim", {}))
    result = evaluate(backbone(status, spec=spec), seen(claim), (), LATER)
    assert deletions(result) == []
    assert conditions(result)["Ready"][0] == "False"


def test_a_claim_that_was_made_again_is_a_warning_of_its_own() -> None:
    probed = probe("VolumeProbed", claim="claim-2")
    result = judged(serving(), seen(NEW, probed))
    assert [(item.type, item.reason) for item in result.notices] == [("Warning", "VolumeMadeAgain")]
    assert "the rows are in TimescaleDB" in result.notices[0].message
    again = evaluate(backbone(fields(result)), seen(NEW, probed), (), LATER)
    assert again.notices == ()
    plain = backbone(spec=backbone().spec.model_copy(update={"mode": "Bootstrap"}))
    assert evaluate(plain, seen(NEW, probed), (), LATER).notices == ()
    assert SEEN.claim is not None
