"""The journal tells of each plan of each backbone how its last run fared, whatever runs beside it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from backbone.adapters.timescale.migrator import Migrator
from backbone.adapters.timescale.store import TimescaleStore
from backbone.client.fitness import Reading, Unfit, judge
from backbone.ingest.run import LAST_WAIT, IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, MACRO_SERIES, Dimension
from backbone.ports.journal import BY_HAND, Arrival, Attempt, RunEnd, RunStart
from backbone.ports.store import Store, Writer
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.reports.run import RunReport
from backbone.runtime.stopping import Stopped, StopRequest
from backbone.vocabulary import Outcome
from databases import Database, execute
from market_rows import NAMES, NOW, bars
from small_copies import bar, ingest_into
from stores import OnDuckDB, OnTimescale, Tier

NO_WAIT = timedelta()
LOCKS = pytest.mark.parametrize("tier", ["duckdb", "postgres"], indirect=True)
DATABASES = pytest.mark.parametrize("tier", ["postgres", "timescale"], indirect=True)
Fates = dict[str, Outcome]


def began(writer: Writer, run: str, plan: str = "bars") -> int:
    return writer.journal.begin(RunStart(run, plan, 1, NOW))


def ended(writer: Writer, sequence: int, fates: Fates, dimension: Dimension = DAILY_BARS) -> None:
    """A run tells how it fared with names, and that it has ended."""
    with writer.batch():
        told = [Attempt(dimension.name, name, "Test", fate) for name, fate in fates.items()]
        writer.journal.attempted(sequence, dimension, told)
        writer.journal.record(sequence, Arrival(dimension.name, "test/bars", "Test", NOW, 1, 1))
        writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, NOW, 1, 1, ""))


@LOCKS
@pytest.mark.parametrize(
    "late",
    [
        pytest.param({"AAPL": Outcome.RATE_LIMITED}, id="with another outcome"),
        pytest.param({"AAPL": Outcome.SUCCEEDED, "IBM": Outcome.NO_DATA}, id="with a name that went since"),
    ],
)
def test_a_run_that_ends_late_overwrites_nothing_of_a_younger_one(tier: Tier, late: Fates) -> None:
    store = tier.store()
    with ExitStack() as alive:
        for run in ("run-1", "run-2"):
            alive.enter_context(store.running(run))
            with store.writer(run, NO_WAIT) as writer:
                began(writer, run)
        with store.writer("run-2", NO_WAIT) as writer:
            ended(writer, 2, {"AAPL": Outcome.SUCCEEDED, "MSFT": Outcome.TIMED_OUT})
        with store.writer("run-1", NO_WAIT) as writer:
            ended(writer, 1, late)
            assert writer.journal.missed("bars", DAILY_BARS) == {"MSFT"}
            writer.publish()
    with tier.reading() as reader:
        found = reader.last_attempts(DAILY_BARS, ("AAPL", "IBM", "MSFT"))
    told = [(item.subject, item.sequence, item.outcome, item.plan_sequence) for item in found]
    assert told == [("AAPL", 2, "Succeeded", 2), ("MSFT", 2, "TimedOut", 2)]


def test_each_plan_and_each_dimension_has_its_own_last_word(tier: Tier) -> None:
    with tier.store().writer("run", NO_WAIT) as writer:
        first, other, later = began(writer, "run-1"), began(writer, "run-2", "more"), began(writer, "run-3")
        ended(writer, other, {"AAPL": Outcome.TIMED_OUT})
        ended(writer, later, {"AAPL": Outcome.TIMED_OUT}, INTRADAY_BARS)
    with tier.store().writer("run", NO_WAIT) as writer:
        for fates in ({"AAPL": Outcome.NO_DATA, "IBM": Outcome.NO_DATA}, {"AAPL": Outcome.NO_DATA}):
            writer.journal.attempted(
                first, DAILY_BARS, [Attempt("dailyBars", *item) for item in _tried(fates)]
            )
        assert writer.journal.missed("bars", DAILY_BARS) == {"AAPL"}, "a run may tell again"
        assert writer.journal.missed("bars", INTRADAY_BARS) == {"AAPL"}
        assert writer.journal.missed("more", DAILY_BARS) == {"AAPL"}
        assert writer.journal.missed("more", INTRADAY_BARS) == frozenset()


def _tried(fates: Fates) -> list[tuple[str, str, str]]:
    return [(name, "Test", str(fate)) for name, fate in fates.items()]


def of(tier: Tier, backbone: str) -> Store:
    assert isinstance(tier, OnTimescale)
    return TimescaleStore(tier.settings, backbone=backbone)


def run_of(tier: Tier, backbone: str, run: str, fates: Fates) -> int:
    with of(tier, backbone).writer(run, NO_WAIT) as writer:
        sequence = began(writer, run, "plan")
        ended(writer, sequence, fates)
    return sequence


def against(tier: Tier, name: str) -> list[Unfit]:
    """What speaks against rows that are not too old."""
    with tier.reading() as reader:
        lines = reader.lines(DAILY_BARS, (name,))
        attempts = reader.last_attempts(DAILY_BARS, (name,))
    return [item.reason for item in judge(Reading(name, lines, lines[0].last_at, "", attempts, 0))]


@DATABASES
@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param({"AAPL": Outcome.RATE_LIMITED}, id="that did not get it"),
        pytest.param({"IBM": Outcome.SUCCEEDED}, id="that did not ask for it"),
        pytest.param({"AAPL": Outcome.SUCCEEDED}, id="that got it"),
    ],
)
def test_a_plan_of_another_backbone_turns_nothing(tier: Tier, foreign: Fates) -> None:
    """Both have the name plan, and store in one database."""
    ingest_into(of(tier, "one/market"), [bar(1)], fates={"MSFT": Outcome.TIMED_OUT})
    assert against(tier, "AAPL") == []
    run_of(tier, "two/market", "run-2", foreign)
    assert against(tier, "AAPL") == []
    with of(tier, "one/market").writer("look", NO_WAIT) as writer:
        assert writer.journal.missed("plan", DAILY_BARS) == {"MSFT"}
    with of(tier, "two/market").writer("look", NO_WAIT) as writer:
        missed = {name for name, fate in foreign.items() if fate is not Outcome.SUCCEEDED}
        assert writer.journal.missed("plan", DAILY_BARS) == missed
    run_of(tier, "one/market", "run-3", {"AAPL": Outcome.NO_DATA})
    run_of(tier, "two/market", "run-4", {"AAPL": Outcome.NO_DATA})
    assert against(tier, "AAPL") == [Unfit.FAILED]


@DATABASES
def test_what_an_earlier_version_told_is_the_plans_that_runs_next(tier: Tier) -> None:
    ingest_into(tier.store(), [bar(1), bar(1, symbol="IBM")], fates={"MSFT": Outcome.TIMED_OUT})
    with of(tier, "one/market").writer("run-2", NO_WAIT) as writer:
        sequence = began(writer, "run-2", "plan")
        assert writer.journal.missed("plan", DAILY_BARS) == {"MSFT"}
        assert [entry.run_id for entry in writer.journal.recent(5)] == ["run-1"]
        ended(writer, sequence, {"AAPL": Outcome.SUCCEEDED})
    assert against(tier, "AAPL") == []
    assert against(tier, "IBM") == [Unfit.UNKNOWN], "the plan does not ask for it any more"


METADATA = {"topics": ["emp.ingest.dailyBars", "emp.ingest.intradayBars"], "autoCreateTopics": False}


def test_a_run_keeps_what_its_plan_came_to(tier: Tier) -> None:
    with tier.store().writer("run-1", NO_WAIT) as writer:
        ended(writer, writer.journal.begin(RunStart("run-1", "bars", 1, NOW, METADATA)), {})
        writer.publish()
    with tier.store().writer("run-2", NO_WAIT) as writer:
        ended(writer, began(writer, "run-2"), {})
        assert [entry.metadata for entry in writer.journal.recent(5)] == [{}, METADATA]
        writer.publish()
    with tier.reading() as reader:
        assert [entry.metadata for entry in reader.runs(5)] == [{}, METADATA]


@pytest.mark.parametrize("kind", ["postgres", "timescale"])
def test_a_reader_that_comes_before_the_migration_finds_the_runs(
    kind: str, migrated_database_of: Callable[[str], Database]
) -> None:
    tier = OnTimescale(migrated_database_of(kind).settings)
    ingest_into(tier.store(), [bar(1)])
    execute(tier.settings, "ALTER TABLE telemetry.ingest_runs DROP COLUMN plan_metadata")
    with tier.reading() as reader:
        assert [(entry.run_id, entry.metadata) for entry in reader.runs(5)] == [("run-1", {})]


BEFORE = """
    ALTER TABLE telemetry.ingest_runs DROP COLUMN backbone;
    ALTER TABLE telemetry.ingest_runs DROP COLUMN plan_metadata;
    DROP TABLE telemetry.confirmations;
    DROP TABLE telemetry.verdicts;
    DROP TABLE telemetry.whole_windows;
    DROP TABLE telemetry.ingest_changes;
    ALTER TABLE telemetry.ingest_runs DROP COLUMN tells_changes;
    INSERT INTO telemetry.ingest_runs (sequence, run_id, plan, plan_generation, started_at, outcome, message)
    VALUES (2, 'a', 'quarantine', 0, now(), 'Succeeded', 'release'),
           (3, 'b', 'quarantine', 0, now(), 'Succeeded', 'expire'),
           (4, 'c', 'quarantine', 7, now(), 'Succeeded', '')
