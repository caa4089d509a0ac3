"""Yahoo and Fred on a real cluster, from local servers: what came, what did not, and why."""

from __future__ import annotations

from typing import Any

import pytest

from deployment import Image, Kubectl
from documents import message, plan
from provider_servers import NAME, PORTS, start, switch

BARS = {
    "provider": "Yahoo",
    "symbols": ["AAPL", "GONE", "IBM", "LIMITED"],
    "lookbackDays": 60,
    "connection": {"secretName": "yahoo"},
}
SERIES = {
    "provider": "Fred",
    "series": ["CPILFESL"],
    "connection": {"secretName": "fred", "baseUrl": f"https://{NAME}:{PORTS['fred']}/fred"},
}


@pytest.fixture(scope="module")
def servers(market: Kubectl, images: dict[str, Image]) -> None:
    start(market, images["worker-sample"].reference)


@pytest.fixture
def kubectl(on_market: Kubectl, servers: None) -> Kubectl:
    return on_market


def test_each_symbol_that_did_not_come_is_named_and_the_next_run_mends_it(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    gone = {"kind": "unknown", "symbol": "GONE"}
    limited = {"kind": "rate-limited", "symbol": "LIMITED", "retryAfter": 3600}
    switch(kubectl, "yahoo", gone, limited)
    kubectl.apply(plan(dailyBars=BARS))
    seen = wait_condition("ingestplan/daily", "Ready", "False", "Partial", deadline=240)
    (dimension,) = seen["status"]["dimensions"]
    assert set(dimension["missing"]) == {"GONE", "LIMITED"}
    assert dimension["symbols"] == 2
    assert "Yahoo does not know GONE" in message(seen, "Ready")
    assert "RateLimited: LIMITED" in message(seen, "Ready")

    switch(kubectl, "yahoo")
    kubectl.run("annotate", "ingestplan", "daily", "backbone.emp.dev/run-now=again")
    seen = wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=240)
    (dimension,) = seen["status"]["dimensions"]
    assert dimension["symbols"] == len(BARS["symbols"])
    assert dimension["sources"][0]["priceBasis"] == "splitAdjusted"


def test_series_come_with_their_vintages_by_the_key_of_a_secret(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(plan(dailyBars=None, macroSeries=SERIES))
    seen = wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=240)
    (dimension,) = seen["status"]["dimensions"]
    assert dimension["rows"] == 743 + 24


def test_a_secret_that_is_not_there_is_named_and_mends(kubectl: Kubectl, wait_condition: Any) -> None:
    series = {**SERIES, "connection": {**SERIES["connection"], "secretName": "later"}}
    kubectl.apply(plan(dailyBars=None, macroSeries=series))
    seen = wait_condition("ingestplan/daily", "Ready", "False", "AccessRefused", deadline=240)
    assert "the Secret later is not there or has no api-key" in message(seen, "Ready")
    key = kubectl.get("secret", "fred")["data"]
    kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "later"}, "data": key})
    kubectl.run("annotate", "ingestplan", "daily", "backbone.emp.dev/run-now=again")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=240)
