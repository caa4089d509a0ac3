"""A report about many consumer groups in a termination message: messages are cut, counts and sums stay."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backbone.errors import Rejected
from backbone.reports.envelope import MESSAGE_BYTES
from backbone.reports.lag import WORDS, WORST, LagFinding, LagReport

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
COUNTS = dict.fromkeys(("Rewind", "Stopped", "Stalled", "Warning", "Unknown", "OK"), 10**6)
MOST = 2**63 - 1


def report(name: int = 20, message: str = "") -> LagReport:
    groups = tuple(
        LagFinding(
            group=f"{number:03}".ljust(name, "x"),
            word="Unknown",
            reason="NeverCommitted",
            records=10**6,
            seconds=10**4,
            worst_topic="ingest.dailyBars",
            worst_partition=11,
            since=NOW,
            message=message,
        )
        for number in range(WORST)
    )
    return LagReport(
        outcome="Sampled",
        message=message,
        request="r" * 16,
        counts=COUNTS,
        records=MOST,
        seconds=MOST,
        groups=groups,
        sampled_at=NOW,
    )


def test_a_small_report_arrives_whole() -> None:
    sent = report(message="a sample could not be taken").model_copy(update={"groups": report().groups[:5]})
    assert LagReport.decode(sent.encode().decode()) == sent


@pytest.mark.parametrize("name", [8, 60, 255])
@pytest.mark.parametrize(
    "message", ["", "m" * 320, "€" * 320, '"\\\n' * 120], ids=["none", "long", "of many bytes", "escaped"]
)
def test_a_large_report_is_cut_and_its_counts_and_sums_stay(name: int, message: str) -> None:
    encoded = report(name, message).encode()
    assert len(encoded) <= MESSAGE_BYTES
    arrived = LagReport.decode(encoded.decode())
    assert (arrived.counts, arrived.records, arrived.seconds) == (COUNTS, MOST, MOST)
    assert (arrived.outcome, arrived.request, arrived.sampled_at) == ("Sampled", "r" * 16, NOW)
    assert arrived.groups[0].group.startswith("000")
    assert not arrived.cut


def test_the_worst_report_still_names_the_worst_group() -> None:
    sent = report(255, "€" * 640)
    finding = sent.groups[0].model_copy(update={"worst_topic": "t" * 320, "worst_partition": MOST})
    arrived = LagReport.decode(sent.model_copy(update={"groups": (finding,) * WORST}).encode().decode())
    assert [item.group for item in arrived.groups] == [finding.group] * len(arrived.groups)
    assert arrived.groups
    assert arrived.counts == COUNTS


def test_short_names_keep_all_twenty() -> None:
    arrived = LagReport.decode(report(12).encode().decode())
    assert len(arrived.groups) == WORST


def test_words_of_a_broker_cannot_break_the_status() -> None:
    finding = LagFinding(
        group="g" * 999, word="w" * 99, message="a\x00b\n" + "m" * 999, worst_topic="t" * 999
    )
    assert (len(finding.group), len(finding.word), len(finding.message)) == (255, 64, 320)
    assert finding.worst_topic == "t" * 320
    assert "\x00" not in finding.message


def test_what_was_not_measured_is_absent_and_never_zero() -> None:
    finding = LagFinding(group="desk", word="Unknown")
    sent = report().model_copy(update={"groups": (finding,), "records": None, "seconds": None})
    assert b'"records"' not in sent.encode()
    arrived = LagReport.decode(sent.encode().decode())
    assert (arrived.records, arrived.groups[0].records, arrived.groups[0].seconds) == (None, None, None)


def test_more_words_than_a_status_has_room_for_are_no_report() -> None:
    many = report().model_copy(update={"counts": {f"Word{number}": 1 for number in range(WORDS + 1)}})
    with pytest.raises(Rejected, match="counts"):
        LagReport.decode(many.encode().decode())