"""
RENAMED = [(1, "plan"), (2, BY_HAND), (3, BY_HAND), (4, "quarantine"), (5, "plan")]


def test_a_file_of_an_earlier_version_is_read_and_brought_to_the_present_one_in_place(tmp_path: Path) -> None:
    tier = OnDuckDB(tmp_path)
    ingest_into(tier.store(), [bar(1)])
    for place in ("working", "published"):
        with duckdb.connect(str(tmp_path / place / "backbone.duckdb")) as connection:
            for statement in BEFORE.split(";"):
                connection.execute(statement)
    assert against(tier, "AAPL") == []
    with tier.reading() as reader:
        assert [entry.metadata for entry in reader.runs(9)] == [{}] * 4
    ingest_into(tier.store(), [bar(1)], number=5)
    assert tier.query("SELECT sequence, plan FROM telemetry.ingest_runs ORDER BY 1") == RENAMED
    assert against(tier, "AAPL") == []


@pytest.mark.parametrize("kind", ["postgres", "timescale"])
def test_a_database_of_an_earlier_version_tells_releases_from_a_plan_called_quarantine(
    kind: str, database_of: Callable[[str], Database]
) -> None:
    database = database_of(kind)
    before = tuple(item for item in database.migrations if item.number < 9)
    Migrator(database.settings, before).migrate()
    for statement in BEFORE.split(";")[7:]:
        execute(database.settings, statement)
    database.migrator().migrate()
    told = execute(database.settings, "SELECT sequence, plan FROM telemetry.ingest_runs ORDER BY 1")
    assert told == RENAMED[1:4]


class Delivers:
    """A provider that does something before it answers."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._meanwhile = meanwhile

    def fetch(self, query: Query) -> Delivery:
        self._meanwhile()
        return Delivery((Slice("test", NOW, bars("test", 1)),))


