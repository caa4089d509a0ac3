"""What says whose a database is: read once, carried to the workers, and told where it is another one's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import yaml
from support.evaluations import conditions, fields, message
from support.institutional import REPORT, SEEN, SPEC, backbone, cause_of, job, looked, looks
from support.readings import MINUTE, NOW

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.observe import Observer
from backbone.databackbone.plans import Plans
from backbone.evaluation import Apply, Evaluation, Subject
from backbone.jobs.looks import Pace
from backbone.ports.cluster import NAMESPACE, Kind
from backbone.ports.readings import BackboneReading

CLUSTER = "3f0c1a52-0000-4000-8000-00000000c1a5"
MARK = "9b2d6a10-0000-4000-8000-0000000000db"
MARKED = REPORT.model_copy(update={"mark": MARK})
SEEN_IN = replace(looked(MARKED), cluster=CLUSTER)


class Named:
    """A cluster whose namespace kube-system has a uid, or that has none."""

    def __init__(self, uid: str | None) -> None:
        self.uid = uid
        self.asked: list[tuple[Kind, str, str]] = []

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        self.asked.append((kind, namespace, name))
        return {"metadata": {"uid": self.uid}} if kind is NAMESPACE and self.uid else None

    async def list(self, *_: object) -> list[dict[str, Any]]:
        return []


def of(spec: DataBackboneSpec) -> Subject[DataBackboneSpec]:
    return Subject("ns", "market", "uid", 1, {}, spec, {})


@pytest.mark.parametrize("uid", [CLUSTER, None])
async def test_the_cluster_is_asked_for_its_name_once_and_only_for_a_database(uid: str | None) -> None:
    cluster: Any = Named(uid)
    observer = Observer(cluster, Plans(cluster), SEEN.images, Pace(timedelta(hours=1)), lambda: NOW)
    assert (await observer(of(DataBackboneSpec()))).cluster is None
    assert [kind for kind, _, _ in cluster.asked].count(NAMESPACE) == 0
    for _ in range(3):
        assert (await observer(of(SPEC))).cluster == uid
    asked = [call for call in cluster.asked if call[0] is NAMESPACE]
    assert asked == [(NAMESPACE, "", "kube-system")] * (1 if uid else 3)


def binding(result: Evaluation) -> dict[str, Any]:
    documents = [action.document for action in result.actions if isinstance(action, Apply)]
    (found,) = [item["data"] for item in documents if item["kind"] == "ConfigMap"]
    return dict(found)


def test_workers_learn_cluster_and_mark_from_the_tier_that_they_read_anyway() -> None:
    before = evaluate(backbone(), replace(SEEN, cluster=CLUSTER), (), NOW)
    assert binding(before)["cluster"] == CLUSTER
    told = yaml.safe_load(binding(before)["databackbone.yaml"])["status"]["tier"]
    assert (told["cluster"], "database" in told) == (CLUSTER, False)
    after = evaluate(backbone(), SEEN_IN, (), NOW)
    tier = fields(after)["tier"]
    assert (tier["active"], tier["cluster"], tier["database"]) == ("Institutional", CLUSTER, MARK)
    assert yaml.safe_load(binding(after)["databackbone.yaml"])["status"]["tier"] == tier
    # What a plan's workers read is the same.
    raw = {"metadata": {"name": "m", "uid": "u", "generation": 1}, "spec": {}, "status": fields(after)}
    assert BackboneReading.read(raw).tier == tier
    # And it stays where nobody could see it.
    again = evaluate(backbone(fields(after)), looked(REPORT), (), NOW)
    assert fields(again)["tier"] == tier


@pytest.mark.parametrize("fault", ["DatabaseTaken", "DatabaseReplaced"])
def test_a_database_of_another_backbone_is_stalled_until_the_word_is_given(fault: str) -> None:
    words = "belongs to DataBackbone other/market; annotation backbone.emp.dev/confirm=take-1, or"
    refused = REPORT.model_copy(update={"outcome": fault, "message": words, "version": None})
    first = evaluate(backbone(), replace(looked(refused), cluster=CLUSTER), (), NOW)
    assert conditions(first)["Ready"] == conditions(first)["Migrated"] == ("False", fault)
    assert conditions(first)["Stalled"] == ("True", fault)
    assert "confirm=take-1" in message(first, "Migrated")
    assert message(first, "Ready").endswith(": see condition OnRequestedTier.")
    assert fields(first)["tier"]["active"] == "Bootstrap"

    serving = fields(evaluate(backbone(), SEEN_IN, (), NOW))
    lost = replace(SEEN, checks=(job(refused, "e", finished=NOW + MINUTE),))
    result = evaluate(backbone(serving), lost, (), NOW + MINUTE)
    assert conditions(result)["Ready"] == ("False", fault)
    assert fields(result)["tier"]["database"] == fields(result)["database"]["mark"] == MARK, "still expected"

    told = backbone(fields(result), confirm="take-1")
    (asked,) = looks(evaluate(told, lost, (), NOW + MINUTE))
    assert asked["spec"]["template"]["spec"]["containers"][0]["args"][-2:] == ["--confirm", "take-1"]
    other = MARKED.model_copy(update={"mark": "another", "confirmed": "take-1"})
    done = job(other, "f", finished=NOW + 2 * MINUTE, cause=cause_of(told))
    settled = evaluate(told, replace(SEEN, checks=(done,)), (), NOW + 2 * MINUTE)
    assert conditions(settled)["Ready"] == ("True", "Available")
    assert fields(settled)["tier"]["database"] == "another"
    assert fields(settled)["database"]["confirmed"] == "take-1"
