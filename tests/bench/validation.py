"""Benchmark `validation`: what checking a million daily bars takes of the run that stores them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import bars
import child
from console import step
from measurements import Aim, Figure
from registry import Benchmark

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("validated_run.py")
ROUNDS = 3
RUNS = {"empty": "into an empty store", "changed": "all present, all changed"}
"""By their number, as the program counts them."""
AIM = Aim("at most", 0.1)


def measure() -> Iterator[Figure]:
    """Both runs, in each round on a fresh folder."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in RUNS}
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as folder:
        for number in range(ROUNDS):
            with step(f"round {number + 1}"):
                for run, name in enumerate(RUNS):
                    seen[name].append(child.run(PROGRAM, Path(folder) / "store", str(run)))
                shutil.rmtree(Path(folder) / "store")
    for name, words in RUNS.items():
        for what, title in (("seconds", "validation"), ("cpu", "validation: processor time")):
            yield Figure(
                f"validation/{name}/{what}",
                f"{words}: {title}",
                median(told[f"validation_{what}"] for told in seen[name]),
                "s",
                "the whole run",
                median(told[what] for told in seen[name]),
                AIM if what == "seconds" else None,
            )


ABOUT = f"""
A whole run of {bars.SYMBOLS} symbols with {bars.SESSIONS:,} sessions of the New York calendar each: random
walks, so that the checks find little to quarantine, as in the data of a good source. The provider hands the
rows over from memory; whatever a real one takes makes the share smaller. Validation is conforming, looking up
what was stored before, judging, and looking for stored rows that the answer speaks against; the run ends with
the published copy. Medians of {ROUNDS} rounds.
"""

BENCHMARK = Benchmark("validation", "Checking a million rows", ABOUT, measure)
