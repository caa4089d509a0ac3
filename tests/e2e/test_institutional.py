"""The institutional tier on a real cluster, with the real TimescaleDB, Redis and Kafka beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from backbone.parts.kafka.topics import OURS
from backbone.vocabulary import FIELD_MANAGER, LABEL_MANAGED_BY
from deployment import ROOT, Kubectl, until
from documents import backbone, conditions, message, plan, run_again
from host_services import HostServices, host_services

SAMPLES = ROOT / "manifests" / "samples" / "institutional"
TIMESCALE = {"connection": {"secretName": "timescale"}}
INSTITUTIONAL = {"mode": "Institutional", "timescale": TIMESCALE}
CACHE = {"redis": {"connection": {"secretName": "redis"}}}
STREAM = {"kafka": {"connection": {"secretName": "kafka"}}}
LOOKS = "app.kubernetes.io/component=database"


@pytest.fixture(scope="module")
def servers(cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostServices]:
    """Servers that the tests of this module share."""
    with host_services(tmp_path_factory.mktemp("services")) as running:
        yield running


@pytest.fixture
def services(servers: HostServices) -> HostServices:
    """The servers, running and empty."""
    servers.empty()
    return servers


@pytest.fixture
def kubectl(kubectl: Kubectl) -> Iterator[Kubectl]:
    """Its backbone is gone with its Jobs before the next test: one that goes on takes an emptied database."""
    yield kubectl
    kubectl.run("delete", "ingestplan,databackbone", "--all", "--timeout=60s")
    until(
        lambda: kubectl.get("job,pod", "-l", f"{LABEL_MANAGED_BY}={FIELD_MANAGER}")["items"],
        lambda items: items == [],
        60,
        "nobody works on the database any more",
    )


def look_again(kubectl: Kubectl) -> None:
    """Ask for a look at the database now."""
    kubectl.run("delete", "jobs", "-l", LOOKS)


def plan_status(kubectl: Kubectl) -> dict[str, Any]:
    found: dict[str, Any] = kubectl.get("ingestplan", "daily")["status"]
    return found


def test_the_samples_migrate_fill_and_describe_an_empty_database(
    services: HostServices, kubectl: Kubectl, wait_condition: Any
) -> None:
    services.secrets(kubectl)
    kubectl.run("apply", "-f", str(SAMPLES))
    seen = wait_condition("databackbone/market", "Ready", "True", "Available", deadline=240)
    assert seen["status"]["tier"]["active"] == "Institutional"
    assert seen["status"]["tier"]["epoch"] == 2
    found = conditions(seen)
    assert found["Migrated"] == ("True", "Migrated")
    assert found["CacheHealthy"] == ("True", "CacheReachable")
    assert found["RetentionMet"] == ("True", "RetentionMet")
    assert found["OnRequestedTier"] == ("True", "OnTier")
    streaming = wait_condition("databackbone/market", "TopicsProvisioned", "True", deadline=240)
    assert conditions(streaming)["StreamHealthy"] == ("True", "StreamHealthy")
    assert set(OURS) <= services.kafka.topics().keys()

    filled = wait_condition("ingestplan/sample", "Ready", "True", "Delivered", deadline=600)
    stored = {item["name"]: item["rows"] for item in filled["status"]["dimensions"]}
    assert stored["intradayTrades"] == 500_000
    assert {
        "dailyBars": services.rows("daily_bars"),
        "intradayBars": services.rows("intraday_bars"),
        "intradayTrades": services.rows("intraday_trades"),
        "macroSeries": services.rows("macro_series"),
        "macroEvents": services.rows("macro_events"),
    } == stored

    look_again(kubectl)
    database = until(
        lambda: kubectl.get("databackbone", "market")["status"].get("database", {}),
        lambda status: status.get("checkedAt", "") > seen["status"]["database"]["checkedAt"],
        120,
        "a look at the full database",
    )
    assert database["pending"] == 0
    assert database["pool"]["size"] == 4
    assert database["readerRole"] == "market_readers"
    a_reader_has_a_login_of_its_own(services, kubectl)
    table = kubectl.run("get", "databackbone")
    assert "RETENTION" in table and "Institutional" in table, table
    told = kubectl.run("describe", "databackbone", "market")
    passwords = (services.timescale.users["postgres"], services.redis.password)
    for password in (*passwords, *services.kafka.passwords.values()):
        assert password not in told
    for log in ("-l", LOOKS), ("-l", "backbone.emp.dev/plan=sample"):
        assert services.timescale.users["postgres"] not in kubectl.run("logs", *log, "--tail=-1")


def a_reader_has_a_login_of_its_own(services: HostServices, kubectl: Kubectl) -> None:
    """The sample's pod, which mounts no Secret of the owner's."""
    services.timescale.users = {**services.timescale.users, "trader": "a-login-of-its-own"}
    login = {"uri": services.timescale.uri("trader")}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "timescale-reader"}, "stringData": login}
    )
    kubectl.run("apply", "-f", str(SAMPLES / "readers"))
    until(
        lambda: kubectl.get("pod", "reader")["status"]["phase"],
        lambda phase: phase == "Succeeded",
        120,
        "the reader is through",
    )
    assert "AAPL, daily-bars" in kubectl.run("logs", "reader")


def test_a_wrong_password_is_named_and_a_corrected_secret_goes_on(
    services: HostServices, kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone(**INSTITUTIONAL), plan())
    seen = wait_condition("databackbone/market", "Migrated", "False", "SecretMissing", deadline=120)
    assert "there is no Secret timescale" in message(seen, "Migrated")
    services.secrets(kubectl, password="wrong")
    look_again(kubectl)
    wait_condition("databackbone/market", "Migrated", "False", "AuthenticationFailed", deadline=180)
    # Ready speaks of the volume as long as that was not probed.
    seen = wait_condition("databackbone/market", "Ready", "False", "AuthenticationFailed", deadline=120)
    assert seen["status"]["tier"]["active"] == "Bootstrap"
    assert "Pending" in kubectl.run("get", "databackbone"), "no tier serves yet"
    waiting = wait_condition("ingestplan/daily", "Ready", "False", "BackboneNotReady", deadline=60)
    assert "DataBackbone market is not Ready (" in message(waiting, "Ready")
    assert kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"] == [], (
        "no run may store elsewhere"
    )

    services.secrets(kubectl)
    wait_condition("databackbone/market", "Ready", "True", deadline=180)
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=240)
    assert services.rows("daily_bars") > 10_000


def test_a_database_that_stops_fails_the_run_by_name_and_the_next_makes_it_up(
    services: HostServices, kubectl: Kubectl, wait_condition: Any
) -> None:
    services.secrets(kubectl)
    kubectl.apply(backbone(**INSTITUTIONAL), plan())
    first = wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=300)
    # A run that has begun is not held back by a look that finds the database gone before it does.
    run_again(kubectl, "while-it-goes-away")
    until(lambda: plan_status(kubectl).get("activeRun"), bool, 60, "the run begins", pause=0.1)
    services.timescale.stop()
    ended = until(
        lambda: plan_status(kubectl),
        lambda status: status["lastRun"]["id"] != first["status"]["lastRun"]["id"],
        180,
        "the run without a database",
    )
    assert ended["lastRun"]["outcome"] == "StoreUnreachable"
    # The failed run asks for a look at once, long before its time.
    seen = wait_condition("databackbone/market", "Ready", "False", "ConnectionRefused", deadline=120)
    assert seen["status"]["tier"]["active"] == "Institutional", "it does not change by itself"
    assert conditions(seen)["RetentionMet"][0] == "Unknown"

    services.timescale.start()
    services.query("TRUNCATE market.daily_bars")
    wait_condition("databackbone/market", "Ready", "True", deadline=180)
    run_again(kubectl, "it-is-back")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=240)
    assert services.rows("daily_bars") == first["status"]["lastRun"]["rows"]


def test_redis_that_is_lost_makes_nothing_unready(
    services: HostServices, kubectl: Kubectl, wait_condition: Any
) -> None:
    services.secrets(kubectl)
    services.redis.kill()
    # Auto, since all three are named.
    kubectl.apply(backbone(timescale=TIMESCALE, **CACHE, **STREAM), plan())
    seen = wait_condition("databackbone/market", "CacheHealthy", "False", "ConnectionRefused", deadline=240)
    assert conditions(seen)["Ready"] == ("True", "Available")
    assert seen["status"]["tier"]["active"] == "Institutional"
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=240)
    services.redis.start()
    look_again(kubectl)
    wait_condition("databackbone/market", "CacheHealthy", "True", "CacheReachable", deadline=120)


def test_rows_on_the_volume_keep_bootstrap(
    services: HostServices, kubectl: Kubectl, wait_condition: Any
) -> None:
    services.secrets(kubectl)
    kubectl.apply(backbone(timescale=TIMESCALE, **CACHE), plan())
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    # An Auto that was Bootstrap for want of Kafka asks for Institutional from now on.
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", json.dumps({"spec": STREAM}))
    seen = wait_condition("databackbone/market", "OnRequestedTier", "False", "SwitchNotAvailable")
    assert "create a new DataBackbone" in message(seen, "OnRequestedTier")
    seen = wait_condition("databackbone/market", "Migrated", "True", deadline=180)
    assert conditions(seen)["Ready"] == ("True", "SwitchNotAvailable"), "Bootstrap serves on"
    assert seen["status"]["tier"]["active"] == "Bootstrap"
    run_again(kubectl, "on-bootstrap")
    until(
        lambda: kubectl.get("ingestplan", "daily")["status"]["lastRun"].get("sequence"),
        lambda sequence: sequence == 2,
        180,
        "a run on the volume",
    )
    assert services.rows("daily_bars") == 0
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", '{"spec":{"mode":"Bootstrap"}}')
    wait_condition("databackbone/market", "OnRequestedTier", "True", "OnTier")


def test_a_retention_that_would_drop_rows_waits_for_its_token(
    services: HostServices, kubectl: Kubectl, wait_condition: Any
) -> None:
    services.secrets(kubectl)
    kubectl.apply(backbone(**INSTITUTIONAL), plan())
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=300)
    before = services.rows("daily_bars")
    ten_years = {"timescale": {"hypertables": {"dailyBars": {"retentionDays": 3650}}}}
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", json.dumps({"spec": ten_years}))
    seen = wait_condition(
        "databackbone/market", "RetentionMet", "False", "RetentionUnconfirmed", deadline=180
    )
    (held,) = seen["status"]["database"]["unconfirmed"]
    assert held["table"] == "market.daily_bars" and held["rows"] > 1000
    assert f"backbone.emp.dev/confirm={held['token']}" in message(seen, "RetentionMet")
    assert conditions(seen)["Ready"] == ("True", "Available"), "nothing is dropped, and everything works"
    assert services.rows("daily_bars") == before

    kubectl.run("annotate", "databackbone", "market", f"backbone.emp.dev/confirm={held['token']}")
    seen = until(
        lambda: kubectl.get("databackbone", "market"),
        lambda found: found["status"]["database"].get("confirmed") == held["token"],
        180,
        "the confirmation is handled",
    )
    (bars,) = [item for item in seen["status"]["database"]["tables"] if item["name"] == "dailyBars"]
    assert bars["retentionDays"] == 3650
    assert "unconfirmed" not in seen["status"]["database"] or not seen["status"]["database"]["unconfirmed"]
    kept = kubectl.get("databackbone", "market")["metadata"]["annotations"]
    assert kept["backbone.emp.dev/confirm"] == held["token"], "the operator takes nothing off an object"


def test_a_claim_that_loses_its_volume_is_made_again_and_nothing_else(
    services: HostServices, kubectl: Kubectl, wait_condition: Any
) -> None:
    services.secrets(kubectl)
    kubectl.apply(backbone(**INSTITUTIONAL), plan())
    before = wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=300)["status"]
    claim = kubectl.get("pvc", "market-data")
    volume = claim["spec"]["volumeName"]
    kubectl.run("delete", "pv", volume, "--wait=false")
    kubectl.run("patch", "pv", volume, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    until(
        lambda: {item["reason"] for item in kubectl.get("events")["items"]},
        lambda reasons: "VolumeMadeAgain" in reasons,
        180,
        "the claim is made again",
    )
    assert kubectl.get("pvc", "market-data")["metadata"]["uid"] != claim["metadata"]["uid"]
    told = {item["reason"] for item in kubectl.get("events")["items"]}
    assert "DriftReverted" not in told, "nobody else deleted it"
    wait_condition("databackbone/market", "Ready", "True", "Available", deadline=120)
    run_again(kubectl, "on-the-new-claim")
    after = until(
        lambda: kubectl.get("ingestplan", "daily")["status"],
        lambda status: status["lastRun"]["id"] != before["lastRun"]["id"],
        180,
        "a run on the new claim",
    )
    assert after["lastRun"]["sequence"] == before["lastRun"]["sequence"] + 1, "no run came of the loss"
    assert sum(item["changed"] for item in after["dimensions"]) == 0
