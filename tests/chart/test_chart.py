from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from backbone import __version__
from backbone.settings import Settings

from .conftest import CHART, KUBERNETES, Helm, Render

EVERYTHING = {
    "watchNamespaces": ["markets", "research"],
    "images": {
        "operator": "registry.example/backbone-operator@sha256:" + "0" * 64,
        "worker": "registry.example/worker:9",
        "workerSample": "registry.example/worker-sample:9",
        "pullPolicy": "Always",
        "pullSecrets": [{"name": "registry"}],
    },
    "operator": {
        "replicas": 2,
        "resyncSeconds": 30,
        "probeIntervalSeconds": 60,
        "checkRetrySeconds": 3,
        "logFormat": "text",
        "resources": {"limits": {"memory": "1Gi", "cpu": 2}},
        "priorityClassName": "system-cluster-critical",
        "podAnnotations": {"example.org/note": "yes"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {}},
    },
    "serviceAccount": {"name": "backbone", "annotations": {"example.org/role": "r"}},
    "rbac": {"userRoles": False},
    "admissionPolicy": {"enabled": True},
    "metrics": {"serviceMonitor": {"enabled": True, "labels": {"team": "data"}, "intervalSeconds": 15}},
    "networkPolicy": {"apiServerPorts": [16443], "workerNamespaces": ["trading", "markets"]},
}
ONE_NAMESPACE = {"watchNamespaces": ["markets"], "networkPolicy": {"enabled": False}}
SETUPS = pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="as it comes"),
        pytest.param(EVERYTHING, id="with everything set"),
        pytest.param(ONE_NAMESPACE, id="for one namespace, without network policies"),
    ],
)


