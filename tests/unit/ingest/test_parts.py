"""A dimension that comes in parts: each is stored at once, one report tells of all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from support.ingest_runs import Ledger, Scripted, bars, run, series, task

from backbone.ingest import validating
from backbone.market.dimensions import DAILY_BARS, MACRO_SERIES
from backbone.ports.store_errors import StoreError
from backbone.providers.protocol import Delivery, Fate, ProviderFailure, Query
from backbone.vocabulary import Outcome

NAMES = ("a", "b", "c", "d", "e")
TASKS = (task(MACRO_SERIES, *NAMES),)


@dataclass
class InParts(Scripted):
    """Hands over some parts, then answers, or fails, with the last."""

    parts: list[Delivery] = field(default_factory=list)

    def fetch(self, query: Query) -> Delivery:
        assert query.keep is not None
        for part in self.parts:
            query.keep(part)
        return super().fetch(query)


def part(*names: str) -> Delivery:
    return Delivery((series(*names),), requests=2, names=names)


PARTS = [part("a", "b"), replace(part("c"), failed=(Fate("d", Outcome.TIMED_OUT, "late"),), names=("c", "d"))]


def in_parts(last: Delivery | Exception) -> InParts:
    return InParts({"macroSeries": last}, PARTS)


def test_each_part_is_a_transaction_with_the_attempts_of_its_names() -> None:
    store = Ledger()
    report = run({}, TASKS, store, provider=in_parts(Delivery((series("e"),), requests=1))).execute()
    told = [step for step in store.done if step.startswith(("attempted", "commit", "finish", "publish"))]
    assert told == [
        "attempted 7 macroSeries a=Succeeded b=Succeeded so far",
        "commit",
        "attempted 7 macroSeries c=Succeeded d=TimedOut so far",
        "commit",
        "attempted 7 macroSeries a=Succeeded b=Succeeded c=Succeeded d=TimedOut e=Succeeded",
        "finish 7 Partial",
        "commit",
        "publish",
    ]
    (found,) = report.dimensions
    assert (found.outcome, found.rows, found.symbols, found.requests) == (Outcome.PARTIAL, 4, 4, 5)
    assert (found.missing, [(item.name, item.rows) for item in found.sources]) == (
        ("d",),
        [("test/macro", 4)],
    )


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (ProviderFailure(Outcome.PROVIDER_UNREACHABLE, "gone"), Outcome.PROVIDER_UNREACHABLE),
        (ZeroDivisionError("by zero"), Outcome.INTERNAL_ERROR),
    ],
    ids=["a failure", "a bug"],
)
def test_what_ends_a_provider_costs_the_names_that_are_left(failure: Exception, outcome: Outcome) -> None:
    store = Ledger()
    report = run({}, TASKS, store, provider=in_parts(failure)).execute()
    assert (report.outcome, report.dimensions[0].missing) == (Outcome.PARTIAL, ("d", "e"))
    assert f"e={outcome}" in next(step for step in store.done if step.endswith(str(outcome)))


def test_a_part_that_the_store_refuses_costs_its_names() -> None:
    store = Ledger({"upsert macroSeries": [StoreError(Outcome.STORE_FAILED, "twice")]})
    report = run({}, TASKS, store, provider=in_parts(Delivery((series("e"),)))).execute()
    assert report.dimensions[0].missing == ("a", "b", "d")
    assert (report.outcome, report.dimensions[0].rows) == (Outcome.PARTIAL, 2)


def test_a_run_that_is_stopped_between_two_parts_keeps_what_came() -> None:
    store = Ledger()
    stops = iter([None, None, None, SystemExit(143)])
    stopped = run({}, TASKS, store, stops, provider=in_parts(Delivery((series("e"),))))
    with pytest.raises(SystemExit):
        stopped.execute()
    assert store.done.count("commit") == 1
    assert store.ends[-1].outcome is Outcome.STOPPED


@pytest.mark.parametrize("kind", [ZeroDivisionError, RecursionError, OverflowError, KeyError, OSError])
def test_a_bug_in_one_dimension_leaves_the_others_standing(kind: type[Exception]) -> None:
    tasks = (task(DAILY_BARS, "AAPL"), task(MACRO_SERIES, "a"))
    report = run({"dailyBars": kind("x"), "macroSeries": Delivery((series("a"),))}, tasks, Ledger()).execute()
    assert [item.outcome for item in report.dimensions] == [Outcome.INTERNAL_ERROR, Outcome.SUCCEEDED]
    assert kind.__name__ in report.dimensions[0].message


def test_memory_that_runs_out_ends_the_run() -> None:
    with pytest.raises(MemoryError):
        run({"dailyBars": MemoryError()}, (task(DAILY_BARS, "AAPL"),), Ledger()).execute()


def test_a_check_that_breaks_costs_the_name_on_whose_rows_it_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    right = validating.judge

    def breaks(dimension, facts, context):  # type: ignore[no-untyped-def]
        if "IBM" in facts["symbol"].to_pylist():
            raise ArithmeticError("in a calendar")
        return right(dimension, facts, context)

    monkeypatch.setattr(validating, "judge", breaks)
    answers: dict[str, Delivery | Exception] = {"dailyBars": Delivery((bars("AAPL", "IBM", "MSFT"),))}
    daily = run(answers, (task(DAILY_BARS, "AAPL", "IBM", "MSFT"),), Ledger()).execute().dimensions[0]
    assert (daily.outcome, daily.rows, daily.missing) == (Outcome.PARTIAL, 2, ("IBM",))
    assert "InternalError: IBM" in daily.message


def test_a_password_in_a_traceback_does_not_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    secret = ValueError(
        f"cannot open http://{'me:hunter2'}@proxy:3128/x?series_id=a&api_key={'hunter2' * 2}&b=1"
    )
    run({"dailyBars": secret}, (task(DAILY_BARS, "AAPL"),), Ledger()).execute()
    assert "hunter2" not in caplog.text
    assert "http://***@proxy:3128/x?series_id=a&api_key=***&b=1" in caplog.text
