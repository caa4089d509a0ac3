"""The Fred provider, fredapi in it, against a server that speaks Fred's protocol."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import fredapi
import pyarrow.compute as pc
import pytest

from backbone.market.dimensions import MACRO_SERIES
from backbone.providers.fred.provider import FredProvider
from backbone.providers.pacing import Limits, Pace
from backbone.providers.protocol import Connection, Delivery, ProviderFailure, Query
from backbone.providers.secrets import Secret
from backbone.vocabulary import Outcome
from fred.service import KEY, Fred, serve
from yahoo_market import fates, rows

NOW = datetime(2020, 1, 15, tzinfo=UTC)
QUICK = Limits(deadline=1.0, first_wait=0.01, longest_wait=0.05, budget=1)


class Site:
    """The server, and a provider that asks it."""

    def __init__(self, fred: Fred, address: str, folder: Path) -> None:
        self.fred = fred
        self.connection = Connection("fred", f"{address}/fred")
        self.secret = Secret("fred", folder)
        self.limits = QUICK
        self.pace = Pace(10_000, 10_000)
        self.waited: list[float] = []

    def fetch(self, *series: str, lookback: timedelta | None = None) -> Delivery:
        provider = FredProvider(
            lambda _: self.secret,
            clock=lambda: NOW,
            pause=self.waited.append,
            limits=self.limits,
            pace=self.pace,
        )
        return provider.fetch(Query(MACRO_SERIES, series, lookback, connection=self.connection))


@pytest.fixture
def site(tmp_path: Path, recorded: Path) -> Iterator[Site]:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "api-key").write_text(f"{KEY}\n")
    fred = Fred(recorded)
    with serve(fred, tmp_path / "server") as server:
        yield Site(fred, server.address, secret)


def test_a_series_comes_with_every_vintage_its_frequency_and_its_licence(site: Site) -> None:
    delivery = site.fetch("CPILFESL")
    table = rows(delivery)
    assert fates(delivery) == {}
    assert table.schema.equals(MACRO_SERIES.facts)
    told = {(period, vintage): value for period, vintage, value in site.fred.vintages("CPILFESL")}
    came = zip(
        table["period"].to_pylist(), table["vintage"].to_pylist(), table["value"].to_pylist(), strict=True
    )
    assert {(period, vintage): value for period, vintage, value in came} == told
    assert len(told) == 743 + 24
    assert set(table["frequency"].to_pylist()) == {"monthly"}
    assert set(table["licence"].to_pylist()) == {"public domain: citation requested"}


def test_a_series_with_more_vintages_than_one_question_takes_comes_whole_and_without_inventions(
    site: Site,
) -> None:
    table = rows(site.fetch("DCOILWTICO"))
    told = site.fred.vintages("DCOILWTICO")
    assert len({vintage for _, vintage, _ in told}) > 2_000
    assert table.num_rows == len(told)
    assert table["vintage"].to_pylist() == [vintage for _, vintage, _ in told]
    assert table["value"].null_count == sum(value is None for _, _, value in told) > 0
    assert table["licence"].null_count == table.num_rows


def test_a_lookback_counts_periods_and_keeps_their_vintages(site: Site) -> None:
    table = rows(site.fetch("CPILFESL", lookback=timedelta(days=1000)))
    first = min(table["period"].to_pylist())
    assert first == date(2017, 5, 1)
    assert pc.count_distinct(table["vintage"]).as_py() > 18


def test_a_restricted_licence_is_told_as_it_is(site: Site) -> None:
    table = rows(site.fetch("vix", lookback=timedelta(days=400)))
    assert set(table["licence"].to_pylist()) == {"copyrighted: pre-approval required"}


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("rate-limited", "RateLimited"),
        ("server-error", "ServerTrouble"),
        ("silent", "TimedOut"),
        ("half", "PartialAnswer"),
        ("truncated", "PartialAnswer"),
        ("resets", "ProviderUnreachable"),
        ("html", "ChangedShape"),
        ("no-fields", "ChangedShape"),
        ("empty", "NoData"),
    ],
    ids=str,
)
def test_a_fault_of_one_series_is_named_and_the_others_come(site: Site, kind: str, outcome: str) -> None:
    site.limits = replace(QUICK, deadline=0.4)
    site.fred.board.on(kind, "vix", after=0.6)
    delivery = site.fetch("vix", "CPILFESL", lookback=timedelta(days=1000))
    assert fates(delivery) == {"vix": outcome}
    assert set(rows(delivery)["series"].to_pylist()) == {"CPILFESL"}


@pytest.mark.parametrize(
    "kinds", [("drips",), ("drips-headers",), ("server-error", "drips")], ids=" that ".join
)
def test_the_deadline_is_for_the_whole_of_an_answer(site: Site, kinds: tuple[str, ...]) -> None:
    site.limits = replace(QUICK, deadline=0.5, attempts=1)
    for kind in kinds:
        site.fred.board.on(kind, "vix")
    started = time.monotonic()
    outcome = "ServerTrouble" if "server-error" in kinds else "TimedOut"
    assert fates(site.fetch("vix")) == {"vix": outcome}
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("kind", ["rate-limited", "server-error", "half", "truncated", "resets"])
def test_a_fault_that_passes_is_mended_in_the_same_run(site: Site, kind: str) -> None:
    site.fred.board.on(kind, "CPILFESL", count=1)
    assert fates(site.fetch("CPILFESL", lookback=timedelta(days=1000))) == {}


def test_a_series_that_is_not_there_is_unknown(site: Site) -> None:
    assert fates(site.fetch("NEVER", "CPILFESL", lookback=timedelta(days=1000))) == {"NEVER": "UnknownSymbol"}


def test_the_servers_own_limit_is_never_reached_at_our_pace(tmp_path: Path, site: Site) -> None:
    site.fred._allowed, site.fred._per = 12, 1.0
    site.pace = Pace(rate=8, burst=4)
    started = time.monotonic()
    names = ("CPILFESL", "vix", "DCOILWTICO")
    assert fates(site.fetch(*names, lookback=timedelta(days=1000))) == {}
    asked = len(site.fred.board.requests())
    assert time.monotonic() - started >= (asked - 4) / 8 * 0.9
    assert asked > 12


def test_a_wrong_key_and_a_missing_one_are_told_without_the_key(site: Site) -> None:
    (site.secret.folder / "api-key").write_text("hunter2hunter2")
    delivery = site.fetch("vix")
    assert fates(delivery) == {"vix": "AccessRefused"}
    assert "hunter2" not in repr(delivery)
    (site.secret.folder / "api-key").unlink()
    with pytest.raises(ProviderFailure, match="the Secret fred is not there or has no api-key") as failure:
        site.fetch("vix")
    assert failure.value.outcome is Outcome.ACCESS_REFUSED


def test_an_authority_that_is_no_certificate_is_told(site: Site) -> None:
    (site.secret.folder / "ca.crt").write_text("no certificate")
    with pytest.raises(ProviderFailure, match=r"ca\.crt of the Secret fred is no certificate") as failure:
        site.fetch("vix")
    assert failure.value.outcome is Outcome.ACCESS_REFUSED


def test_a_server_that_is_not_there_is_told_without_the_key(site: Site) -> None:
    site.connection = Connection("fred", "http://127.0.0.1:9/fred")
    delivery = site.fetch("vix")
    assert fates(delivery) == {"vix": "ProviderUnreachable"}
    assert KEY not in repr(delivery)


def test_nothing_of_fredapi_is_changed_for_others(site: Site) -> None:
    before = (fredapi.Fred.root_url, fredapi.fred.urlopen, fredapi.fred.url_request._opener)
    site.fetch("vix", lookback=timedelta(days=400))
    assert (fredapi.Fred.root_url, fredapi.fred.urlopen, fredapi.fred.url_request._opener) == before