def one_run(store: Store, plan: str, number: int) -> RunReport:
    task = Task("Test", Query(DAILY_BARS, NAMES), True)
    return IngestRun(
        RunRequest(f"{plan}-{number}", plan, 1, (task,), NO_WAIT),
        {"Test": Delivers()},
        store,
        clock=lambda: NOW + timedelta(minutes=number),
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()


def passed(store: Store, plan: str, first: int, last: int) -> None:
    """Runs of these numbers, one after the other."""
    with store.writer("many", NO_WAIT) as writer:
        for number in range(first, last + 1):
            ended(writer, began(writer, f"{plan}-{number}", plan), {})


def test_a_report_tells_of_its_own_plans_runs_that_its_last_five_have_no_room_for(tier: Tier) -> None:
    passed(tier.store(), "nightly", 1, 3)
    passed(tier.store(), "each-minute", 4, 33)
    found = one_run(tier.store(), "nightly", 34)
    assert [past.sequence for past in found.recent] == [33, 32, 31, 30, 29]
    assert (found.sequence, found.earlier) == (34, (3, 2, 1))
    busy = one_run(tier.store(), "each-minute", 35)
    assert busy.earlier == tuple(range(29, 9, -1)), "those of the last five are not told twice"
    assert RunReport.decode(busy.encode().decode()).earlier == busy.earlier


@DATABASES
def test_a_report_tells_nothing_of_another_backbones_runs(tier: Tier) -> None:
    passed(of(tier, "one/market"), "bars", 1, 1)
    passed(of(tier, "two/market"), "bars", 2, 9)
    found = one_run(of(tier, "one/market"), "bars", 10)
    assert ([past.sequence for past in found.recent], found.earlier) == ([1], ())


def stopping(tier: Tier, stop: StopRequest, meanwhile: Callable[[], object]) -> float:
    """Run until a signal comes, which it does once something has happened; seconds from there to the end."""
    moments = []

    def told() -> None:
        meanwhile()
        moments.append(time.monotonic())
        signal.raise_signal(signal.SIGTERM)
        stop.check()

    run = IngestRun(
        RunRequest("run-1", "bars", 1, (Task("Test", Query(MACRO_SERIES, NAMES), True),), NO_WAIT),
        {"Test": Delivers(told)},
        tier.store(stop.pause),
        clock=lambda: NOW,
        progress=lambda _: None,
        checkpoint=stop.check,
        ending=stop.heeded,
    )
    with stop.listening(lambda: None), pytest.raises(Stopped):
        run.execute()
    return time.monotonic() - moments[0]


@LOCKS
def test_a_run_that_is_told_to_stop_waits_for_the_lock_to_tell_its_end(tier: Tier) -> None:
    held = threading.Event()

    def hold() -> None:
        with tier.store().writer("another", NO_WAIT):
            held.set()
            time.sleep(1.5)

    def meanwhile() -> None:
        holder.start()
        assert held.wait(10)

    holder = threading.Thread(target=hold)
    stopping(tier, StopRequest(), meanwhile)
    holder.join()
    with tier.store().writer("look", NO_WAIT) as writer:
        assert [(entry.run_id, entry.outcome) for entry in writer.journal.recent(5)] == [("run-1", "Stopped")]


@LOCKS
def test_a_lock_that_stays_held_keeps_a_run_that_stops_for_its_last_wait_alone(tier: Tier) -> None:
    with ExitStack() as held:
        took = stopping(
            tier, StopRequest(), lambda: held.enter_context(tier.store().writer("another", NO_WAIT))
        )
    assert 0 <= took - LAST_WAIT.total_seconds() < 10
