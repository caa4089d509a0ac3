"""What is true of a DataBackbone, and what is done about it, by tables of values."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.backbones import BINDING, CLAIM, PROBED, SEEN, backbone, probe, probed, volume
from support.evaluations import conditions, message, started
from support.readings import HOUR, NOW, UNPULLED

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.observation import Observation, PlanReading
from backbone.evaluation import Apply, Prune, Refusal, Subject
from backbone.naming import stamp_of
from backbone.ports.readings import ClaimReading, JobReading
from backbone.vocabulary import Reason

TIMESCALE = {"connection": {"secretName": "db"}}

READY = {
    "Ready": ("True", "Available"),
    "Validated": ("True", "Valid"),
    "StorageAvailable": ("True", "VolumeProbed"),
    "OnRequestedTier": ("True", "OnTier"),
    "Reconciling": ("False", "Settled"),
    "Stalled": ("False", "Settled"),
}


@pytest.mark.parametrize(
    ("subject", "seen", "refusals", "expected"),
    [
        pytest.param(backbone(probed(HOUR / 2)), SEEN, (), {}, id="a probed volume makes it Ready"),
        pytest.param(
            backbone(),
            replace(SEEN, claim=None, binding=None),
            (),
            {
                "Ready": ("False", "VolumePending"),
                "StorageAvailable": ("False", "VolumePending"),
                "Reconciling": ("True", "Progressing"),
            },
            id="without a claim it is on its way",
        ),
        pytest.param(
            backbone(),
            replace(SEEN, claim=replace(CLAIM, phase="Pending")),
            (),
            {
                "Ready": ("False", "VolumePending"),
                "StorageAvailable": ("False", "VolumePending"),
                "Reconciling": ("True", "Progressing"),
            },
            id="a bound claim is not enough, and neither is an unbound one",
        ),
        pytest.param(
            backbone(probed(HOUR / 2)),
            replace(SEEN, claim=replace(CLAIM, phase="Lost")),
            (),
            {
                "Ready": ("False", "VolumeLost"),
                "StorageAvailable": ("False", "VolumeLost"),
                "Stalled": ("True", "VolumeLost"),
            },
            id="a lost volume waits for somebody",
        ),
        pytest.param(
            backbone(probed(HOUR / 2)),
            replace(SEEN, claim=replace(CLAIM, uid="claim-2")),
            (),
            {
                "Ready": ("False", "VolumePending"),
                "StorageAvailable": ("False", "VolumePending"),
                "Reconciling": ("True", "Progressing"),
            },
            id="another claim of the same name has to be probed anew",
        ),
        pytest.param(
            backbone(probed(3 * HOUR)), SEEN, (), {}, id="a verdict stands for three probe intervals"
        ),
        pytest.param(
            backbone(probed(3 * HOUR + timedelta(seconds=1), probeTrouble="ImagePullFailed: no such tag")),
            SEEN,
            (),
            {
                "Ready": ("Unknown", "VolumePending"),
                "StorageAvailable": ("Unknown", "VolumePending"),
                "Reconciling": ("True", "Progressing"),
            },
            id="a verdict that is out of date says nothing, neither good nor bad",
        ),
        pytest.param(
            backbone(probed(HOUR / 2, probeOutcome="VolumeFull", probeFailures=1)),
            SEEN,
            (),
            {
                "Ready": ("False", "VolumeFull"),
                "StorageAvailable": ("False", "VolumeFull"),
                "Stalled": ("True", "VolumeFull"),
            },
            id="a full volume waits for somebody",
        ),
        pytest.param(
            backbone(probed(HOUR / 2, probeOutcome="VolumeProbeFailed", probeFailures=1)),
            SEEN,
            (),
            {
                "Ready": ("False", "VolumeProbeFailed"),
                "StorageAvailable": ("False", "VolumeProbeFailed"),
                "Reconciling": ("True", "Progressing"),
            },
            id="a probe that failed is tried again",
        ),
        pytest.param(
            backbone(probed(HOUR / 2), suspend=True),
            SEEN,
            (),
            {"Ready": ("False", "Suspended")},
            id="suspended is not Ready, and its storage is as it was",
        ),
        pytest.param(
            backbone(),
            replace(SEEN, binding=replace(BINDING, labels=(), controller_uid="somebody")),
            (),
            {
                "Ready": ("False", "NameTaken"),
                "StorageAvailable": ("False", "VolumePending"),
                "Stalled": ("True", "NameTaken"),
            },
            id="a ConfigMap of somebody else is not taken",
        ),
        pytest.param(
            backbone(probed(HOUR / 2)),
            SEEN,
            (Refusal("market-data", Reason.CHILD_REFUSED, "may not resize"),),
            {"Ready": ("True", "ChildRefused"), "Stalled": ("True", "ChildRefused")},
            id="a claim that may not grow still serves, and says that it may not",
        ),
        pytest.param(
            backbone(),
            replace(SEEN, claim=None),
            (Refusal("market-data", Reason.CHILD_REFUSED, "exceeded quota"),),
            {
                "Ready": ("False", "ChildRefused"),
                "StorageAvailable": ("False", "VolumePending"),
                "Stalled": ("True", "ChildRefused"),
            },
            id="a claim that may not be created is no backbone",
        ),
        pytest.param(
            backbone(probed(HOUR / 2)),
            SEEN,
            (Refusal("market-binding", Reason.PERMISSION_DENIED, "cannot patch configmaps"),),
            {"Ready": ("False", "PermissionDenied"), "Stalled": ("True", "PermissionDenied")},
            id="a binding that cannot be written is not Ready",
        ),
    ],
)
def test_conditions(
    subject: Subject[DataBackboneSpec],
    seen: Observation,
    refusals: tuple[Refusal, ...],
    expected: dict[str, tuple[str, str]],
) -> None:
    result = evaluate(subject, seen, refusals, NOW)
    assert conditions(result) == {**READY, **expected}
    assert {item.observed_generation for item in result.conditions} == {3}


@pytest.mark.parametrize(
    ("standing", "job", "outcome", "failures"),
    [
        pytest.param({}, probe("VolumeProbed"), "VolumeProbed", 0, id="a good probe clears the failures"),
        pytest.param({}, probe("VolumeFull"), "VolumeFull", 1, id="a full volume is its outcome"),
        pytest.param({}, probe("VolumeReadOnly"), "VolumeReadOnly", 1, id="so is a read-only one"),
        pytest.param(
            {}, probe("Nonsense"), "VolumeProbeFailed", 1, id="an outcome nobody knows is a failure"
        ),
        pytest.param(
            {}, probe(), "VolumeProbeFailed", 1, id="a probe that ran and said nothing is a failure"
        ),
        pytest.param(
            {},
            probe(pods=(UNPULLED,), succeeded=False, failure="DeadlineExceeded"),
            None,
            1,
            id="a probe that never ran says nothing about the volume",
        ),
        pytest.param(
            probed(HOUR, probeTrouble="Unschedulable: no node"),
            probe(pods=(), succeeded=False, failure="DeadlineExceeded"),
            "VolumeProbed",
            1,
            id="a probe that never ran leaves the earlier verdict",
        ),
    ],
)
def test_a_finished_probe_is_recorded(
    standing: dict[str, Any], job: JobReading, outcome: str | None, failures: int
) -> None:
    found = volume(evaluate(backbone(standing), replace(SEEN, probes=(job,)), (), NOW))
    assert found["probeOutcome"] == outcome
    assert found["probeFailures"] == failures
    assert found["probeJob"] == "market-probe-1"
    assert found["attemptedAt"] == "2024-03-01T12:00:00Z"


def test_a_probe_of_an_earlier_claim_says_nothing_about_the_present_one() -> None:
    old = probe("VolumeProbed", claim_uid="claim-0")
    assert volume(evaluate(backbone(), replace(SEEN, probes=(old,)), (), NOW))["probeOutcome"] is None


def test_a_probe_that_does_not_get_on_is_told_in_ready() -> None:
    stuck = probe(finished=None, pods=(UNPULLED,))
    result = evaluate(backbone(), replace(SEEN, probes=(stuck,)), (), NOW)
    assert "ImagePullFailed: no such tag" in message(result, "Ready")


@pytest.mark.parametrize(
    ("standing", "seen", "expected"),
    [
        pytest.param({}, SEEN, True, id="a claim that was never probed is probed at once"),
        pytest.param(
            {}, replace(SEEN, claim=replace(CLAIM, phase="Pending")), True, id="even before it is bound"
        ),
        pytest.param({}, replace(SEEN, claim=None), False, id="without a claim there is nothing to probe"),
        pytest.param(
            {}, replace(SEEN, probes=(probe(finished=None),)), False, id="one probe at a time is enough"
        ),
        pytest.param(probed(HOUR - timedelta(seconds=1)), PROBED, False, id="a fresh verdict rests"),
        pytest.param(probed(HOUR), PROBED, True, id="after the interval it is probed again"),
        pytest.param(
            probed(timedelta(minutes=5)),
            replace(PROBED, plans=(PlanReading("daily", "VolumeFull", NOW - timedelta(minutes=1)),)),
            True,
            id="a run that found the volume full has it probed at once",
        ),
        pytest.param(
            probed(timedelta(minutes=5)),
            replace(PROBED, plans=(PlanReading("daily", "VolumeFull", NOW - timedelta(minutes=9)),)),
            False,
            id="but not twice for the same run",
        ),
        pytest.param(
            probed(timedelta(seconds=14), probeFailures=1), PROBED, False, id="a failure rests 15 seconds"
        ),
        pytest.param(
            probed(timedelta(seconds=15), probeFailures=1), PROBED, True, id="then it is tried again"
        ),
        pytest.param(
            probed(timedelta(seconds=119), probeFailures=4), PROBED, False, id="the fourth rests two minutes"
        ),
        pytest.param(
            probed(timedelta(minutes=10), probeFailures=99),
            PROBED,
            True,
            id="no failure rests over ten minutes",
        ),
        pytest.param(
            probed(timedelta(minutes=5)), SEEN, True, id="to delete the last probe is to ask for another"
        ),
    ],
)
def test_when_a_probe_starts(standing: dict[str, Any], seen: Observation, expected: bool) -> None:
    assert bool(started(evaluate(backbone(standing), seen, (), NOW))) is expected


def test_nothing_starts_while_suspended() -> None:
    assert started(evaluate(backbone(suspend=True), SEEN, (), NOW)) == []


def test_a_probe_has_one_name_per_claim_and_attempt() -> None:
    first = started(evaluate(backbone(), SEEN, (), NOW))
    again = started(evaluate(backbone(), SEEN, (), NOW + HOUR))
    other_claim = started(evaluate(backbone(), replace(SEEN, claim=replace(CLAIM, uid="c2")), (), NOW))
    next_attempt = started(evaluate(backbone(probed(HOUR)), SEEN, (), NOW))
    assert first == again
    assert len({*first, *other_claim, *next_attempt}) == 3


def test_the_next_look_is_when_the_next_probe_is_due() -> None:
    assert evaluate(backbone(probed(HOUR / 4)), PROBED, (), NOW).recheck_after == HOUR * 3 / 4
    assert evaluate(backbone(probed(HOUR / 4), suspend=True), PROBED, (), NOW).recheck_after is None


def test_finished_probes_go_except_the_one_on_record() -> None:
    jobs = (probe("VolumeProbed", name="old", uid="old-uid"), probe("VolumeProbed", name="p", finished=NOW))
    result = evaluate(backbone(probed(timedelta())), replace(SEEN, probes=jobs), (), NOW)
    assert [action for action in result.actions if isinstance(action, Prune)] == [Prune("old", "old-uid")]


def test_growth_comes_last_and_by_itself_so_that_its_refusal_leaves_nothing_else_undone() -> None:
    subject = backbone(deletionPolicy="Delete", bootstrap={"storage": {"size": "2Gi"}})
    (policy,) = claims(subject, CLAIM)
    assert policy["metadata"]["ownerReferences"]
    assert size(policy) == "1Gi"
    settled = replace(CLAIM, desired=stamp_of(policy))
    standing, growth = claims(subject, settled)
    assert standing == policy
    assert size(growth) == "2Gi"
    assert claims(subject, replace(settled, phase="Pending")) == [policy], "only a bound claim can grow"


@pytest.mark.parametrize(
    "requested",
    [
        pytest.param("2Gi", id="it is as large as was asked for"),
        pytest.param("2048Mi", id="it is spelled in another way"),
        pytest.param("1536Mi", id="the API server made less of it"),
    ],
)
def test_once_growth_was_taken_one_document_is_all_that_is_wished(requested: str) -> None:
    subject = backbone(bootstrap={"storage": {"size": "2Gi"}})
    (standing,) = claims(subject, CLAIM)
    _, growth = claims(subject, replace(CLAIM, desired=stamp_of(standing)))
    grown = replace(CLAIM, requested=requested, desired=stamp_of(growth))
    assert claims(subject, grown) == [growth]


def claims(subject: Subject[DataBackboneSpec], claim: ClaimReading) -> list[dict[str, Any]]:
    """The documents of the claim that one visit applies, in their order."""
    actions = evaluate(subject, replace(SEEN, claim=claim), (), NOW).actions
    documents = [action.document for action in actions if isinstance(action, Apply)]
    return [document for document in documents if document["kind"] == "PersistentVolumeClaim"]


def size(claim: dict[str, Any]) -> str:
    return str(claim["spec"]["resources"]["requests"]["storage"])


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(replace(SEEN, claim=replace(CLAIM, terminating=True)), id="a claim on its way out"),
        pytest.param(
            replace(SEEN, binding=replace(BINDING, terminating=True)), id="a binding on its way out"
        ),
        pytest.param(replace(SEEN, claim=replace(CLAIM, labels=())), id="a claim of somebody else"),
    ],
)
def test_nothing_is_done_about(seen: Observation) -> None:
    assert evaluate(backbone(), seen, (), NOW).actions == ()


def test_a_claim_that_an_earlier_backbone_left_is_taken_up() -> None:
    left = replace(SEEN, claim=replace(CLAIM, controller_uid=None))
    assert "NameTaken" not in str(conditions(evaluate(backbone(), left, (), NOW)))


def test_the_tier_begins_once_and_remembers_when() -> None:
    first = evaluate(backbone(), SEEN, (), NOW).fields.model_dump(mode="json", by_alias=True)["tier"]
    assert first == {
        "active": "Bootstrap",
        "requested": "Bootstrap",
        "epoch": 1,
        "since": "2024-03-01T12:00:00Z",
    }
    standing = replace(backbone(mode="Institutional", timescale=TIMESCALE), status={"tier": first})
    later = evaluate(standing, SEEN, (), NOW + HOUR).fields.model_dump(mode="json", by_alias=True)["tier"]
    assert later == {**first, "requested": "Institutional"}


def test_plans_are_counted() -> None:
    plans = (PlanReading("a", None, None), PlanReading("b", "Succeeded", NOW))
    found = evaluate(backbone(), replace(SEEN, plans=plans), (), NOW).fields.model_dump(by_alias=True)
    assert found["plans"] == 2


def test_a_claim_that_is_being_deleted_is_no_place_for_data() -> None:
    seen = replace(PROBED, claim=replace(CLAIM, terminating=True))
    result = evaluate(backbone(probed(HOUR / 2)), seen, (), NOW)
    assert conditions(result)["Ready"] == ("False", "VolumeLeaving")
    assert conditions(result)["StorageAvailable"] == ("False", "VolumeLeaving")
    assert conditions(result)["Stalled"] == ("True", "VolumeLeaving")
    assert [type(action).__name__ for action in result.actions] == ["Prune"], "a finished probe holds a claim"
