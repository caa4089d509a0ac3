"""Whether an export is as its manifest says: every file, byte by byte and row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from ...market.canonical import arrow_type, rows_hash, total
from ...parts.exports.manifest import Manifest, ManifestFile


def differences(folder: Path, manifest: Manifest) -> list[str]:
    """What differs from the manifest, a sentence each; none: the export is whole. Raises OSError."""
    return [found for file in manifest.files for found in file_differences(folder, manifest, file)]


def file_differences(folder: Path, manifest: Manifest, file: ManifestFile) -> Iterator[str]:
    """What differs of one file, a sentence each. Raises OSError."""
    path = folder / file.path
    if not path.is_file():
        yield f"{file.path} is missing"
        return
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 != file.sha256:
        yield f"{file.path} has other bytes than were written"
        return
    types = {column.name: arrow_type(column.type) for column in manifest.columns}
    table = pa.parquet.ParquetFile(path)
    rows = table.metadata.num_rows
    if rows != file.rows:
        yield f"{file.path} has {rows} rows, and the manifest {file.rows}"
    schema = pa.schema([(name, types[name]) for name in manifest.hashed])
    # One thread: a reader of few rows in each of many files waits for the others.
    batches = table.iter_batches(columns=schema.names, use_threads=False)
    found = total(rows_hash(batch, schema) for batch in batches)
    if str(found) != file.hash:
        yield f"the rows of {file.path} have the hash {found}, and the manifest {file.hash}"
