"""The quarantine, on every tier: each bad row once, as it came, until somebody releases it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, MACRO_SERIES, Dimension
from backbone.market.lineage import Lineage, stamp
from backbone.ports.journal import RunEnd, RunStart
from backbone.ports.quarantine import EntryState, NoSuchEntry, Origin, QuarantineFilter
from backbone.ports.store import Selection
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.reports.run import RowCount, RunReport
from backbone.vocabulary import Outcome
from stores import Tier

NOW = datetime(2024, 3, 28, 22, tzinfo=UTC)
NO_WAIT = timedelta()
ALL = QuarantineFilter()
DAYS = [date(2024, 3, day) for day in (18, 19, 20, 21, 22, 25, 26, 27, 28)]


def bars(**changes: dict[int, object]) -> list[dict[str, object]]:
    """Nine bars of AAPL; `changes` are values of a column by place."""
    rows = [
        {
            "source": "test/bars",
            "symbol": "AAPL",
            "session_date": day,
            "open": 100.0,
            "high": 102.0 + place / 10,
            "low": 99.0,
            "close": 101.0,
            "adjusted_close": 101.0,
            "volume": 1000 + place,
            "price_basis": "splitAdjusted",
            "revision": 0,
        }
        for place, day in enumerate(DAYS)
    ]
    for name, values in changes.items():
        for place, value in values.items():
            rows[place][name] = value
    return rows


class Says:
    """A provider that delivers these rows."""

    def __init__(self, rows: list[dict[str, object]], dimension: Dimension = DAILY_BARS) -> None:
        self._facts = pa.Table.from_pylist(rows, schema=dimension.facts)

    def fetch(self, query: Query) -> Delivery:
        return Delivery((Slice("test/bars", NOW, self._facts),))


def run(
    tier: Tier,
    rows: list[dict[str, object]],
    run_id: str = "run-1",
    at: datetime = NOW,
    plan: str = "sample",
) -> RunReport:
    task = Task("Test", Query(DAILY_BARS, ("AAPL",)), True)
    return IngestRun(
        RunRequest(run_id, plan, 7, (task,), NO_WAIT),
        {"Test": Says(rows)},
        tier.store(),
        clock=lambda: at,
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()


def entries(tier: Tier, chosen: QuarantineFilter = ALL) -> list[dict[str, object]]:
    with tier.quarantine() as quarantine:
        return quarantine.entries(chosen, 1000)


def held(tier: Tier) -> dict[object, dict[str, object]]:
    with tier.reading() as reader:
        rows = [row for batch in reader.batches(Selection(DAILY_BARS)) for row in batch.to_pylist()]
    return {row["session_date"]: row for row in rows}


BAD = {"close": {2: float("nan"), 5: 0.0}}


def test_a_bad_row_is_kept_as_it_came_with_its_reason_and_origin(tier: Tier) -> None:
    report = run(tier, bars(**BAD))
    assert (report.outcome, report.rows) == (Outcome.SUCCEEDED, 7)
    assert report.dimensions[0].quarantined == (
        RowCount(reason="NonPositivePrice", rows=1),
        RowCount(reason="NotFinite", rows=1),
    )
    assert set(held(tier)) == set(DAYS) - {DAYS[2], DAYS[5]}
    entry = entries(tier, QuarantineFilter(reason="NotFinite"))[0]
    assert json.loads(str(entry["raw"])) == {
        "source": "test/bars",
        "symbol": "AAPL",
        "session_date": "2024-03-20",
        "open": "100.0",
        "high": "102.2",
        "low": "99.0",
        "close": "nan",
        "adjusted_close": "101.0",
        "volume": "1002",
        "price_basis": "splitAdjusted",
        "revision": "0",
    }
    assert {name: entry[name] for name in ("provider", "plan", "plan_generation", "run_id", "subject")} == {
        "provider": "Test",
        "plan": "sample",
        "plan_generation": 7,
        "run_id": "run-1",
        "subject": "AAPL",
    }
    assert (entry["key"], entry["schema_version"]) == ("test/bars|AAPL|2024-03-20", 3)
    assert (entry["first_seen"], entry["times_seen"], entry["state"]) == (NOW, 1, "Held")


def test_the_same_bad_row_again_is_the_same_entry_and_counted_once_per_run(tier: Tier) -> None:
    later = NOW + timedelta(hours=1)
    run(tier, bars(**BAD))
    for _ in range(2):
        report = run(tier, bars(**BAD), "run-2", later)
    assert sum(item.rows for item in report.dimensions[0].quarantined) == 2
    found = entries(tier)
    assert [
        (item["times_seen"], item["run_id"], item["first_seen"], item["last_seen"]) for item in found
    ] == [(2, "run-1", NOW, later)] * 2


def test_a_name_of_which_nothing_was_kept_is_told_as_quarantined(tier: Tier) -> None:
    report = run(tier, bars(close=dict.fromkeys(range(9), 0.0)))
    daily = report.dimensions[0]
    assert (report.outcome, daily.outcome, daily.missing) == (
        Outcome.QUARANTINED,
        Outcome.QUARANTINED,
        ("AAPL",),
    )
    assert "Quarantined: AAPL (every row that came is in quarantine)" in daily.message


def test_a_row_that_comes_right_later_closes_the_entry(tier: Tier) -> None:
    run(tier, bars(**BAD))
    report = run(tier, bars(), "run-2", NOW + timedelta(hours=1))
    assert (report.rows, report.dimensions[0].quarantined) == (9, ())
    assert {item["state"] for item in entries(tier)} == {"Superseded"}
    report = run(tier, bars(**BAD), "run-3", NOW + timedelta(hours=2))
    assert len(report.dimensions[0].quarantined) == 2
    assert {(item["state"], item["state_since"]) for item in entries(tier)} == {
        ("Held", NOW + timedelta(hours=2))
    }
    assert len(held(tier)) == 9


def release(tier: Tier, chosen: QuarantineFilter = ALL, run_id: str = "release-1") -> tuple[int, int]:
    at = NOW + timedelta(days=1)
    with tier.store().writer(run_id, NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart(run_id, "quarantine", 0, at))
        with writer.batch():
            done = writer.quarantine.release(chosen, run_id, at)
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, at, done.rows, done.rows, ""))
        writer.publish()
    return done.rows, done.unfit


def test_a_released_row_is_stored_under_its_flag_and_stays_when_it_comes_again(tier: Tier) -> None:
    run(tier, bars(**BAD))
    assert release(tier, QuarantineFilter(reason="NonPositivePrice")) == (1, 0)
    row = held(tier)[DAYS[5]]
    assert (row["close"], row["flags"], row["run_id"], row["provider"], row["plan_generation"]) == (
        0.0,
        "Released",
        "release-1",
        "Test",
        7,
    )
    assert [item["state"] for item in entries(tier, QuarantineFilter(reason="NonPositivePrice"))] == [
        "Released"
    ]
    report = run(tier, bars(**BAD), "run-2", NOW + timedelta(days=2))
    assert report.dimensions[0].quarantined == (RowCount(reason="NotFinite", rows=1),)
    assert held(tier)[DAYS[5]]["flags"] == "Released"


def test_a_plan_releases_rows_that_another_one_brought_first(tier: Tier) -> None:
    for number, plan in enumerate(("first", "second", "first")):
        run(tier, bars(**BAD), f"run-{number}", NOW + timedelta(hours=number), plan)
    assert len(entries(tier, QuarantineFilter(plan="second"))) == 2
    assert entries(tier, QuarantineFilter(plan="third")) == []
    assert release(tier, QuarantineFilter(plan="third")) == (0, 0)
    assert release(tier, QuarantineFilter(plan="second"), "release-2") == (1, 1)


def test_releasing_twice_changes_nothing_the_second_time(tier: Tier) -> None:
    run(tier, bars(**BAD))
    assert release(tier) == (1, 1)
    before = held(tier)
    assert DAYS[2] not in before
    assert release(tier, run_id="release-2") == (0, 1)
    assert {day: row["run_id"] for day, row in held(tier).items()} == {
        day: row["run_id"] for day, row in before.items()
    }


def test_of_two_rows_that_contradict_each_other_one_is_released_by_its_id_and_the_other_closed(
    tier: Tier,
) -> None:
    twice = [*bars(), {**bars()[4], "high": 103.5}]
    report = run(tier, twice)
    assert report.dimensions[0].quarantined == (RowCount(reason="ConflictingRows", rows=2),)
    assert release(tier) == (0, 0)
    assert [item["state"] for item in entries(tier)] == ["Held", "Held"]
    right = next(str(item["id"]) for item in entries(tier) if '"high":"103.5"' in str(item["raw"]))
    assert release(tier, QuarantineFilter(ids=(right,)), "release-2") == (1, 0)
    assert {item["id"]: item["state"] for item in entries(tier)}[right] == "Released"
    assert sorted(str(item["state"]) for item in entries(tier)) == ["Released", "Superseded"]
    assert held(tier)[DAYS[4]]["high"] == 103.5


def test_a_repeated_row_is_not_released_over_a_later_correction(tier: Tier) -> None:
    report = run(tier, [*bars(), bars()[4]])
    assert report.dimensions[0].quarantined == (RowCount(reason="RepeatedRow", rows=1),)
    run(tier, bars(close={4: 101.5}), "run-2", NOW + timedelta(hours=1))
    assert release(tier, QuarantineFilter(plan="sample")) == (0, 0)
    assert held(tier)[DAYS[4]]["close"] == 101.5


def test_a_row_that_no_table_could_hold_stays_in_quarantine(tier: Tier) -> None:
    facts = pa.Table.from_pylist(bars(), schema=DAILY_BARS.facts)
    close = pa.array(["dear" if place == 3 else "101.0" for place in range(9)])
    facts = facts.set_column(facts.schema.get_field_index("close"), "close", close)
    says = Says(bars())
    says._facts = facts
    task = Task("Test", Query(DAILY_BARS, ("AAPL",)), True)
    IngestRun(
        RunRequest("run-1", "sample", 1, (task,), NO_WAIT),
        {"Test": says},
        tier.store(),
        clock=lambda: NOW,
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()
    assert release(tier) == (0, 1)
    entry = entries(tier)[0]
    assert (entry["state"], entry["reason"], json.loads(str(entry["raw"]))["close"]) == (
        "Held",
        "SchemaMismatch",
        "dear",
    )


def test_a_row_whose_text_holds_the_character_0_goes_into_quarantine_and_stays_there(tier: Tier) -> None:
    report = run(tier, bars(price_basis={3: "split\0Adjusted"}))
    assert report.outcome is Outcome.SUCCEEDED
    assert report.dimensions[0].quarantined == (RowCount(reason="SchemaMismatch", rows=1),)
    assert release(tier) == (0, 1)
    assert len(held(tier)) == 8


def test_an_id_that_no_entry_has_is_told_and_nothing_decided(tier: Tier) -> None:
    run(tier, bars(**BAD))
    chosen = QuarantineFilter(ids=("0f3a", str(entries(tier)[0]["id"]), "1b"))
    with pytest.raises(NoSuchEntry, match="no entry has the id 0f3a, 1b; nothing") as caught:
        release(tier, chosen)
    assert caught.value.outcome is Outcome.UNKNOWN_ENTRY
    unknown = pytest.raises(NoSuchEntry, match="no entry has the id 0f3a, 1b; nothing")
    with tier.store().writer("acknowledge", NO_WAIT) as writer, unknown:
        writer.quarantine.acknowledge(chosen, NOW)
    assert {entry["state"] for entry in entries(tier)} == {"Held"}


def test_entries_that_were_not_seen_for_long_expire_and_their_rows_are_judged_anew(tier: Tier) -> None:
    run(tier, bars(**BAD))
    run(tier, bars(close={2: float("nan")}), "run-2", NOW + timedelta(days=40))
    for expected in (1, 0):
        with tier.store().writer("expire", NO_WAIT) as writer:
            assert writer.quarantine.expire(ALL, NOW + timedelta(days=30)) == expected
            writer.publish()
    assert [item["reason"] for item in entries(tier)] == ["NotFinite"]
    run(tier, bars(**BAD), "run-3", NOW + timedelta(days=41))
    assert len(entries(tier)) == 2


def test_a_released_row_needs_no_second_decision_after_entries_expired(tier: Tier) -> None:
    run(tier, bars(**BAD))
    release(tier, QuarantineFilter(reason="NonPositivePrice"))
    with tier.store().writer("expire", NO_WAIT) as writer:
        assert writer.quarantine.expire(ALL, NOW + timedelta(days=30)) == 1
        writer.publish()
    report = run(tier, bars(close={5: 0.0}), "run-2", NOW + timedelta(days=41))
    assert [item["state"] for item in entries(tier)] == ["Released"]
    assert report.dimensions[0].quarantined == ()


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        pytest.param(ALL, 2, id="all"),
        pytest.param(QuarantineFilter(dimension=MACRO_SERIES), 0, id="another dimension"),
        pytest.param(QuarantineFilter(dimension=DAILY_BARS, reason="NotFinite"), 1, id="a reason"),
        pytest.param(QuarantineFilter(subjects=("AAPL", "IBM")), 2, id="symbols"),
        pytest.param(QuarantineFilter(subjects=("IBM",)), 0, id="another symbol"),
        pytest.param(QuarantineFilter(state=EntryState.RELEASED), 0, id="a state"),
        pytest.param(QuarantineFilter(ids=("none",)), 0, id="an id"),
    ],
)
def test_entries_are_chosen_by(tier: Tier, chosen: QuarantineFilter, count: int) -> None:
    run(tier, bars(**BAD))
    assert len(entries(tier, chosen)) == count


def minute_bars(places: range, seconds: int = 60) -> pa.Table:
    """Bars before NOW, by how many lengths."""
    rows = [
        {
            "source": "test/bars",
            "symbol": "AAPL",
            "interval_seconds": seconds,
            "start": NOW - timedelta(seconds=place * seconds),
            **dict.fromkeys(("open", "high", "low", "close"), 100.0),
            "volume": 1,
            "trades": None,
            "price_basis": "asTraded",
            "revision": 0,
        }
        for place in places
    ]
    return pa.Table.from_pylist(rows, schema=INTRADAY_BARS.facts)


@pytest.mark.parametrize(
    ("place", "until", "reason", "count"),
    [
        pytest.param(31, NOW, "NonPositivePrice", 0, id="before the last 30 times"),
        pytest.param(30, NOW, "NonPositivePrice", 1, id="of the last 30th"),
        pytest.param(31, NOW - timedelta(minutes=2), "NonPositivePrice", 1, id="of the last 30 of then"),
        pytest.param(1, NOW - timedelta(minutes=2), "NonPositivePrice", 0, id="of a time after then"),
        pytest.param(-1, NOW, "NonPositivePrice", 0, id="of a time to come"),
        pytest.param(1, NOW, "RepeatedRow", 0, id="repeated"),
        pytest.param(
            None, NOW, "SchemaMismatch", 0, id="of a time that nobody can read: none can take its place"
        ),
    ],
)
def test_entries_are_undecided_where_they_speak_of_now(
    tier: Tier, place: int | None, until: datetime, reason: str, count: int
) -> None:
    kept = pa.concat_tables([minute_bars(range(1, 41)), minute_bars(range(1, 5), 300)])
    bad = minute_bars(range(place or 0, (place or 0) + 1))
    if place is None:
        bad = bad.set_column(bad.schema.get_field_index("start"), "start", pa.array(["noon, or so"]))
    with tier.store().writer("run-1", NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart("run-1", "sample", 1, NOW))
        with writer.batch():
            writer.rows.upsert(INTRADAY_BARS, stamp(INTRADAY_BARS, kept, Lineage("run-1", 1, NOW, "Test")))
            origin = Origin("run-1", "sample", 1, "Test", NOW)
            writer.quarantine.add(INTRADAY_BARS, bad, pa.array([reason]), origin)
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, NOW, 44, 44, ""))
        writer.publish()
    with tier.reading() as reader:
        found = reader.undecided(INTRADAY_BARS, ("AAPL", "IBM"), until)
        assert found == ({("AAPL", "test/bars"): count} if count else {})
        assert reader.undecided(INTRADAY_BARS, ("IBM",), until) == {}
        assert reader.undecided(DAILY_BARS, ("AAPL",), until) == {}


def test_every_row_leads_to_its_run_provider_plan_generation_and_schema_version(tier: Tier) -> None:
    run(tier, bars(), "run-1")
    run(tier, bars(close={4: 101.5}), "run-2", NOW + timedelta(hours=1))
    found = tier.query("""
            SELECT bar.session_date, run.run_id, run.plan, run.plan_generation, bar.plan_generation,
                   bar.provider, arrival.provider, bar.schema_version, run.outcome
            FROM market.daily_bars AS bar
            JOIN telemetry.ingest_runs AS run USING (run_id)
            JOIN telemetry.ingest_arrivals AS arrival
              ON arrival."sequence" = run."sequence" AND arrival.source = bar.source
            ORDER BY bar.session_date
        """)
    assert found == [
        (day, "run-2" if place == 4 else "run-1", "sample", 7, 7, "Test", "Test", 3, "Succeeded")
        for place, day in enumerate(DAYS)
    ]
