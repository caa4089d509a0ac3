"""A thousand deliveries of what markets do that recordings do not have, and of what goes wrong there.

Bars are made on the real sessions of exchanges, series with periods ahead of their vintages. Nothing here
knows the checks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import exchange_calendars
import numpy as np
import numpy.typing as npt
import pandas as pd

from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, MACRO_SERIES
from corruptions import OF_BARS, PLANTED, Deliveries

Whole = npt.NDArray[np.int64]
Random = np.random.Generator

WITH_BREAKS = {"T": "XTKS", "HK": "XHKG", "SS": "XSHG"}
"""Exchanges with a lunch break, by the end of their symbols."""
WITH_AUCTIONS = {"": "XNYS", "L": "XLON", "T": "XTKS", "HK": "XHKG", "NS": "XBOM", "AX": "XASX", "PA": "XPAR"}
WITH_AUCTIONS |= {"DE": "XETR", "SI": "XSES", "TO": "XTSE"}
FIVE, QUARTER, HOUR = 300, 900, 3600
SESSIONS = 2
"""Of a delivery."""
FIRST, LAST = "2015-01-05", "2024-11-29"
RATES = ("^IRX", "^FVX", "^TNX", "^TYX")
AUCTION = 3
"""Bars of five minutes, from a session's end on, one or two of which tell an auction."""


@dataclass(frozen=True)
class Day:
    """One session: moments in seconds since 1970; `pause` is None on half days and where nobody pauses."""

    opens: int
    closes: int
    pause: tuple[int, int] | None

    def starts(self, width: int) -> Whole:
        """Where its bars begin."""
        found = np.arange(self.opens, self.closes, width)
        if self.pause is not None:
            found = found[(found < self.pause[0]) | (found >= self.pause[1])]
        return found


@cache
def days_of(exchange: str) -> tuple[Day, ...]:
    """An exchange's sessions in ten years."""
    schedule = exchange_calendars.get_calendar(exchange, start=FIRST, end=LAST).schedule
    columns = (seconds(schedule[name]) for name in ("open", "close", "break_start", "break_end"))
    return tuple(
        Day(opens, closes, (pauses, resumes) if pauses > 0 else None)
        for opens, closes, pauses, resumes in np.stack(list(columns), axis=1).tolist()
    )


def seconds(column: pd.Series) -> Whole:
    """Moments in seconds since 1970; below zero where there is none."""
    return np.asarray(column.dt.tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64))


def sessions(
    random: Random, exchanges: dict[str, str], *, paused: bool = False
) -> list[tuple[str, list[Day]]]:
    """For each delivery a symbol and a few sessions in a row; `paused` if each of them pauses at noon."""
    suffixes = list(exchanges)
    found: list[tuple[str, list[Day]]] = []
    while len(found) < PLANTED:
        suffix = suffixes[random.integers(len(suffixes))]
        every = days_of(exchanges[suffix])
        at = int(random.integers(len(every) - SESSIONS))
        chosen = list(every[at : at + SESSIONS])
        if not paused or all(day.pause for day in chosen):
            found.append((symbol(len(found), suffix), chosen))
    return found


