"""Nobody gets by a backbone or plan what Kubernetes would not give him: each role tries.

It takes the chart's policies and an API server, and neither operator nor node.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest
from kubernetes.client import ApiClient, ApiException, CustomObjectsApi
from kubernetes.config import new_client_from_config

from backbone.crds.definition import definition
from backbone.crds.files import RESOURCES
from backbone.vocabulary import GROUP, VERSION
from deployment import Kubectl, until
from example_objects import DAILY, Document, backbone, drill, plan
from references import Reference, references, with_reference

pytestmark = pytest.mark.short

SECONDS = 30.0
DENIED = "denied request"
BY_KIND = {resource.kind: resource for resource in RESOURCES}

MAY_WRITE = ("databackbone-edit",)
GET_SECRETS = {"resources": ["secrets"], "verbs": ["get"]}
CREATE_PODS = {"resources": ["pods"], "verbs": ["create"]}
ROLES: dict[str, tuple[tuple[str, ...], tuple[dict[str, Any], ...]]] = {
    "viewer": (("databackbone-view",), ()),
    "writer": (MAY_WRITE, ()),
    "keeper": (MAY_WRITE, ({**GET_SECRETS, "resourceNames": ["fred"]},)),
    "builder": (MAY_WRITE, (CREATE_PODS,)),
    "clerk": (MAY_WRITE, (GET_SECRETS,)),
    "both": (MAY_WRITE, (GET_SECRETS, CREATE_PODS)),
    "driller": (("databackbone-drill",), ()),
    "editor": (("edit",), ()),
}
"""Whom the tests act as: ClusterRoles, bound in the namespace, and rules of the core group beside them."""
LACKS = {"get secrets": "builder", "create pods": "clerk"}
"""Who has every right of a writer but this one."""

FRED = {"provider": "Fred", "series": ["CPIAUCSL"], "connection": {"secretName": "fred"}}
MIRROR = {**FRED, "connection": {"secretName": "fred", "baseUrl": "https://mirror.example.com"}}
ELSEWHERE = {**FRED, "connection": {"secretName": "fred", "baseUrl": "https://listener.example.com"}}
PAYMENTS = {**FRED, "connection": {"secretName": "payments"}}
PROXIED = {**DAILY, "provider": "Yahoo", "connection": {"secretName": "proxy"}}
IMAGE = {"image": "registry.example/worker:1"}
SMALL, LARGE = ({"resources": {"requests": {"cpu": cpu}}} for cpu in ("100m", "8"))
TIMESCALE = {"connection": {"secretName": "timescale"}}
READ = {**TIMESCALE, "readerRole": "market_readers"}
REDIS = {"connection": {"secretName": "redis"}}
KAFKA = {"connection": {"secretName": "kafka"}}
ADMIN = {**KAFKA, "admin": {"connection": {"secretName": "kafka-admin"}}}


@dataclass(frozen=True, slots=True)
class Try:
    """A role's wish: the object as it shall be, and the name of the one of STANDING that it is made of."""

    title: str
    role: str
    after: Document
    before: str | None = None

    def __str__(self) -> str:
        return f"{self.role}: {self.title}"


def held(**fields: Any) -> Document:
    """A plan as somebody with every right has made it; it starts nothing."""
    return plan(
        **{
            "suspend": True,
            "dailyBars": PROXIED,
            "macroSeries": MIRROR,
            "worker": {**IMAGE, **SMALL},
            **fields,
        }
    )


def market(**spec: Any) -> Document:
    return backbone({"suspend": True, **spec})


def annotated(document: Document) -> Document:
    token = {"backbone.emp.dev/run-now": "7"}
    return {**document, "metadata": {**document["metadata"], "annotations": token, "labels": {"team": "a"}}}


EVERY_DIMENSION = plan(
    suspend=True,
    intradayBars=DAILY,
    intradayTrades=DAILY,
    macroSeries={"provider": "Sample", "series": ["CPIAUCSL"]},
    macroEvents={"provider": "Sample", "calendars": ["US"]},
)
CACHED = market(timescale=TIMESCALE, redis=REDIS)
STANDING = {
    "held": held(),
    "every-dimension": EVERY_DIMENSION,
    "cached": CACHED,
    "stored": market(timescale=TIMESCALE),
    "read": market(timescale=READ),
    "streamed": market(timescale=TIMESCALE, kafka=KAFKA),
    "administered": market(kafka=ADMIN),
}
"""Objects that somebody with every right has made."""

