"""Reading an export as an Arrow dataset, of its current manifest or an older one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

from ...errors import Rejected
from ...market.canonical import arrow_type
from ...market.dimensions import Dimension
from ...market.lineage import completed
from ...parts.exports.document import manifest_number, read
from ...ports.store_errors import NothingPublished

TRIES = 3


@dataclass(frozen=True, slots=True)
class Export:
    """One whole export: its folder, the number of its manifest, the manifest's fields, and the rows."""

    folder: Path
    number: int
    manifest: dict[str, Any]
    rows: pa.dataset.FileSystemDataset


def open_export(folder: Path, number: int | None = None) -> Export:
    """The rows of the current manifest, or of the one with a number, which stay readable while others commit.

    Raises NothingPublished where there is no export yet or no such manifest, and Rejected where a manifest is
    not as it was written.
    """
    for _ in range(TRIES):
        chosen = _current(folder) if number is None else number
        path = folder / "manifests" / f"{chosen}.json"
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        manifest = read(content, str(path))
        return Export(folder, chosen, manifest, _dataset(folder, manifest))
    raise NothingPublished(f"{path} does not exist")


def exported_rows(folder: Path, paths: Iterable[str], dimension: Dimension) -> pa.Table:
    """Rows of files in the dimension's present schema, whichever they were written in."""
    parts = [
        completed(dimension, batch)
        for path in paths
        for batch in pa.parquet.ParquetFile(folder / path).iter_batches(use_threads=False)
    ]
    return pa.Table.from_batches(parts, schema=dimension.schema)


def _current(folder: Path) -> int:
    path = folder / "current"
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        raise NothingPublished(f"{folder} has no export", "the first export has not ended yet") from None
    number = manifest_number(text)
    if number is None:
        raise Rejected(f"{path} is not the number of a manifest: {text[:40]!r}")
    return number


def _dataset(folder: Path, manifest: dict[str, Any]) -> pa.dataset.FileSystemDataset:
    columns = [
        pa.field(item["name"], arrow_type(item["type"]), item["nullable"]) for item in manifest["columns"]
    ]
    paths = [str(folder / file["path"]) for part in manifest["partitions"] for file in part["files"]]
    return pa.dataset.FileSystemDataset.from_paths(
        paths,
        schema=pa.schema(columns),
        format=pa.dataset.ParquetFileFormat(),
        filesystem=pa.fs.LocalFileSystem(),
    )