def symbol(number: int, suffix: str) -> str:
    """A name of its own for each delivery, as its exchange spells names."""
    if not suffix:
        return "".join(chr(65 + number // 26**place % 26) for place in (2, 1, 0)) + "Q"
    return f"{600000 + number if suffix == 'SS' else 1000 + number}.{suffix}"


def minutes(random: Random, names: list[str], starts: list[Whole], widths: Whole) -> Deliveries:
    """Bars that begin at these seconds, each line a calm walk of its own."""
    counts = np.array([len(item) for item in starts])
    delivery = np.repeat(np.arange(len(names)), counts)
    moved = random.normal(0, 0.0004, counts.sum())
    level = 50 + random.random(len(names)) * 100
    close = level[delivery] * np.exp(pd.Series(moved).groupby(delivery).cumsum().to_numpy())
    opened = close * np.exp(-moved)
    stray = 1 + np.abs(random.normal(0, 0.0003, len(close)))
    rows = pd.DataFrame(
        {
            "source": "test/made",
            "symbol": np.array(names)[delivery],
            "interval_seconds": widths[delivery].astype(np.int32),
            "start": pd.to_datetime(np.concatenate(starts), unit="s", utc=True).astype("datetime64[us, UTC]"),
            "open": opened,
            "high": np.maximum(opened, close) * stray,
            "low": np.minimum(opened, close) / stray,
            "close": close,
            "volume": random.integers(10_000, 30_000, len(close)),
            "trades": pd.array([None] * len(close), "Int64"),
            "price_basis": "splitAdjusted",
            "revision": 0,
            "delivery": delivery,
        }
    )
    return Deliveries(INTRADAY_BARS, rows, np.append(0, np.cumsum(counts)[:-1]))


def lunch(random: Random) -> Deliveries:
    """Complete days of Tokyo, Hong Kong and Shanghai, in bars of one, five and fifteen minutes."""
    widths = random.choice((60, 300, 900), PLANTED)
    chosen = sessions(random, WITH_BREAKS)
    starts = [
        np.concatenate([day.starts(width) for day in days])
        for (_, days), width in zip(chosen, widths.tolist(), strict=True)
    ]
    return minutes(random, [name for name, _ in chosen], starts, widths)


def with_extra(random: Random, chosen: list[tuple[str, list[Day]]], extra: list[list[int]]) -> Deliveries:
    """Complete days in bars of five minutes, and one bar more at each of these seconds; these are targets."""
    starts = [
        np.sort(np.concatenate([*(day.starts(FIVE) for day in days), np.array(more, np.int64)]))
        for (_, days), more in zip(chosen, extra, strict=True)
    ]
    given = minutes(random, [name for name, _ in chosen], starts, np.full(PLANTED, FIVE))
    planted = np.concatenate([np.isin(item, more) for item, more in zip(starts, extra, strict=True)])
    given.targets = given.where(np.flatnonzero(planted))
    return given


def in_the_break(random: Random) -> Deliveries:
    """A bar in the middle of a lunch break."""
    chosen = sessions(random, WITH_BREAKS, paused=True)
    pauses = [days[int(random.integers(SESSIONS))].pause for _, days in chosen]
    return with_extra(random, chosen, [[_middle(pause)] for pause in pauses if pause is not None])


def _middle(pause: tuple[int, int]) -> int:
    return (pause[0] + pause[1]) // 2 // FIVE * FIVE


def after_hours(random: Random) -> Deliveries:
    """A bar one to three hours after a session's end."""
    chosen = sessions(random, WITH_AUCTIONS)
    return with_extra(
        random, chosen, [[days[-1].closes + int(random.integers(12, 36)) * FIVE] for _, days in chosen]
    )


def auctions(random: Random) -> Deliveries:
    """Complete days in bars of five minutes or of an hour, and the auction at or after each session's end.

    It has one or two bars and most of the day's turnover.
    """
    chosen = sessions(random, WITH_AUCTIONS)
    widths = random.choice((FIVE, HOUR), PLANTED)
    starts = []
    for (_, days), width in zip(chosen, widths.tolist(), strict=True):
        delays = np.unique(random.integers(0, AUCTION, 2)) * FIVE if width == FIVE else np.zeros(1, np.int64)
        grid = min(width, QUARTER)
        told = [part for day in days for part in (day.starts(width), day.closes // grid * grid + delays)]
        starts.append(np.unique(np.concatenate(told)))
    given = minutes(random, [name for name, _ in chosen], starts, widths)
    closes = [
        np.isin(every, [day.closes for day in days]) for every, (_, days) in zip(starts, chosen, strict=True)
    ]
    given.rows.loc[np.concatenate(closes), "volume"] = 2_000_000
    return given


def round_the_break(random: Random) -> Deliveries:
    """The last hour before a break and the first after it do not come."""
    chosen = sessions(random, WITH_BREAKS, paused=True)
    starts, targets = [], []
    for _, days in chosen:
        spoilt = days[int(random.integers(SESSIONS))]
        assert spoilt.pause is not None
        first, last = spoilt.pause[0] - 3600, spoilt.pause[1] + 3600
        every = np.concatenate([day.starts(FIVE) for day in days])
        starts.append(every[(every < first) | (every >= last)])
        targets.append(int(np.searchsorted(starts[-1], last)))
    given = minutes(random, [name for name, _ in chosen], starts, np.full(PLANTED, FIVE))
    given.targets = given.where(given.at + np.array(targets))
    return given


def oil(random: Random, deepest: float = 1.1) -> Deliveries:
    """Daily bars of futures that go below zero for some days and come back, as oil did in April 2020.

    At the deepest they have lost `deepest` times their price or more.
    """
    width = 60
    delivery = np.repeat(np.arange(PLANTED), width)
    place = np.tile(np.arange(width), PLANTED)
    bottom = random.integers(25, width - 8, PLANTED)[delivery]
    depth = random.uniform(deepest, 3.0, PLANTED)[delivery]
    level = random.uniform(8, 30, PLANTED)[delivery]
    away = np.abs(place - bottom)
    middle = level * (1 - depth * np.clip(1 - away / 3, 0, 1)) + random.normal(0, 0.01, len(place)) * level
    opened, spread = middle + random.normal(0, 0.01, len(place)) * level, 0.01 * level
    first = np.datetime64("2020-01-02") + 7 * random.integers(0, 150, PLANTED)
    days = np.busday_offset(np.repeat(first, width), place, roll="forward").astype("datetime64[s]")
    surge = np.where(away <= 3, 3, 1)
    rows = pd.DataFrame(
        {
            "source": "test/made",
            "symbol": [f"{chr(65 + number // 100)}{number % 100:02}=F" for number in delivery.tolist()],
            "session_date": days,
            "open": opened,
            "high": np.maximum(opened, middle) + spread,
            "low": np.minimum(opened, middle) - spread,
            "close": middle,
            "adjusted_close": middle,
            "volume": random.integers(300_000, 400_000, len(place)) * surge,
            "price_basis": "splitAdjusted",
            "revision": 0,
            "delivery": delivery,
        }
    )
    return Deliveries(DAILY_BARS, rows, np.flatnonzero(place == bottom))


def rates(random: Random) -> Deliveries:
    """A yield within a tenth of a percent of zero, as ^IRX was for years: it doubles and halves at will."""
    given = oil(random)
    step = random.choice((-0.02, -0.01, -0.005, 0, 0.005, 0.01, 0.02), len(given.rows)).reshape(PLANTED, -1)
    level = np.full(PLANTED, 0.08)
    close = np.empty(step.shape)
    for place in range(step.shape[1]):
        level = np.clip(level + step[:, place], 0.005, 0.12)
        close[:, place] = level
    price = np.round(close.ravel(), 3)
    rows = given.rows.assign(
        symbol=np.array(RATES)[given.rows["delivery"] % len(RATES)],
        source="test/made~" + given.rows["delivery"].astype(str),
        open=price,
        high=price + 0.005,
        low=np.maximum(price - 0.005, 0.001),
        close=price,
        adjusted_close=price,
        volume=0,
    )
    return Deliveries(DAILY_BARS, rows, given.at)


def oil_upside_down(random: Random) -> Deliveries:
    """Below zero, too, the high is the highest: high and low in each other's place."""
    given = oil(random, 1.6)
    high = given.rows["high"].to_numpy(copy=True)
    given.rows.loc[given.at, "high"] = given.rows["low"].to_numpy()[given.at]
    given.rows.loc[given.at, "low"] = high[given.at]
    given.targets = given.where(given.at)
    return given


def forecasts(random: Random) -> Deliveries:
    """Series with periods to ten years ahead of each of three vintages, as GDPPOT and the FOMC's have."""
    months = random.choice((1, 3, 12), PLANTED)
    names = np.array(["monthly", "quarterly", "annual"])
    frames = []
    for number, step in enumerate(months.tolist()):
        first = int(random.integers(2008, 2014))
        growth = random.uniform(0.001, 0.004)
        for vintage in (2015, 2020, 2024):
            count = (vintage + int(random.integers(3, 11)) - first) * 12 // step
            period = np.datetime64(f"{first}-01") + np.arange(count) * step
            value = 16_000 * np.exp(growth * step * np.arange(count)) * (1 + (vintage - 2015) / 10_000)
            frames.append(
                pd.DataFrame(
                    {
                        "series": f"POT{number}",
                        "period": period.astype("datetime64[s]"),
                        "frequency": names[{1: 0, 3: 1, 12: 2}[step]],
                        "vintage": np.datetime64(f"{vintage}-02-01", "s"),
                        "value": value,
                        "delivery": number,
                    }
                )
            )
    rows = pd.concat(frames, ignore_index=True).assign(
        source="test/made", licence=None, revision=0, absent=False
    )
    last = rows.groupby("delivery").tail(1).index.to_numpy()
    return Deliveries(MACRO_SERIES, rows, last)


def vintage_ahead(random: Random) -> Deliveries:
    """One value that was known years later than the run."""
    given = forecasts(random)
    given.rows.loc[given.at, "vintage"] = pd.Timestamp("2031-03-04")
    given.targets = given.where(given.at)
    return given


def two_wrong_rows(given: Deliveries, random: Random) -> Deliveries:
    """The last two rows of each delivery at a small part of the price, or at many times it, both alike."""
    factor = random.choice((1e-5, 1e-3, 1 / 40, 1 / 13, 13, 40, 1e3), PLANTED)
    ends = np.append(np.flatnonzero(np.diff(given.rows["delivery"])), len(given.rows) - 1)
    return _scaled(given, np.stack([ends - 1, ends], axis=1).ravel(), np.repeat(factor, 2))


def other_unit(given: Deliveries, random: Random) -> Deliveries:
    """The last rows of each delivery, one to thirty of them, in pounds for pence or in pence for pounds."""
    factor = random.choice((0.01, 100), PLANTED)
    ends = np.append(np.flatnonzero(np.diff(given.rows["delivery"])), len(given.rows) - 1)
    counts = random.integers(1, 31, PLANTED)
    rows = np.concatenate(
        [np.arange(end - count + 1, end + 1) for end, count in zip(ends, counts, strict=True)]
    )
    return _scaled(given, rows, np.repeat(factor, counts))


def _scaled(given: Deliveries, at: Whole, factor: npt.NDArray[np.float64]) -> Deliveries:
    rows = given.rows.copy()
    for name in (name for name in OF_BARS if name in rows):
        values = rows[name].to_numpy(np.float64, copy=True)
        values[at] *= factor
        rows[name] = values
    return replace(given, rows=rows, targets=given.where(at))


def without_values(given: Deliveries, random: Random) -> Deliveries:
    """A row with no price; of days it is the session that lacks, which the row after it has to tell."""
    rows = given.rows.copy()
    for name in (name for name in OF_BARS if name in rows):
        rows.loc[given.at, name] = np.nan
    rows.loc[given.at, "volume"] = 0
    return replace(given, rows=rows, targets=given.where(given.at + 1))


def holiday_without_values(given: Deliveries, random: Random) -> Deliveries:
    """A row with no price on a Saturday."""
    extra = given.rows.iloc[given.at].copy()
    day = extra["session_date"]
    extra["session_date"] = day + pd.to_timedelta((5 - day.dt.day_of_week) % 7, unit="D")
    extra[list(OF_BARS)] = np.nan
    return replace(given, rows=pd.concat([given.rows, extra], ignore_index=True))


def adjusted_alone(given: Deliveries, random: Random) -> Deliveries:
    """The adjusted close alone is missing, zero or below zero, in one row or in all before it."""
    rows = given.rows.copy()
    bad = np.zeros(len(rows), bool)
    bad[given.at] = True
    first = np.arange(PLANTED) * (len(rows) // PLANTED)
    for delivery in np.flatnonzero(random.random(PLANTED) < 0.5).tolist():
        bad[first[delivery] : given.at[delivery]] = True
    value = random.choice((np.nan, 0.0, -0.4), PLANTED)[rows["delivery"].to_numpy()]
    rows.loc[bad, "adjusted_close"] = value[bad]
    return replace(given, rows=rows, targets=given.where(np.flatnonzero(bad)))
