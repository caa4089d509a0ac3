"""What is true of a DataBackbone on TimescaleDB and Redis, and what is done about it, by tables of values."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support import backbones
from support.evaluations import conditions, fields, measured, message
from support.institutional import (
    REACHED,
    REPORT,
    SEEN,
    SPEC,
    backbone,
    cause_of,
    job,
    looked,
    looks,
    serving,
)
from support.readings import MINUTE, NOW

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.institutional import request_of
from backbone.databackbone.measures import CACHE_RATIO
from backbone.databackbone.observation import Observation, PlanReading
from backbone.evaluation import Start, Subject
from backbone.migrations import newest
from backbone.reports.database import CacheReport, TableReport, UnconfirmedReport
from backbone.vocabulary import (
    LABEL_CAUSE,
)


def test_nothing_serves_before_the_database_was_looked_at() -> None:
    result = evaluate(backbone(), SEEN, (), NOW)
    found = conditions(result)
    assert found["Migrated"] == ("False", "MigrationPending")
    assert found["Ready"] == ("False", "MigrationPending"), "a run would store on the other tier"
    assert found["OnRequestedTier"] == ("False", "MigrationPending")
    assert found["RetentionMet"] == ("Unknown", "MigrationPending")
    assert found["CacheHealthy"] == ("Unknown", "Pending")
    (made,) = looks(result)
    pod = made["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == ["database", "-f", "/etc/backbone/plan"]
    assert [item["secret"]["secretName"] for item in pod["volumes"] if "secret" in item] == ["cache", "db"]
    plan = next(item["configMap"] for item in pod["volumes"] if "configMap" in item)
    assert plan == {
        "name": "market-binding",
        "items": [{"key": "databackbone.yaml", "path": "databackbone.yaml"}],
    }


def test_a_migrated_database_serves_an_empty_backbone_from_the_next_epoch_on() -> None:
    result = evaluate(backbone(), looked(), (), NOW)
    found = conditions(result)
    assert found["Ready"] == ("True", "Available")
    assert found["Migrated"] == ("True", "Migrated")
    assert found["RetentionMet"] == ("True", "RetentionMet")
    assert found["CacheHealthy"] == ("True", "CacheReachable")
    assert found["OnRequestedTier"] == ("True", "OnTier")
    assert fields(result)["tier"] == {
        "active": "Institutional",
        "requested": "Institutional",
        "epoch": 2,
        "since": "2024-03-01T12:00:00Z",
    }
    assert [notice.reason for notice in result.notices] == ["TierChanged"]
    database = fields(result)["database"]
    assert (database["migration"], database["pending"]) == (newest(), 0)
    assert database["pool"] == {"size": 4, "serverConnections": 7, "serverLimit": 100}


def test_what_is_not_configured_has_no_condition() -> None:
    plain = DataBackboneSpec()
    assert not {"Migrated", "CacheHealthy", "RetentionMet"} & set(
        conditions(evaluate(backbone(spec=plain), SEEN, (), NOW))
    )
    alone = SPEC.model_copy(update={"redis": None})
    assert "CacheHealthy" not in conditions(evaluate(backbone(spec=alone), SEEN, (), NOW))


@pytest.mark.parametrize(
    ("subject", "seen", "expected"),
    [
        pytest.param(backbone(holds=True), looked(), "SwitchNotAvailable", id="the volume holds rows"),
        pytest.param(
            backbone(),
            replace(looked(), plans=(PlanReading("a", "Partial", NOW, stored_at=NOW - MINUTE),)),
            "SwitchNotAvailable",
            id="a plan has stored rows since the volume was probed",
        ),
        pytest.param(
            backbone(),
            replace(looked(), plans=(PlanReading("a", "Succeeded", NOW, stored_at=NOW - 31 * MINUTE),)),
            "SwitchNotAvailable",
            id="a plan has stored rows after the probe looked and before its Job ended",
        ),
    ],
)
def test_data_on_the_volume_keeps_bootstrap(
    subject: Subject[DataBackboneSpec], seen: Observation, expected: str
) -> None:
    result = evaluate(subject, seen, (), NOW)
    assert conditions(result)["OnRequestedTier"] == ("False", expected)
    assert conditions(result)["Ready"] == ("True", "SwitchNotAvailable"), "Bootstrap serves on"
    assert message(result, "Ready") == (
        "Data can be written and read on tier Bootstrap. Institutional was asked for: see condition "
        "OnRequestedTier."
    )
    assert (fields(result)["tier"]["active"], fields(result)["serving"]) == ("Bootstrap", "Bootstrap")
    assert fields(result)["volume"]["holdsRows"], "which is remembered when the plan is gone"
    assert "create a new DataBackbone" in message(result, "OnRequestedTier")


@pytest.mark.parametrize(
    ("subject", "seen", "reason"),
    [
        pytest.param(backbone(holds=None), looked(), "TierPending", id="nobody knows what the volume holds"),
        pytest.param(
            backbone(),
            replace(looked(), plans=(PlanReading("a", None, None, running=True),)),
            "TierPending",
            id="a run is under way",
        ),
        pytest.param(
            backbone(),
            looked(REPORT.model_copy(update={"outcome": "AuthenticationFailed", "message": "no"})),
            "AuthenticationFailed",
            id="the database refuses",
        ),
    ],
)
def test_the_tier_waits(subject: Subject[DataBackboneSpec], seen: Observation, reason: str) -> None:
    result = evaluate(subject, seen, (), NOW)
    assert conditions(result)["Ready"] == ("False", reason), "no run may start on the other tier"
    assert conditions(result)["OnRequestedTier"] == ("False", reason)
    assert fields(result)["tier"]["active"] == "Bootstrap"


def test_rows_of_an_earlier_life_are_the_probes_to_tell() -> None:
    earlier = NOW - timedelta(days=2)
    seen = replace(looked(), plans=(PlanReading("a", "Succeeded", earlier, stored_at=earlier),))
    assert fields(evaluate(backbone(), seen, (), NOW))["tier"]["active"] == "Institutional"


def test_once_institutional_it_stays_and_an_outage_is_not_ready() -> None:
    status = serving()
    lost = REPORT.model_copy(update={"outcome": "ConnectionRefused", "message": "nobody listens"})
    seen = replace(SEEN, checks=(job(lost, "e", finished=NOW + MINUTE),))
    result = evaluate(backbone(status), seen, (), NOW + MINUTE)
    assert conditions(result)["Ready"] == ("False", "ConnectionRefused")
    assert conditions(result)["RetentionMet"] == ("Unknown", "ConnectionRefused"), "nobody could look"
    assert fields(result)["tier"]["active"] == "Institutional"
    assert result.recheck_after == timedelta(seconds=15)


def test_the_way_back_is_not_available() -> None:
    back = SPEC.model_copy(update={"mode": "Bootstrap"})
    result = evaluate(backbone(serving(), back), replace(SEEN, checks=(job(REPORT),)), (), NOW)
    assert conditions(result)["OnRequestedTier"] == ("False", "SwitchNotAvailable")
    assert conditions(result)["Ready"] == ("True", "SwitchNotAvailable")
    gone = evaluate(backbone(serving(), DataBackboneSpec()), SEEN, (), NOW)
    assert conditions(gone)["Ready"] == ("False", "DatabaseRemoved")
    assert conditions(gone)["Stalled"] == ("True", "DatabaseRemoved")


def test_a_verdict_that_nobody_renewed_says_nothing() -> None:
    later = NOW + 46 * MINUTE
    result = evaluate(backbone(serving()), looked(), (), later)
    assert conditions(result)["Migrated"] == ("Unknown", "OutOfDate")
    assert conditions(result)["Ready"] == ("Unknown", "OutOfDate")
    assert conditions(result)["CacheHealthy"] == ("Unknown", "OutOfDate")


def test_a_changed_spec_is_looked_at_at_once_and_leaves_the_schedule_in_force() -> None:
    assert SPEC.timescale is not None
    wider = SPEC.timescale.pool.model_copy(update={"size": 8})
    changed = SPEC.model_copy(update={"timescale": SPEC.timescale.model_copy(update={"pool": wider})})
    result = evaluate(backbone(serving(), changed), looked(), (), NOW)
    assert conditions(result)["Ready"] == ("True", "Available")
    assert conditions(result)["Migrated"] == ("Unknown", "MigrationPending")
    assert len(looks(result)) == 1


@pytest.mark.parametrize(
    ("plans", "after", "count"),
    [
        pytest.param((), 14 * MINUTE, 0, id="not before its time"),
        pytest.param((), 15 * MINUTE, 1, id="once the interval is over"),
        pytest.param(
            (PlanReading("a", "StoreUnreachable", NOW + MINUTE),),
            2 * MINUTE,
            1,
            id="after a run failed",
        ),
        pytest.param(
            (PlanReading("a", "StoreUnreachable", NOW - MINUTE),), 2 * MINUTE, 0, id="not for one before"
        ),
        pytest.param(
            (PlanReading("a", "Partial", NOW + MINUTE, dimensions=("Succeeded", "StoreFull")),),
            2 * MINUTE,
            1,
            id="a dimension that could not be stored",
        ),
    ],
)
def test_when_the_next_look_is_due(plans: tuple[PlanReading, ...], after: timedelta, count: int) -> None:
    seen = replace(looked(), plans=plans)
    assert len(looks(evaluate(backbone(serving()), seen, (), NOW + after))) == count


def test_a_look_under_way_is_not_joined_by_another() -> None:
    running = replace(SEEN, checks=(job(None, finished=None),))
    assert looks(evaluate(backbone(), running, (), NOW)) == []
    assert looks(evaluate(backbone(spec=SPEC.model_copy(update={"suspend": True})), SEEN, (), NOW)) == []


def test_a_job_that_died_is_a_fault_of_the_look() -> None:
    died = replace(SEEN, checks=(job(None, "e", succeeded=False, finished=NOW + MINUTE),))
    result = evaluate(backbone(serving()), died, (), NOW + MINUTE)
    assert conditions(result)["Ready"] == ("False", "DatabaseCheckFailed")
    assert "migration" not in fields(result)["database"], "nobody saw it"
    first = evaluate(backbone(), replace(SEEN, checks=(job(None, succeeded=False),)), (), NOW)
    assert conditions(first)["Migrated"] == ("False", "DatabaseCheckFailed")


def test_redis_never_makes_a_backbone_unready() -> None:
    lost = CacheReport(outcome="ConnectionRefused", message="cannot connect to cache:6379/0.")
    result = evaluate(backbone(), looked(REPORT.model_copy(update={"cache": lost})), (), NOW)
    assert conditions(result)["CacheHealthy"] == ("False", "ConnectionRefused")
    assert conditions(result)["Ready"] == ("True", "Available")


def test_the_hit_ratio_is_that_of_the_window_between_two_looks() -> None:
    first = serving()
    assert "hitPercent" not in first["cache"], "there is no window yet"
    more = REACHED.model_copy(update={"hits": 190, "misses": 110, "evictions": 5})
    again = job(REPORT.model_copy(update={"cache": more}), "e", finished=NOW + 10 * MINUTE)
    result = evaluate(backbone(first), replace(SEEN, checks=(again,)), (), NOW + 10 * MINUTE)
    cache = fields(result)["cache"]
    assert (cache["hitPercent"], cache["windowSeconds"]) == (90, 600)
    assert (cache["roomPercent"], cache["evictionPercent"]) == (25, 50)
    assert "90 % hits" in message(result, "CacheHealthy")
    assert measured(result, CACHE_RATIO) == {("hits",): 0.9, ("room",): 0.25, ("evictions",): 0.5}


def test_a_confirmation_is_one_look_that_is_recorded_and_not_repeated() -> None:
    table = TableReport(name="dailyBars", chunk_days=365, retention_days=None, rows=12_154)
    waits = UnconfirmedReport(table="market.daily_bars", rows=12_154, token="tok-1")
    report = REPORT.model_copy(update={"tables": (table,), "unconfirmed": (waits,)})
    status = serving(report)
    unasked = evaluate(backbone(status), looked(report), (), NOW)
    assert conditions(unasked)["RetentionMet"] == ("False", "RetentionUnconfirmed")
    assert "backbone.emp.dev/confirm=tok-1" in message(unasked, "RetentionMet")
    assert "12,154 rows" in message(unasked, "RetentionMet")
    assert conditions(unasked)["Ready"] == ("True", "Available")

    told = backbone(status, confirm="tok-1")
    (made,) = looks(evaluate(told, looked(report), (), NOW))
    assert made["spec"]["template"]["spec"]["containers"][0]["args"][-2:] == ["--confirm", "tok-1"]
    done = REPORT.model_copy(update={"confirmed": "tok-1"})
    cause = made["metadata"]["labels"][LABEL_CAUSE]
    seen = replace(SEEN, checks=(job(done, "e", finished=NOW + MINUTE, cause=cause),))
    after = evaluate(told, seen, (), NOW + MINUTE)
    assert conditions(after)["RetentionMet"] == ("True", "RetentionMet")
    assert fields(after)["database"]["confirmed"] == "tok-1"
    assert looks(after) == []
    (later,) = looks(evaluate(backbone(fields(after), confirm="tok-1"), seen, (), NOW + 20 * MINUTE))
    assert "--confirm" not in later["spec"]["template"]["spec"]["containers"][0]["args"]


def test_a_confirmation_that_was_taken_away_counts_anew() -> None:
    """The same rows can wait once more: they came back, and so did the wish to drop them."""
    waits = UnconfirmedReport(table="market.daily_bars", rows=12_154, token="tok-1")
    report = REPORT.model_copy(update={"unconfirmed": (waits,)})
    status = serving(report)
    status["database"] |= {"confirmed": "tok-1"}
    still = evaluate(backbone(status, confirm="tok-1"), looked(report), (), NOW)
    assert "remove it first" in message(still, "RetentionMet")
    gone = fields(evaluate(backbone(status), looked(report), (), NOW))
    (made,) = looks(evaluate(backbone(gone, confirm="tok-1"), looked(report), (), NOW))
    assert made["spec"]["template"]["spec"]["containers"][0]["args"][-2:] == ["--confirm", "tok-1"]


def test_a_change_of_other_sections_gives_the_databases_jobs_no_more_time() -> None:
    table = TableReport(
        name="dailyBars", chunk_days=30, retention_days=365, dropping=2, past_since=NOW - timedelta(days=9)
    )
    report = REPORT.model_copy(update={"tables": (table,)})
    assert SPEC.timescale is not None
    wider = SPEC.timescale.model_copy(update={"pool": SPEC.timescale.pool.model_copy(update={"size": 8})})
    changed = SPEC.model_copy(update={"timescale": wider})
    told = report.model_copy(update={"request": request_of(wider, SPEC.redis)})
    subject = backbone(serving(report), changed)
    later = NOW + MINUTE
    seen = looked(told, name="e", finished=later, cause=cause_of(subject))
    found = evaluate(subject, seen, (), later)
    assert conditions(found)["RetentionMet"] == ("False", "RetentionOverdue")


def test_a_cache_that_is_lost_is_looked_at_again_soon() -> None:
    lost = REPORT.model_copy(update={"cache": CacheReport(outcome="ConnectionRefused", message="no. ")})
    seen = looked(lost)
    status = fields(evaluate(backbone(), seen, (), NOW))
    assert status["database"]["failures"] == 1
    assert conditions(evaluate(backbone(status), seen, (), NOW))["Migrated"] == ("True", "Migrated")
    assert len(looks(evaluate(backbone(status), seen, (), NOW + MINUTE))) == 1


def test_a_token_that_fits_nothing_is_told() -> None:
    waits = UnconfirmedReport(table="market.daily_bars", rows=12_154, token="tok-1")
    report = REPORT.model_copy(update={"unconfirmed": (waits,)})
    status = serving(report)
    status["database"] |= {"confirmed": "tok-9"}
    told = message(evaluate(backbone(status, confirm="tok-9"), looked(report), (), NOW), "RetentionMet")
    assert "tok-9, which it said last, confirms nothing that waits" in told


def test_a_pod_that_saw_an_older_spec_is_followed_by_another() -> None:
    old = job(REPORT.model_copy(update={"request": "0000"}))
    result = evaluate(backbone(), replace(SEEN, checks=(old,)), (), NOW)
    assert conditions(result)["Migrated"] == ("Unknown", "MigrationPending")
    assert result.recheck_after == timedelta(seconds=15)
    assert len(looks(evaluate(backbone(), replace(SEEN, checks=(old,)), (), NOW + MINUTE))) == 1


def test_a_worker_of_another_version_is_not_started_every_few_seconds() -> None:
    """Its digest of the spec is another one for good."""
    status: dict[str, Any] = {}
    for count in range(1, 8):
        at = NOW + count * 10 * MINUTE
        old = job(REPORT.model_copy(update={"request": "0000"}), f"d{count}", finished=at)
        result = evaluate(backbone(status), replace(SEEN, checks=(old,)), (), at)
        status = fields(result)
    assert result.recheck_after == timedelta(minutes=4)
    assert "different versions" in message(result, "Migrated")


@pytest.mark.parametrize("holds", [True, False])
def test_a_probe_tells_whether_the_volume_holds_rows(holds: bool) -> None:
    probe = backbones.probe("VolumeProbed", holds_rows=holds)
    result = evaluate(backbone(holds=None), replace(looked(), probes=(probe,)), (), NOW)
    assert fields(result)["volume"]["holdsRows"] is holds
    assert fields(result)["tier"]["active"] == ("Bootstrap" if holds else "Institutional")


def test_a_volume_that_an_older_worker_probed_is_probed_again_before_its_hour() -> None:
    def probes(after: timedelta) -> int:
        result = evaluate(backbone(holds=None), looked(), (), NOW + after)
        documents = [action.document for action in result.actions if isinstance(action, Start)]
        return sum("-probe-" in item["metadata"]["name"] for item in documents)

    assert probes(timedelta()) == 1, "the last probe was half an hour ago"
    recent = backbone(holds=None)
    recent.status["volume"] |= {"probedAt": NOW.isoformat(), "attemptedAt": NOW.isoformat()}
    assert evaluate(recent, looked(), (), NOW).recheck_after == timedelta(minutes=10)


ON_BOOTSTRAP = SPEC.model_copy(update={"mode": "Bootstrap"})


def request(*, serves: bool) -> str:
    assert SPEC.timescale is not None
    return request_of(SPEC.timescale, SPEC.redis, serves=serves)


def test_a_backbone_on_bootstrap_asks_for_no_policies_and_says_so() -> None:
    report = REPORT.model_copy(update={"request": request(serves=False), "policies_set": False})
    subject = backbone(spec=ON_BOOTSTRAP)
    seen = looked(report, cause=cause_of(subject))
    found = conditions(evaluate(subject, seen, (), NOW))
    assert found["Migrated"] == ("True", "Migrated")
    assert found["Ready"] == ("True", "Available")
    assert found["RetentionMet"] == found["PoliciesRun"] == ("Unknown", "PoliciesNotSet")

    # Once Institutional is asked for, that look speaks of something else: no run before policies are set.
    status = fields(evaluate(subject, seen, (), NOW))
    asked = evaluate(backbone(status), seen, (), NOW)
    assert conditions(asked)["Ready"] == ("Unknown", "MigrationPending")
    assert fields(asked)["tier"]["active"] == "Bootstrap"
    assert len(looks(asked)) == 1
    after = job(REPORT, "e", finished=NOW + MINUTE)
    done = evaluate(backbone(fields(asked)), replace(SEEN, checks=(after,)), (), NOW + MINUTE)
    assert fields(done)["tier"]["active"] == "Institutional"


def test_a_volume_that_lost_its_rows_waits_for_policies_before_institutional_serves() -> None:
    report = REPORT.model_copy(update={"policies_set": False})
    held = evaluate(backbone(holds=True), looked(report), (), NOW)
    assert conditions(held)["OnRequestedTier"] == ("False", "SwitchNotAvailable")
    assert conditions(held)["PoliciesRun"] == ("Unknown", "PoliciesNotSet")
    status = {**fields(held), "volume": backbone(holds=False).status["volume"]}
    emptied = evaluate(backbone(status), looked(report), (), NOW + MINUTE)
    assert fields(emptied)["tier"]["active"] == "Bootstrap"
    assert conditions(emptied)["Migrated"] == ("Unknown", "MigrationPending")
    later = NOW + 5 * MINUTE
    assert len(looks(evaluate(backbone(fields(emptied)), looked(report), (), later))) == 1
    again = replace(SEEN, checks=(job(REPORT, "e", finished=later),))
    assert fields(evaluate(backbone(fields(emptied)), again, (), later))["tier"]["active"] == "Institutional"


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        pytest.param(PlanReading("a", None, None, running=True), "TierPending", id="it runs still"),
        pytest.param(
            PlanReading("a", "Succeeded", NOW, stored_at=NOW + MINUTE / 2),
            "SwitchNotAvailable",
            id="it stored",
        ),
    ],
)
def test_a_run_that_begins_while_the_tier_is_asked_for_leaves_no_rows_that_nobody_reads(
    plan: PlanReading, reason: str
) -> None:
    """The visit that sees the new mode does not see the run yet."""
    before = REPORT.model_copy(update={"request": request(serves=False), "policies_set": False})
    subject = backbone(spec=ON_BOOTSTRAP)
    seen = looked(before, cause=cause_of(subject))
    asked = evaluate(backbone(fields(evaluate(subject, seen, (), NOW))), seen, (), NOW)
    assert fields(asked)["tier"]["active"] == "Bootstrap", "no tier without a look of its own"
    after = replace(SEEN, checks=(job(REPORT, "e", finished=NOW + MINUTE),), plans=(plan,))
    result = evaluate(backbone(fields(asked)), after, (), NOW + MINUTE)
    assert fields(result)["tier"]["active"] == "Bootstrap"
    assert conditions(result)["OnRequestedTier"] == ("False", reason)


def test_a_version_with_another_schema_looks_at_once_and_no_run_starts_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = evaluate(backbone(), looked(), (), NOW)
    assert conditions(served)["Ready"] == ("True", "Available")
    for module in ("institutional", "database_findings"):
        monkeypatch.setattr(f"backbone.databackbone.{module}.newest", lambda: 10_000)
    after = evaluate(backbone(fields(served)), looked(), (), NOW)
    assert conditions(after)["Migrated"] == conditions(after)["Ready"] == ("Unknown", "MigrationPending")
    assert "version" in message(after, "Migrated")
    assert len(looks(after)) == 1
