"""What the long fault schedules came to: one JSON line per schedule, by which a stopped run goes on."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Result = dict[str, Any]


class Record:
    """Schedules of one operator, by part and number: `seed 7` is the seventh of the part `seed`."""

    def __init__(self, path: Path, operator: str) -> None:
        self._path = path
        self._operator = operator
        self._lock = threading.Lock()
        self.done: dict[tuple[str, int], Result] = {
            (line["part"], line["number"]): line["result"]
            for line in _lines(path)
            if line["operator"] == operator and "result" in line
        }

    def of(self, part: str) -> dict[int, Result]:
        """Results of one part, by number."""
        return {number: result for (name, number), result in self.done.items() if name == part}

    def attempt(self, part: str, number: int, act: Callable[[], Result]) -> None:
        """Run a schedule and write its line. A failure has a line too, is raised, and is no result."""
        started = time.monotonic()
        try:
            result = act()
        except Exception as error:
            self._write(part, number, started, failed=f"{type(error).__name__}: {error}")
            raise
        with self._lock:
            self.done[part, number] = result
        self._write(part, number, started, result=result)

    def _write(self, part: str, number: int, started: float, **outcome: Any) -> None:
        line = {
            "part": part,
            "number": number,
            "operator": self._operator,
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - started, 1),
            **outcome,
        }
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+") as file:
                # A line that a killed run left half written stays by itself.
                file.write(("" if _ends_whole(self._path) else "\n") + json.dumps(line) + "\n")
        sys.stderr.write(f"  {datetime.now(UTC):%H:%M:%S} {part} {number}: {outcome}\n")


def _ends_whole(path: Path) -> bool:
    return path.read_bytes()[-1:] in {b"", b"\n"}


def _lines(path: Path) -> Iterator[Result]:
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            yield json.loads(text)
        except json.JSONDecodeError:
            continue
