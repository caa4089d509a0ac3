"""The Fred provider, fredapi in it, against a server that speaks Fred's protocol."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import Element

import fredapi
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from backbone.market.dimensions import MACRO_SERIES
from backbone.ports.rows import SubjectSpan
from backbone.providers.fred.provider import FredProvider
from backbone.providers.fred.series import _table
from backbone.providers.pacing import Limits, Pace
from backbone.providers.protocol import Connection, Delivery, Held, ProviderFailure, Query
from backbone.providers.secrets import Secret
from backbone.vocabulary import Outcome
from fred import service
from fred.service import KEY, Fred, serve
from kept import midnight
from listening import Reply
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

    def fetch(
        self,
        *series: str,
        lookback: timedelta | None = None,
        held: Held | None = None,
        keep: Callable[[Delivery], None] | None = None,
    ) -> Delivery:
        provider = FredProvider(
            lambda _: self.secret,
            clock=lambda: NOW,
            pause=self.waited.append,
            limits=self.limits,
            pace=self.pace,
        )
        return provider.fetch(
            Query(MACRO_SERIES, series, lookback, connection=self.connection, held=held, keep=keep)
        )


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
    with pytest.raises(ProviderFailure, match=r"ca\.crt of the Secret fred is not a certificate") as failure:
        site.fetch("vix")
    assert failure.value.outcome is Outcome.ACCESS_REFUSED


def test_a_server_that_is_not_there_is_told_without_the_key(site: Site) -> None:
    site.connection = Connection("fred", "http://127.0.0.1:9/fred")
    delivery = site.fetch("vix")
    assert fates(delivery) == {"vix": "ProviderUnreachable"}
    assert KEY not in repr(delivery)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("http://fred.example.com/fred", id="a server elsewhere"),
        pytest.param("http://127.0.0.1.example.com/fred", id="a name that only looks like loopback"),
        pytest.param("http://198.18.0.7:8080/fred", id="an address of the network"),
        pytest.param("http://fred.markets.svc/fred", id="a Service"),
        pytest.param("http://[fe80/fred", id="no address at all"),
    ],
)
def test_no_key_goes_over_a_network_in_clear_text(site: Site, address: str) -> None:
    site.connection = Connection("fred", address)
    with pytest.raises(
        ProviderFailure, match=r"baseUrl is http:// and the Secret fred has an api-key"
    ) as failure:
        site.fetch("vix")
    assert failure.value.outcome is Outcome.INSECURE_ADDRESS
    assert KEY not in str(failure.value)


def test_a_server_with_an_authority_of_its_own_is_asked_over_tls(site: Site, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "server" / "ca.crt", site.secret.folder)
    assert site.connection.base_url is not None
    site.connection = Connection("fred", site.connection.base_url.replace("http://", "https://"))
    assert fates(site.fetch("vix", lookback=timedelta(days=400))) == {}
    (site.secret.folder / "ca.crt").unlink()
    assert fates(site.fetch("vix")) == {"vix": "ProviderUnreachable"}


def test_a_redirect_and_a_proxy_get_no_key_in_clear_text(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.secret.folder / "proxy-url").write_text("http://proxy.example.com")
    delivery = site.fetch("vix")
    assert fates(delivery) == {"vix": "InsecureAddress"}
    (site.secret.folder / "proxy-url").unlink()
    away = Reply(302, "", Location=f"http://fred.example.com/fred/series?api_key={KEY}")
    monkeypatch.setattr(site.fred, "answer", lambda _: away)
    delivery = site.fetch("vix")
    assert fates(delivery) == {"vix": "InsecureAddress"}
    assert KEY not in repr(delivery)


def test_nothing_of_fredapi_is_changed_for_others(site: Site) -> None:
    before = (fredapi.Fred.root_url, fredapi.fred.urlopen, fredapi.fred.url_request._opener)
    site.fetch("vix", lookback=timedelta(days=400))
    assert (fredapi.Fred.root_url, fredapi.fred.urlopen, fredapi.fred.url_request._opener) == before


@dataclass(frozen=True)
class Series:
    """A protocol.Held on a table of series."""

    table: pa.Table
    left: frozenset[str] = frozenset()

    def missed(self, outcome: Outcome | None = None) -> frozenset[str]:
        return self.left if outcome is None else frozenset()

    def spans(self, _: str) -> Mapping[str, SubjectSpan]:
        found = self.table.group_by("series").aggregate([("period", "min"), ("period", "max")]).to_pylist()
        return {
            row["series"]: SubjectSpan(midnight(row["period_min"]), midnight(row["period_max"]), 0)
            for row in found
        }

    def latest(self, _: str, count: int) -> pa.Table:
        named = self.table["series"].unique().to_pylist()
        parts = [self.table.filter(pc.equal(self.table["series"], name)) for name in named]
        return pa.concat_tables([part.slice(max(0, part.num_rows - count)) for part in parts])


def calls(site: Site, name: str) -> list[str]:
    return [item["path"].rsplit("/fred/", 1)[-1] for item in site.fred.board.requests(symbol=name)]


WHOLE = ["series", "series/tags", "series/vintagedates", "series/observations"]
YEARS = timedelta(days=1000)


@pytest.mark.parametrize("lookback", [YEARS, None], ids=["a lookback", "everything"])
def test_a_series_of_which_nothing_new_was_published_takes_two_questions(
    site: Site, lookback: timedelta | None
) -> None:
    stored = rows(site.fetch("CPILFESL", lookback=lookback))
    assert calls(site, "CPILFESL") == WHOLE
    delivery = site.fetch("CPILFESL", lookback=lookback, held=Series(stored))
    assert (fates(delivery), rows(delivery).num_rows) == ({}, 0)
    assert calls(site, "CPILFESL")[4:] == WHOLE[:2]


@pytest.mark.parametrize("why", ["missed", "a vintage lacks", "not so far back", "another licence"])
def test_a_series_comes_whole_where_something_lacks(
    site: Site, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = rows(site.fetch("CPILFESL", lookback=YEARS))
    if why == "a vintage lacks":
        stored = stored.filter(pc.less(stored["vintage"], pc.max(stored["vintage"])))
    if why == "another licence":
        monkeypatch.setitem(service.LICENCES, "CPILFESL", "copyrighted: pre-approval required")
    held = Series(stored, frozenset({"CPILFESL"} if why == "missed" else ()))
    lookback = 2 * YEARS if why == "not so far back" else YEARS
    assert rows(site.fetch("CPILFESL", lookback=lookback, held=held)).num_rows >= stored.num_rows
    assert calls(site, "CPILFESL")[4:] == WHOLE


def test_series_are_handed_over_in_parts_of_fifty_with_what_was_missed_first(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.fred.vintages("vix")
    names = [f"S{number:03d}" for number in range(119)]
    unknown = frozenset(names[:5])
    monkeypatch.setattr(service, "SERIES", {**service.SERIES, **dict.fromkeys(set(names) - unknown, "D")})
    monkeypatch.setattr(site.fred, "vintages", lambda _, right=site.fred.vintages: right("vix")[-40:])
    held = Series(rows(site.fetch("vix", lookback=YEARS)), frozenset({"S118"}))
    kept: list[Delivery] = []
    last = site.fetch("vix", *names, lookback=None, held=held, keep=kept.append)
    assert [len(part.names) for part in kept] == [50, 50]
    assert kept[0].names[0] == "S118"
    assert (last.names, last.missing) == ((), ())
    came = [set(rows(part)["series"].to_pylist()) for part in (*kept, last)]
    assert set().union(*came) | unknown == {*names}
    assert set(kept[0].missing) == unknown
    assert sum(part.requests for part in (*kept, last)) == len(site.fred.board.requests()) - 4


@pytest.mark.parametrize("value", ["nan", "inf", "1e400", "0x10", "1_000", "", " 1", "٣"])
def test_a_value_that_is_no_number_is_left_to_the_checks(value: str) -> None:
    found = [{"date": "2020-01-01", "realtime_start": "2020-01-02", "value": value}]
    table = _table("x", [Element("observation", item) for item in found], "daily", None)
    assert table["value"].to_pylist() == [float("inf")]
