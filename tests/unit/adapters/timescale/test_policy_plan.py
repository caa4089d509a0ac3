"""What is left to do to policies, from what is wished, what is there and what was wished before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backbone.adapters.timescale.policy_plan import Loss, Step, draft, plan, refusal
from backbone.adapters.timescale.policy_settings import (
    Key,
    Kind,
    PolicyHoldings,
    Setting,
    columnstore,
    days_setting,
    ordering,
    refresh,
    segments,
)
from backbone.market.dimensions import DAILY_BARS, DIMENSIONS, INTRADAY_TRADES
from backbone.ports.database import DatabaseFault
from backbone.ports.policies import Aggregate, AggregatePolicy, DesiredPolicies, HypertablePolicy

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BARS, WEEKS = "market.daily_bars", "market.weekly_bars"
RETENTION = (Kind.RETENTION, BARS)
WEEKLY = (AggregatePolicy(Aggregate.WEEKLY_BARS),)


def bars(
    retention: int | None = None,
    compression: int | None = None,
    *,
    width: int = 365,
    aggregates: tuple[AggregatePolicy, ...] = (),
) -> DesiredPolicies:
    return DesiredPolicies((HypertablePolicy(DAILY_BARS, width, retention, compression),), aggregates)


def reached(
    wish: DesiredPolicies, before: PolicyHoldings | None = None, at: datetime = NOW, *, rows: int = 0
) -> PolicyHoldings:
    """What a database has once every step of a wish was taken, each as the adapter takes it."""
    holdings = before or PolicyHoldings(at, {(Kind.CHUNK_WIDTH, BARS): days_setting(365)}, {})
    for _ in range(50):
        holdings = PolicyHoldings(at, dict(holdings.current), dict(holdings.remembered))
        losses = {step.key: Loss(rows, at) for step in draft(wish, holdings).losing}
        steps = plan(draft(wish, holdings), losses).steps
        if not steps:
            return holdings
        take(holdings.current, holdings.remembered, steps[0])  # type: ignore[arg-type]
    raise AssertionError("it never ends")


def take(current: dict[Key, Setting], remembered: dict[Key, str], step: Step) -> None:
    for place, value in ((current, step.new), (remembered, step.new and step.new.text)):
        if value is None:
            place.pop(step.key, None)  # type: ignore[attr-defined]
        elif not (place is current and step.kind is Kind.FILL):
            place[step.key] = value  # type: ignore[index]
    if step.dropped:
        remembered[Kind.DROPPED, step.table] = step.dropped.isoformat()
    if step.kind is Kind.RETENTION and (Kind.FILL, WEEKS) in remembered:
        remembered[Kind.FILL, WEEKS] = "made"
    if step.kind is Kind.AGGREGATE and step.new is None:
        current.pop((Kind.REFRESH, step.table), None)


def told(wish: DesiredPolicies, holdings: PolicyHoldings, **values: object) -> list[tuple[str, bool]]:
    losses = {step.key: Loss(0, None) for step in draft(wish, holdings).losing}
    return [
        (step.what, step.drift) for step in plan(draft(wish, holdings), losses).steps if not step.remembers
    ]


def without(holdings: PolicyHoldings, key: Key, value: Setting | None = None) -> PolicyHoldings:
    """After somebody removed or altered a setting."""
    current = {name: item for name, item in holdings.current.items() if name != key}
    return PolicyHoldings(holdings.now, current | ({key: value} if value else {}), holdings.remembered)


def test_a_wish_is_reached_in_an_order_in_which_nothing_is_dropped_early() -> None:
    wish = bars(365, 30, width=180, aggregates=WEEKLY)
    empty = PolicyHoldings(NOW, {(Kind.CHUNK_WIDTH, BARS): days_setting(365)}, {})
    assert told(wish, empty) == [
        ("chunk width: 365 days → 180 days", False),
        ("columnstore: none → by symbol,source, in the order of session_date", False),
        ("continuous aggregate: none → materialized", False),
        ("filled from the rows that are there", False),
        ("refresh: none → of the last 365 days, every 3600 s", False),
        ("compression: none → 30 days", False),
        ("retention: none → 365 days", False),
    ]
    whole = reached(wish)
    assert told(wish, whole) == []
    assert whole.current[Kind.REFRESH, WEEKS] == refresh(3600, 365)


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        (RETENTION, None, "retention: none → 365 days"),
        (RETENTION, days_setting(700), "retention: 700 days → 365 days"),
        ((Kind.CHUNK_WIDTH, BARS), days_setting(1), "chunk width: 1 days → 365 days"),
        (
            (Kind.COMPRESSION, BARS),
            Setting("30 days, paused", 30),
            "compression: 30 days, paused → 30 days",
        ),
        ((Kind.COMPRESSION, "market.macro_series"), days_setting(9), "compression: 9 days → none"),
        ((Kind.RETENTION, WEEKS), days_setting(9), "retention: 9 days → none"),
    ],
)
def test_what_somebody_else_changed_is_drift(key: Key, value: Setting | None, what: str) -> None:
    wish = bars(365, 30, aggregates=WEEKLY)
    assert told(wish, without(reached(wish), key, value)) == [(what, True)]


def test_what_is_as_wished_already_is_only_remembered() -> None:
    there = PolicyHoldings(
        NOW, {(Kind.CHUNK_WIDTH, BARS): days_setting(365), RETENTION: days_setting(90)}, {}
    )
    found = plan(draft(bars(90), there), {})
    assert [(step.key, step.remembers) for step in found.steps] == [
        ((Kind.CHUNK_WIDTH, BARS), True),
        (RETENTION, True),
    ]


def test_a_table_that_is_not_spoken_of_keeps_its_width_and_its_columnstore() -> None:
    other = (Kind.CHUNK_WIDTH, "market.macro_series")
    store = (Kind.COLUMNSTORE, BARS)
    there = PolicyHoldings(NOW, {other: days_setting(7), store: columnstore(DAILY_BARS)}, {})
    assert other not in [step.key for step in plan(draft(bars(), there), {}).steps]
    assert store not in [step.key for step in plan(draft(bars(), there), {}).steps]


def test_a_retention_that_loses_rows_waits_for_its_own_token() -> None:
    wish, there = bars(365, aggregates=WEEKLY), reached(bars(aggregates=WEEKLY))
    assert [step.key for step in draft(wish, there).losing] == [RETENTION]
    losses = {RETENTION: Loss(7, NOW)}
    found = plan(draft(wish, there), losses)
    assert found.steps == ()
    assert [(item.rows, item.cutoff, item.token) for item in found.unconfirmed] == [
        (7, NOW, "dailyBars-365d-7")
    ]
    for token in ("dailyBars-365d-8", "dailyBars-365d", "x"):
        assert plan(draft(wish, there), losses, [token]) == found
    confirmed = plan(draft(wish, there), losses, ["x", "dailyBars-365d-7"])
    assert confirmed.unconfirmed == ()
    assert [step.kind for step in confirmed.steps] == [Kind.FILL, Kind.REFRESH, Kind.RETENTION]


@pytest.mark.parametrize(("before", "asked"), [(None, True), (400, True), (365, False), (200, False)])
def test_only_a_shorter_retention_asks(before: int | None, asked: bool) -> None:
    assert bool(draft(bars(365), reached(bars(before))).losing) is asked


def test_what_is_not_confirmed_leaves_the_retention_before_it_in_force() -> None:
    there = without(reached(bars(365)), RETENTION)
    losses = {RETENTION: Loss(7, NOW)}
    assert [(step.what, step.drift) for step in plan(draft(bars(90), there), losses).steps] == [
        ("retention: none → 365 days", True)
    ]


def test_a_longer_retention_does_not_look_back_to_what_is_gone() -> None:
    """Until that many days are there again."""
    short = reached(bars(90, aggregates=WEEKLY))
    long = reached(bars(365, aggregates=WEEKLY), short)
    assert long.current[RETENTION] == days_setting(365)
    assert long.current[Kind.REFRESH, WEEKS] == refresh(3600, 90)
    later = reached(bars(365, aggregates=WEEKLY), long, NOW + timedelta(days=274))
    assert later.current[Kind.REFRESH, WEEKS] == refresh(3600, 90)
    later = reached(bars(365, aggregates=WEEKLY), later, NOW + timedelta(days=276))
    assert later.current[Kind.REFRESH, WEEKS] == refresh(3600, 365)


def test_without_a_retention_what_one_dropped_before_is_not_looked_back_to() -> None:
    ended = reached(bars(aggregates=WEEKLY), reached(bars(90, aggregates=WEEKLY)))
    assert RETENTION not in ended.current
    assert ended.current[Kind.REFRESH, WEEKS] == refresh(3600, 90)
    # Also where somebody else ended it, and the wish went with it.
    removed = without(reached(bars(90, aggregates=WEEKLY)), RETENTION)
    assert reached(bars(aggregates=WEEKLY), removed).current[Kind.REFRESH, WEEKS] == refresh(3600, 90)


def test_an_aggregate_is_filled_before_each_shorter_retention() -> None:
    holdings = reached(bars(365, aggregates=WEEKLY))
    for days in (90, 365, 90):
        steps = told(bars(days, aggregates=WEEKLY), holdings)
        assert (("filled from the rows that are there", False) in steps) is (days == 90)
        holdings = reached(bars(days, aggregates=WEEKLY), holdings)


def test_an_aggregate_that_holds_bars_waits_and_goes_last_first() -> None:
    both = tuple(AggregatePolicy(item) for item in (Aggregate.MINUTE_BARS, Aggregate.TRADE_DAYS))
    trades = (HypertablePolicy(INTRADAY_TRADES, 7),)
    there = reached(DesiredPolicies(trades, both), PolicyHoldings(NOW, {}, {}))
    wish = DesiredPolicies(trades)
    (step,) = draft(wish, there).losing
    assert step.table == "market.trade_daily_bars"
    found = plan(draft(wish, there), {step.key: Loss(5, None)})
    assert (found.steps, [item.token for item in found.unconfirmed]) == ((), ["tradeDays-drop-5"])
    found = plan(draft(wish, there), {step.key: Loss(5, None)}, ["tradeDays-drop-5"])
    assert found.steps[0].what == "continuous aggregate: materialized → none"


def test_an_aggregate_whose_end_is_not_confirmed_is_kept_from_what_a_new_retention_drops() -> None:
    there, wish = reached(bars(aggregates=WEEKLY)), bars(90)
    losses = {(Kind.AGGREGATE, WEEKS): Loss(5, None), RETENTION: Loss(7, NOW)}
    found = plan(draft(wish, there), losses, ["dailyBars-90d-7"])
    assert [item.token for item in found.unconfirmed] == ["weeklyBars-drop-5"]
    assert [step.what for step in found.steps] == [
        "filled from the rows that are there",
        "refresh: of everything, every 3600 s → of the last 90 days, every 3600 s",
        "retention: none → 90 days",
    ]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (bars(0), "dailyBars: retention of 0 days; write 1 or more, or leave it out"),
        (bars(width=0), "dailyBars: chunks of 0 days"),
        (bars(None, -1), "dailyBars: compression of -1 days"),
        (bars(30, 30), "dailyBars: compression after 30 days never comes where 30 are kept"),
        (bars(13, aggregates=WEEKLY), "weeklyBars: it needs 35 days of dailyBars, of which 13 are kept"),
        (bars(34, aggregates=WEEKLY), "weeklyBars: it needs 35 days of dailyBars, of which 34 are kept"),
        (
            bars(aggregates=(AggregatePolicy(Aggregate.TRADE_DAYS),)),
            "tradeDays: it is made of minuteBars; ask for that too",
        ),
        (DesiredPolicies((HypertablePolicy(DAILY_BARS, 1),) * 2), "a dimension is wished of twice"),
    ],
)
def test_a_wish_that_contradicts_itself_is_refused(wish: DesiredPolicies, said: str) -> None:
    found = refusal(wish, PolicyHoldings(NOW, {}, {}))
    assert found is not None
    assert found.fault is DatabaseFault.POLICY_REFUSED
    assert said in found.message


def test_somebody_elses_view_of_a_name_of_ours_is_refused() -> None:
    found = refusal(bars(aggregates=WEEKLY), PolicyHoldings(NOW, {}, {}, frozenset({WEEKS})))
    assert found is not None
    assert f"the database has a {WEEKS} that is not a continuous aggregate; rename that" in found.message


def test_a_columnstore_is_by_the_key_without_its_time() -> None:
    found = {item.name: (segments(item), ordering(item)) for item in DIMENSIONS}
    assert found == {
        "dailyBars": (("symbol", "source"), ("session_date",)),
        "intradayBars": (("symbol", "source", "interval_seconds"), ("start",)),
        "intradayTrades": (("symbol", "source"), ("ts", "ordinal")),
        "macroSeries": (("series", "source"), ("period", "vintage")),
        "macroEvents": (("event", "source"), ("period", "vintage", "reference")),
    }
