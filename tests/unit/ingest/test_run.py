"""A run turns what providers and stores do into one report, in an order that survives a crash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from support.ingest_runs import AS_OF, BOTH, DAY, NOW, WHOLE, Ledger, Scripted, bars, executed, run, task

from backbone.ingest.run import IngestRun, RunRequest
from backbone.market.dimensions import DAILY_BARS, MACRO_EVENTS, MACRO_SERIES
from backbone.ports.journal import JournalEntry, RunLost
from backbone.ports.store import Recovery
from backbone.ports.store_errors import StoreCorrupt, StoreError
from backbone.providers.protocol import Delivery, Fate, ProviderFailure, Query, Slice
from backbone.reports.run import PastRun, RowCount
from backbone.vocabulary import Outcome


def test_the_started_row_comes_first_and_the_outcome_with_the_last_transaction() -> None:
    store = Ledger()
    run(WHOLE, BOTH, store).execute()
    assert store.done == [
        "lock for run run-1, wait 9",
        "begin run-1",
        "unlock",
        "lock for run run-1, wait 9",
        "resume 7 run-1",
        "transaction",
        "upsert dailyBars",
        "record 7 test/bars 1",
        "upsert dailyBars",
        "record 7 test/other 1",
        "attempted 7 dailyBars AAPL=Succeeded IBM=Succeeded",
        "commit",
        "unlock",
        "lock for run run-1, wait 9",
        "resume 7 run-1",
        "transaction",
        "upsert macroSeries",
        "record 7 test/macro 1",
        "attempted 7 macroSeries cpi=Succeeded",
        "finish 7 Succeeded",
        "commit",
        "publish",
        "unlock",
    ]
    assert store.lineage == {("run-1", 3, NOW)}


def test_the_lock_is_free_while_a_provider_is_asked() -> None:
    store = Ledger()
    seen = []

    class Looks(Scripted):
        def fetch(self, query: Query) -> Delivery:
            seen.append(store.locked)
            assert query.held is not None
            query.held.missed()
            seen.append(store.locked)
            return super().fetch(query)

    run(WHOLE, BOTH, store, provider=Looks(WHOLE)).execute()
    assert seen == [False] * 4


def test_a_run_that_the_journal_forgot_starts_over_once() -> None:
    store = Ledger({"resume": [RunLost(7)]})
    report = run(WHOLE, BOTH, store).execute()
    assert (report.outcome, report.rows) == (Outcome.SUCCEEDED, 3)
    assert (store.done.count("begin run-1"), store.done.count("publish")) == (2, 1)
    assert run(WHOLE, BOTH, Ledger({"resume": [RunLost(7)] * 9})).execute().outcome is Outcome.STORE_FAILED


def test_rows_are_as_of_the_moment_that_their_provider_was_asked() -> None:
    hours = [NOW]

    def pass_an_hour() -> None:
        hours.append(hours[-1] + timedelta(hours=1))

    class Waits(Ledger):
        @contextmanager
        def writer(self, holder: str, wait: timedelta) -> Iterator[Ledger]:
            with super().writer(holder, wait) as writer:
                pass_an_hour()
                yield writer

    class Slow(Scripted):
        def fetch(self, query: Query) -> Delivery:
            assert query.held is not None
            query.held.missed()
            pass_an_hour()
            return super().fetch(query)

    store = Waits()
    IngestRun(
        RunRequest("run-1", "sample", 3, BOTH, timedelta(seconds=9)),
        {"Test": Slow(WHOLE)},
        store,
        clock=lambda: hours[-1],
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()
    # Each look into the store, each question and each batch takes an hour.
    assert sorted(at for *_, at in store.lineage) == [NOW + timedelta(hours=2), NOW + timedelta(hours=5)]


def test_the_report_of_a_whole_run() -> None:
    report = executed(WHOLE)
    assert (report.outcome, report.rows, report.sequence, report.generation, report.message) == (
        Outcome.SUCCEEDED,
        3,
        7,
        3,
        "",
    )
    daily = report.dimensions[0]
    assert (daily.rows, daily.changed, daily.symbols, daily.missing_count) == (2, 2, 2, 0)
    assert (daily.first_at, daily.last_at, daily.sources[0].as_of) == (AS_OF, AS_OF, AS_OF)


@pytest.mark.parametrize(
    ("delivery", "outcome", "message"),
    [
        pytest.param(
            Delivery((bars("AAPL"),), unknown=("ZZZ",)),
            Outcome.PARTIAL,
            "Test does not know ZZZ",
            id="one unknown symbol makes the dimension partial",
        ),
        pytest.param(
            Delivery((), unknown=("ZZZ",), without_data=("IBM",)),
            Outcome.UNKNOWN_SYMBOL,
            "Test does not know ZZZ; no rows in the window for IBM",
            id="nothing delivered and a symbol unknown",
        ),
        pytest.param(
            Delivery((), without_data=("IBM",)),
            Outcome.NO_DATA,
            "no rows in the window for IBM",
            id="nothing delivered in the window",
        ),
        pytest.param(
            Delivery((), unknown=tuple(f"S{number}" for number in range(12))),
            Outcome.UNKNOWN_SYMBOL,
            "Test does not know S0, S1, S2, S3, S4, S5, S6, S7, S8, S9 and 2 more",
            id="a long list is cut with its count",
        ),
        pytest.param(
            Delivery((), unknown=("ZZZ",), without_data=("IBM",), hint="ask for a list"),
            Outcome.UNKNOWN_SYMBOL,
            "Test does not know ZZZ; ask for a list; no rows in the window for IBM",
            id="the provider hints at where its names are found",
        ),
        pytest.param(
            ProviderFailure(Outcome.SAMPLE_DATA_MISSING, "run `emp-runtime sample fetch`"),
            Outcome.SAMPLE_DATA_MISSING,
            "run `emp-runtime sample fetch`",
            id="the provider names its own failure",
        ),
    ],
)
def test_a_dimension_that_is_not_whole(
    delivery: Delivery | Exception, outcome: Outcome, message: str
) -> None:
    report = executed({**WHOLE, "dailyBars": delivery})
    assert (report.dimensions[0].outcome, report.dimensions[0].message) == (outcome, message)
    assert report.outcome is Outcome.PARTIAL
    assert report.message == f"dailyBars: {message}"


@pytest.mark.parametrize(
    ("answer", "store"),
    [
        (ProviderFailure(Outcome.ACCESS_REFUSED, "no key"), Ledger()),
        (WHOLE["dailyBars"], Ledger({"upsert dailyBars": [StoreError(Outcome.STORE_FAILED, "twice")]})),
    ],
    ids=["by the provider", "by the store"],
)
def test_a_dimension_that_failed_as_a_whole_misses_every_name(
    answer: Delivery | Exception, store: Ledger
) -> None:
    daily = run({**WHOLE, "dailyBars": answer}, BOTH, store).execute().dimensions[0]
    assert (daily.missing, daily.missing_count, daily.rows) == (("AAPL", "IBM"), 2, 0)


def test_a_dimension_that_is_not_required_does_not_fail_the_run() -> None:
    tasks = (task(DAILY_BARS, "ZZZ", required=False), task(MACRO_SERIES, "cpi"))
    report = executed({**WHOLE, "dailyBars": Delivery((), unknown=("ZZZ",))}, tasks)
    assert (report.outcome, report.dimensions[0].outcome) == (Outcome.SUCCEEDED, Outcome.UNKNOWN_SYMBOL)


def test_a_run_that_stored_nothing_ends_like_its_first_required_dimension() -> None:
    missing = ProviderFailure(Outcome.SAMPLE_DATA_MISSING, "fetch it")
    assert executed({"dailyBars": missing, "macroSeries": missing}).outcome is Outcome.SAMPLE_DATA_MISSING


def test_a_dimension_that_the_store_refuses_leaves_the_others_standing() -> None:
    store = Ledger({"upsert dailyBars": [StoreError(Outcome.STORE_FAILED, "keys come twice")]})
    report = run(WHOLE, BOTH, store).execute()
    assert [item.outcome for item in report.dimensions] == [Outcome.STORE_FAILED, Outcome.SUCCEEDED]
    assert (report.outcome, store.done[-2]) == (Outcome.PARTIAL, "publish")


def test_the_last_dimension_refused_by_the_store_still_leaves_an_outcome_in_the_journal() -> None:
    store = Ledger({"upsert macroSeries": [StoreError(Outcome.STORE_FAILED, "keys come twice")]})
    report = run(WHOLE, BOTH, store).execute()
    assert [item.outcome for item in report.dimensions] == [Outcome.SUCCEEDED, Outcome.STORE_FAILED]
    assert [end.outcome for end in store.ends] == [Outcome.PARTIAL]


@pytest.mark.parametrize("fault", [Outcome.VOLUME_FULL, Outcome.VOLUME_READ_ONLY])
@pytest.mark.parametrize("place", ["begin", "upsert macroSeries", "finish", "publish", "commit"])
def test_a_fault_of_the_volume_ends_the_run_wherever_it_shows(place: str, fault: Outcome) -> None:
    store = Ledger({place: [StoreError(fault, "no space")] * 3})
    report = run(WHOLE, BOTH, store).execute()
    assert report.outcome is fault
    assert "the last published copy stays as it was" in report.message
    assert ("publish" in store.done) == (place == "publish")


def test_no_published_copy_is_spoken_of_where_none_is() -> None:
    store = Ledger({"begin": [StoreError(Outcome.VOLUME_FULL, "no space")] * 3}, published=False)
    assert run(WHOLE, BOTH, store).execute().message == "no space"


def test_a_busy_store_is_an_outcome_without_a_sequence() -> None:
    report = run(WHOLE, BOTH, Ledger({"lock": [StoreError(Outcome.STORE_BUSY, "held")]})).execute()
    assert (report.outcome, report.sequence, report.dimensions) == (Outcome.STORE_BUSY, None, ())


def test_a_store_found_corrupt_on_the_way_is_tried_once_more_and_the_recovery_reported() -> None:
    recovery = Recovery("working/backbone.duckdb.corrupt-1", "empty", NOW)
    store = Ledger({"upsert macroSeries": [StoreCorrupt("checksum")]}, recovery=recovery)
    report = run(WHOLE, BOTH, store).execute()
    assert report.outcome is Outcome.SUCCEEDED
    assert report.store_recovery is not None
    assert report.store_recovery.set_aside == recovery.set_aside
    assert (report.rows, [item.name for item in report.dimensions]) == (3, ["dailyBars", "macroSeries"])
    assert store.done.count("publish") == 1


def test_what_publishing_did_beside_is_told_in_the_report_of_a_run_that_succeeded() -> None:
    report = run(WHOLE, BOTH, Ledger(told="the store's file was rewritten")).execute()
    assert (report.outcome, report.message) == (Outcome.SUCCEEDED, "the store's file was rewritten")


def test_a_store_that_stays_corrupt_fails_the_run() -> None:
    store = Ledger({"upsert": [StoreCorrupt("checksum"), StoreCorrupt("checksum")]})
    assert run(WHOLE, BOTH, store).execute().outcome is Outcome.STORE_FAILED


@pytest.mark.parametrize("step", range(6))
def test_a_run_that_is_stopped_between_two_steps_says_so_in_the_journal_and_publishes_nothing(
    step: int,
) -> None:
    store = Ledger()
    stopped = run(WHOLE, BOTH, store, iter([*[None] * step, SystemExit(143)]))
    with pytest.raises(SystemExit):
        stopped.execute()
    assert store.ends[-1].outcome is Outcome.STOPPED
    assert "publish" not in store.done
    assert stopped.report(Outcome.STOPPED, "told to stop").sequence == 7


def test_a_bug_in_the_store_is_noted_and_raised() -> None:
    store = Ledger({"upsert dailyBars": [ZeroDivisionError("by zero")]})
    broken = run(WHOLE, BOTH, store)
    with pytest.raises(ZeroDivisionError):
        broken.execute()
    assert [(end.outcome, end.message) for end in store.ends] == [
        (Outcome.INTERNAL_ERROR, "ZeroDivisionError: by zero")
    ]


def test_the_report_repeats_the_last_five_runs() -> None:
    past = tuple(
        JournalEntry(6 - number, f"run-{number}", "sample", 1, NOW, NOW, "Succeeded", 1, 1, "")
        for number in range(6)
    )
    report = run(WHOLE, BOTH, Ledger(past=past)).execute()
    assert report.recent == tuple(
        PastRun(sequence=6 - number, plan="sample", outcome=Outcome.SUCCEEDED, end=NOW) for number in range(5)
    )


def test_a_dimension_without_numbers_is_stored_all_the_same() -> None:
    row = {
        "source": "test/events",
        "calendar": "FOMC",
        "event": "minutes",
        "kind": "minutes",
        "period": DAY,
        "vintage": DAY,
        "reference": "",
        "revision": 0,
    }
    delivered = Slice("test/events", AS_OF, pa.Table.from_pylist([row], schema=MACRO_EVENTS.facts))
    report = executed({"macroEvents": Delivery((delivered,))}, (task(MACRO_EVENTS, "FOMC"),))
    assert (report.outcome, report.rows) == (Outcome.SUCCEEDED, 1)


def test_what_the_checks_refuse_goes_into_quarantine_before_the_transaction_of_the_rest_ends() -> None:
    good = bars("AAPL", "IBM")
    wrong = good.facts.set_column(
        good.facts.schema.get_field_index("close"), "close", pa.array([1.0, float("nan")])
    )
    store = Ledger()
    answers = {"dailyBars": Delivery((replace(good, facts=wrong),))}
    report = run(answers, (task(DAILY_BARS, "AAPL", "IBM"),), store).execute()
    daily = report.dimensions[0]
    assert (daily.outcome, daily.rows, daily.missing) == (Outcome.PARTIAL, 1, ("IBM",))
    assert daily.quarantined == (RowCount(reason="NotFinite", rows=1),)
    steps = [
        store.done.index(step)
        for step in ("transaction", "quarantine dailyBars", "upsert dailyBars", "commit")
    ]
    assert steps == sorted(steps)


def test_a_symbol_whose_exchange_nobody_knows_is_counted_as_unchecked() -> None:
    report = executed({"dailyBars": Delivery((bars("AAPL", "EURUSD=X"),))}, (task(DAILY_BARS, "AAPL"),))
    assert (report.dimensions[0].flagged, report.dimensions[0].unchecked) == ((), 1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("status 400", "status 400"), "AAPL, IBM (status 400)"),
        (("status 400", "status 404"), "AAPL, IBM (AAPL: status 400)"),
        (("", ""), "AAPL, IBM"),
    ],
)
def test_what_was_told_of_one_name_is_not_told_of_others(words: tuple[str, str], told: str) -> None:
    failed = tuple(
        Fate(name, Outcome.PROVIDER_FAILED, word) for name, word in zip(("AAPL", "IBM"), words, strict=True)
    )
    report = executed({"dailyBars": Delivery((), failed=failed)}, (task(DAILY_BARS, "AAPL", "IBM"),))
    assert report.dimensions[0].message == f"ProviderFailed: {told}"
