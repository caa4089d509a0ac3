"""An API server that goes away, is slow, cuts its watches, or refuses the operator a right."""

from __future__ import annotations

import json

import pytest

import truth
from api_proxy import ApiProxy, Harm
from deployment import Kubectl, until
from documents import backbone, conditions, message
from figures import Figure
from operator_process import OperatorProcess

SLOW = 1.5
"""Seconds that each answer takes longer."""
MANY = 30
REFUSALS = 4
"""Visits of an object that fail before its right is given back."""


def test_away_for_longer_than_a_lease_lasts(
    kubectl: Kubectl, api: ApiProxy, operator: OperatorProcess, figure: Figure
) -> None:
    truth.create(kubectl)
    truth.wait_delivered(kubectl)
    api.harm = Harm(refuse=True)
    assert operator.wait_end() == 3, "who cannot renew its Lease leads no longer"
    operator.start()
    until(
        lambda: operator.page("/healthz")[0], lambda status: status == 200, 30, "alive without the API server"
    )
    assert operator.page("/readyz")[0] == 503
    truth.annotate(kubectl, "meanwhile")
    api.reset()
    took = truth.seconds(lambda: truth.wait_run(kubectl, "meanwhile"))
    assert len(truth.runs(kubectl)) == 2
    truth.told_once(kubectl)
    figure("a run asked for during an outage had ended after it", took, "s")


def test_slow(kubectl: Kubectl, api: ApiProxy, operator: OperatorProcess) -> None:
    api.harm = Harm(delay=SLOW)
    truth.create(kubectl)
    truth.wait_delivered(kubectl, deadline=180)
    assert operator.alive
    assert operator.page("/healthz") == (200, "leading\n")
    assert len(truth.runs(kubectl)) == 1
    truth.nothing_twice(api)
    truth.told_once(kubectl)


def test_slow_with_more_objects_than_turns(
    kubectl: Kubectl, api: ApiProxy, operator: OperatorProcess, figure: Figure
) -> None:
    names = [f"b{number}" for number in range(MANY)]
    kubectl.apply(*(backbone(name, suspend=True) for name in names))
    until(lambda: unanswered(kubectl), lambda left: not left, truth.TRUE_AGAIN, "each has its status")
    api.harm = Harm(delay=SLOW)
    kubectl.apply(*(backbone(name, suspend=True, deletionPolicy="Delete") for name in names))
    took = truth.seconds(
        lambda: until(lambda: unanswered(kubectl), lambda left: not left, 180, "each has its status again")
    )
    assert operator.alive, "visits that wait do not keep the Lease from being renewed"
    assert operator.page("/healthz") == (200, "leading\n")
    figure(f"{MANY} changed objects true with {SLOW} s more for each answer", took, "s")


def unanswered(kubectl: Kubectl) -> list[str]:
    """Backbones whose status does not speak of their present spec."""
    items = kubectl.get("databackbones")["items"]
    return [item["metadata"]["name"] for item in items if truth.current(item) != ("False", "Suspended")]


def test_watches_that_are_cut_and_refused_for_a_while(
    kubectl: Kubectl, api: ApiProxy, operator: OperatorProcess, figure: Figure
) -> None:
    truth.create(kubectl)
    truth.wait_delivered(kubectl)
    api.harm = Harm(refuse_watches=True)
    assert api.cut_watches() >= 8, "three kinds of ours and five of children"
    kubectl.run("delete", "configmap", "daily-plan")
    kubectl.run("patch", "ingestplan", "daily", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    blind = truth.seconds(
        lambda: until(
            lambda: (
                kubectl.find("configmap", "daily-plan"),
                truth.current(kubectl.get("ingestplan", "daily")),
            ),
            lambda seen: seen[0] is not None and seen[1] == ("False", "Suspended"),
            truth.TRUE_AGAIN,
            "seen without an event",
        )
    )
    api.reset()
    kubectl.run("patch", "ingestplan", "daily", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    truth.wait_delivered(kubectl, deadline=truth.TRUE_AGAIN)
    kubectl.apply({**kubectl.get("ingestplan", "daily"), "metadata": {"name": "later"}, "status": None})
    until(
        lambda: truth.current(kubectl.get("ingestplan", "later")),
        lambda seen: seen == ("True", "Delivered"),
        truth.TRUE_AGAIN,
        "a plan made after the watches came back",
    )
    truth.nothing_twice(api)
    figure("changes seen without watches, with a resync of 15 s", blind, "s")


@pytest.mark.parametrize("right", [("list", "jobs"), ("patch", "configmaps")], ids=["reading", "writing"])
def test_a_right_revoked_and_given_back(
    kubectl: Kubectl,
    api: ApiProxy,
    operator: OperatorProcess,
    right: tuple[str, str],
    figure: Figure,
) -> None:
    verb, resource = right
    truth.create(kubectl)
    truth.wait_delivered(kubectl)
    role = kubectl.get("role", "databackbone-operator")
    less = [
        {**rule, "verbs": [item for item in rule["verbs"] if item != verb]}
        if resource in rule["resources"]
        else rule
        for rule in role["rules"]
    ]
    kubectl.run("patch", "role", "databackbone-operator", "--type=merge", "-p", json.dumps({"rules": less}))
    kubectl.run("label", "databackbone/market", "ingestplan/daily", "look=again")
    kubectl.run("delete", "configmap", "daily-plan", "market-binding")
    for target in ("databackbone/market", "ingestplan/daily"):
        seen = until(
            lambda target=target: kubectl.get(target),
            lambda item: "PermissionDenied" in {entry[1] for entry in conditions(item).values()},
            truth.TRUE_AGAIN,
            f"{target} says that a right is missing",
        )
        assert conditions(seen)["Stalled"] == ("True", "PermissionDenied")
        assert f'cannot {verb} resource "{resource}"' in message(seen, "Stalled")
        assert conditions(seen)["Ready"][0] != "True"
    called = {"list": "list", "patch": "apply"}[verb]
    assert operator.metric("backbone_api_calls_total", verb=called, resource=resource, result="403") >= 1
    # Refused so often in a row, each would wait eight seconds by itself before it looks again.
    for kind in ("DataBackbone", "IngestPlan"):
        until(
            lambda kind=kind: operator.metric("backbone_visits_total", kind=kind, result="PermissionDenied"),
            lambda count: count >= REFUSALS,
            truth.TRUE_AGAIN,
            f"visits of {kind} that were refused",
        )

    kubectl.run(
        "patch", "role", "databackbone-operator", "--type=merge", "-p", json.dumps({"rules": role["rules"]})
    )
    took = truth.seconds(lambda: truth.wait_delivered(kubectl, deadline=truth.TRUE_AGAIN))
    assert kubectl.find("configmap", "daily-plan") is not None
    assert len(truth.runs(kubectl)) == 1
    figure(f"true again after the right to {verb} {resource} was back", took, "s")
