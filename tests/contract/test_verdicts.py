"""A verdict reaches what is stored, on every tier: what checks condemn, and what a source took back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from backbone.adapters.timescale.store import TimescaleStore
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.calendars import calendar
from backbone.market.dimensions import DAILY_BARS
from backbone.ports.journal import RunEnd, RunStart
from backbone.ports.quarantine import Acknowledged, QuarantineFilter
from backbone.ports.store import Selection, Store
from backbone.providers.protocol import Delivery, Query, Slice, Whole
from backbone.reports.run import RunReport
from backbone.vocabulary import Outcome
from stores import OnTimescale, Tier

NOW = datetime(2024, 3, 28, 22, tzinfo=UTC)
NO_WAIT = timedelta()
ALL = QuarantineFilter()
EPOCH = date(1970, 1, 1)
SESSIONS = [EPOCH + timedelta(days=int(day)) for day in calendar("XNYS").sessions]
PRICES = ("open", "high", "low", "close", "adjusted_close")

Rows = list[dict[str, object]]


def bars(count: int = 40, symbol: str = "AAPL", last: date = date(2024, 3, 28)) -> Rows:
    end = SESSIONS.index(last) + 1
    return [
        {
            "source": "test/bars",
            "symbol": symbol,
            "session_date": day,
            "open": 100.0 + place % 3,
            "high": 104.0 + place % 5,
            "low": 98.0,
            "close": 100.5 + place % 4,
            "adjusted_close": 100.5 + place % 4,
            "volume": 1000 + place,
            "price_basis": "splitAdjusted",
            "revision": 0,
        }
        for place, day in enumerate(SESSIONS[end - count : end])
    ]


def times(factor: float, rows: Rows) -> Rows:
    return [{**row, **{name: row[name] * factor for name in PRICES}} for row in rows]  # type: ignore[operator]


def whole(rows: Rows, symbol: str = "AAPL", revision: int = 0) -> Whole:
    days = [row["session_date"] for row in rows if row["symbol"] == symbol]
    return Whole(symbol, min(days), max(days), revision)  # type: ignore[type-var, arg-type]


class Says:
    """A provider that delivers these rows, and says which windows they hold whole."""

    def __init__(self, rows: Rows, windows: Sequence[Whole] = ()) -> None:
        facts = pa.Table.from_pylist(rows, schema=DAILY_BARS.facts)
        self._slice = Slice("test/bars", NOW, facts, whole=tuple(windows))

    def fetch(self, query: Query) -> Delivery:
        return Delivery((self._slice,))


def evening(tier: Tier, number: int, rows: Rows, *windows: Whole, store: Store | None = None) -> RunReport:
    """The run of an evening: the first is that of NOW."""
    at = NOW + timedelta(days=number)
    task = Task("Test", Query(DAILY_BARS, ("AAPL", "IBM")), True)
    return IngestRun(
        RunRequest(f"run-{number}", "sample", 7, (task,), NO_WAIT),
        {"Test": Says(rows, windows)},
        store or tier.store(),
        clock=lambda: at,
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()


def held(tier: Tier, symbol: str = "AAPL") -> dict[object, object]:
    with tier.reading() as reader:
        rows = [row for batch in reader.batches(Selection(DAILY_BARS)) for row in batch.to_pylist()]
    return {row["session_date"]: row["close"] for row in rows if row["symbol"] == symbol}


def days(rows: Rows) -> set[object]:
    return {row["session_date"] for row in rows}


def entries(tier: Tier) -> list[dict[str, object]]:
    with tier.quarantine() as quarantine:
        return sorted(quarantine.entries(ALL, 1000), key=lambda entry: str(entry["time"]))


def counted(report: RunReport) -> dict[str, int]:
    return {item.reason: item.rows for item in report.dimensions[0].quarantined}


def by_hand(tier: Tier, what: str, chosen: QuarantineFilter = ALL, number: int = 5) -> object:
    at = NOW + timedelta(days=number)
    with tier.store().writer(what, NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart(what, "quarantine", 0, at))
        with writer.batch():
            done = (
                writer.quarantine.release(chosen, what, at)
                if what == "release"
                else writer.quarantine.acknowledge(chosen, at)
            )
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, at, 0, 0, ""))
        writer.publish()
    return done


def test_rows_that_were_stored_and_are_condemned_later_leave_with_their_lineage(tier: Tier) -> None:
    """Two rows are 30 % too high at the end, which is kept under a flag; then two right ones follow."""
    right = bars()
    wrong = [*right[:36], *times(1.3, right[36:38])]
    assert counted(evening(tier, 0, wrong)) == {}
    assert days(right[36:38]) <= set(held(tier))
    report = evening(tier, 1, [*wrong, *right[38:]])
    assert counted(report) == {"Condemned": 2}
    assert set(held(tier)) == days([*right[:36], *right[38:]])
    found = entries(tier)
    assert [(entry["reason"], entry["state"], entry["time"]) for entry in found] == [
        ("Condemned", "Held", str(row["session_date"])) for row in right[36:38]
    ]
    assert {
        (entry["run_id"], entry["last_run_id"], entry["plan"], entry["provider"], entry["plan_generation"])
        for entry in found
    } == {("run-0", "run-1", "sample", "Test", 7)}
    assert {(entry["first_seen"], entry["last_seen"]) for entry in found} == {(NOW, NOW + timedelta(days=1))}
    assert json.loads(str(found[0]["raw"]))["close"] == str(wrong[36]["close"])


def test_a_source_that_slips_over_a_stored_row_takes_nothing_back(tier: Tier) -> None:
    right = bars()
    evening(tier, 0, right)
    slipped = [*right[:30], *times(100, right[30:31]), *right[31:]]
    assert counted(evening(tier, 1, slipped)) == {"PriceSpike": 1}
    assert set(held(tier)) == days(right)
    next_days = [row["session_date"] + timedelta(days=1) for row in right]  # type: ignore[operator]
    shifted = [{**row, "session_date": day} for row, day in zip(right, next_days, strict=True)]
    assert counted(evening(tier, 2, shifted)) == {"ZoneError": 40}
    assert set(held(tier)) == days(right)


def test_rows_that_a_source_took_back_leave_and_come_again_when_it_has_them_again(tier: Tier) -> None:
    rows = [*bars(), *bars(symbol="IBM")]
    evening(tier, 0, rows)
    left = [row for row in rows if row["symbol"] != "AAPL" or row["session_date"] not in days(rows[20:23])]
    assert counted(evening(tier, 1, left)) == {}, "nobody says that the window is whole"
    assert counted(evening(tier, 2, left, whole(rows))) == {"Withdrawn": 3}
    assert set(held(tier)) == days(left[:37])
    assert set(held(tier, "IBM")) == days(rows)
    assert {entry["state"] for entry in entries(tier)} == {"Held"}
    assert counted(evening(tier, 3, left, whole(rows))) == {}
    assert counted(evening(tier, 4, rows, whole(rows))) == {}
    assert set(held(tier)) == days(rows)
    assert {entry["state"] for entry in entries(tier)} == {"Superseded"}


def test_outside_of_a_whole_window_nothing_is_taken_back(tier: Tier) -> None:
    rows = bars()
    evening(tier, 0, rows)
    assert counted(evening(tier, 1, rows[10:20], whole(rows[10:20]))) == {}
    assert set(held(tier)) == days(rows)


def test_a_row_that_is_listed_without_a_price_is_not_taken_back(tier: Tier) -> None:
    rows = bars()
    evening(tier, 0, rows)
    silent = [*rows[:39], {**rows[39], **dict.fromkeys(PRICES)}]
    assert counted(evening(tier, 1, silent, whole(rows))) == {}
    assert set(held(tier)) == days(rows)


def test_a_row_that_somebody_released_stays_whatever_checks_and_source_say(tier: Tier) -> None:
    rows = bars()
    evening(tier, 0, rows)
    left = [*rows[:20], *rows[21:]]
    evening(tier, 1, left, whole(rows))
    assert by_hand(tier, "release").rows == 1  # type: ignore[attr-defined]
    assert held(tier)[rows[20]["session_date"]] == rows[20]["close"]
    assert counted(evening(tier, 6, left, whole(rows))) == {}
    assert set(held(tier)) == days(rows)


def test_a_release_is_greater_than_the_verdict_of_a_clock_that_is_ahead(tier: Tier) -> None:
    rows = bars()
    evening(tier, 0, rows)
    evening(tier, 9, [*rows[:20], *rows[21:]], whole(rows, revision=3))
    assert by_hand(tier, "release", number=5).rows == 1  # type: ignore[attr-defined]
    assert set(held(tier)) == days(rows)


@pytest.mark.parametrize(("gone", "waits"), [(5, False), (6, True), (39, True)])
def test_no_more_than_a_few_rows_of_a_line_leave_before_somebody_looks(
    tier: Tier, gone: int, waits: bool
) -> None:
    rows = bars()
    evening(tier, 0, rows)
    left = [rows[0], *rows[gone + 1 :]] if gone < 39 else [rows[0]]
    window = whole(rows)
    report = evening(tier, 1, left, window)
    assert counted(report) == {"Withdrawn": gone}
    assert report.outcome is Outcome.SUCCEEDED
    assert len(held(tier)) == (40 if waits else 40 - gone)
    assert {entry["state"] for entry in entries(tier)} == {"Waiting" if waits else "Held"}
    assert ("acknowledges" in report.dimensions[0].message) is waits
    assert by_hand(tier, "acknowledge", QuarantineFilter(reason="Withdrawn", subjects=("AAPL",))) == (
        Acknowledged(gone, gone if waits else 0)
    )
    assert set(held(tier)) == days(left)
    assert {entry["state"] for entry in entries(tier)} == {"Acknowledged"}
    assert counted(evening(tier, 6, left, window)) == {}


@pytest.mark.parametrize("tier", ["postgres"], indirect=True)
def test_caches_are_told_of_subjects_whose_rows_left(tier: Tier) -> None:
    assert isinstance(tier, OnTimescale)
    told: list[set[str]] = []
    store = TimescaleStore(tier.settings, changed=lambda _, subjects: told.append(set(subjects)))
    rows = [*bars(), *bars(symbol="IBM")]
    evening(tier, 0, rows)
    evening(tier, 1, [*rows[:20], *rows[21:]], whole(rows), store=store)
    assert told == [{"AAPL"}]
    waiting = [row for row in rows if row["symbol"] == "AAPL" or row["session_date"] in days(rows[:20])]
    evening(tier, 2, waiting, whole(rows, "IBM"), store=store)
    assert told == [{"AAPL"}] * 2, "a row came again, and of IBM nothing left yet"
    with store.writer("acknowledge", NO_WAIT) as writer, writer.batch():
        writer.quarantine.acknowledge(QuarantineFilter(subjects=("IBM",)), NOW + timedelta(days=3))
    assert told == [{"AAPL"}, {"AAPL"}, {"IBM"}]


def test_one_in_twenty_of_a_long_line_may_leave_at_once(tier: Tier) -> None:
    rows = bars(200)
    evening(tier, 0, rows)
    assert counted(evening(tier, 1, [rows[0], *rows[11:]], whole(rows))) == {"Withdrawn": 10}
    assert len(held(tier)) == 190
    evening(tier, 2, [rows[0], *rows[21:]], whole(rows))
    assert len(held(tier)) == 190, "10 of 190 are more than 5 %"


def test_rows_that_waited_and_came_again_do_not_leave(tier: Tier) -> None:
    rows = bars()
    evening(tier, 0, rows)
    evening(tier, 1, [rows[0], *rows[20:]], whole(rows))
    evening(tier, 2, rows, whole(rows))
    assert by_hand(tier, "acknowledge") == Acknowledged(0, 0)
    assert set(held(tier)) == days(rows)


def test_rows_that_waited_stay_for_good_once_somebody_releases_them(tier: Tier) -> None:
    rows = bars()
    evening(tier, 0, rows)
    left, window = [rows[0], *rows[20:]], whole(rows)
    evening(tier, 1, left, window)
    assert by_hand(tier, "release").rows == 19  # type: ignore[attr-defined]
    assert {entry["state"] for entry in entries(tier)} == {"Released"}
    assert counted(evening(tier, 6, left, window)) == {}
    assert by_hand(tier, "acknowledge", number=7) == Acknowledged(0, 0)
    assert set(held(tier)) == days(rows)


def test_what_somebody_acknowledged_is_held_against_nobody_and_is_no_news_when_it_comes_again(
    tier: Tier,
) -> None:
    rows = bars()
    bad = [*rows[:39], {**rows[39], "close": -1.0}]
    assert counted(evening(tier, 0, bad)) == {"NonPositivePrice": 1}

    def undecided() -> int:
        with tier.reading() as reader:
            return sum(reader.undecided(DAILY_BARS, ("AAPL",), NOW + timedelta(days=9)).values())

    assert undecided() == 1
    assert by_hand(tier, "acknowledge", QuarantineFilter(reason="NonPositivePrice")) == Acknowledged(1, 0)
    assert undecided() == 0
    assert counted(evening(tier, 6, bad)) == {}
    assert undecided() == 0
    assert counted(evening(tier, 7, [*rows[:39], {**rows[39], "close": -2.0}])) == {"NonPositivePrice": 1}
    assert undecided() == 1, "another value is news"


HOLIDAY = date(2024, 2, 19)
"""Presidents' Day."""
NOTHING = float("nan")


