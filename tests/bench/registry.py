"""A benchmark as a value. Which ones there are, and in which order they run, is in suite.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from measurements import Figure


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`name` selects it (`make bench ONLY=name`); `title` and `about` head its part of the page."""

    name: str
    title: str
    about: str
    measure: Callable[[], Iterable[Figure]]
