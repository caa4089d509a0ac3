"""Exports that are tables: checking one and printing what it has."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import typer

from ..adapters.exports.folder import ExportFolder
from ..adapters.exports.reading import Export
from ..adapters.exports.verifying import differences
from ..client import exports as client
from ..parts.exports.manifest import Manifest
from .console import EXIT_FAILED, failed
from .forms import ExportForm
from .reading import json_value
from .tables import table

SHOWN = 20


def verify_export(folder: Path, number: int | None) -> None:
    """Compare an export with its manifest. Raises Rejected, NothingPublished."""
    manifest = _manifest(client.find(folder, number))
    found = differences(folder, manifest)
    if not found:
        typer.echo(
            f"manifest {manifest.number} of {folder} is whole: {manifest.rows:,} rows in "
            f"{_files(manifest):,} files have the bytes, the rows and the hash {manifest.hash}"
        )
        return
    for text in found[:SHOWN]:
        typer.echo(text)
    if found[SHOWN:]:
        typer.echo(f"and {len(found) - SHOWN:,} more")
    advice = "the next export writes files anew that are missing or have another size"
    raise typer.Exit(failed(f"manifest {manifest.number} of {folder} is not whole; {advice}", EXIT_FAILED))


def read_export(folder: Path, number: int | None, form: ExportForm) -> None:
    """Print the counts of an export or its rows. Raises Rejected, NothingPublished."""
    opened = client.find(folder, number)
    if form is ExportForm.COUNTS:
        _print_counts(folder, _manifest(opened))
        return
    batches = opened.rows.to_batches()
    if form is ExportForm.CSV:
        with pa.csv.CSVWriter(sys.stdout.buffer, opened.rows.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return
    rows = (row for batch in batches for row in batch.to_pylist())
    separator = "["
    for row in rows:
        typer.echo(separator + json.dumps(row, default=json_value), nl=False)
        separator = ",\n "
    typer.echo("[]" if separator == "[" else "]")


def _manifest(opened: Export) -> Manifest:
    """The whole manifest, of which the dataset needs a part."""
    return ExportFolder(opened.folder).manifest(opened.number)


def _files(manifest: Manifest) -> int:
    return sum(1 for _ in manifest.files)


def _print_counts(folder: Path, manifest: Manifest) -> None:
    rows = [
        (
            item.source,
            item.period,
            sum(file.rows for file in item.files),
            sum(file.bytes for file in item.files),
            sum(left.rows for left in item.left_out),
        )
        for item in manifest.partitions
    ]
    title = (
        f"Manifest {manifest.number} of {folder}, {manifest.written_at:%Y-%m-%d %H:%M} UTC: "
        f"{manifest.rows:,} rows of {manifest.dimension}, complete up to run {manifest.watermark:,}"
    )
    table(title, ("source", "period", "rows", "bytes", "left out"), rows)