def of_kind(documents: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [document for document in documents if document["kind"] in kinds]


def names(documents: list[dict[str, Any]], *kinds: str) -> list[tuple[str, str]]:
    return [
        (document["metadata"].get("namespace", ""), document["metadata"]["name"])
        for document in of_kind(documents, *kinds)
    ]


def pod_specs(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for document in documents:
        if document["kind"] == "Deployment":
            yield document["spec"]["template"]["spec"]
        if document["kind"] == "Pod":
            yield document["spec"]


def operator_pod(documents: list[dict[str, Any]]) -> dict[str, Any]:
    [deployment] = of_kind(documents, "Deployment")
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def operator_environment(documents: list[dict[str, Any]]) -> dict[str, str]:
    [container] = operator_pod(documents)["containers"]
    return {entry["name"]: str(entry.get("value", "from the pod")) for entry in container["env"]}


@SETUPS
def test_every_object_fits_the_schemas_of_kubernetes(render: Render, values: dict[str, Any]) -> None:
    documents = render(values)
    known = [document for document in documents if document["kind"] != "ServiceMonitor"]
    for document in known:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    assert len(known) >= 10


def test_lint_finds_nothing(helm: Helm) -> None:
    done = helm("lint", "--strict", "--kube-version", KUBERNETES, str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize(
    ("values", "place"),
    [
        pytest.param({"operatr": {}}, "operatr", id="a misspelt section"),
        pytest.param({"operator": {"replica": 2}}, "replica", id="a misspelt key"),
        pytest.param({"operator": {"replicas": "two"}}, "replicas", id="a word for a number"),
        pytest.param({"operator": {"replicas": -1}}, "replicas", id="fewer than no replicas"),
        pytest.param({"operator": {"resyncSeconds": 1}}, "resyncSeconds", id="a resync of a second"),
        pytest.param({"operator": {"logFormat": "xml"}}, "logFormat", id="an unknown log format"),
        pytest.param({"operator": {"resources": {"limit": {}}}}, "limit", id="a misspelt limit"),
        pytest.param({"images": {"pullPolicy": "always"}}, "pullPolicy", id="a pull policy in lower case"),
        pytest.param(
            {"images": {"pullSecrets": ["registry"]}}, "pullSecrets", id="a pull secret without `name:`"
        ),
        pytest.param({"watchNamespaces": "markets"}, "watchNamespaces", id="one namespace that is no list"),
        pytest.param({"watchNamespaces": ["Markets"]}, "watchNamespaces", id="an impossible namespace"),
        pytest.param({"networkPolicy": {"apiServerPorts": [0]}}, "apiServerPorts", id="an impossible port"),
    ],
)
def test_wrong_values_are_refused_by_name(template: Helm, values: dict[str, Any], place: str) -> None:
    done = template(values)
    assert done.returncode != 0
    assert "specifications of the schema" in done.stderr
    assert place in done.stderr


def test_the_schema_describes_every_default() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    missing = list(undescribed(defaults, schema, ""))
    assert missing == []


def undescribed(values: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    for key, value in values.items():
        inner = schema.get("properties", {}).get(key)
        if inner is None:
            yield f"{path}{key}"
        elif isinstance(value, dict) and "properties" in inner:
            yield from undescribed(value, inner, f"{path}{key}.")


@SETUPS
def test_no_rule_has_a_wildcard_or_reaches_secrets(render: Render, values: dict[str, Any]) -> None:
    roles = of_kind(render(values), "ClusterRole", "Role")
    assert roles
    for rule in (rule for role in roles for rule in role["rules"]):
        words = [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not any("*" in word for word in words), rule
        assert {"secrets", "serviceaccounts/token", "pods/exec"}.isdisjoint(rule["resources"]), rule
        assert {"escalate", "bind", "impersonate"}.isdisjoint(rule["verbs"]), rule


def test_a_list_of_namespaces_means_no_right_elsewhere(render: Render) -> None:
    documents = render(EVERYTHING)
    assert names(documents, "ClusterRole", "ClusterRoleBinding") == []
    roles = names(documents, "Role")
    assert roles == [
        ("markets", "databackbone-operator"),
        ("research", "databackbone-operator"),
        ("backbone-system", "databackbone-operator-lease"),
        ("kube-system", "databackbone-operator-backbone-system"),
    ]
    assert names(documents, "RoleBinding") == roles
    assert operator_environment(documents)["EMP_WATCH_NAMESPACES"] == "markets,research"


def test_every_binding_is_for_the_account_that_the_operator_runs_as(render: Render) -> None:
    documents = render(EVERYTHING)
    account = operator_pod(documents)["serviceAccountName"]
    assert names(documents, "ServiceAccount") == [("backbone-system", account)]
    for binding in of_kind(documents, "RoleBinding", "ClusterRoleBinding"):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": account, "namespace": "backbone-system"}
        ]


def test_the_operator_may_change_no_lease_but_its_own(render: Render) -> None:
    [role] = [role for role in of_kind(render(), "Role") if role["metadata"]["name"].endswith("-lease")]
    change = [rule for rule in role["rules"] if set(rule["verbs"]) - {"create"}]
    assert [rule["resourceNames"] for rule in change] == [["databackbone-operator"]]
    assert operator_environment(render())["EMP_LEASE_NAME"] == "databackbone-operator"


@SETUPS
def test_where_it_serves_the_operator_holds_one_lease_and_reads_events(
    render: Render, values: dict[str, Any]
) -> None:
    roles = [
        role
        for role in of_kind(render(values), "ClusterRole", "Role")
        if role["metadata"]["name"] == "databackbone-operator"
    ]
    assert roles
    for role in roles:
        may = [
            (set(rule["verbs"]), rule.get("resourceNames"))
            for rule in role["rules"]
            if {"leases", "events"} & set(rule["resources"])
        ]
        assert may == [
            ({"create", "list"}, None),
            ({"create"}, None),
            ({"get", "update"}, ["databackbone-served-by"]),
        ]


@SETUPS
def test_the_operator_may_do_the_same_with_each_of_its_kinds(render: Render, values: dict[str, Any]) -> None:
    """`finalizers` is what OwnerReferencesPermissionEnforcement asks of whoever names an owner that waits."""
    roles = of_kind(render(values), "ClusterRole", "Role")
    own = [role for role in roles if role["metadata"]["name"] in {"databackbone-operator"}]
    assert own
    for role in own:
        may = {
            resource: set(rule["verbs"])
            for rule in role["rules"]
            if rule["apiGroups"] == ["backbone.emp.dev"]
            for resource in rule["resources"]
        }
        for plural in ("databackbones", "ingestplans", "failoverdrills"):
            assert may[plural] == {"get", "list", "watch"}
            assert may[f"{plural}/status"] == {"update"}
            assert may[f"{plural}/finalizers"] == {"update"}


@SETUPS
def test_the_operator_deletes_what_it_makes_anew_and_nothing_else(
    render: Render, values: dict[str, Any]
) -> None:
    roles = of_kind(render(values), "ClusterRole", "Role")
    may = {
        resource
        for role in roles
        if role["metadata"]["name"] == "databackbone-operator"
        for rule in role["rules"]
        if "delete" in rule["verbs"]
        for resource in rule["resources"]
    }
    assert may == {"cronjobs", "jobs", "persistentvolumeclaims"}


@SETUPS
def test_of_the_cluster_the_operator_reads_one_namespace(render: Render, values: dict[str, Any]) -> None:
    [role] = [
        role
        for role in of_kind(render(values), "Role", "ClusterRole")
        for rule in role["rules"]
        if "namespaces" in rule["resources"]
    ]
    assert role["metadata"]["namespace"] == "kube-system"
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}
    ]


def test_starting_drills_is_a_right_of_its_own(render: Render) -> None:
    roles = {role["metadata"]["name"]: role for role in of_kind(render(), "ClusterRole")}
    may_create = {
        name
        for name, role in roles.items()
        for rule in role["rules"]
        if "failoverdrills" in rule["resources"] and "create" in rule["verbs"]
    }
    assert may_create == {"databackbone-drill", "databackbone-admin"}
    aggregated = {name: set(role["metadata"]["labels"]) for name, role in roles.items()}
    assert "rbac.authorization.k8s.io/aggregate-to-edit" in aggregated["databackbone-edit"]
    assert not any("aggregate-to" in label for label in aggregated["databackbone-drill"])
    assert "rbac.authorization.k8s.io/aggregate-to-edit" not in aggregated["databackbone-admin"]


def test_who_may_write_plans_may_read_what_he_writes(render: Render) -> None:
    """`kubectl apply` and `annotate` read first; a role that is bound alone has nothing from `view`."""
    [role] = [role for role in of_kind(render(), "ClusterRole") if role["metadata"]["name"].endswith("-edit")]
    readable = {plural for rule in role["rules"] if "get" in rule["verbs"] for plural in rule["resources"]}
    written = {plural for rule in role["rules"] if "patch" in rule["verbs"] for plural in rule["resources"]}
    assert written <= readable


@SETUPS
def test_every_container_is_restricted(render: Render, values: dict[str, Any]) -> None:
    specs = list(pod_specs(render(values)))
    assert len(specs) == 2
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert not any("hostPath" in volume for volume in spec.get("volumes", []))
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


def test_only_the_operator_gets_a_token(render: Render) -> None:
    documents = render()
    tokens = [spec["automountServiceAccountToken"] for spec in pod_specs(documents)]
    assert sorted(tokens) == [False, True]
    assert operator_pod(documents)["automountServiceAccountToken"] is True
    [account] = of_kind(documents, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False


@SETUPS
def test_the_operator_understands_its_environment(render: Render, values: dict[str, Any]) -> None:
    environment = operator_environment(render(values))
    settings = Settings.from_environment(environment)
    images = values.get("images", {})
    assert settings.worker_image == images.get("worker", f"backbone-worker:{__version__}")
    assert settings.sample_worker_image == images.get("workerSample", f"backbone-worker-sample:{__version__}")
    assert settings.image_pull_policy == images.get("pullPolicy", "IfNotPresent")
    assert settings.watch_namespaces == tuple(values.get("watchNamespaces", ()))
    operator = values.get("operator", {})
    assert settings.resync.total_seconds() == operator.get("resyncSeconds", 300)
    assert settings.probe_interval.total_seconds() == operator.get("probeIntervalSeconds", 3600)
    assert settings.check_retry.total_seconds() == operator.get("checkRetrySeconds", 15)
    assert settings.log_format == operator.get("logFormat", "json")


def test_probes_and_service_meet_the_ports_that_the_operator_opens(render: Render) -> None:
    documents = render()
    [container] = operator_pod(documents)["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    settings = Settings.from_environment(operator_environment(documents))
    assert ports == {"health": settings.health_port, "metrics": settings.metrics_port}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    [service] = of_kind(documents, "Service")
    [deployment] = of_kind(documents, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_one_replica_needs_no_budget_and_two_are_kept_apart(render: Render) -> None:
    assert of_kind(render(), "PodDisruptionBudget") == []
    documents = render({"operator": {"replicas": 2}})
    [budget] = of_kind(documents, "PodDisruptionBudget")
    assert budget["spec"]["minAvailable"] == 1
    [spread] = operator_pod(documents)["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == budget["spec"]["selector"]["matchLabels"]


def test_network_policies_stand_for_the_operator_and_where_workers_run(render: Render) -> None:
    assert names(render(), "NetworkPolicy") == [("backbone-system", "databackbone")]
    documents = render(EVERYTHING)
    assert names(documents, "NetworkPolicy") == [
        ("backbone-system", "databackbone"),
        ("markets", "databackbone-workers"),
        ("research", "databackbone-workers"),
        ("trading", "databackbone-workers"),
    ]
    operator, *workers = of_kind(documents, "NetworkPolicy")
    assert [port["port"] for rule in operator["spec"]["egress"] for port in rule["ports"]] == [53, 53, 16443]
    for policy in workers:
        assert policy["spec"]["policyTypes"] == ["Ingress"]
        assert policy["spec"]["ingress"] == []
        assert policy["spec"]["podSelector"]["matchLabels"] == {
            "app.kubernetes.io/managed-by": "databackbone-operator"
        }
    assert of_kind(render(ONE_NAMESPACE), "NetworkPolicy") == []


def test_a_service_monitor_comes_only_when_asked_for(render: Render) -> None:
    assert of_kind(render(), "ServiceMonitor") == []
    [monitor] = of_kind(render(EVERYTHING), "ServiceMonitor")
    assert monitor["metadata"]["labels"]["team"] == "data"
    assert monitor["spec"]["endpoints"] == [{"port": "metrics", "interval": "15s", "honorLabels": True}]
    [service] = of_kind(render(EVERYTHING), "Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert "metrics" in {port["name"] for port in service["spec"]["ports"]}


def test_two_releases_share_no_name(render: Render) -> None:
    second = {"rbac": {"userRoles": False}}
    ours = {(item["kind"], *names([item], item["kind"])[0]) for item in render()}
    theirs = {(item["kind"], *names([item], item["kind"])[0]) for item in render(second, "other")}
    assert ours.isdisjoint(theirs)


def test_chart_images_and_package_are_of_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__
    images = yaml.safe_load(chart["annotations"]["artifacthub.io/images"])
    assert [entry["image"] for entry in images] == [
        f"backbone-{target}:{__version__}" for target in ("operator", "worker", "worker-sample")
    ]


def test_the_annotations_name_the_kinds_that_the_chart_brings() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    announced = {
        (entry["kind"], entry["version"], entry["name"])
        for entry in yaml.safe_load(chart["annotations"]["artifacthub.io/crds"])
    }
    definitions = [yaml.safe_load(path.read_text()) for path in (CHART / "crds").glob("*.yaml")]
    brought = {
        (crd["spec"]["names"]["kind"], version["name"], crd["metadata"]["name"])
        for crd in definitions
        for version in crd["spec"]["versions"]
    }
    assert announced == brought


def test_the_notes_say_what_to_do_next(helm: Helm, tmp_path: Path) -> None:
    # Helm shows notes only with a cluster; as the text of an object they are rendered by the same rules.
    copy = tmp_path / "databackbone"
    shutil.copytree(CHART, copy)
    (copy / "templates" / "NOTES.txt").rename(copy / "NOTES.txt")
    probe = copy / "templates" / "notes.yaml"
    probe.write_text('kind: Notes\ntext: {{ tpl (.Files.Get "NOTES.txt") . | toJson }}\n')

    def rendered(version: str, *flags: str) -> str:
        shown = ["--kube-version", version, "--show-only", "templates/notes.yaml"]
        done = helm("template", "databackbone", str(copy), *shown, *flags)
        assert done.returncode == 0, done.stderr
        return str(yaml.safe_load(done.stdout)["text"])

    notes = rendered(KUBERNETES)
    commands = [line for line in notes.splitlines() if line.startswith("  kubectl")]
    assert len(commands) == 3
    assert "deployment/databackbone" in commands[0]
    assert "security.md" not in notes
    assert "is older than 1.30.\nWhoever may write plans" in rendered("1.29.3")
    off = ("--set", "admissionPolicy.enabled=false")
    assert "admissionPolicy.enabled is false.\nWhoever" in rendered(KUBERNETES, *off)
