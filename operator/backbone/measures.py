"""What is measured of objects: metric families as data, and values of them. Every room declares its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Form(Enum):
    """What a value of a family is, and how it is shown."""

    GAUGE = auto()
    """The value as it is now."""
    COUNTER = auto()
    """What is added to a count that begins with the process; 0 makes the series appear."""
    AGE = auto()
    """A moment, in seconds since 1970 (UTC), shown as the seconds that have passed since."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family; the values of its first two labels are an object's namespace and name."""

    name: str
    help: str
    labels: tuple[str, ...]
    form: Form


@dataclass(frozen=True, slots=True)
class Measure:
    """A value of a family, of the object that is visited; None where nobody could measure: no series.

    `labels` are the values of the labels after namespace and name.
    """

    family: Family
    labels: tuple[str, ...]
    value: float | None
