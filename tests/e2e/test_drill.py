"""FailoverDrill on a real API server: served, immutable, and honest about what it cannot do yet."""

from __future__ import annotations

from typing import Any

from deployment import Kubectl
from documents import backbone, conditions, drill


def test_a_drill_ends_at_once_with_scenario_not_available(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(backbone(suspend=True), drill())
    seen = wait_condition(
        "failoverdrill/rehearsal", "Succeeded", "False", "ScenarioNotAvailable", deadline=60
    )
    assert seen["status"]["startTime"] <= seen["status"]["completionTime"]
    assert "verdict" not in seen["status"], "nothing was rehearsed, so there is no verdict"
    assert conditions(seen)["Stalled"] == ("True", "ScenarioNotAvailable"), "it is not done for kstatus"


def test_a_drill_waits_for_a_backbone_that_is_missing(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(drill())
    seen = wait_condition("failoverdrill/rehearsal", "Succeeded", "Unknown", "BackboneNotFound", deadline=60)
    assert conditions(seen)["Reconciling"] == ("True", "Progressing")
    kubectl.apply(backbone(suspend=True))
    wait_condition("failoverdrill/rehearsal", "Succeeded", "False", "ScenarioNotAvailable", deadline=60)


def test_the_spec_of_a_drill_cannot_change(kubectl: Kubectl) -> None:
    kubectl.apply(drill())
    patch = '{"spec":{"scenario":"KafkaOutage"}}'
    done = kubectl.try_run("patch", "failoverdrill", "rehearsal", "--type=merge", "-p", patch)
    assert done.returncode != 0
    assert "create a new FailoverDrill instead" in done.stderr
