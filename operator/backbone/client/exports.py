"""Exports as Arrow datasets: the current one, or an older one by the number of its manifest.

Other tools read the paths that the dataset has in `files`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..adapters.exports.reading import Export, open_export
from ..errors import Rejected
from ..ports.store_errors import NothingPublished

if TYPE_CHECKING:
    from pyarrow.dataset import FileSystemDataset

__all__ = ["Export", "NothingPublished", "Rejected", "find", "open"]

OWNER = "owner.json"
"""What the folder of all exports of a plan has."""


def open(target: Path, manifest: int | None = None) -> FileSystemDataset:  # noqa: A001 - exports.open(...)
    """The rows of one whole export, whose folder is <target of the plan>/<name of the export>.

    Without `manifest`, of the current one. Files are never changed: exports that are committed later do not
    change the dataset, whose files stay for a day at least. Raises NothingPublished where there is no export
    yet or no such manifest; Rejected where the folder has the exports of a plan, or a manifest is not as it
    was written.
    """
    return find(target, manifest).rows


def find(target: Path, manifest: int | None = None) -> Export:
    """The same export with its manifest. Raises as `open` does."""
    if (target / OWNER).exists():
        names = sorted(path.name for path in target.iterdir() if (path / "current").exists())
        found = ", ".join(names) or "none yet"
        raise Rejected(f"{target} is a target of exports; name the folder of one: {found}")
    return open_export(target, manifest)
