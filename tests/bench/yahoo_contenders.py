"""A year of daily bars of many symbols from the local Yahoo server into DuckDB: the product and a plain loop.

    python yahoo_contenders.py CONTENDER FOLDER ADDRESS AUTHORITY SYMBOLS RATE

prints seconds and rows as JSON. Both keep to the same rate of requests, and both end with a file that readers
can open.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pandas as pd
import yfinance
from curl_cffi import requests

from backbone.adapters.duckdb.store import DuckDBStore
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS
from backbone.providers.pacing import Limits, Pace
from backbone.providers.protocol import Connection, Query
from backbone.providers.secrets import AUTHORITY, PROXY, Secret
from backbone.providers.yahoo.provider import YahooProvider

YEAR = timedelta(days=365)
BURST = 5


def product(
    folder: Path,
    address: str,
    authority: Path,
    symbols: Sequence[str],
    rate: float,
    *,
    lookbacks: Sequence[timedelta | None] = (YEAR,),
) -> int:
    """Whole runs: asked, checked, stored with lineage, journaled, published. The rows of the last."""
    secret = folder / "secret"
    secret.mkdir(parents=True)
    (secret / PROXY).write_text(address)
    (secret / AUTHORITY).write_bytes(authority.read_bytes())
    rows = 0
    for number, lookback in enumerate(lookbacks):
        provider = YahooProvider(
            lambda name: Secret(name, secret), clock=lambda: datetime.now(UTC), limits=Limits(), rate=rate
        )
        query = Query(DAILY_BARS, tuple(symbols), lookback, connection=Connection("yahoo"))
        task = Task("Yahoo", query, required=True)
        run = IngestRun(
            RunRequest(f"bench-{number}", "bench", 1, (task,), timedelta()),
            {"Yahoo": provider},
            DuckDBStore(folder / "store"),
            clock=lambda: datetime.now(UTC),
            progress=lambda _: None,
            checkpoint=lambda: None,
        )
        report = run.execute()
        if report.outcome != "Succeeded":
            raise RuntimeError(f"{report.outcome}: {report.message}")
        rows = report.rows
    return rows


def plain(folder: Path, address: str, authority: Path, symbols: Sequence[str], rate: float) -> int:
    """yfinance symbol by symbol as its manual shows it, into one table: no checks, no keys, no copies."""
    folder.mkdir(parents=True)
    yfinance.set_tz_cache_location(str(folder / "cache"))
    pace = Pace(rate, BURST)

    class Paced(requests.Session):
        def request(self, *arguments, **options):
            pace.wait()
            return super().request(*arguments, **options)

    session = Paced(impersonate="chrome", proxies={"https": address}, verify=str(authority))
    frames = []
    for symbol in symbols:
        frame = yfinance.Ticker(symbol, session=session).history(period="1y", auto_adjust=False)
        frames.append(frame.tz_localize(None).assign(symbol=symbol).reset_index())
    bars = pd.concat(frames)
    with duckdb.connect(str(folder / "bars.duckdb")) as connection:
        connection.execute("CREATE TABLE bars AS SELECT * FROM bars")
    return len(bars)


CONTENDERS = {
    "product": product,
    "again": partial(product, lookbacks=(YEAR, YEAR)),
    "everything": partial(product, lookbacks=(None,)),
    "plain": plain,
}
"""`again` runs twice, the second time with rows held; `everything` asks for all there is."""


def main(contender: str, folder: str, address: str, *rest: str) -> None:
    """Run one contender."""
    authority, symbols, rate = rest
    names = [f"R{number:03d}" for number in range(int(symbols))]
    started = time.monotonic()
    rows = CONTENDERS[contender](Path(folder), address, Path(authority), names, float(rate))
    sys.stdout.write(json.dumps({"seconds": time.monotonic() - started, "rows": rows}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
