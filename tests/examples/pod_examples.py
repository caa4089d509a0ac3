"""Settings of pods that the API takes and refuses; api_examples has all tables in one."""

from __future__ import annotations

from typing import Any

from example_objects import PATTERN, UNKNOWN, Document, Example, backbone, plan


def pods(**fields: Any) -> Document:
    """A backbone with these settings for the pods of all its Jobs."""
    return backbone({"pods": fields})


def toleration(**fields: Any) -> Document:
    return pods(tolerations=[fields])


NO_KEY = "a key is a name of at most 63 letters"
OURS = "app.kubernetes.io/managed-by, app.kubernetes.io/component, job-name, controller-uid are set by"
EVERYTHING: dict[str, Any] = {
    "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1", "memory": "1Gi"}},
    "nodeSelector": {"kubernetes.io/arch": "amd64", "pool": "data"},
    "tolerations": [
        {"key": "example.com/data", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "spot", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60},
    ],
    "priorityClassName": "batch-low",
    "imagePullSecrets": [{"name": "registry.eu"}],
    "labels": {"example.com/team": "markets", "cost-centre": ""},
    "annotations": {"example.com/what": "Any text: 100 %, and more."},
}

ACCEPTED = (
    Example("every setting of pods", pods(**EVERYTHING)),
    Example("the same settings for one plan", plan(worker=EVERYTHING)),
    Example("no setting of pods", pods()),
    Example("a toleration of everything", toleration(operator="Exists")),
    Example("as many labels as there may be", pods(labels={f"l{number}": "x" for number in range(16)})),
    Example("the longest key", pods(annotations={"a" * 253 + "/" + "b" * 63: ""})),
)

REJECTED = (
    Example("a label of ours", pods(labels={"backbone.emp.dev/backbone": "other"}), OURS, OURS),
    Example(
        "the label that tells whose a pod is", pods(labels={"app.kubernetes.io/managed-by": "me"}), OURS, OURS
    ),
    Example("a label of ours in a plan", plan(worker={"labels": {"job-name": "other"}}), OURS, OURS),
    Example("an annotation of ours", pods(annotations={"backbone.emp.dev/pods": "x"}), OURS, OURS),
    Example(
        "an annotation that loosens a container",
        pods(annotations={"container.apparmor.security.beta.kubernetes.io/worker": "unconfined"}),
        OURS,
        OURS,
    ),
    Example("a key with a space", pods(labels={"cost centre": "7"}), NO_KEY, NO_KEY),
    Example("a key of a capital domain", pods(nodeSelector={"Example.com/pool": "x"}), NO_KEY, NO_KEY),
    Example("a key of 64 letters", pods(annotations={"a" * 64: "x"}), NO_KEY, NO_KEY),
    Example("a label's value with a space", pods(labels={"team": "the markets"}), PATTERN, "should match"),
    Example("a label's value of 64 letters", pods(labels={"team": "a" * 64}), "63 characters", "Too long"),
    Example(
        "more labels than there may be",
        pods(labels={f"l{number}": "x" for number in range(17)}),
        "at most 16 items",
        "must have at most 16",
    ),
    Example("an endless annotation", pods(annotations={"a": "x" * 1025}), "1024 characters", "Too long"),
    Example(
        "requests above the limits",
        pods(resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}),
        "requests.memory is above limits.memory",
        "requests.memory is above limits.memory",
    ),
    Example(
        "a value that nobody compares",
        toleration(key="spot", operator="Exists", value="yes"),
        "operator Exists takes no value",
        "operator Exists takes no value",
    ),
    Example(
        "a toleration of nothing in particular",
        toleration(effect="NoSchedule"),
        "a toleration without a key",
        "a toleration without a key",
    ),
    Example(
        "seconds for what evicts nobody",
        toleration(key="spot", effect="NoSchedule", tolerationSeconds=5),
        "tolerationSeconds is for effect NoExecute",
        "tolerationSeconds is for effect NoExecute",
    ),
    Example("an unknown operator", toleration(key="a", operator="In"), "'Equal' or 'Exists'", "Unsupported"),
    Example("a priority class that is no name", pods(priorityClassName="Low"), PATTERN, "should match"),
    Example("a pull secret without a name", pods(imagePullSecrets=[{}]), "Field required", "Required value"),
    Example("an affinity", pods(affinity={}), UNKNOWN, 'unknown field "spec.pods.affinity"'),
    Example("a security context", plan(worker={"securityContext": {}}), UNKNOWN, "unknown field"),
    Example("a service account", pods(serviceAccountName="admin"), UNKNOWN, "unknown field"),
)
