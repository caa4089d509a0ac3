"""The operator's environment, parsed once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Self, cast, get_args

from .errors import Rejected

LogFormat = Literal["json", "text"]
PullPolicy = Literal["Always", "IfNotPresent", "Never"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set from outside; the chart sets it."""

    worker_image: str
    sample_worker_image: str
    image_pull_policy: PullPolicy
    namespace: str
    identity: str
    """Who holds the Lease: the pod's name and a mark of this process, since a restarted container keeps the
    pod's name."""
    watch_namespaces: tuple[str, ...]
    """Empty: all of them."""
    lease_name: str
    health_port: int
    metrics_port: int
    log_format: LogFormat
    resync: timedelta
    probe_interval: timedelta
    check_retry: timedelta
    """From a look that did not end well to the next one; each further pause is twice as long."""

    @property
    def release(self) -> str:
        """What all replicas of this installation have in common, by which they hold namespaces."""
        return f"{self.namespace}/{self.lease_name}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read EMP_* variables. Raises Rejected that names the variable."""
        namespaces = environment.get("EMP_WATCH_NAMESPACES", "")
        pod = environment.get("EMP_POD_NAME") or "operator"
        return cls(
            worker_image=_required(environment, "EMP_WORKER_IMAGE"),
            sample_worker_image=_required(environment, "EMP_SAMPLE_WORKER_IMAGE"),
            image_pull_policy=cast(
                "PullPolicy",
                _choice(environment, "EMP_IMAGE_PULL_POLICY", "IfNotPresent", get_args(PullPolicy)),
            ),
            namespace=_required(environment, "EMP_NAMESPACE"),
            identity=f"{pod}_{uuid.uuid4()}",
            watch_namespaces=tuple(sorted({item.strip() for item in namespaces.split(",") if item.strip()})),
            lease_name=environment.get("EMP_LEASE_NAME") or "databackbone-operator",
            health_port=_number(environment, "EMP_HEALTH_PORT", 8080, 1, 65_535),
            metrics_port=_number(environment, "EMP_METRICS_PORT", 8081, 1, 65_535),
            log_format=cast("LogFormat", _choice(environment, "EMP_LOG_FORMAT", "json", get_args(LogFormat))),
            resync=timedelta(seconds=_number(environment, "EMP_RESYNC_SECONDS", 300, 5, 86_400)),
            probe_interval=timedelta(
                seconds=_number(environment, "EMP_PROBE_INTERVAL_SECONDS", 3600, 10, 604_800)
            ),
            check_retry=timedelta(seconds=_number(environment, "EMP_CHECK_RETRY_SECONDS", 15, 1, 240)),
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise Rejected(f"{name} is not set")
    return value


def _number(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environment.get(name) or str(default)
    try:
        value = int(text)
    except ValueError:
        raise Rejected(f"{name} is not a whole number: {text!r}") from None
    if not low <= value <= high:
        raise Rejected(f"{name} is {value}; it must lie between {low} and {high}")
    return value


def _choice(environment: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    value = environment.get(name) or default
    if value not in choices:
        raise Rejected(f"{name} is {value!r}; it must be one of {', '.join(choices)}")
    return value
