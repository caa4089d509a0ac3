"""Every sample plan is fresh by our own rule, at any time, if its runs get what has ended by then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from backbone.client.fitness import Reading, Unfit, judge
from backbone.client.freshness import EPOCH, MICROSECOND, Dues
from backbone.ingestplan.api import IngestPlanSpec
from backbone.ingestplan.schedule import next_fire
from backbone.market.calendars import Calendar, calendar
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS
from backbone.market.symbols import exchange_of
from backbone.ports.store import LastAttempt, Line
from backbone.vocabulary import Outcome

SAMPLES = Path(__file__).resolve().parents[3] / "manifests" / "samples"
RUN = timedelta(minutes=4)
"""From the schedule's time until what a run brought is published."""
LOOKED_AT = timedelta(minutes=23)
SPANS = (
    ("2025-03-03", "2025-04-02", "clocks change in America, then in Europe"),
    ("2025-11-17", "2026-01-14", "Thanksgiving, Christmas, the new year and Tokyo's holidays"),
    ("2026-04-27", "2026-05-12", "Tokyo's golden week"),
)


@dataclass(frozen=True)
class Asked:
    """A symbol that a plan asks for, by which schedule, and bars of which length; None for those of days."""

    plan: str
    schedule: str
    zone: str
    symbol: str
    width: timedelta | None


def asked() -> Iterator[Asked]:
    """What the sample plans ask live providers for; a recording is all there from the first run on."""
    for path in sorted(SAMPLES.rglob("*.yaml")):
        for document in filter(None, yaml.safe_load_all(path.read_text())):
            if document["kind"] != "IngestPlan":
                continue
            spec = IngestPlanSpec.model_validate(document["spec"])
            for section in (spec.daily_bars, spec.intraday_bars):
                if section is None or section.provider == "Sample":
                    continue
                seconds = getattr(section, "interval_seconds", None)
                width = None if seconds is None else timedelta(seconds=seconds)
                for symbol in section.symbols:
                    yield Asked(document["metadata"]["name"], spec.schedule, spec.time_zone, symbol, width)


ASKED = tuple(asked())


def last_held(item: Asked, found: Calendar, fired: datetime) -> datetime | None:
    """The time of the last row that a run gets which fires at a moment: of what has ended by then."""
    at = (fired - EPOCH) // MICROSECOND
    if item.width is None:
        ended = int(np.searchsorted(found.closes, at, side="right"))
        return EPOCH + timedelta(days=int(found.sessions[ended - 1])) if ended else None
    width = item.width // MICROSECOND
    place = int(found.stretch_of(np.array([at]))[0])
    start, end = int(found.starts[place]), int(found.ends[place])
    if at - start < width:
        start, end = int(found.starts[place - 1]), int(found.ends[place - 1])
    # The last bar is cut short by the close, and told once its whole length is over.
    count = min(-(-(end - start) // width), (at - start) // width)
    return EPOCH + (start + (count - 1) * width) * MICROSECOND


def looks(item: Asked, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Moments of a span, each with the fire of the schedule whose run was published last before it."""
    fires = []
    fire = next_fire(item.schedule, item.zone, first - timedelta(days=7))
    while fire is not None and fire < last:
        fires.append(fire)
        fire = next_fire(item.schedule, item.zone, fire)
    published = np.array([(moment + RUN - EPOCH) // MICROSECOND for moment in fires])
    moment = first
    while moment < last:
        place = int(np.searchsorted(published, (moment - EPOCH) // MICROSECOND, side="right")) - 1
        yield moment, fires[place]
        moment += LOOKED_AT


def stale(item: Asked, first: datetime, last: datetime) -> list[str]:
    """The moments at which the symbol is stale."""
    found = calendar(exchange_of(item.symbol) or "")
    attempt = LastAttempt(item.symbol, "yahoo", item.plan, 1, Outcome.SUCCEEDED, 1, Outcome.SUCCEEDED)
    dimension = DAILY_BARS if item.width is None else INTRADAY_BARS
    seconds = None if item.width is None else int(item.width.total_seconds())
    told = []
    for moment, fire in looks(item, first, last):
        held = last_held(item, found, fire)
        assert held is not None
        line = Line(item.symbol, "yahoo", seconds, held, held)
        due, why = Dues(dimension, None, moment).of(item.symbol, line)
        findings = judge(Reading(item.symbol, (line,), due, why, (attempt,), 0))
        assert {finding.reason for finding in findings} <= {Unfit.STALE}, findings
        told += [f"{moment:%a %d %b %H:%MZ}: {finding.message}" for finding in findings]
    return told


@pytest.mark.parametrize("item", ASKED, ids=lambda item: f"{item.symbol} of plan {item.plan}")
@pytest.mark.parametrize(("first", "last"), [span[:2] for span in SPANS], ids=[span[2] for span in SPANS])
def test_a_sample_plan_is_fresh_by_our_own_rule(item: Asked, first: str, last: str) -> None:
    beginning, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
    assert stale(item, beginning, end) == []


def test_a_schedule_of_another_part_of_the_world_is_noticed() -> None:
    evening = Asked("bars", "30 17 * * 1-5", "America/New_York", "7203.T", None)
    span = datetime(2026, 6, 8, tzinfo=UTC), datetime(2026, 6, 13, tzinfo=UTC)
    assert stale(evening, *span)
    assert stale(Asked("bars", "30 17 * * 1-5", "America/New_York", "AAPL", timedelta(minutes=5)), *span)
    hourly = Asked("bars", "5,35 9-16 * * 1-5", "America/New_York", "AAPL", timedelta(hours=1))
    assert stale(hourly, *span) == []


def test_the_samples_ask_live_providers() -> None:
    assert {item.width for item in ASKED} == {None, timedelta(minutes=5)}
    assert {exchange_of(item.symbol) for item in ASKED} == {"XNYS", "XLON", "XTKS"}
