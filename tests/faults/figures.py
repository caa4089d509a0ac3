"""What the fault tests measured, for the page that `make soak` writes."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

Figure = Callable[..., None]
"""Print and keep a figure: what it is, its value, its unit."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure; a count has no unit."""

    name: str
    value: float
    unit: str = ""

    @property
    def shown(self) -> str:
        """The value as a reader wants it."""
        return f"{self.value:.1f} {self.unit}" if self.unit else f"{self.value:,.0f}"

    def __str__(self) -> str:
        return f"{self.name}: {self.shown}"


def keep(path: Path, measured: Measured) -> None:
    """Put a figure into the file, in place of an earlier one of its name; processes take turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        kept = {item.name: item for item in read(path)} | {measured.name: measured}
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps([asdict(item) for item in kept.values()], indent=2) + "\n")
        scratch.rename(path)


def read(path: Path) -> list[Measured]:
    """The figures in the file, if there is one."""
    return [Measured(**item) for item in json.loads(path.read_text())] if path.exists() else []
