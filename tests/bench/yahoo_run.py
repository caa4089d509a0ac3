"""How long a run takes to bring a year of daily bars of 500 symbols from the local Yahoo server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import child
from measurements import Aim, Figure
from registry import Benchmark

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = 500
RATE = 20.0
"""Requests a second, for both."""
FASTER = 1_000.0
"""Where requests alone are counted."""
ONE_EACH = Aim("at most", SYMBOLS, "value")
DELAY = 0.02
"""Seconds that the server takes for an answer."""
PLAIN = "plain yfinance loop"


def measure() -> Iterable[Figure]:
    """Both contenders, each against a server of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-yahoo-") as folder:
        ours, asked = contended("product", Path(folder))
        theirs, asked_plainly = contended("plain", Path(folder))
        _, asked_twice = contended("again", Path(folder), FASTER)
        _, asked_for_all = contended("everything", Path(folder), FASTER)
    if abs(ours["rows"] - theirs["rows"]) > 2 * SYMBOLS:
        raise RuntimeError(f"the contenders stored {ours['rows']} and {theirs['rows']} rows")
    yield Figure(
        "yahoo-run/seconds",
        f"{SYMBOLS} symbols, a year each, at {RATE:g} requests a second",
        ours["seconds"],
        "s",
        PLAIN,
        theirs["seconds"],
        Aim("below", 1.0),
    )
    yield Figure(
        "yahoo-run/requests",
        "requests for charts of such a run",
        asked,
        "requests",
        PLAIN,
        asked_plainly,
        ONE_EACH,
    )
    yield Figure(
        "yahoo-run/requests-again",
        "requests for charts of the run after it, with rows held",
        asked_twice - asked,
        "requests",
        aim=ONE_EACH,
    )
    yield Figure(
        "yahoo-run/requests-everything",
        "requests for charts of a first run without a lookback",
        asked_for_all,
        "requests",
        aim=ONE_EACH,
    )


def contended(contender: str, folder: Path, rate: float = RATE) -> tuple[dict[str, float], int]:
    """What a contender prints, and how many requests for charts the server saw."""
    with server(folder / f"{contender}-server") as address:
        found = child.run(
            Path(__file__).with_name("yahoo_contenders.py"),
            contender,
            folder / contender,
            address,
            folder / f"{contender}-server" / "ca.crt",
            str(SYMBOLS),
            str(rate),
        )
        # Our own server on loopback.
        with urllib.request.urlopen(f"{address}/control/requests", timeout=30) as answer:
            return found, sum(bool(asked.get("symbol")) for asked in json.load(answer))


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The local Yahoo server in a process of its own; its address."""
    path = os.pathsep.join(str(ROOT / part) for part in ("operator", "tests/servers"))
    command = [sys.executable, "-m", "yahoo", "--port", "0", "--folder", str(folder), "--delay", str(DELAY)]
    environment = os.environ | {"PYTHONPATH": path}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


BENCHMARK = Benchmark(
    "yahoo-run",
    "A run from Yahoo",
    "A whole run of the product, from the provider's answers to the published copy, against a loop over "
    "yfinance that puts its frames into one table of DuckDB. Both ask the same local server and keep to the "
    "same rate of requests. The product does not ask for a zone before each symbol's prices, and "
    "does more with each row: it is checked, keyed, stamped with its lineage, journaled and published.",
    measure,
)
