"""Operators and workers of neighbouring versions read each other, and what an older operator stored."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.evaluations import conditions, fields, message
from support.institutional import REPORT, backbone, looked, serving
from support.plans import DELIVERED, SEEN, job, plan, report
from support.readings import MINUTE, NOW

from backbone.databackbone.api import DataBackboneStatus
from backbone.databackbone.evaluate import evaluate as evaluate_backbone
from backbone.ingestplan.api import IngestPlanStatus
from backbone.ingestplan.evaluate import evaluate as evaluate_plan
from backbone.reports.database import DatabaseReport
from backbone.reports.envelope import NO_ROOM, Report
from backbone.reports.run import RunReport
from backbone.reports.volume import VolumeProbeReport
from backbone.schema import Model, read_back
from backbone.vocabulary import Outcome

AT = "2024-03-01T12:00:00Z"
RUN: dict[str, Any] = {
    "runId": "run-7",
    "sequence": 7,
    "plan": "daily",
    "generation": 3,
    "outcome": "Partial",
    "start": AT,
    "end": AT,
    "rows": 10,
    "dimensions": [
        {
            "name": "dailyBars",
            "outcome": "Partial",
            "rows": 10,
            "changed": 4,
            "outdated": 1,
            "symbols": 2,
            "missing": ["GONE"],
            "missingCount": 1,
            "firstAt": AT,
            "lastAt": AT,
            "sources": [{"name": "yahoo/bars", "rows": 10, "asOf": AT, "priceBasis": "SplitAdjusted"}],
            "quarantined": [{"reason": "NotFinite", "rows": 2}],
            "flagged": [{"reason": "GapBefore", "rows": 3}],
            "unchecked": 1,
            "requests": 5,
            "retried": 1,
            "message": "Yahoo does not know GONE",
        }
    ],
    "recent": [{"sequence": 6, "plan": "daily", "outcome": "Succeeded", "end": AT}],
    "earlier": [5, 4],
    "storeRecovery": {"setAside": "working/x.corrupt-1", "continuedFrom": "empty", "at": AT},
    "again": 1,
    "message": "one name is missing",
}
TABLE: dict[str, Any] = {
    "name": "dailyBars",
    "chunkDays": 365,
    "retentionDays": 730,
    "compressAfterDays": 30,
    "rows": 7,
    "oldest": AT,
    "newest": AT,
    "lastDrop": AT,
    "dropping": 1,
    "pastSince": AT,
}
JOB: dict[str, Any] = {
    "table": "daily_bars",
    "kind": "retention",
    "everySeconds": 86400,
    "outcome": "Failed",
    "failures": 2,
    "startedAt": AT,
    "succeededAt": AT,
    "nextStart": AT,
    "since": AT,
    "message": "deadlock detected",
}
UNCONFIRMED: dict[str, Any] = {
    "table": "market.daily_bars",
    "rows": 7,
    "token": "dailyBars-30d-7",
    "cutoff": AT,
}
FOUND: dict[str, Any] = {
    "tables": [TABLE],
    "aggregates": ["minuteBars"],
    "jobs": [JOB],
    "moreJobs": 1,
    "unread": "cannot look",
    "unconfirmed": [UNCONFIRMED],
    "readerRole": "market_readers",
}
COUNTS: dict[str, Any] = {"outcome": "Reachable", "keys": 1, "hits": 2, "misses": 3, "evictions": 4}
DATABASE: dict[str, Any] = {
    "outcome": "Migrated",
    "message": "m",
    "request": "0123456789abcdef",
    "confirmed": "dailyBars-30d-7",
    "version": 8,
    "pending": 0,
    "mark": "mark-1",
    "changes": 2,
    "poolSize": 4,
    "serverConnections": 3,
    "serverLimit": 100,
    **FOUND,
    "cache": {**COUNTS, "expirations": 5, "invalidations": 6},
    "at": AT,
}
VOLUME: dict[str, Any] = {
    "outcome": "VolumeFull",
    "bytesChecked": 7,
    "holdsRows": True,
    "message": "no space is left",
    "at": AT,
}
WRITTEN = pytest.mark.parametrize(
    ("kind", "written"), [(RunReport, RUN), (DatabaseReport, DATABASE), (VolumeProbeReport, VOLUME)]
)


@WRITTEN
def test_a_message_of_the_version_before_is_read_whole(kind: type[Report], written: dict[str, Any]) -> None:
    assert json.loads(kind.decode(json.dumps(written)).encode()) == written


@WRITTEN
def test_a_message_has_no_field_that_the_version_before_refuses(
    kind: type[Report], written: dict[str, Any]
) -> None:
    fields_of = {field.alias for field in kind.model_fields.values()}
    # The version before left no report at all where this one says that it is cut.
    assert fields_of - {"cut", "format", "policiesSet"} == written.keys()


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (RunReport, {"runId": "r", "plan": "", "outcome": "InvalidPlan", "start": AT, "end": AT}),
        (DatabaseReport, {"outcome": "ConnectionRefused", "request": "0", "at": AT}),
        (VolumeProbeReport, {"outcome": "VolumeProbed", "bytesChecked": 0, "holdsRows": None, "at": AT}),
    ],
)
def test_a_message_that_tells_the_least_is_read(kind: type[Report], written: dict[str, Any]) -> None:
    assert not kind.decode(json.dumps(written)).cut


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        (
            IngestPlanStatus,
            {
                "lastRun": {**DELIVERED["lastRun"], "message": "two\nlines"},
                "dimensions": RUN["dimensions"],
                "storeRecovery": {**RUN["storeRecovery"], "acknowledged": True},
                "release": {"token": "t", "job": "j", "outcome": "Succeeded", "rows": 1, "message": ""},
            },
        ),
        (
            DataBackboneStatus,
            {
                "volume": {
                    "claimName": "market-data",
                    "claimUid": "claim-1",
                    "probeJob": "p",
                    "probeOutcome": "VolumeProbed",
                    "probedAt": AT,
                    "attemptedAt": AT,
                    "probeFailures": 1,
                    "probeTrouble": "Unschedulable: no node",
                    "holdsRows": True,
                    "message": "m",
                },
                "database": {
                    "job": "d",
                    "cause": "c",
                    "request": "r",
                    "place": "p",
                    "outcome": "Migrated",
                    "message": "m",
                    "checkedAt": AT,
                    "attemptedAt": AT,
                    "failures": 0,
                    "trouble": "Unschedulable: no node",
                    "confirmed": "dailyBars-30d-7",
                    "mark": "mark-1",
                    "policiesSet": True,
                    "migration": 8,
                    "pending": 0,
                    "pool": {"size": 4, "serverConnections": 3, "serverLimit": 100},
                    **FOUND,
                },
                "cache": {
                    **COUNTS,
                    "message": "",
                    "checkedAt": AT,
                    "windowSeconds": 60,
                    "hitPercent": 40,
                    "roomPercent": 1,
                    "evictionPercent": 2,
                },
            },
        ),
    ],
)
def test_a_status_of_the_version_before_is_read_whole(kind: type[Model], stored: dict[str, Any]) -> None:
    read = read_back(kind, stored).model_dump(mode="json", by_alias=True, exclude_none=True)
    plain = json.loads(json.dumps(stored).replace("two\\nlines", "two lines"))
    assert {name: read[name] for name in plain} == plain


def test_a_database_report_that_is_cut_leaves_open_what_it_had_no_room_for() -> None:
    cut = REPORT.model_copy(update={"tables": (), "jobs": (), "cut": True})
    result = evaluate_backbone(
        backbone(serving()), looked(cut, name="later", finished=NOW + MINUTE), (), NOW + MINUTE
    )
    found = conditions(result)
    assert found["Migrated"] == ("True", "Migrated")
    assert found["RetentionMet"] == ("Unknown", "StatisticsUnread")
    assert found["PoliciesRun"] == ("Unknown", "StatisticsUnread")
    assert NO_ROOM in message(result, "RetentionMet")
    assert fields(result)["database"]["unread"] == NO_ROOM


def test_a_run_report_that_is_cut_says_so_and_claims_no_gap() -> None:
    cut = report(Outcome.PARTIAL, sequence=9).model_copy(update={"dimensions": (), "cut": True})
    seen = replace(SEEN, runs=(job("run-2", cut),))
    result = evaluate_plan(plan(DELIVERED), seen, (), NOW + timedelta(minutes=5))
    assert fields(result)["lastRun"]["message"] == NO_ROOM
    assert conditions(result)["Ready"] == ("False", "Partial")
    assert [notice.reason for notice in result.notices if notice.reason == "StatusGap"] == []
