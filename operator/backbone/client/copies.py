"""Published copies: the present one is opened, and an old one is let go with its last reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from ..adapters.duckdb.reader import DuckDBReader, published, version_of
from ..adapters.duckdb.volume import Volume
from ..ports.store import Line
from ..ports.store_errors import StoreError
from ..vocabulary import Outcome

TRIES = 5
"""To open a file that is the one looked at; runs do not publish so often that all of them miss."""


@dataclass(slots=True)
class Copy:
    """A copy that is open.

    `lines` is what was looked up of it so far, by dimension and subject; `users` counts who reads it now.
    """

    version: str
    reader: DuckDBReader
    closing: ExitStack
    lines: dict[tuple[str, str], tuple[Line, ...]] = field(default_factory=dict)
    users: int = 0


class Copies:
    """The copy that is published at a time. Safe to use from several threads."""

    def __init__(self, root: Path, replaced: Callable[[str], object]) -> None:
        """`replaced` is told the version of a copy that is no longer the published one.

        One that is merely closed stays the published one, for others too.
        """
        self._volume = Volume(root)
        self._replaced = replaced
        self._lock = Lock()
        self._present: Copy | None = None
        self._known: str | None = None

    @contextmanager
    def present(self) -> Iterator[Copy]:
        """The copy that is published now, whole until it is let go. Raises NothingPublished, StoreError."""
        with self._lock:
            copy = self._followed()
            copy.users += 1
        try:
            yield copy
        finally:
            with self._lock:
                copy.users -= 1
                self._close_unused(copy)

    def close(self) -> None:
        """Close the copy, as soon as nobody reads it."""
        with self._lock:
            self._retire()

    def _followed(self) -> Copy:
        if self._known is not None and self._known != version_of(self._volume):
            self._retire()
            self._replaced(self._known)
            self._known = None
        if self._present is None:
            self._present = self._opened()
            self._known = self._present.version
        return self._present

    def _opened(self) -> Copy:
        for _ in range(TRIES):
            before = version_of(self._volume)
            with ExitStack() as stack:
                reader = stack.enter_context(published(self._volume.root))
                if version_of(self._volume) == before:
                    return Copy(before, reader, stack.pop_all())
        raise StoreError(
            Outcome.STORE_BUSY, f"the published copy under {self._volume.root} changes all the time"
        )

    def _retire(self) -> None:
        retired, self._present = self._present, None
        if retired is not None:
            self._close_unused(retired)

    def _close_unused(self, copy: Copy) -> None:
        if copy is not self._present and not copy.users:
            copy.closing.close()
