"""What benchmarks find: figures, what they are held to, and build/bench.json, where all of them end up.

build/bench.json is a list of records with at least name, value, unit, peer, ratio, aim and met. A later run
of one benchmark replaces that benchmark's records and leaves the others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Record = dict[str, Any]

_SIGNS = {"at least": "≥", "at most": "≤", "below": "<"}


@dataclass(frozen=True, slots=True)
class Aim:
    """A bound, on the ratio to the peer or on the value itself."""

    how: Literal["at least", "at most", "below"]
    bound: float
    of: Literal["ratio", "value"] = "ratio"

    def met(self, figure: Figure) -> bool:
        """Whether a figure keeps it. Raises ValueError for a bound on a ratio where there is no peer."""
        if self.of == "ratio" and figure.peer is None:
            raise ValueError(f"{figure.name} has an aim for its ratio and no peer")
        seen = figure.value if self.of == "value" else figure.ratio
        if seen is None:
            return self.how == "at least"  # more than a peer that measured nothing
        if self.how == "at least":
            return seen >= self.bound
        return seen <= self.bound if self.how == "at most" else seen < self.bound

    def told(self, unit: str) -> str:
        """The bound as text."""
        return f"{_SIGNS[self.how]} {self.bound:g} {unit if self.of == 'value' else 'of the peer'}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number of ours, with its peer's where there is one, in the same unit.

    `name` begins with the benchmark's name and a slash; `title` says in words what was measured.
    """

    name: str
    title: str
    value: float
    unit: str
    peer_name: str = ""
    peer: float | None = None
    aim: Aim | None = None

    @property
    def ratio(self) -> float | None:
        """Ours to the peer's; None without a peer, or with one that measured zero."""
        return self.value / self.peer if self.peer else None

    def record(self, taken: str, load: float, environment: dict[str, str]) -> Record:
        """As it stands in build/bench.json; `taken` is UTC, `load` the system's of the last five minutes."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "peer": self.peer,
            "ratio": self.ratio,
            "aim": self.aim.told(self.unit) if self.aim else None,
            "met": self.aim.met(self) if self.aim else None,
            "title": self.title,
            "peer_name": self.peer_name,
            "taken": taken,
            "load": round(load, 1),
            "environment": environment,
        }


def benchmark_of(record: Record) -> str:
    """Which benchmark a record belongs to."""
    return str(record["name"]).partition("/")[0]


def load(path: Path) -> list[Record]:
    """Every record so far; none where there is no file."""
    if not path.exists():
        return []
    found: list[Record] = json.loads(path.read_text())
    return found


def merged(records: Sequence[Record], new: Sequence[Record]) -> list[Record]:
    """The records with those of the benchmarks in `new` replaced."""
    again = {benchmark_of(record) for record in new}
    return [*(record for record in records if benchmark_of(record) not in again), *new]


def save(path: Path, records: Sequence[Record]) -> None:
    """Write every record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")


def shown(value: float) -> str:
    """A number for people: three digits that mean something."""
    if abs(value) >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"
