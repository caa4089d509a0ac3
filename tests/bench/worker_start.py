"""Benchmark `worker-start`: from the start of the worker's process to its first row stored."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from backbone.providers.sample.fetch import fetch
from backbone.providers.sample.files import sample_root
from console import step
from measurements import Figure
from registry import Benchmark

ROUNDS = 10
DEADLINE = 60.0
STORED = "publishing"
"""What the worker says next after its only transaction with rows is committed; the peer says it likewise."""

PLAN = """
apiVersion: backbone.emp.dev/v1alpha1
kind: DataBackbone
metadata: {name: market}
spec: {}
---
apiVersion: backbone.emp.dev/v1alpha1
kind: IngestPlan
metadata: {name: bars}
spec:
  backboneRef: {name: market}
  schedule: "@daily"
  dailyBars: {provider: Sample, symbols: [AAPL]}
"""

BARE = f"""
import sys
import duckdb, pyarrow
row = pyarrow.table({{"symbol": ["AAPL"], "close": [1.5]}})
connection = duckdb.connect(sys.argv[1])
connection.execute("CREATE TABLE bars AS SELECT * FROM row")
print("{STORED}", file=sys.stderr, flush=True)
connection.close()
"""

IMPORT = re.compile(r"import time:\s*(\d+) \|")


def measure() -> Iterator[Figure]:
    """Ours and the bare interpreter in turn; then where ours spends its imports."""
    with step("recorded data"):
        fetch(sample_root(), lambda _: None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plan.yaml").write_text(PLAN)
        ours, bare = [], []
        with step(f"{ROUNDS} starts of each"):
            for number in range(ROUNDS):
                ours.append(_until_stored(_worker(folder, number)))
                bare.append(
                    _until_stored([sys.executable, "-c", BARE, str(folder / f"bare-{number}.duckdb")])
                )
        with step(f"{ROUNDS} starts with the imports timed"):
            shares = [_import_share(_worker(folder, number, "-X", "importtime")) for number in range(ROUNDS)]
    yield Figure(
        "worker-start/first-row",
        "process start to first rows committed",
        median(ours),
        "s",
        "bare `import duckdb, pyarrow` and one row",
        median(bare),
    )
    yield Figure("worker-start/imports", "share of it that is imports", 100 * median(shares), "%")


def _worker(folder: Path, number: int, *flags: str) -> list[str]:
    data = folder / f"data-{len(flags)}-{number}"
    ingest = ["ingest-once", "-f", str(folder / "plan.yaml"), "--data-dir", str(data)]
    return [sys.executable, *flags, "-m", "backbone.runtime", *ingest]


def _until_stored(command: Sequence[str]) -> float:
    """Seconds until the process says that its rows are committed. Raises RuntimeError if it ends before."""
    return _watched(command)[0]


def _import_share(command: Sequence[str]) -> float:
    """Which part of the time until the first rows are committed went into imports."""
    seconds, lines = _watched(command)
    spent = sum(int(found[1]) for line in lines if (found := IMPORT.match(line)))
    return spent / 1e6 / seconds


def _watched(command: Sequence[str]) -> tuple[float, list[str]]:
    """Seconds until the rows are committed, and what was said until then."""
    environment = {"PATH": os.environ["PATH"], "EMP_SAMPLE_DIR": str(sample_root())}
    lines: list[str] = []
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rstrip().endswith(STORED):
                seconds = time.perf_counter() - started
                process.stderr.read()
                if process.wait(DEADLINE) == 0:
                    return seconds, lines
            lines.append(line)
    raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{''.join(lines[-20:])}")


ABOUT = f"""
The worker as a Job starts it, with a plan of one symbol, from the start of its process until the
transaction with its rows is committed; reading the recorded data is part of it. The peer is a Python that
imports DuckDB and pyarrow and commits one row: no worker on these two can be quicker. Medians of {ROUNDS}
starts in turn, on this machine, with files in memory and without a pod around them. The share of imports is
of the worker's own time, by `-X importtime`.
"""

BENCHMARK = Benchmark("worker-start", "A worker's start", ABOUT, measure)