REFUSED = [
    Try("a new plan with a Secret", "writer", plan(macroSeries=FRED)),
    Try("another Secret in a plan", "writer", held(macroSeries=PAYMENTS), "held"),
    Try("another address for the key", "writer", held(macroSeries=ELSEWHERE), "held"),
    Try("no address for a key that had one", "writer", held(macroSeries=FRED), "held"),
    Try("a Secret in a second dimension", "writer", held(intradayBars=PROXIED), "held"),
    Try("a new plan with an image", "writer", plan(worker=IMAGE)),
    Try("another image", "writer", held(worker={**SMALL, "image": "registry.example/worker:2"}), "held"),
    Try("a setting of pods", "writer", plan(worker=SMALL)),
    Try("another setting of pods", "writer", held(worker={**IMAGE, **LARGE}), "held"),
    Try("a new backbone with a Secret", "writer", market(timescale=TIMESCALE)),
    Try(
        "another Secret in a backbone",
        "writer",
        market(timescale={"connection": {"secretName": "payments"}}),
        "cached",
    ),
    Try(
        "a Secret for the cache",
        "writer",
        market(timescale=TIMESCALE, redis=REDIS),
        "stored",
    ),
    Try("readers of the database, by a Secret of others", "writer", market(timescale=READ), "stored"),
    Try("other readers", "writer", market(timescale={**READ, "readerRole": "analysts"}), "read"),
    Try("a Secret for Kafka", "writer", market(timescale=TIMESCALE, kafka=KAFKA), "stored"),
    Try("a user of its own for topics", "writer", market(kafka=ADMIN), "streamed"),
    Try("the one of topics for all", "writer", market(kafka=ADMIN["admin"]), "administered"),
    Try("a Secret that is not the one it may get", "keeper", plan(macroSeries=PAYMENTS)),
    Try("an image", "keeper", plan(worker=IMAGE)),
    Try("a Secret", "builder", plan(macroSeries=FRED)),
    Try("a plan", "viewer", plan()),
    Try("a plan", "driller", plan()),
    Try("a drill", "writer", drill()),
]
GRANTED = [
    Try("a plan that names nothing", "writer", plan(worker={"deadlineSeconds": 60})),
    Try("a token and a label", "writer", annotated(held()), "held"),
    Try("no change", "writer", held(), "held"),
    Try("to suspend and to go on", "writer", held(suspend=False), "held"),
    Try(
        "other symbols, another hour",
        "writer",
        held(schedule="0 3 * * *", dailyBars={**PROXIED, "symbols": ["A"]}),
        "held",
    ),
    Try("a longer deadline", "writer", held(worker={**IMAGE, **SMALL, "deadlineSeconds": 60}), "held"),
    Try(
        "to let go of Secret and image", "writer", held(dailyBars=DAILY, macroSeries=None, worker={}), "held"
    ),
    Try(
        "another size of the pool",
        "writer",
        market(timescale={**TIMESCALE, "pool": {"size": 5}}, redis=REDIS),
        "cached",
    ),
    Try(
        "a retention beside the readers that stand",
        "writer",
        market(timescale={**READ, "hypertables": {"dailyBars": {"retentionDays": 3650}}}),
        "read",
    ),
    Try("to name no readers any more", "writer", market(timescale=TIMESCALE), "read"),
    Try("readers, by a Secret that it may get", "clerk", market(timescale=READ), "stored"),
    Try("a user of its own for topics", "clerk", market(kafka=ADMIN), "streamed"),
    Try(
        "other topics",
        "writer",
        market(kafka={**ADMIN, "topicPrefix": "desk.", "topics": [{"name": "orders"}]}),
        "administered",
    ),
    Try("to let go of the user of topics", "writer", market(kafka=KAFKA), "administered"),
    Try("to let go of a setting of pods", "writer", held(worker=IMAGE), "held"),
    Try("a backbone that names nothing", "writer", market()),
    Try("the Secret that it may get", "keeper", plan(macroSeries=FRED)),
    Try("that Secret at another address", "keeper", held(macroSeries=ELSEWHERE), "held"),
    Try("an image and a setting of pods", "builder", plan(worker={**IMAGE, **LARGE})),
    Try("everything, since Kubernetes gives it all", "editor", held()),
    Try("a backbone with Secrets", "editor", CACHED),
    Try("a drill", "driller", drill()),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """The API server, asked as somebody."""

    client: ApiClient
    namespace: str

    def answer(self, tried: Try) -> str:
        """What it says to a try, of which it keeps nothing; empty where it takes the object."""
        document = tried.after
        try:
            if tried.before is None:
                self.call("create", document["kind"], tried.role, body=document, dry_run="All")
                return ""
            marks = {key: value for key, value in document["metadata"].items() if key != "name"}
            changes = [
                {"op": "add", "path": f"/metadata/{key}", "value": value} for key, value in marks.items()
            ]
            changes.append({"op": "replace", "path": "/spec", "value": document["spec"]})
            how = {"body": changes, "_content_type": "application/json-patch+json", "dry_run": "All"}
            self.call("patch", document["kind"], tried.role, name=tried.before, **how)
        except ApiException as error:
            assert error.status == HTTPStatus.FORBIDDEN, error.body
            return str(json.loads(error.body)["message"])
        return ""

    def call(self, verb: str, kind: str, role: str | None, **arguments: Any) -> None:
        """Raises ApiException."""
        how = {"_headers": {"Impersonate-User": role} if role else None, "_request_timeout": SECONDS}
        call = getattr(CustomObjectsApi(self.client), f"{verb}_namespaced_custom_object")
        call(GROUP, VERSION, self.namespace, BY_KIND[kind].plural, **arguments, **how)


def bindings(namespace: str) -> Iterator[Document]:
    group = "rbac.authorization.k8s.io"
    for role, (cluster_roles, rules) in ROLES.items():
        bound = [("ClusterRole", name) for name in cluster_roles]
        if rules:
            named = {"name": role, "namespace": namespace}
            own = [{"apiGroups": [""], **rule} for rule in rules]
            yield {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": named, "rules": own}
            bound.append(("Role", role))
        for kind, name in bound:
            yield {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": f"{role}-{name}", "namespace": namespace},
                "roleRef": {"apiGroup": group, "kind": kind, "name": name},
                "subjects": [{"apiGroup": group, "kind": "User", "name": role}],
            }


@pytest.fixture(scope="module")
def asked(operator: Kubectl) -> Iterator[Asked]:
    """A namespace with every role, in which the policies are in force, and what stands there."""
    namespace = f"t-{secrets.token_hex(4)}"
    operator.run("create", "namespace", namespace)
    operator.of(namespace).apply(*bindings(namespace))
    with new_client_from_config(str(operator.kubeconfig)) as client:
        found = Asked(client, namespace)
        for name, document in STANDING.items():
            found.call("create", document["kind"], None, body={**document, "metadata": {"name": name}})
        until(lambda: found.answer(REFUSED[0]), lambda said: DENIED in said, 60, "a policy is in force")
        for tried in {item.role: item for item in GRANTED}.values():
            until(partial(found.answer, tried), lambda said: said == "", 60, f"{tried.role} is bound")
        yield found
    operator.run("delete", "namespace", namespace, "--wait=false")


@pytest.mark.parametrize("tried", REFUSED, ids=str)
def test_who_may_not_have_it_from_kubernetes_may_not_have_it_from_us(asked: Asked, tried: Try) -> None:
    assert asked.answer(tried)


@pytest.mark.parametrize("tried", GRANTED, ids=str)
def test_who_may_have_it_and_who_leaves_it_as_it_was_is_not_refused(asked: Asked, tried: Try) -> None:
    assert asked.answer(tried) == ""


def every_reference() -> Iterator[Any]:
    bases = {"DataBackbone": "streamed", "IngestPlan": "every-dimension"}
    for resource in RESOURCES:
        version = definition(resource)["spec"]["versions"][0]
        schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        before = bases.get(resource.kind)
        base = STANDING[before] if before is not None else drill()
        for reference in references(schema):
            # An address, or a role of readers, is checked with the Secret that serves it.
            if reference.right != "follows its Secret":
                wish = Try("", LACKS[reference.right], with_reference(base, schema, reference), before)
                yield pytest.param(reference, wish, id=f"{resource.kind} {reference}")


@pytest.mark.parametrize(("reference", "wish"), list(every_reference()))
def test_each_reference_of_the_schema_is_nobodys_business_once_it_stands(
    asked: Asked, reference: Reference, wish: Try
) -> None:
    name = "-".join(part for part in reference.path if part != "[]").lower()
    asked.call("create", wish.after["kind"], None, body={**wish.after, "metadata": {"name": name}})
    assert asked.answer(replace(wish, before=name, after=annotated(wish.after))) == ""


@pytest.mark.parametrize(("reference", "wish"), list(every_reference()))
def test_each_reference_of_the_schema_takes_its_right(asked: Asked, reference: Reference, wish: Try) -> None:
    said = asked.answer(wish)
    assert DENIED in said
    assert f"spec.{reference.path[0]}" in said
    assert asked.answer(replace(wish, role="both")) == ""


def test_a_secret_is_named_in_the_refusal_and_so_is_what_it_takes(asked: Asked) -> None:
    said = asked.answer(REFUSED[1])
    assert "spec.macroSeries.connection is new or changed and names the Secret payments" in said
    assert "takes the right to get this Secret" in said


def test_kubernetes_finds_nothing_to_warn_of_in_the_policies(operator: Kubectl) -> None:
    def seen() -> list[dict[str, Any]]:
        found = operator.get("validatingadmissionpolicy", "-l", "app.kubernetes.io/part-of=databackbone")
        return [item.get("status", {}) for item in found["items"]]

    checked = until(seen, lambda found: all("observedGeneration" in item for item in found), 60, "a look")
    assert len(checked) == 2
    assert [item.get("typeChecking", {}) for item in checked] == [{}, {}]