@pytest.mark.parametrize(
    ("row", "state", "against"),
    [
        pytest.param({"close": NOTHING}, "Held", 1, id="of a session, which may come right"),
        pytest.param(
            {"close": NOTHING, "session_date": HOLIDAY}, "Void", 0, id="without a close on a holiday"
        ),
        pytest.param({"open": None, "session_date": HOLIDAY}, "Void", 0, id="with a null on a holiday"),
        pytest.param({"session_date": HOLIDAY}, "Held", 1, id="that is whole, and could be released"),
        pytest.param({"session_date": None}, "Void", 0, id="without a day"),
        pytest.param(dict.fromkeys(PRICES), None, 0, id="that says nothing"),
        pytest.param(
            {**dict.fromkeys(PRICES), "session_date": HOLIDAY}, None, 0, id="that says nothing of a holiday"
        ),
    ],
)
def test_what_can_never_be_released_or_superseded_is_held_against_nobody(
    tier: Tier, row: dict[str, object], state: str | None, against: int
) -> None:
    rows = bars()
    report = evening(tier, 0, [*rows[:39], {**rows[39], **row}])
    assert [entry["state"] for entry in entries(tier)] == ([] if state is None else [state])
    assert sum(counted(report).values()) == (0 if state is None else 1)
    with tier.reading() as reader:
        found = reader.undecided(DAILY_BARS, ("AAPL",), NOW + timedelta(days=1))
    assert sum(found.values()) == against


def test_an_answer_that_was_asked_for_earlier_brings_back_nothing_that_a_later_one_refused(
    tier: Tier,
) -> None:
    """The wrong row is the last one of the earlier answer; the later answer has right ones behind it."""
    right = bars()
    wrong = [*right[:38], *times(1.3, right[38:39])]
    evening(tier, 2, [*wrong, right[39]])
    assert right[38]["session_date"] not in held(tier)
    evening(tier, 1, wrong)
    assert right[38]["session_date"] not in held(tier)
    evening(tier, 3, right)
    assert set(held(tier)) == days(right)


def test_an_answer_that_was_asked_for_earlier_condemns_nothing_of_a_later_one(tier: Tier) -> None:
    right = bars()
    evening(tier, 2, right)
    slip = [*right[:30], {**right[30], "close": NOTHING}, *right[31:35]]
    assert counted(evening(tier, 1, slip, whole(right))) == {}
    assert set(held(tier)) == days(right)
    assert entries(tier) == []
