"""Whatever is in a name, it is a name: it comes back as it was stored, and no statement is made of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from backbone.errors import Rejected
from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import Lineage, stamp
from backbone.ports.journal import RunEnd, RunStart
from backbone.ports.store import Reader, Selection
from backbone.vocabulary import Outcome
from stores import Tier

NOW = datetime(2024, 6, 3, 22, tzinfo=UTC)
DAYS = (date(1789, 7, 14), date(1899, 12, 31), date(2024, 1, 2))
NAMES = (
    *(
        "A'B",
        'A"B',
        "A\\B",
        "\\.",
        "100%",
        "%s",
        "%(subjects)s",
        "{A}",
        "A,B",
        "NULL",
        "",
        " A ",
        "A\r\nB",
        "$1",
    ),
    *("'; DROP TABLE market.daily_bars; --", "Société 😀", "\x01", "\u2028", "x" * 5000),
)


def store(tier: Tier, names: tuple[str, ...]) -> None:
    row = {
        "source": "test",
        **dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), 1.0),
        "volume": 1,
        "price_basis": "raw",
        "revision": 0,
    }
    facts = [{**row, "symbol": name, "session_date": day} for name in sorted(names) for day in DAYS]
    rows = pa.Table.from_pylist(facts, schema=DAILY_BARS.facts)
    with tier.store().writer("test", timedelta(seconds=5)) as writer:
        sequence = writer.journal.begin(RunStart("run-1", "plan", 1, NOW))
        with writer.batch():
            assert writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, rows, Lineage("run-1", 1, NOW, "Test")))
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, NOW, rows.num_rows, rows.num_rows, ""))
        writer.publish()


def read(reader: Reader, *names: str, last: int | None = None) -> list[tuple[str, date]]:
    batches = reader.batches(Selection(DAILY_BARS, names, last=last))
    found = pa.Table.from_batches(batches, DAILY_BARS.schema)
    return list(zip(found["symbol"].to_pylist(), found["session_date"].to_pylist(), strict=True))


def test_a_name_comes_back_as_it_was_stored(tier: Tier) -> None:
    store(tier, NAMES)
    with tier.reading() as reader:
        for name in NAMES:
            assert read(reader, name) == [(name, day) for day in DAYS]
        many = tuple(f"X'{number}\\\"{{,%s" for number in range(5000))
        assert sorted(read(reader, *many, *NAMES, last=1)) == sorted((name, DAYS[-1]) for name in NAMES)
        assert read(reader, *many) == []


@pytest.mark.parametrize("name", ["\ud800", "A\udcffB", "A\0B"], ids=ascii)
def test_a_text_that_no_store_can_hold_is_rejected_by_name(tier: Tier, name: str) -> None:
    store(tier, ("A",))
    with tier.reading() as reader:
        for ask in (
            lambda: read(reader, name),
            lambda: read(reader, "A", name),
            lambda: reader.lines(DAILY_BARS, (name,)),
            lambda: reader.last_attempts(DAILY_BARS, (name,)),
            lambda: reader.undecided(DAILY_BARS, (name,), NOW),
        ):
            with pytest.raises(Rejected, match="holds a character that no name has"):
                ask()
        assert len(read(reader, "A")) == len(DAYS)
