"""`make bench`: measure, keep the figures in build/bench.json, write docs/benchmarks.md.

    python tests/bench [NAME …]

Figures that miss their aim are told and do not fail it; a benchmark that cannot be measured does.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "hack"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "faults"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "contract"))

from console import say
from measurements import Figure, load, merged, save, shown
from page import page
from registry import Benchmark
from suite import SUITE
from surroundings import environment

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "build" / "bench.json"
PAGE = ROOT / "docs" / "benchmarks.md"


def main(wanted: list[str]) -> int:
    """Run the benchmarks of these names, or all; the exit code."""
    unknown = set(wanted) - {item.name for item in SUITE}
    if unknown:
        say(f"bench: no benchmark {', '.join(sorted(unknown))}; there are {', '.join(i.name for i in SUITE)}")
        return 2
    outcomes = [run(item) for item in SUITE if not wanted or item.name in wanted]
    return 0 if all(outcomes) else 1


def run(benchmark: Benchmark) -> bool:
    """Measure one and keep what it found at once; whether that worked."""
    started = time.monotonic()
    say(f"{benchmark.name}: {benchmark.title}")
    try:
        figures = list(benchmark.measure())
    except Exception:  # noqa: BLE001 - the others are still worth measuring
        traceback.print_exc()
        say(f"{benchmark.name}: FAILED after {time.monotonic() - started:.0f} s; its old figures stay\n")
        return False
    taken = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    place = environment()
    records = merged(load(RECORDS), [figure.record(taken, os.getloadavg()[1], place) for figure in figures])
    save(RECORDS, records)
    PAGE.write_text(page(records, SUITE))
    for figure in figures:
        say(f"  {told(figure)}")
    say(f"{benchmark.name}: measured in {time.monotonic() - started:.0f} s\n")
    return True


def told(figure: Figure) -> str:
    """One line for the person who watches."""
    line = f"{figure.title}: {shown(figure.value)} {figure.unit}"
    if figure.peer is not None:
        line += f"; {figure.peer_name} {shown(figure.peer)}"
    if figure.ratio is not None:
        line += f", ratio {figure.ratio:.2f}"
    if figure.aim is not None:
        line += f" (aim {figure.aim.told(figure.unit)}: {'met' if figure.aim.met(figure) else 'NOT MET'})"
    return line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
