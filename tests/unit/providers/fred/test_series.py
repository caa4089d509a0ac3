"""Questions of no more vintages than the server takes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import fredapi
import pandas as pd
import pytest

from backbone.market.dimensions import MACRO_SERIES
from backbone.providers.fred.client import VINTAGES, Access, Client
from backbone.providers.fred.series import facts_of, windows
from backbone.providers.fred.stored import Stored
from backbone.providers.protocol import Query

NOW = datetime(2024, 6, 3, 22, tzinfo=UTC)


def test_windows_follow_one_another_without_a_gap_and_end_with_time() -> None:
    days = [date(2000, 1, 1) + timedelta(days=7 * number) for number in range(2 * VINTAGES + 1)]
    found = list(windows(days))
    assert len(found) == 3
    assert found[0][0] == "2000-01-01"
    assert found[-1][1] == "9999-12-31"
    for (_, last), (first, _) in pairwise(found):
        assert date.fromisoformat(last) + timedelta(days=1) == date.fromisoformat(first)


def test_a_series_without_vintages_is_not_asked_for() -> None:
    assert list(windows([])) == []


def test_fredapi_fetches_everything_through_the_method_that_is_replaced() -> None:
    assert "_Fred__fetch_data" in vars(fredapi.Fred)
    assert "_Fred__fetch_data" in vars(Client)


def test_access_shows_neither_key_nor_proxy() -> None:
    shown = repr(Access("hunter2", None, f"http://{'me:hunter2'}@127.0.0.1:1"))
    assert "hunter2" not in shown


class Says(Client):
    """A Fred of one series with two observations, of which the second says something odd."""

    def __init__(self, **odd: str) -> None:
        sound = {"date": "2024-02-01", "realtime_start": "2024-03-12", "value": "2"}
        self.said = [{**sound, "date": "2024-01-01"}, sound | odd]

    def get_series_info(self, series: str) -> pd.Series[str]:
        return pd.Series({"frequency_short": "M", "frequency": "Monthly"})

    def vintages(self, series: str) -> list[date]:
        return [date(2024, 3, 12)]

    def licence(self, series: str) -> str | None:
        return None

    def observations(self, series: str, **window: str) -> list[ElementTree.Element]:
        return [ElementTree.Element("observation", item) for item in self.said]


@pytest.mark.parametrize("name", ["date", "realtime_start"])
@pytest.mark.parametrize(
    "word", ["today", "now", "NaT", "", "2024", "2024-02", "99999-01-01", "-0044-03-15", "2024-02-01T05"]
)
def test_what_is_no_day_as_fred_writes_one_is_none(name: str, word: str) -> None:
    stored = Stored(Query(MACRO_SERIES, ("X",)))
    rows = facts_of(Says(**{name: word}), "X", stored, NOW).to_pylist()
    column = {"date": "period", "realtime_start": "vintage"}[name]
    assert [row["value"] for row in rows] == [2.0, 2.0]
    assert sorted(str(row[column]) for row in rows)[-1] == "None"
