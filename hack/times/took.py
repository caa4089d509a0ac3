"""Reads what a run left, and sets it against the budgets."""

from __future__ import annotations

import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

SLOWEST = 25
BUDGETS = Path(__file__).with_name("budgets.toml")


@dataclass(frozen=True, slots=True)
class Step:
    """A suite, or a step before the suites: what it took and what it may take, in seconds."""

    title: str
    seconds: float
    budget: float
    code: int

    @property
    def remark(self) -> str:
        """What a reader must not miss."""
        if self.code != 0:
            return f"FAILED ({self.code})"
        return "over" if self.seconds > self.budget else ""


def budgets(path: Path = BUDGETS) -> dict[str, dict[str, float]]:
    """Seconds by section and title."""
    read = tomllib.loads(path.read_text())
    return {
        section: {title: minutes * 60 for title, minutes in entries.items()}
        for section, entries in read.items()
    }


def steps(folder: Path, allowed: dict[str, float]) -> list[Step]:
    """The steps of the run that have a budget, in the order in which they ran."""
    lines = [line.split("\t") for line in (folder / "steps.tsv").read_text().splitlines()]
    return [
        Step(title, float(seconds), allowed[title], int(code))
        for title, seconds, code in lines
        if title in allowed
    ]


def slowest(folder: Path, suite: str) -> list[tuple[float, str]]:
    """Seconds and name of a suite's slowest tests, set-up and tear-down included; [] without a report."""
    report = folder / f"{suite}.xml"
    if not report.exists():
        return []
    cases = ET.parse(report).getroot().iter("testcase")
    took = [(float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}") for case in cases]
    return sorted(took, reverse=True)[:SLOWEST]


def table(section: str, found: list[Step], allowed: dict[str, float]) -> list[str]:
    """A line per step and one for the sum, in seconds."""
    took = sum(step.seconds for step in found)
    whole = sum(allowed.values())
    rows = [(step.title, step.seconds, step.budget, step.remark) for step in found]
    lines = [f"{section:<16}{'seconds':>9}{'budget':>9}{'left':>9}"]
    for title, seconds, budget, remark in [*rows, ("in all", took, whole, "over" if took > whole else "")]:
        lines.append(f"{title:<16}{seconds:>9.0f}{budget:>9.0f}{budget - seconds:>9.0f}  {remark}".rstrip())
    return lines


def record(found: dict[str, list[Step]], slow: dict[str, list[tuple[float, str]]]) -> dict[str, object]:
    """The same for a program."""
    return {
        section: {
            step.title: {
                "seconds": step.seconds,
                "budget": step.budget,
                "code": step.code,
                "slowest": [{"test": name, "seconds": seconds} for seconds, name in slow.get(step.title, [])],
            }
            for step in entries
        }
        for section, entries in found.items()
    }
