"""A trading program pays for Arrow and DuckDB when it imports the client, and for nothing of the operator."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from small_copies import bar, ingest

OPERATOR = Path(__file__).parents[2] / "operator"
TRIES = 5
OWN_SHARE = 0.5
"""Of the drivers' own import, which the client may add."""

LOADED = """
import json, sys, time
begun = time.process_time()
import {modules}
print(json.dumps([time.process_time() - begun, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""

READ = """
import sys
from datetime import timedelta
from pathlib import Path
from backbone.client import DAILY_BARS, Client
with Client(Path(sys.argv[1])) as client, client.snapshot() as data:
    assert data.rows(DAILY_BARS, ["AAPL"], last=1).num_rows == 1
    assert not data.fitness(DAILY_BARS, ["AAPL"], max_age=timedelta(days=1))
print("pandas" in sys.modules)
"""


def imported(modules: str) -> tuple[float, set[str]]:
    """Seconds of work that an import takes in a fresh interpreter, and the packages that it loads."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(modules=modules)],
        env={"PYTHONPATH": str(OPERATOR)},
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, packages = json.loads(done.stdout)
    return seconds, set(packages)


@pytest.fixture(scope="module")
def drivers() -> set[str]:
    return imported("duckdb, pyarrow")[1]


def test_it_loads_the_drivers_and_the_standard_library_alone(drivers: set[str]) -> None:
    loaded = imported("backbone.client")[1]
    assert loaded - drivers - set(sys.stdlib_module_names) == {"backbone"}


def test_a_shared_cache_loads_its_driver_and_nothing_else(drivers: set[str]) -> None:
    loaded = imported("backbone.client.redis")[1] - drivers - set(sys.stdlib_module_names)
    assert {"backbone", "redis", "hiredis"} <= loaded
    assert not loaded & {"aiohttp", "kopf", "kubernetes", "pandas", "prometheus_client", "pydantic", "typer"}


def test_it_takes_little_longer_than_the_drivers(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [(imported("duckdb, pyarrow")[0], imported("backbone.client")[0]) for _ in range(TRIES)]
    by_hand, client = (min(times) for times in zip(*pairs, strict=True))
    with capsys.disabled():
        sys.stdout.write(
            f"\nimport duckdb, pyarrow {by_hand * 1e3:.0f} ms, backbone.client {client * 1e3:.0f} ms of CPU\n"
        )
    assert client - by_hand < OWN_SHARE * by_hand


def test_who_reads_arrow_and_states_an_age_never_loads_pandas(tmp_path: Path) -> None:
    ingest(tmp_path, [bar(1)])
    done = subprocess.run(
        [sys.executable, "-c", READ, tmp_path],
        env={"PYTHONPATH": str(OPERATOR)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False\n"
