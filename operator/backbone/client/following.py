"""The client: a backbone's data folder, followed from one published copy to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from ..adapters.memory import MemoryCache
from ..market.dimensions import Dimension
from ..ports.cache import BOOTSTRAP, Cache, CacheCounts, CachePolicy
from . import questions
from .copies import Copies
from .errors import NothingPublished, StoreError
from .fitness import Fitness
from .inquiry import unknown
from .snapshot import Condition, Snapshot, View, inquiry_of


def _now() -> datetime:
    return datetime.now(UTC)


class Client:
    """Reads what runs publish into a backbone's data folder. Safe to use from several threads; make one.

    `policy` says what is kept in memory, for how long, unless `cache` is another cache with a policy of its
    own, such as backbone.client.redis has; `clock` tells the time in UTC.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        policy: CachePolicy = BOOTSTRAP,
        cache: Cache | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Opens nothing yet: a client may be made before the first run. Who makes a `cache` closes it."""
        self._clock = clock
        self._cache: Cache = MemoryCache(policy, clock) if cache is None else cache
        self._copies = Copies(questions.folder(folder), self._cache.invalidate)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The copy that is published now; it stays as it is until the block ends, whatever runs publish.

        Keep the block short: as long as it lasts, the copy takes room on the volume. Raises NothingPublished,
        StoreError.
        """
        with self._copies.present() as copy:
            view = View(copy.version, copy.reader, copy.lines, lambda _: copy.version)
            yield Snapshot(view, self._cache, self._clock)

    def fitness(
        self, dimension: Dimension, subjects: Iterable[str], **condition: Unpack[Condition]
    ) -> Fitness:
        """As Snapshot.fitness on the copy that is published now, and Unknown where none can be opened."""
        inquiry = inquiry_of(dimension, subjects, condition, self._clock)
        try:
            with self.snapshot() as data:
                return data.fitness(dimension, inquiry.subjects, **condition)
        except (NothingPublished, StoreError) as error:
            return unknown(inquiry, str(error))

    def cache_counts(self) -> CacheCounts:
        """What the cache did so far."""
        return self._cache.counts()

    def close(self) -> None:
        """Let go of the copy, as soon as no block reads it; the next snapshot opens it again."""
        self._copies.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
