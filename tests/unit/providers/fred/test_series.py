"""Questions of no more vintages than the server takes."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import fredapi

from backbone.providers.fred.client import VINTAGES, Access, Client
from backbone.providers.fred.series import windows


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
