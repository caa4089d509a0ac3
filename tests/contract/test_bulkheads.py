"""A bug in one name costs that name: each kind of exception, at each stage of each provider."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backbone.market.dimensions import DAILY_BARS, MACRO_EVENTS, MACRO_SERIES, Dimension
from backbone.providers.fred import series as fred_series
from backbone.providers.fred.client import Client
from backbone.providers.fred.provider import FredProvider
from backbone.providers.pacing import Limits, Pace
from backbone.providers.protocol import Connection, Query
from backbone.providers.sample import provider as sample
from backbone.providers.sample.provider import SampleProvider
from backbone.providers.secrets import Secret
from backbone.providers.yahoo import asking, bars, calendar, history
from backbone.providers.yahoo.history import History
from backbone.vocabulary import Outcome
from fred.service import KEY, Fred, serve
from planted import planted
from yahoo_market import CONNECTION, Market, fates

PLANTED = planted()


class Plant:
    """A stage that raises for one name after the other, each its own exception, and works for the rest."""

    def __init__(
        self, stage: Callable[..., Any], name_of: Callable[..., str], found: dict[str, BaseException]
    ):
        self.stage, self.name_of, self.found = stage, name_of, found

    def __call__(self, *given: Any, **named: Any) -> Any:
        error = self.found.get(self.name_of(*given, **named))
        if error is not None:
            raise error
        return self.stage(*given, **named)

    def __get__(self, instance: Any, owner: Any) -> Callable[..., Any]:
        return lambda *given, **named: self(instance, *given, **named)


def of_a_result(columns_or_result: Any, meta: Any, *_: Any) -> str:
    named = meta if isinstance(meta, dict) else columns_or_result["meta"]
    return str(named["symbol"])


STAGES = {
    "asking": (asking, "chart", lambda session, symbol, *_: symbol),
    "looking at what is stored": (History, "_tail", lambda self, symbol: symbol),
    "reading the body": (history, "columns_of", of_a_result),
    "leaving out what has not ended": (bars, "ended", of_a_result),
    "seeing what lacks": (bars, "lacking", of_a_result),
    "making facts": (bars, "daily_facts", lambda symbol, *_: symbol),
}


def names_of(found: list[Exception]) -> dict[str, BaseException]:
    return {f"S{number:03d}": error for number, error in enumerate(found)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_bug_in_one_symbol_of_yahoo_is_its_outcome(
    yahoo: Market, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stage: str
) -> None:
    place, name, name_of = STAGES[stage]
    bad = names_of(PLANTED)
    monkeypatch.setattr(place, name, Plant(getattr(place, name), name_of, bad))
    with caplog.at_level(logging.ERROR):
        delivery = yahoo.fetch("AAPL", *bad, "IBM", deadline=30)
    told = fates(delivery)
    assert set(told) == set(bad)
    # What a stage foresees has a name of its own.
    assert set(told.values()) <= {"InternalError", "ChangedShape"}
    assert set(delivery.slices[0].facts["symbol"].to_pylist()) == {"AAPL", "IBM"}
    bugs = [name for name, fate in told.items() if fate == "InternalError"]
    assert len(bugs) > len(bad) / 2
    assert all(
        any(f"of {name}," in text and "Traceback" in text for text in caplog.messages) for name in bugs
    )


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), SystemExit(143)], ids=repr)
@pytest.mark.parametrize("stage", STAGES)
def test_what_ends_a_run_ends_it_at_any_stage_of_yahoo(
    yahoo: Market, monkeypatch: pytest.MonkeyPatch, stage: str, error: BaseException
) -> None:
    place, name, name_of = STAGES[stage]
    monkeypatch.setattr(place, name, Plant(getattr(place, name), name_of, {"IBM": error}))
    with pytest.raises(type(error)):
        yahoo.fetch("IBM", "AAPL")


def test_a_bug_in_one_country_of_the_calendar_is_its_outcome(
    yahoo: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = calendar.facts_of
    # Each takes all pages of the calendar: a sample of the exceptions.
    for error in PLANTED[::25]:
        plant = Plant(right, lambda rows, _: rows[0].calendar if rows else "", {"DE": error})
        monkeypatch.setattr(calendar, "facts_of", plant)
        delivery = yahoo.provider(Limits(deadline=30)).fetch(
            Query(MACRO_EVENTS, ("US", "DE"), timedelta(days=30), connection=CONNECTION)
        )
        assert fates(delivery) == {"DE": "InternalError"}
        assert set(delivery.slices[0].facts["calendar"].to_pylist()) == {"US"}


@pytest.fixture
def fred(tmp_path: Path, recorded: Path) -> Iterator[Callable[..., Any]]:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "api-key").write_text(KEY)
    service = Fred(recorded)
    service.vintages("vix"), service.vintages("CPILFESL")
    with serve(service, tmp_path / "server") as server:

        def fetch() -> Any:
            provider = FredProvider(
                lambda _: Secret("fred", tmp_path / "secret"),
                clock=lambda: datetime(2020, 1, 15, tzinfo=UTC),
                pause=lambda _: None,
                limits=Limits(deadline=10, attempts=1),
                pace=Pace(10_000, 10_000),
            )
            connection = Connection("fred", f"{server.address}/fred")
            return provider.fetch(
                Query(MACRO_SERIES, ("vix", "CPILFESL"), timedelta(days=1000), connection=connection)
            )

        yield fetch


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (Client, "get_series_info"),
        (Client, "vintages"),
        (Client, "observations"),
        (Client, "licence"),
        (fred_series, "_table"),
    ],
)
def test_a_bug_in_one_series_of_fred_is_its_outcome(
    fred: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, place: Any, name: str
) -> None:
    right = getattr(place, name)
    for error in PLANTED:
        named = (lambda _, series, **more: series) if place is Client else (lambda series, *_: series)
        monkeypatch.setattr(place, name, Plant(right, named, {"vix": error}))
        delivery = fred()
        assert fates(delivery).keys() == {"vix"}
        assert fates(delivery)["vix"] in {"InternalError", "ChangedShape"}
        assert set(delivery.slices[0].facts["series"].to_pylist()) == {"CPILFESL"}


@pytest.mark.parametrize(
    ("dimension", "bad", "good"),
    [(MACRO_SERIES, "CPILFESL", "vix"), (DAILY_BARS, "FB", "META")],
    ids=["series", "symbols"],
)
def test_a_bug_in_one_recording_is_the_outcome_of_its_names(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, dimension: Dimension, bad: str, good: str
) -> None:
    right = sample._windowed
    for error in PLANTED[:: max(1, len(PLANTED) // 12)]:
        plant = Plant(right, lambda _, recording, __: bad if bad in recording.names else "", {bad: error})
        monkeypatch.setattr(sample, "_windowed", plant)
        delivery = SampleProvider(recorded).fetch(Query(dimension, (bad, good), timedelta(days=90)))
        assert fates(delivery) == {bad: Outcome.INTERNAL_ERROR.value}
        assert set(delivery.slices[0].facts[dimension.subject].to_pylist()) == {good}
