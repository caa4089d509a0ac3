"""A trading program pays for Arrow and DuckDB when it imports the client, and for nothing of the operator."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

OPERATOR = Path(__file__).parents[2] / "operator"
TRIES = 5
OWN_SHARE = 0.25
"""Of the drivers' own import, which the client may add."""

LOADED = """
import json, sys, time
begun = time.perf_counter()
import {modules}
print(json.dumps([time.perf_counter() - begun, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""


def imported(modules: str) -> tuple[float, set[str]]:
    """Seconds that an import takes in a fresh interpreter, and the packages that it loads."""
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
    return imported("duckdb, pyarrow, pyarrow.compute")[1]


def test_it_loads_the_drivers_and_the_standard_library_alone(drivers: set[str]) -> None:
    loaded = imported("backbone.client")[1]
    assert loaded - drivers - set(sys.stdlib_module_names) == {"backbone"}


def test_it_takes_little_longer_than_the_drivers(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [
        (imported("duckdb, pyarrow, pyarrow.compute")[0], imported("backbone.client")[0])
        for _ in range(TRIES)
    ]
    by_hand, client = (min(times) for times in zip(*pairs, strict=True))
    with capsys.disabled():
        sys.stdout.write(
            f"\nimport duckdb, pyarrow {by_hand * 1e3:.0f} ms, import backbone.client {client * 1e3:.0f} ms\n"
        )
    assert client - by_hand < OWN_SHARE * by_hand
