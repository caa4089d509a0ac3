"""Of all versions of a row that ever came the greatest stays, in whatever order they came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations, product

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import databases
from backbone.adapters.timescale.store import TimescaleStore
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.confirmations import CLOCKS_APART
from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import Lineage, stamp
from backbone.market.verdicts import VERDICT, greater, window_schema
from backbone.ports.journal import RunEnd, RunStart
from backbone.ports.quarantine import Origin
from backbone.ports.store import Selection, Store, Writer
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.reports.run import RunReport
from backbone.vocabulary import Outcome
from market_rows import NAMES, bars
from services.postgres import PostgresServer
from small_copies import bar
from stores import OnTimescale, Tier

LOCKS = pytest.mark.parametrize("tier", ["duckdb", "postgres"], indirect=True)
TEN = datetime(2024, 3, 1, 10, 0, tzinfo=UTC)
CLOSES = {"X": 1.0, "Y": 2.0, "Z": 3.0}
GONE = "W"
"""In place of a close: an answer whose window holds the key no more."""
NO_WAIT = timedelta()

Version = tuple[int, int, str]
"""Revision, minutes after ten, run."""


def stamped(rows: list[dict[str, object]], version: Version) -> pa.Table:
    revision, minute, run = version
    facts = pa.Table.from_pylist([{**row, "revision": revision} for row in rows], schema=DAILY_BARS.facts)
    return stamp(DAILY_BARS, facts, Lineage(run, 1, TEN + timedelta(minutes=minute), "Test"))


def closes(tier: Tier) -> dict[object, object]:
    with tier.reading() as reader:
        held = [row for batch in reader.batches(Selection(DAILY_BARS)) for row in batch.to_pylist()]
    return {row["symbol"]: row["close"] for row in held}


@pytest.mark.parametrize(
    "versions",
    [
        pytest.param([(0, 1, "a"), (0, 2, "b"), (0, 3, "c"), (0, 4, "d")], id="asked one after the other"),
        pytest.param(
            [(0, 1, "run-9"), (0, 1, "run-B"), (0, 1, "run-a"), (0, 1, "run-b")], id="of one moment"
        ),
        pytest.param([(0, 4, "d"), (1, 1, "c"), (1, 2, "b"), (1, 3, "a")], id="of two revisions"),
        pytest.param([(0, 1, "d"), (0, 2, "b"), (0, 2, "c"), (0, 3, "a")], id="of runs in no order"),
    ],
)
def test_every_four_versions_end_alike_in_every_order_of_arrival(tier: Tier, versions: list[Version]) -> None:
    """Of each order and each choice of contents there is a symbol, which the versions reach in that order."""
    cases = [
        (order, contents)
        for order in permutations(range(len(versions)))
        for contents in product(CLOSES, repeat=len(versions))
    ]
    greatest = versions.index(max(versions))
    with tier.store().writer("run", NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart("run", "sample", 1, TEN))
        for place, number in product(range(len(versions)), repeat=2):
            rows = [
                bar(1, CLOSES[contents[number]], symbol=f"{order} {contents}")
                for order, contents in cases
                if order[place] == number
            ]
            writer.rows.upsert(DAILY_BARS, stamped(rows, versions[number]))
        writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, TEN, 0, 0, ""))
        writer.publish()
    assert len(cases) == 1944
    assert closes(tier) == {f"{order} {contents}": CLOSES[contents[greatest]] for order, contents in cases}


def take_back(writer: Writer, symbols: list[str], version: Version) -> None:
    """As the answer of a version does that holds the window of these symbols whole, without a row."""
    revision, minute, run = version
    origin = Origin(run, "sample", 1, "Test", TEN + timedelta(minutes=minute))
    day = bar(1)["session_date"]
    windows = pa.Table.from_pylist(
        [
            {
                "source": "test/bars",
                "symbol": name,
                "first": day,
                "last": day,
                "revision": revision,
                "rows": 0,
            }
            for name in symbols
        ],
        schema=window_schema(DAILY_BARS),
    )
    stored = writer.rows.within(DAILY_BARS, windows)
    count = stored.num_rows
    rows = stored.append_column(VERDICT, pa.array([revision] * count, pa.int64()))
    rows = rows.filter(pc.invert(greater(rows, VERDICT, origin.at, run)))
    reasons = pa.array(["Withdrawn"] * rows.num_rows, pa.string())
    writer.rows.remove(DAILY_BARS, rows.append_column("reason", reasons), origin)
    writer.rows.delivered_whole(DAILY_BARS, windows, origin)


@pytest.mark.parametrize(
    "versions",
    [
        pytest.param([(0, 1, "a"), (0, 2, "b"), (0, 3, "c"), (0, 4, "d")], id="asked one after the other"),
        pytest.param([(0, 1, "run-9"), (0, 1, "run-B"), (0, 1, "run-a")], id="of one moment"),
        pytest.param([(0, 3, "d"), (1, 1, "c"), (1, 2, "b")], id="of two revisions"),
    ],
)
def test_that_a_row_leaves_is_a_version_like_any_other(tier: Tier, versions: list[Version]) -> None:
    """Each choice of closes and retractions, in every order of arrival; each is a symbol of its own."""
    cases = [
        (order, contents)
        for order in permutations(range(len(versions)))
        for contents in product(["X", "Y", GONE], repeat=len(versions))
    ]
    greatest = versions.index(max(versions))
    with tier.store().writer("run", NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart("run", "sample", 1, TEN))
        for place, number in product(range(len(versions)), repeat=2):
            arriving = [
                (f"{order} {contents}", contents[number])
                for order, contents in cases
                if order[place] == number
            ]
            rows = [bar(1, CLOSES[what], symbol=name) for name, what in arriving if what != GONE]
            gone = [name for name, what in arriving if what == GONE]
            with writer.batch():
                writer.rows.upsert(DAILY_BARS, stamped(rows, versions[number]))
                take_back(writer, gone, versions[number])
        writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, TEN, 0, 0, ""))
        writer.publish()
    assert closes(tier) == {
        f"{order} {contents}": CLOSES[contents[greatest]]
        for order, contents in cases
        if contents[greatest] != GONE
    }


@pytest.mark.parametrize("order", list(permutations("XxY")), ids="".join)
def test_the_order_holds_for_runs_that_ended_before_the_next_began(
    tier: Tier, order: tuple[str, ...]
) -> None:
    """As where the clock of a worker is behind: X was seen at one and at three minutes past ten, Y at two."""
    asked = {"X": (0, 1, "run-1"), "Y": (0, 2, "run-2"), "x": (0, 3, "run-3")}
    for name in order:
        _, minute, run = asked[name]
        with tier.store().writer(run, NO_WAIT) as writer:
            sequence = writer.journal.begin(RunStart(run, "sample", 1, TEN + timedelta(minutes=minute)))
            with writer.batch():
                writer.rows.upsert(DAILY_BARS, stamped([bar(1, CLOSES[name.upper()])], asked[name]))
                writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, TEN, 1, 1, ""))
            writer.publish()
    assert closes(tier) == {"AAPL": CLOSES["X"]}


def test_what_a_later_answer_left_out_is_the_earlier_ones_to_change(tier: Tier) -> None:
    with tier.store().writer("run", NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart("run", "sample", 1, TEN))
        first = [bar(day, CLOSES["X"], symbol=f"{day}") for day in (1, 2)]
        writer.rows.upsert(DAILY_BARS, stamped(first, (0, 1, "a")))
        assert writer.rows.upsert(DAILY_BARS, stamped([bar(1, CLOSES["X"], symbol="1")], (0, 3, "c"))) == 0
        late = [bar(day, CLOSES["Y"], symbol=f"{day}") for day in (1, 2, 3)]
        assert writer.rows.upsert(DAILY_BARS, stamped(late, (0, 2, "b"))) == 2
        writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, TEN, 0, 0, ""))
        writer.publish()
    assert closes(tier) == {"1": CLOSES["X"], "2": CLOSES["Y"], "3": CLOSES["Y"]}


class Delivers:
    """A provider of one source whose answer is under way while something else happens."""

    def __init__(self, close: float, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._close = close
        self._meanwhile = meanwhile

    def fetch(self, query: Query) -> Delivery:
        self._meanwhile()
        return Delivery((Slice("test", TEN, bars("test", 5, close=self._close)),))


@LOCKS
def test_an_answer_that_was_asked_for_earlier_and_comes_later_wins_over_nothing(tier: Tier) -> None:
    """X at one minute past ten, Y asked for at two, X asked for at three and there before Y."""
    told: list[set[str]] = []

    def store() -> Store:
        if isinstance(tier, OnTimescale):
            return TimescaleStore(tier.settings, changed=lambda _, subjects: told.append(set(subjects)))
        return tier.store()

    def run(plan: str, minute: int, provider: Delivers) -> RunReport:
        return IngestRun(
            RunRequest(f"{plan}-1", plan, 1, (Task("Test", Query(DAILY_BARS, NAMES), True),), NO_WAIT),
            {"Test": provider},
            store(),
            clock=lambda: TEN + timedelta(minutes=minute),
            progress=lambda _: None,
            checkpoint=lambda: None,
        ).execute()

    reports = [run("first", 1, Delivers(101.0))]
    quick = Delivers(101.0)
    slow = Delivers(102.0, lambda: reports.append(run("quick", 3, quick)))
    reports.append(run("slow", 2, slow))
    assert [item.dimensions[0].changed for item in reports] == [50, 0, 0]
    assert set(closes(tier).values()) == {101.0}
    assert told == [set(NAMES)] * isinstance(tier, OnTimescale)


@LOCKS
def test_a_confirmation_is_kept_for_as_long_as_an_older_answer_can_come(tier: Tier) -> None:
    def confirmed(run: str, hours: int) -> int:
        """Bring a bar as it is stored, as a run that began and asked so long after ten; what is kept then."""
        with store.writer(run, NO_WAIT) as writer:
            sequence = writer.journal.begin(RunStart(run, "sample", 1, TEN + timedelta(hours=hours)))
            with writer.batch():
                writer.rows.upsert(DAILY_BARS, stamped([bar(1)], (0, 60 * hours, run)))
                writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, TEN, 1, 0, ""))
            writer.publish()
        return int(tier.query("SELECT count(*) FROM telemetry.confirmations")[0][0])

    store = tier.store()
    with store.running("slow"):
        with store.writer("slow", NO_WAIT) as writer:
            slow = writer.journal.begin(RunStart("slow", "slow", 1, TEN))
        assert [confirmed(f"run-{hours}", hours) for hours in (1, 2, 3)] == [0, 1, 2]
        with store.writer("slow", NO_WAIT) as writer:
            writer.journal.finish(slow, RunEnd(Outcome.NO_DATA, TEN, 0, 0, ""))
    apart = int(CLOCKS_APART / timedelta(hours=1))
    assert confirmed("next", 4 + apart) == 1
    assert confirmed("last", 5 + apart) == 2, "clocks may be apart"


def test_versions_of_one_moment_are_in_one_order_whatever_the_language_of_the_database(
    postgres_server: PostgresServer,
) -> None:
    """English puts run-a before run-B; bytes, and so the bootstrap tier, the other way round."""
    with databases.fresh_database(postgres_server.start().uri(), timescale=False, language="en") as english:
        assert databases.execute(english, "SELECT 'run-a' < 'run-B'") == [(True,)]
        databases.on_postgres_migrated(english)
        tier = OnTimescale(english)
        with tier.store().writer("run", NO_WAIT) as writer:
            sequence = writer.journal.begin(RunStart("run", "sample", 1, TEN))
            writer.rows.upsert(DAILY_BARS, stamped([bar(1, CLOSES["X"])], (0, 1, "run-B")))
            writer.rows.upsert(DAILY_BARS, stamped([bar(1, CLOSES["Y"])], (0, 1, "run-a")))
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, TEN, 0, 0, ""))
        assert closes(tier) == {"AAPL": CLOSES["Y"]}
