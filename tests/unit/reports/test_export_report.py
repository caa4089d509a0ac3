"""A report of an export in a termination message: texts and names are cut, counts stay."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backbone.parts.exports.faults import TargetFault
from backbone.reports.envelope import MESSAGE_BYTES
from backbone.reports.exports import MOST_LEFT_OUT, OF_EXPORTS, ExportReport, ExportResult, LeftOutReport
from backbone.vocabulary import Outcome

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


def report(name: str = "s", message: str = "", series: int = 2) -> ExportReport:
    left_out = tuple(LeftOutReport(source=name, name=f"{name}{n}", rows=10**6) for n in range(series))
    return ExportReport(
        name=name,
        dimension="intradayTrades",
        outcome=Outcome.SUCCEEDED,
        message=message,
        attempt=2,
        started_at=NOW,
        ended_at=NOW,
        manifest=7,
        rows=10**12,
        files=10**6,
        bytes=10**15,
        partitions=10**6,
        rewritten=3,
        complete_up_to=10**9,
        confirmed_from="2024-03-01T12:00:00Z",
        left_out_rows=10**9,
        left_out=left_out,
    )


def test_a_report_of_an_ordinary_export_arrives_whole() -> None:
    sent = report("fred", "2 partitions changed while they were read", series=MOST_LEFT_OUT)
    assert ExportReport.decode(sent.encode().decode()) == sent


@pytest.mark.parametrize("letter", ["m", "€", '"', "\\"], ids=["one byte", "three bytes", "quote", "escape"])
def test_the_longest_report_is_cut_and_its_counts_stay(letter: str) -> None:
    sent = report(letter * 64, letter * 640, series=MOST_LEFT_OUT)
    encoded = sent.encode()
    assert len(encoded) <= MESSAGE_BYTES
    arrived = ExportReport.decode(encoded.decode())
    counts = set(ExportResult.model_fields) - {"left_out"}
    assert arrived.model_dump(include=counts) == sent.model_dump(include=counts)
    assert (arrived.name, arrived.outcome, arrived.attempt) == (sent.name, sent.outcome, 2)
    assert not arrived.cut


def test_more_series_than_a_status_has_room_for_are_cut_at_once() -> None:
    assert len(report(series=300).left_out) == MOST_LEFT_OUT


@pytest.mark.parametrize("fault", TargetFault, ids=str)
def test_every_fault_of_a_target_is_an_outcome_that_a_report_may_have(fault: TargetFault) -> None:
    assert Outcome.named(str(fault)) in OF_EXPORTS
