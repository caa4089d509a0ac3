"""Reports survive the way through a termination message of 4,096 bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backbone.errors import Rejected
from backbone.market.defects import Defect
from backbone.reports.database import CacheReport, DatabaseReport, JobReport, TableReport, UnconfirmedReport
from backbone.reports.envelope import MESSAGE_BYTES
from backbone.reports.run import (
    DimensionReport,
    PastRun,
    RowCount,
    RunReport,
    SourceReport,
    StoreRecoveryReport,
)
from backbone.reports.volume import VolumeProbeReport
from backbone.vocabulary import Outcome

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


def report(symbols: int = 3, text: str = "", defects: tuple[Defect, ...] = ()) -> RunReport:
    """A run of all five dimensions in which every symbol is missing."""
    missing = tuple(f"SYMBOL-{number:025}" for number in range(min(symbols, 20)))
    return RunReport(
        run_id="r" * 63,
        sequence=12,
        plan="p" * 63,
        generation=4,
        outcome=Outcome.PARTIAL,
        start=NOW,
        end=NOW,
        rows=500_000,
        message=text,
        dimensions=tuple(
            DimensionReport(
                name=name,
                outcome=Outcome.UNKNOWN_SYMBOL,
                rows=100_000,
                outdated=100_000,
                symbols=7,
                missing=missing,
                missing_count=symbols,
                first_at=NOW,
                last_at=NOW,
                sources=(
                    SourceReport(name="sample/bokeh-stocks", rows=7, as_of=NOW, price_basis="AsTraded"),
                ),
                quarantined=tuple(RowCount(reason=item, rows=100_000) for item in defects),
                flagged=tuple(RowCount(reason=item, rows=100_000) for item in defects),
                unchecked=1000,
                message=text,
            )
            for name in ("dailyBars", "intradayBars", "intradayTrades", "macroSeries", "macroEvents")
        ),
        recent=tuple(
            PastRun(sequence=number, plan="p" * 63, outcome=Outcome.SUCCEEDED, end=NOW) for number in range(5)
        ),
        store_recovery=StoreRecoveryReport(set_aside="a" * 60, continued_from="b" * 60, at=NOW),
    )


def test_a_small_report_arrives_whole() -> None:
    sent = report(text="One symbol is unknown.").model_copy(update={"dimensions": report().dimensions[:1]})
    assert RunReport.decode(sent.encode().decode()) == sent


@pytest.mark.parametrize(
    ("symbols", "text"),
    [(20, "short"), (1000, "x" * 10_000), (1000, "ÄÖ€𝄞" * 2000), (1000, '"\\\n' * 3000)],
    ids=["many names", "names and long texts", "texts of many bytes a character", "texts that JSON escapes"],
)
def test_a_large_report_is_cut_and_its_counts_stay(symbols: int, text: str) -> None:
    encoded = report(symbols, text).encode()
    assert len(encoded) <= MESSAGE_BYTES
    arrived = RunReport.decode(encoded.decode())
    assert [item.missing_count for item in arrived.dimensions] == [symbols] * 5
    assert arrived.rows == 500_000
    assert arrived.outcome is Outcome.PARTIAL
    assert len(arrived.recent) == 5
    assert arrived.store_recovery is not None


def test_names_go_only_as_far_as_needed() -> None:
    arrived = RunReport.decode(report(symbols=4).encode().decode())
    assert [len(item.missing) for item in arrived.dimensions] == [4] * 5


@pytest.mark.parametrize(
    "text",
    ["", "Killed", "{}", '{"runId":"r"', '["r"]', report().encode().decode()[:-20], '{"format":1}'],
    ids=["nothing", "a word", "an empty object", "half an object", "a list", "a cut report", "no run"],
)
def test_what_is_no_report_is_rejected(text: str) -> None:
    with pytest.raises(Rejected, match="no run report"):
        RunReport.decode(text)


def test_an_outcome_of_another_version_is_rejected_rather_than_guessed() -> None:
    with pytest.raises(Rejected, match="outcome"):
        RunReport.decode(report().encode().decode().replace('"outcome":"Partial"', '"outcome":"Superb"'))


def test_a_probe_report_stays_small() -> None:
    sent = VolumeProbeReport(outcome="VolumeProbeFailed", bytes_checked=7, message="y" * 9000, at=NOW)
    encoded = sent.encode()
    assert len(encoded) < 1000
    assert VolumeProbeReport.model_validate_json(encoded).bytes_checked == 7


def test_counts_of_rows_by_reason_are_cut_last_and_add_up() -> None:
    decoded = RunReport.decode(report(1000, "x" * 900, tuple(Defect)).encode().decode())
    for item in decoded.dimensions:
        for counts in (item.quarantined, item.flagged):
            assert sum(count.rows for count in counts) == 100_000 * len(Defect)
            assert counts[-1].reason == "Other"


def test_a_look_at_the_database_fits_whatever_was_said() -> None:
    table = TableReport(
        name="intradayTrades",
        chunk_days=36_500,
        retention_days=36_500,
        compress_after_days=36_499,
        rows=10**12,
        oldest=NOW,
        newest=NOW,
        last_drop=NOW,
        dropping=10**6,
        past_since=NOW,
    )
    waits = UnconfirmedReport(table="market.trade_minute_bars", rows=10**12, token="t" * 48)
    job = JobReport(
        table="trade_minute_bars",
        kind="compression",
        every_seconds=10**11,
        outcome="Failed",
        failures=10**12,
        started_at=NOW,
        succeeded_at=NOW,
        next_start=NOW,
        since=NOW,
        message="\u20ac" * 300,
    )
    sent = DatabaseReport(
        outcome="Migrated",
        message="\u20ac" * 5000,
        request="0" * 16,
        confirmed="c" * 253,
        version=5,
        tables=(table,) * 5,
        unconfirmed=(waits,) * 8,
        jobs=(job,) * 13,
        unread="\u20ac" * 5000,
        cache=CacheReport(outcome="PermissionMissing", message="\u20ac" * 5000),
        at=NOW,
    )
    encoded = sent.encode()
    assert len(encoded) <= MESSAGE_BYTES
    read = DatabaseReport.model_validate_json(encoded)
    assert (len(read.tables), len(read.unconfirmed), read.confirmed) == (5, 8, "c" * 253)
    assert len(read.jobs) + read.more_jobs == 13
    usual = sent.model_copy(update={"message": "", "unread": "", "unconfirmed": (), "confirmed": None})
    told = usual.model_copy(update={"jobs": (job.model_copy(update={"message": "m" * 80}),) * 8})
    assert len(DatabaseReport.model_validate_json(told.encode()).jobs) == 8, "where all fail"
