"""Yes only where everything is known and nothing speaks against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backbone.client.fitness import Fitness, FitnessFinding, Reading, Unfit, judge
from backbone.ports.store import LastAttempt, Line

NOW = datetime(2024, 3, 4, 14, 0, tzinfo=UTC)
FRIDAY = datetime(2024, 3, 1, tzinfo=UTC)
LINE = Line("AAPL", "test/bars", None, FRIDAY - timedelta(days=300), FRIDAY)
ATTEMPT = LastAttempt("AAPL", "test/bars", "bars", 7, "Succeeded", 7, "Succeeded")
FIT = Reading("AAPL", (LINE,), FRIDAY, "", (ATTEMPT,), 0)
MINUTES = replace(LINE, interval_seconds=300, last_at=NOW - timedelta(minutes=5))


def attempts(*given: LastAttempt) -> Reading:
    return replace(FIT, attempts=given)


@pytest.mark.parametrize(
    ("reading", "reasons", "message"),
    [
        pytest.param(FIT, [], "", id="fresh, delivered and free of quarantine is fit"),
        pytest.param(replace(FIT, lines=()), [Unfit.MISSING], "no rows are held", id="nothing held"),
        pytest.param(
            replace(FIT, lines=(), quarantined=2),
            [Unfit.MISSING, Unfit.QUARANTINED],
            "no rows are held",
            id="nothing held, and all of it in quarantine",
        ),
        pytest.param(
            replace(FIT, lines=(LINE, replace(LINE, source="test/other"))),
            [Unfit.UNKNOWN],
            "It is held as test/bars, test/other",
            id="two sources and none named",
        ),
        pytest.param(
            replace(FIT, lines=(MINUTES, replace(MINUTES, interval_seconds=60))),
            [Unfit.UNKNOWN],
            "test/bars at 300 s, test/bars at 60 s",
            id="bars of two lengths and none named",
        ),
        pytest.param(
            replace(FIT, due=FRIDAY + timedelta(days=1)),
            [Unfit.STALE],
            "ends at 2024-03-01T00:00Z; due is 2024-03-02T00:00Z or later",
            id="older than due is stale",
        ),
        pytest.param(
            replace(FIT, lines=(MINUTES,), due=NOW), [], "", id="a bar that ends at the due moment is fresh"
        ),
        pytest.param(
            replace(FIT, due=None, undue="say max_age"), [Unfit.UNKNOWN], "say max_age", id="no due date"
        ),
        pytest.param(attempts(), [Unfit.UNKNOWN], "names no run", id="no run in the journal"),
        pytest.param(
            attempts(replace(ATTEMPT, source="test/other")),
            [Unfit.UNKNOWN],
            "names no run",
            id="runs of another source say nothing",
        ),
        pytest.param(
            attempts(replace(ATTEMPT, outcome="UnknownSymbol")),
            [Unfit.FAILED],
            "run 7 of plan bars: UnknownSymbol",
            id="the last run did not get it",
        ),
        pytest.param(
            attempts(ATTEMPT, replace(ATTEMPT, backbone="two/market", sequence=8, outcome="NoData")),
            [],
            "",
            id="what another backbone did not get says nothing of what this one did",
        ),
        pytest.param(
            attempts(
                replace(ATTEMPT, plan_sequence=9, plan_outcome="Succeeded"),
                replace(ATTEMPT, backbone="two/market", sequence=8, plan_sequence=8, outcome="NoData"),
            ),
            [Unfit.FAILED],
            "run 8 of plan bars: NoData",
            id="no backbone got it in its last run",
        ),
        pytest.param(
            attempts(ATTEMPT, replace(ATTEMPT, plan="other", sequence=8, outcome="NoData")),
            [Unfit.FAILED],
            "run 8 of plan other: NoData",
            id="of two plans the later run counts",
        ),
        pytest.param(
            attempts(replace(ATTEMPT, outcome="NoData"), replace(ATTEMPT, sequence=8, plan_sequence=8)),
            [],
            "",
            id="a later run mended it",
        ),
        pytest.param(
            attempts(replace(ATTEMPT, plan_sequence=9, plan_outcome="DiedWithoutMessage")),
            [Unfit.FAILED],
            "run 9 of plan bars ended before it: DiedWithoutMessage",
            id="the last run died before it asked",
        ),
        pytest.param(
            attempts(replace(ATTEMPT, plan_sequence=9)),
            [Unfit.UNKNOWN],
            "does not ask for it any more",
            id="the plan dropped it",
        ),
        pytest.param(
            replace(FIT, quarantined=1200), [Unfit.QUARANTINED], "1,200 rows", id="rows in quarantine"
        ),
        pytest.param(
            replace(FIT, due=NOW, attempts=(), quarantined=1),
            [Unfit.STALE, Unfit.UNKNOWN, Unfit.QUARANTINED],
            "ends at",
            id="every reason is told",
        ),
    ],
)
def test_what_speaks_against_deciding(reading: Reading, reasons: list[Unfit], message: str) -> None:
    found = judge(reading)
    assert [item.reason for item in found] == reasons
    assert message in (found[0].message if found else "")


def test_an_answer_is_yes_only_without_a_finding() -> None:
    finding = FitnessFinding("AAPL", Unfit.STALE, "ends at")
    assert Fitness("dailyBars", NOW, "copy-1", ())
    assert not Fitness("dailyBars", NOW, "copy-1", (finding,))
