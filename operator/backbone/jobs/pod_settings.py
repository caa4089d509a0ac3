"""What may be said of the pods of our Jobs: where they run, what they get, and what they carry.

A DataBackbone says it for all of its Jobs, and an IngestPlan for its own; the plan's word goes first.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from ..quantity import Quantity, amount
from ..schema import Model, SecretName, Whole, cel
from ..vocabulary import GROUP, LABEL_COMPONENT, LABEL_MANAGED_BY

ENTRIES = 16
"""Entries of one map or list: enough for people, and little enough for the rules' cost."""
LABEL_LIMIT = 63
ANNOTATION_LIMIT = 1024

KEY_PATTERN = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
NO_KEY = (
    "a key is a name of at most 63 letters, digits, hyphens, underscores and dots, perhaps after a domain "
    "and a slash, such as example.com/team"
)
OWN = (LABEL_MANAGED_BY, LABEL_COMPONENT, "job-name", "controller-uid")
OWN_PREFIXES = (
    f"{GROUP}/",
    "batch.kubernetes.io/",
    "container.apparmor.security.beta.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
)
"""The last two loosen how a container is confined, which is no setting."""
NOT_YOURS = (
    f"keys of {', '.join(OWN_PREFIXES)} and {', '.join(OWN)} are set by the operator and by Kubernetes: "
    "choose other keys"
)


def _check_keys(entries: dict[str, str]) -> dict[str, str]:
    for key in entries:
        if not re.fullmatch(KEY_PATTERN, key):
            raise ValueError(NO_KEY)
    return entries


def _check_own(entries: dict[str, str]) -> dict[str, str]:
    for key in _check_keys(entries):
        if key in OWN or key.startswith(OWN_PREFIXES):
            raise ValueError(NOT_YOURS)
    return entries


_KEYS = (f"self.all(key, key.matches('{KEY_PATTERN}'))", f"{NO_KEY}.")
_NOT_OWN = (
    "self.all(key, "
    + " && ".join(f"!key.startsWith('{prefix}')" for prefix in OWN_PREFIXES)
    + f" && !(key in {list(OWN)}))",
    f"{NOT_YOURS}.",
)

