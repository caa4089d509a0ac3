"""A disk on which something happens before a step: a kill, a cut of the power, another process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from backbone.adapters.exports.disk import Disk


class Killed(BaseException):
    """The process ended here."""


class FailingDisk(Disk):
    """Counts steps, and calls `disturb` before the one with the number `at`; 0 is never.

    Without `flushes` it counts only the steps that change what a process sees.

    It flushes nothing, and knows what a real disk may lose when the power is cut: the content of files, and
    the names in folders, that were not flushed.
    """

    def __init__(
        self, at: int = 0, disturb: Callable[[], None] = lambda: None, *, flushes: bool = True
    ) -> None:
        self.steps = 0
        self._flushes = flushes
        self._at, self._disturb = at, disturb
        self._dead = False
        self._unflushed: set[int] = set()
        self._undo: list[tuple[Path, Callable[[], None]]] = []

    def _step(self) -> None:
        if self._dead:
            raise Killed
        self.steps += 1
        if self.steps == self._at:
            try:
                self._disturb()
            except Killed:
                self._dead = True
                raise

    def _flush(self) -> None:
        if self._dead:
            raise Killed
        if self._flushes:
            self._step()

    def create(self, path: Path) -> BinaryIO:
        self._step()
        stream = super().create(path)
        self._unflushed.add(path.stat().st_ino)
        self._undo.append((path.parent, lambda: path.unlink(missing_ok=True)))
        return stream

    def sync_file(self, path: Path) -> None:
        self._flush()
        self._unflushed.discard(path.stat().st_ino)

    def sync_folder(self, path: Path) -> None:
        self._flush()
        self._undo = [(folder, undo) for folder, undo in self._undo if folder != path]

    def make_folder(self, path: Path) -> None:
        self._step()
        super().make_folder(path)
        self._undo.append((path.parent, lambda: shutil.rmtree(path, ignore_errors=True)))

    def link(self, source: Path, target: Path) -> None:
        self._step()
        super().link(source, target)
        self._undo.append((target.parent, lambda: target.unlink(missing_ok=True)))

    def replace(self, source: Path, target: Path) -> None:
        self._step()
        before = target.read_bytes() if target.exists() else None
        super().replace(source, target)
        self._undo.append((target.parent, lambda: _put_back(target, before)))

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)

    def cut_power(self, root: Path, *, names: bool) -> None:
        """Lose the content below `root` that was not flushed, and with `names` the names too."""
        if names:
            for _, undo in reversed(self._undo):
                undo()
        for path in root.rglob("*"):
            if path.is_file() and path.stat().st_ino in self._unflushed:
                path.write_bytes(b"")


def _put_back(path: Path, content: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
