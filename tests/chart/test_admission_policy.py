"""The policies that ask what a writer may do himself; tests/e2e/test_admission.py has them answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from backbone.crds.definition import definition
from backbone.crds.files import RESOURCES
from references import Reference, references

from .conftest import Render

COST_OF_A_QUESTION = 350_000
COST_OF_A_POLICY = 10_000_000
"""What Kubernetes counts for a question to the authorizer, and what it lets a policy cost."""

SECRETS, PODS = "resource('secrets')", "resource('pods')"
SPECS = {
    resource.plural: definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
        "spec"
    ]
    for resource in RESOURCES
}


def policies(
    documents: list[dict[str, Any]], kind: str = "ValidatingAdmissionPolicy"
) -> list[dict[str, Any]]:
    return [document for document in documents if document["kind"] == kind]


def expressions(documents: list[dict[str, Any]]) -> dict[str, list[str]]:
    """By plural; written without `dyn`, which is for the type checker alone."""
    found = {}
    for policy in policies(documents):
        [rule] = policy["spec"]["matchConstraints"]["resourceRules"]
        [plural] = rule["resources"]
        texts = (item["expression"] for item in policy["spec"]["validations"])
        found[plural] = [re.sub(r"dyn\(([A-Za-z.]+)\)", r"\1", text) for text in texts]
    return found


def guarded(expressions: list[str], reference: Reference) -> bool:
    """Whether some expression asks for the right where this field is new or changed."""
    if reference.right != "get secrets":
        asks = PODS if reference.right == "create pods" else SECRETS
        return any(asks in text and compared(text, reference.path) for text in expressions)
    field, kind = f"object.spec.{reference}", reference.schema["type"]
    named = [field if kind == "string" else f"{field}.name"]
    if kind == "array":
        named = [f"{field}[{place}].name" for place in range(reference.schema["maxItems"])]
    return all(any(SECRETS in text and f".name({name})" in text for text in expressions) for name in named)


def compared(text: str, path: tuple[str, ...]) -> bool:
    """Whether an expression compares the field with what it was, by itself or within a section."""
    for length in range(1, len(path) + 1):
        section = ".".join(path[:length])
        if f"object.spec.{section} == oldObject.spec.{section}" in text:
            return True
        all_but = re.search(rf"object\.spec\.{re.escape(section)}\.all\(key, key in \[(.*?)\]", text)
        if all_but and length < len(path) and f"'{path[length]}'" not in all_but[1]:
            return True
    return False


@pytest.fixture(scope="module")
def rendered(render: Render) -> list[dict[str, Any]]:
    """The chart as it comes; rendered once, since Helm takes its time."""
    return render()


def every_reference() -> Iterator[Any]:
    for plural, schema in SPECS.items():
        for reference in references(schema):
            yield pytest.param(plural, reference, id=f"{plural} {reference}")


@pytest.mark.parametrize(("plural", "reference"), list(every_reference()))
def test_every_field_that_names_what_has_rights_of_its_own_is_guarded(
    rendered: list[dict[str, Any]], plural: str, reference: Reference
) -> None:
    assert guarded(expressions(rendered).get(plural, []), reference), (
        f"spec.{reference} of {plural} takes `{reference.right}`, which no expression of "
        "charts/databackbone/templates/admissionpolicy.yaml asks for"
    )


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        pytest.param("secretName", {"type": "string"}, id="a Secret"),
        pytest.param("tokenSecretRef", {"type": "object"}, id="a Secret by another name"),
        pytest.param("imagePullSecrets", {"type": "array", "maxItems": 9}, id="a list of Secrets"),
        pytest.param("claimName", {"type": "string"}, id="a claim"),
        pytest.param("image", {"type": "string"}, id="an image"),
        pytest.param("sidecarImage", {"type": "string"}, id="another image"),
        pytest.param("serviceAccountName", {"type": "string"}, id="a service account"),
        pytest.param("runtimeClassName", {"type": "string"}, id="a setting of pods"),
        pytest.param("baseUrl", {"type": "string"}, id="where a key is sent"),
        pytest.param("writerRole", {"type": "string"}, id="whom a login lets in"),
    ],
)
def test_a_field_that_comes_later_is_missed_until_it_is_guarded(
    rendered: list[dict[str, Any]], name: str, schema: dict[str, Any]
) -> None:
    later = {"properties": {"export": {"properties": {name: schema}}}}
    [reference] = references(later)
    assert str(reference) == f"export.{name}"
    for texts in expressions(rendered).values():
        assert not guarded(texts, reference)


def test_each_kind_with_references_has_a_policy_that_denies(rendered: list[dict[str, Any]]) -> None:
    documents = rendered
    names = [policy["metadata"]["name"] for policy in policies(documents)]
    # Two releases of one name in two namespaces have each its own.
    prefix = "databackbone-backbone-system"
    assert names == [f"{prefix}-databackbones", f"{prefix}-ingestplans"]
    bindings = policies(documents, "ValidatingAdmissionPolicyBinding")
    assert [binding["spec"] for binding in bindings] == [
        {"policyName": name, "validationActions": ["Deny"]} for name in names
    ]
    for policy in policies(documents):
        assert policy["spec"]["failurePolicy"] == "Fail"
        [rule] = policy["spec"]["matchConstraints"]["resourceRules"]
        assert rule["operations"] == ["CREATE", "UPDATE"]


def test_where_a_release_serves_some_namespaces_it_is_asked_of_objects_there(render: Render) -> None:
    documents = render({"watchNamespaces": ["desk-a", "desk-b"]})
    bindings = policies(documents, "ValidatingAdmissionPolicyBinding")
    for binding in bindings:
        [expression] = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
        assert expression == {
            "key": "kubernetes.io/metadata.name",
            "operator": "In",
            "values": ["desk-a", "desk-b"],
        }
    assert len(bindings) == 2


def test_no_expression_asks_twice_and_no_policy_costs_more_than_it_may(
    rendered: list[dict[str, Any]],
) -> None:
    for texts in expressions(rendered).values():
        assert [text.count("authorizer") for text in texts] == [1] * len(texts)
        assert len(texts) * COST_OF_A_QUESTION < COST_OF_A_POLICY


@pytest.mark.parametrize(
    ("values", "version", "count"),
    [
        pytest.param({}, "1.34.0", 2, id="as it comes"),
        pytest.param({}, "v1.30.2-vendor.7", 2, id="on the first release that has them, of a vendor"),
        pytest.param({}, "1.29.14", 0, id="on an API server that has none"),
        pytest.param({"admissionPolicy": {"enabled": False}}, "1.34.0", 0, id="turned off"),
    ],
)
def test_policies_come_by_default_where_the_api_server_has_them(
    render: Render, values: dict[str, Any], version: str, count: int
) -> None:
    documents = render(values, "databackbone", "--kube-version", version)
    assert len(policies(documents)) == count
    assert len(policies(documents, "ValidatingAdmissionPolicyBinding")) == count


def test_two_releases_have_policies_of_their_own(render: Render) -> None:
    ours = {policy["metadata"]["name"] for policy in policies(render())}
    theirs = {policy["metadata"]["name"] for policy in policies(render({}, "other"))}
    assert ours.isdisjoint(theirs)
