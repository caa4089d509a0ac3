"""The operator's environment: defaults, bounds, and errors that name the variable."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backbone.errors import Rejected
from backbone.settings import Settings

LEAST = {
    "EMP_WORKER_IMAGE": "worker:1",
    "EMP_SAMPLE_WORKER_IMAGE": "sample:1",
    "EMP_NAMESPACE": "system",
}


def test_what_is_not_set_has_a_default() -> None:
    settings = Settings.from_environment(LEAST)
    assert settings.watch_namespaces == ()
    assert settings.lease_name == "databackbone-operator"
    assert (settings.health_port, settings.metrics_port) == (8080, 8081)
    assert settings.resync == timedelta(minutes=5)
    assert settings.probe_interval == timedelta(hours=1)
    assert settings.check_retry == timedelta(seconds=15)
    assert settings.log_format == "json"
    assert settings.image_pull_policy == "IfNotPresent"


def test_what_is_set_is_taken() -> None:
    settings = Settings.from_environment(
        {**LEAST, "EMP_WATCH_NAMESPACES": "b, a,,a", "EMP_RESYNC_SECONDS": "30", "EMP_LOG_FORMAT": "text"}
    )
    assert settings.watch_namespaces == ("a", "b")
    assert settings.resync == timedelta(seconds=30)
    assert settings.log_format == "text"


def test_two_processes_of_one_pod_have_two_identities() -> None:
    environment = {**LEAST, "EMP_POD_NAME": "operator-0"}
    first, second = (Settings.from_environment(environment).identity for _ in range(2))
    assert first != second
    assert first.startswith("operator-0_")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("EMP_WORKER_IMAGE", " ", id="an image that is blank"),
        pytest.param("EMP_NAMESPACE", "", id="a namespace that is missing"),
        pytest.param("EMP_HEALTH_PORT", "http", id="a port that is no number"),
        pytest.param("EMP_METRICS_PORT", "70000", id="a port that does not exist"),
        pytest.param("EMP_RESYNC_SECONDS", "0", id="a resync that never rests"),
        pytest.param("EMP_CHECK_RETRY_SECONDS", "0", id="a retry without a pause"),
        pytest.param("EMP_CHECK_RETRY_SECONDS", "241", id="a first pause beyond the longest one"),
        pytest.param("EMP_LOG_FORMAT", "xml", id="a format that does not exist"),
        pytest.param("EMP_IMAGE_PULL_POLICY", "Sometimes", id="a policy that does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(Rejected, match=name):
        Settings.from_environment({**LEAST, name: value})