LabelValue = Annotated[
    str,
    StringConstraints(max_length=LABEL_LIMIT, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"),
]
AnnotationValue = Annotated[str, StringConstraints(max_length=ANNOTATION_LIMIT)]
NodeLabels = Annotated[dict[str, LabelValue], Field(max_length=ENTRIES), AfterValidator(_check_keys)]
Labels = Annotated[dict[str, LabelValue], Field(max_length=ENTRIES), AfterValidator(_check_own)]
Annotations = Annotated[dict[str, AnnotationValue], Field(max_length=ENTRIES), AfterValidator(_check_own)]


class ResourceList(Model):
    """CPU and memory of a container."""

    cpu: Quantity | None = Field(default=None, description='CPU, for example 500m, or "1" in quotes.')
    memory: Quantity | None = Field(default=None, description="Memory, for example 512Mi.")


def _within(name: str) -> tuple[str, str]:
    both = f"has(self.requests) && has(self.limits) && has(self.requests.{name}) && has(self.limits.{name})"
    rule = f"!({both}) || quantity(self.requests.{name}).compareTo(quantity(self.limits.{name})) <= 0"
    return rule, f"requests.{name} is above limits.{name}: raise the limit or lower the request."


class Resources(Model):
    """Requests and limits of the worker's container."""

    model_config = ConfigDict(json_schema_extra=cel(_within("cpu"), _within("memory")))

    requests: ResourceList | None = Field(
        default=None, description="Resources that the scheduler reserves for the container."
    )
    limits: ResourceList | None = Field(default=None, description="Maximum resources of the container.")

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Self:
        for name in ("cpu", "memory"):
            request, limit = getattr(self.requests, name, None), getattr(self.limits, name, None)
            if request and limit and amount(request) > amount(limit):
                raise ValueError(_within(name)[1])
        return self


NO_VALUE = "operator Exists takes no value: remove the value, or write Equal."
NO_KEY_BUT_EXISTS = "a toleration without a key tolerates every taint: write operator Exists with it."
ONLY_NO_EXECUTE = "tolerationSeconds is for effect NoExecute alone."


class Toleration(Model):
    """A taint of nodes that pods put up with, as Kubernetes has it."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("self.operator != 'Exists' || !has(self.value) || self.value == ''", NO_VALUE),
            ("has(self.key) || self.operator == 'Exists'", NO_KEY_BUT_EXISTS),
            (
                "!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",
                ONLY_NO_EXECUTE,
            ),
        )
    )

    key: Annotated[str, StringConstraints(min_length=1, max_length=316, pattern=KEY_PATTERN)] | None = Field(
        default=None, description="Key of the taint. If omitted, every taint."
    )
    operator: Literal["Equal", "Exists"] = Field(
        default="Equal", description="Equal compares the taint's value; Exists compares its key only."
    )
    value: LabelValue | None = Field(default=None, description="Value of the taint, with operator Equal.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint. If omitted, every effect."
    )
    toleration_seconds: Whole | None = Field(
        default=None,
        ge=0,
        le=86_400,
        description="Time in seconds that a pod stays on the node after a taint with effect NoExecute "
        "appears. If omitted, without limit.",
    )

    @model_validator(mode="after")
    def _as_kubernetes_reads_it(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise ValueError(NO_VALUE)
        if self.key is None and self.operator != "Exists":
            raise ValueError(NO_KEY_BUT_EXISTS)
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError(ONLY_NO_EXECUTE)
        return self


class PullSecret(Model):
    """A Secret that the kubelet pulls images with."""

    name: SecretName = Field(description="Name of a Secret of type kubernetes.io/dockerconfigjson.")


class PodSettings(Model):
    """Settings of pods. What is left out is the operator's default, or the cluster's."""

    resources: Resources | None = Field(
        default=None,
        description="Requests and limits of the container. If any is set, it replaces all of the "
        "operator's: requests of 100m and 256Mi, and a memory limit of 1Gi.",
    )
    node_selector: NodeLabels | None = Field(
        default=None,
        description="Labels that the node must have.",
        json_schema_extra=cel(_KEYS),
    )
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=ENTRIES)] | None = Field(
        default=None, description="Taints of nodes that the pods tolerate."
    )
    priority_class_name: SecretName | None = Field(
        default=None, description="PriorityClass of the pods. If omitted, the cluster's default."
    )
    image_pull_secrets: Annotated[tuple[PullSecret, ...], Field(max_length=8)] | None = Field(
        default=None,
        description="Secrets in the namespace with credentials for the image registry. If omitted, those "
        "of the namespace's default service account.",
    )
    labels: Labels | None = Field(
        default=None,
        description="Additional labels of the pods.",
        json_schema_extra=cel(_KEYS, _NOT_OWN),
    )
    annotations: Annotations | None = Field(
        default=None,
        description="Annotations of the pods.",
        json_schema_extra=cel(_KEYS, _NOT_OWN),
    )


Settings = Mapping[str, Any]
"""PodSettings as JSON, without what is absent."""


def settings_of(model: PodSettings) -> dict[str, Any]:
    """The settings that a section carries, whatever else it carries."""
    return model.model_dump(
        mode="json", by_alias=True, exclude_none=True, include=set(PodSettings.model_fields)
    )


def merged(all_jobs: Settings, own: Settings) -> dict[str, Any]:
    """A plan's settings over its backbone's.

    Of maps each entry counts by itself, and resources by request and limit; lists and names are taken whole.
    Where a request of one is above a limit of the other, what the plan says stands and the other gives way.
    """
    both = copy.deepcopy(_over(all_jobs, own))
    for name in ("cpu", "memory"):
        request, limit = _of(both, "requests", name), _of(both, "limits", name)
        if request and limit and amount(request) > amount(limit):
            given_way = "requests" if _of(own, "limits", name) else "limits"
            both["resources"][given_way][name] = limit if given_way == "requests" else request
    return both


def _over(below: Settings, above: Settings) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        standing = both.get(key)
        if isinstance(value, Mapping) and isinstance(standing, Mapping):
            both[key] = _over(standing, value)
        else:
            both[key] = value
    return both


def _of(settings: Settings, part: str, name: str) -> str | None:
    found = ((settings.get("resources") or {}).get(part) or {}).get(name)
    return None if found is None else str(found)
