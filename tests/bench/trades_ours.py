"""The product's way to bring trades into a database that is migrated; a process of its own.

    python tests/bench/trades_ours.py URI TRADES

prints seconds and its peak memory as JSON. What is timed begins with a delivery in memory, as Arrow, and ends
when it is committed; what makes the deliveries is not timed.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from backbone.adapters.timescale.settings import from_keys
from backbone.adapters.timescale.store import TimescaleStore
from backbone.market.dimensions import INTRADAY_TRADES
from backbone.market.lineage import stamp
from backbone.ports.journal import Arrival, RunEnd, RunStart
from backbone.vocabulary import Outcome
from bulk_contenders import BEGINNING, lineage
from child import peak_bytes

DELIVERY = 500_000
"""Trades of one symbol and week: a delivery, and a batch of the store."""


def delivery(number: int) -> pa.Table:
    """Trades of one symbol, some at the same microsecond; always the same, and made when they are stored."""
    random = np.random.default_rng(number)
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    micros = start + np.sort(random.integers(0, 5 * 86_400_000_000, DELIVERY))
    same = np.concatenate(([False], micros[1:] == micros[:-1]))
    place = np.arange(DELIVERY)
    ordinal = place - np.maximum.accumulate(np.where(same, 0, place))
    columns = {
        "source": pa.array(["generated/random"] * DELIVERY),
        "symbol": pa.array([f"SYM{number:03}"] * DELIVERY),
        "ts": pa.array(micros).cast(pa.timestamp("us", "UTC")),
        "ordinal": pa.array(ordinal),
        "price": pa.array(random.integers(400_000, 600_000, DELIVERY) / 100),
        "size": pa.array(random.integers(1, 500, DELIVERY)),
        "price_basis": pa.array(["raw"] * DELIVERY),
        "revision": pa.array(np.zeros(DELIVERY, np.int64)),
    }
    return pa.table(columns, schema=INTRADAY_TRADES.facts)


def store(uri: str, trades: int) -> dict[str, float]:
    """One run that stores so many; seconds of storing, without those of making them."""
    taken = 0.0
    with TimescaleStore(from_keys("bench", {"uri": uri})).writer("bench", timedelta()) as writer:
        sequence = writer.journal.begin(RunStart("run-0", "bench", 1, BEGINNING))
        for number in range(trades // DELIVERY):
            rows = stamp(INTRADAY_TRADES, delivery(number), lineage(0))
            started = time.perf_counter()
            with writer.batch():
                changed = writer.rows.upsert(INTRADAY_TRADES, rows)
                arrival = Arrival(
                    INTRADAY_TRADES.name, "generated", "Bench", BEGINNING, rows.num_rows, changed
                )
                if not number:
                    writer.journal.record(sequence, arrival)
            taken += time.perf_counter() - started
        writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, BEGINNING, trades, trades, ""))
    return {"seconds": taken, "peak": peak_bytes()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(store(sys.argv[1], int(sys.argv[2]))) + "\n")
