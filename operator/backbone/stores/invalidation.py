"""Ends the cached answers about subjects of which a run committed rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from ..market.dimensions import Dimension

if TYPE_CHECKING:
    from ..adapters.redis.cache import RedisCache


class Invalidation:
    """Of one run. What could not be done is owed, and done with the run's next connection or its end.

    A cache that cannot be asked fails nothing and is told: such answers live out their time.
    """

    def __init__(self, cache: RedisCache | None, tell: Callable[[str], None]) -> None:
        self._cache = cache
        self._tell = tell
        self._marks: Sequence[str] = ()
        self._changed: dict[Dimension, set[str]] = {}
        self._owed: dict[Dimension, set[str]] = {}

    def opened(self, marks: Sequence[str]) -> None:
        """The run writes to a database of these marks from now on."""
        if marks != self._marks:
            # After a failover readers go by another mark, also for what was committed just before it.
            self._marks = marks
            for dimension, subjects in self._changed.items():
                self._owed.setdefault(dimension, set()).update(subjects)
        self._pay()

    def __call__(self, dimension: Dimension, subjects: AbstractSet[str]) -> None:
        """Rows of these subjects have changed."""
        if self._cache is None:
            return
        for kept in (self._changed, self._owed):
            kept.setdefault(dimension, set()).update(subjects)
        self._pay()
        if dimension in self._owed:
            trouble = self._cache.trouble
            why = trouble.message if trouble is not None else "it could not be asked"
            self._tell(f"{dimension.name}: cached answers live out their time: {why}")

    def close(self) -> None:
        """Try once more what is owed, and let go of the cache."""
        if self._cache is None:
            return
        if self._owed:
            self._cache.refresh()
            self._pay()
        self._cache.close()

    def _pay(self) -> None:
        from ..adapters.timescale.cache_marks import cache_version  # noqa: PLC0415 - bootstrap needs no client

        if self._cache is None or not self._marks:
            return
        for dimension, subjects in tuple(self._owed.items()):
            gone = [
                self._cache.invalidate(cache_version(mark, dimension), frozenset(subjects))
                for mark in self._marks
            ]
            if None not in gone:
                del self._owed[dimension]
