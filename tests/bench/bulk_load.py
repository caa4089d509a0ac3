"""Benchmark `duckdb`: a million daily bars from Arrow into a published DuckDB file, and again all changed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import bars
import child
from bulk_contenders import FEW_ROWS, TABLE
from console import step
from measurements import Aim, Figure
from registry import Benchmark

BUILD = Path(__file__).resolve().parents[2] / "build"
PROGRAMS = {"dlt": Path(__file__).with_name("bulk_dlt.py")}
PROGRAM = Path(__file__).with_name("bulk_contenders.py")
MIB = 1 << 20
ROUNDS = 3

RUNS = {"empty": "into an empty store", "changed": "all present, all changed"}
"""By their number: each contender stores version 0 of the bars, then version 1."""

KEYED = {
    "on-conflict": "INSERT … ON CONFLICT DO UPDATE",
    "merge": "MERGE",
    "delete-insert": "DELETE + INSERT",
}
"""DuckDB by hand into a table with the primary key: the fastest of them is what we are held against."""

KEYLESS = {"delete-insert-no-key": "DELETE + INSERT, no key", "rewrite": "whole table rewritten, no key"}
"""Without a key the writer alone keeps rows unique, as ours does; the second costs by what is stored."""

FRAMEWORKS = {"dlt": "dlt merge", "executemany": "executemany"}
SLOW = ("merge", *FRAMEWORKS)
LIMIT = "insert"
"""Not idempotent: what DuckDB takes at the most."""

AIM = Aim("at least", 0.7)


@dataclass(frozen=True, slots=True)
class Measured:
    """One contender in one situation; medians of its rounds."""

    rate: float
    """Rows a second."""
    cpu: float
    """Processor seconds for a million rows, all threads together."""
    peak: float
    """Bytes at the peak."""


def measure() -> Iterator[Figure]:
    """Every contender in turn, round by round, so that what disturbs the machine disturbs them all."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-") as folder:
        found = _measured(Path(folder))
    for situation, words in RUNS.items():
        own = {name: by_run[situation] for name, by_run in found.items()}
        yield from _figures(situation, words, own)


def _figures(situation: str, words: str, found: Mapping[str, Measured]) -> Iterator[Figure]:
    ours = found["ours"]
    fastest = max(KEYED, key=lambda name: found[name].rate)

    def against(name: str, peer_name: str, peer: float, aim: Aim | None = None) -> Figure:
        return Figure(f"duckdb/{situation}/{name}", words, ours.rate, "rows/s", peer_name, peer, aim)

    yield against("fastest", f"DuckDB's own fastest ({KEYED[fastest]})", found[fastest].rate, AIM)
    for name, peer_name in {**KEYED, **KEYLESS, **FRAMEWORKS}.items():
        if name != fastest:
            yield against(name, peer_name, found[name].rate)
    if situation == "empty":
        yield against("limit", "raw limit (plain INSERT, not idempotent)", found[LIMIT].rate)
    for name in (fastest, "dlt"):
        peer = found[name]
        for what, title, unit, pair in (
            ("cpu", "processor time", "s", (ours.cpu, peer.cpu)),
            ("memory", "peak memory", "MiB", (ours.peak / MIB, peer.peak / MIB)),
        ):
            full = f"duckdb/{situation}/{what}/{name}"
            yield Figure(full, f"{words}: {title}", pair[0], unit, (KEYED | FRAMEWORKS)[name], pair[1])


def _measured(folder: Path) -> dict[str, dict[str, Measured]]:
    sources, contents = [], []
    with step(f"{bars.ROWS:,} bars in two versions"):
        for version in range(len(RUNS)):
            made = bars.make(version)
            sources.append(folder / f"bars-{version}.arrow")
            bars.save(made, sources[-1])
            contents.append(bars.expected(made))
    names = ("ours", *KEYED, *KEYLESS, LIMIT, *FRAMEWORKS)
    seen: dict[tuple[str, str], list[dict[str, float]]] = {}
    for number in range(ROUNDS):
        for name in names:
            if number and name in SLOW:
                continue
            with step(f"round {number + 1}: {name}"):
                for situation, told in _one(folder / "store", name, sources, contents).items():
                    seen.setdefault((name, situation), []).append(told)
    return {
        name: {
            situation: Measured(
                median(told["rows"] / told["seconds"] for told in seen[name, situation]),
                median(told["cpu"] / told["rows"] * 1e6 for told in seen[name, situation]),
                median(told["peak"] for told in seen[name, situation]),
            )
            for situation in RUNS
        }
        for name in names
    }


def _one(
    store: Path, name: str, sources: list[Path], contents: list[bars.Content]
) -> dict[str, dict[str, float]]:
    """Both situations on a fresh folder; what was published must be what was brought."""
    told = {}
    for run, situation in enumerate(RUNS):
        if name == LIMIT:
            shutil.rmtree(store, ignore_errors=True)
        told[situation] = child.run(PROGRAMS.get(name, PROGRAM), name, store, sources[run], str(run))
        content = bars.stored(store / "published" / "backbone.duckdb", TABLE)
        if told[situation]["rows"] == bars.ROWS and content != contents[run]:
            raise AssertionError(f"{name} published {content}, not {contents[run]}")
    shutil.rmtree(store)
    return told


ABOUT = f"""
{bars.SYMBOLS} symbols with {bars.SESSIONS:,} sessions each, from Arrow in memory to a published copy:
lineage stamped, stored idempotently, checkpointed, copied, flushed, renamed. Ours is the product's whole
path, with its lock, its journal, its order between versions of a row and the reading back of the copy;
peers do only what the title says, with the same columns, and publish by the same steps. Each contender runs
in a process of its own, in {ROUNDS} rounds (MERGE, dlt and executemany in one); figures are medians.
Processor time adds up all threads and says most where the machine is not quiet. Memory is the process's
peak, the bars included. executemany stores {FEW_ROWS:,} rows, and its rate is taken for the million. What
was published is compared with what was brought, every time.
"""

BENCHMARK = Benchmark("duckdb", "A million daily bars into DuckDB", ABOUT, measure)
