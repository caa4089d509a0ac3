"""What a summary means for Reconciling and Stalled, by table."""

from __future__ import annotations

from itertools import product

import pytest

from backbone.evaluation import Finding
from backbone.grading.summary import GOES_ON, NOTHING_LEFT, summarize
from backbone.vocabulary import Outcome, Reason

WELL = Finding(True, Reason.AVAILABLE, "all well")
BROKEN = Finding(False, Outcome.PROVIDER_FAILED, "it failed")
UNSEEN = Finding(None, Reason.OUT_OF_DATE, "nobody looked")
STUCK = Finding(False, Reason.VOLUME_FULL, "no space", stuck=True)
PAUSED = Finding(False, Reason.BACKBONE_SUSPENDED, "somebody paused it")
REFUSED = Finding(False, Reason.CHILD_REFUSED, "a quota", stuck=True)
BEHIND = Finding(False, Reason.MIGRATION_PENDING, "policies wait")

SETTLED = (False, Reason.SETTLED, NOTHING_LEFT)
RUNS = (False, Reason.SETTLED, GOES_ON)


def moving(message: str) -> tuple[bool, Reason, str]:
    return (True, Reason.PROGRESSING, message)


def held(finding: Finding) -> tuple[bool | None, object, str]:
    return (finding.holds, finding.reason, finding.message)


@pytest.mark.parametrize(
    ("found", "more", "reconciling", "stalled"),
    [
        pytest.param(WELL, {}, SETTLED, RUNS, id="well"),
        pytest.param(WELL, {"behind": BEHIND}, moving("policies wait"), RUNS, id="well, with work left"),
        pytest.param(BROKEN, {}, moving("it failed"), RUNS, id="broken"),
        pytest.param(BROKEN, {"behind": BEHIND}, moving("it failed"), RUNS, id="the summary goes first"),
        pytest.param(BROKEN, {"moving": False}, SETTLED, RUNS, id="broken until somebody else goes on"),
        pytest.param(UNSEEN, {}, moving("nobody looked"), RUNS, id="unknown"),
        pytest.param(PAUSED, {}, SETTLED, RUNS, id="paused"),
        pytest.param(STUCK, {}, SETTLED, (True, Reason.VOLUME_FULL, "no space"), id="stuck"),
        pytest.param(
            STUCK, {"beside": (REFUSED,)}, SETTLED, (True, Reason.VOLUME_FULL, "no space"), id="stuck twice"
        ),
        pytest.param(
            WELL,
            {"beside": (BEHIND, REFUSED), "behind": BEHIND},
            SETTLED,
            (True, Reason.CHILD_REFUSED, "a quota"),
            id="well, and something beside it is stuck",
        ),
        pytest.param(
            STUCK,
            {"settled": "It ended."},
            (False, Reason.SETTLED, "It ended."),
            (True, Reason.VOLUME_FULL, "no space"),
            id="other words where nothing is left to do",
        ),
    ],
)
def test_reconciling_and_stalled_follow_from_the_summary(
    found: Finding, more: dict[str, object], reconciling: object, stalled: object
) -> None:
    summary = summarize(found, **more)  # type: ignore[arg-type]
    assert summary.found is found
    assert (held(summary.reconciling), held(summary.stalled)) == (reconciling, stalled)


@pytest.mark.parametrize(
    ("found", "beside", "behind"),
    list(product((WELL, BROKEN, UNSEEN, STUCK, PAUSED), ((), (REFUSED,), (STUCK, BROKEN)), (None, BEHIND))),
)
def test_an_object_is_never_reconciling_and_stalled(
    found: Finding, beside: tuple[Finding, ...], behind: Finding | None
) -> None:
    summary = summarize(found, beside=beside, behind=behind)
    assert not (summary.reconciling.holds and summary.stalled.holds)
