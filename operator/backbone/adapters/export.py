"""Exports of what readers see as CSV or Parquet, each with a manifest that tells where its rows come from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ..market.dimensions import SCHEMA_VERSION
from ..market.licences import LicenceGate
from ..ports.store import Reader, Selection
from .duckdb.volume import naming_faults, sync_folder

Format = Literal["csv", "parquet"]
CHUNK_BYTES = 1 << 20


@dataclass(slots=True)
class _Seen:
    """What passed by on the way to the file."""

    gate: LicenceGate
    rows: int = 0
    sources: frozenset[str] = frozenset()
    run_ids: frozenset[str] = frozenset()

    def passed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """What of a batch may go into the file, counted."""
        kept = self.gate.passed(batch)
        self.rows += kept.num_rows
        self.sources |= set(kept.column("source").unique().to_pylist())
        self.run_ids |= set(kept.column("run_id").unique().to_pylist())
        return kept


def export(
    reader: Reader, selection: Selection, form: Format, target: Path, declared: Mapping[str, str]
) -> dict[str, Any]:
    """Write a selection to `target` and its manifest beside it, each by rename; the manifest.

    Rows whose licence does not permit copies are left out, and the manifest counts them by name; `declared`
    has the licences that sources declare for all they deliver. Raises StoreError; an existing file stays
    until the new one is whole.
    """
    seen = _Seen(LicenceGate(selection.dimension, declared))
    prepared = target.with_name(f".{target.name}.part")
    with naming_faults(f"write {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(reader, selection, form, prepared, seen)
            manifest = _manifest(reader, selection, form, target, seen)
            manifest |= {"bytes": prepared.stat().st_size, "sha256": _sha256(prepared)}
            prepared.replace(target)
        finally:
            with suppress(OSError):
                prepared.unlink(missing_ok=True)
        listing = manifest_path(target)
        draft = listing.with_name(f".{listing.name}.part")
        draft.write_text(json.dumps(manifest, indent=2) + "\n")
        draft.replace(listing)
        sync_folder(target.parent)
    return manifest


def manifest_path(target: Path) -> Path:
    """Where the manifest of an export stands."""
    return target.with_name(f"{target.name}.manifest.json")


def _manifest(
    reader: Reader, selection: Selection, form: Format, target: Path, seen: _Seen
) -> dict[str, Any]:
    """What is in the file and where it comes from."""
    return {
        "file": target.name,
        "format": form,
        "dimension": selection.dimension.name,
        "symbols": list(selection.subjects),
        "rows": seen.rows,
        "schemaVersion": SCHEMA_VERSION,
        "sources": sorted(seen.sources),
        "licences": sorted(seen.gate.licences),
        "leftOut": [
            {
                "source": item.source,
                "name": item.subject,
                "licence": item.licence or None,
                "rows": rows,
            }
            for item, rows in sorted(seen.gate.left_out.items())
        ],
        "runs": [
            {key: run[key] for key in ("sequence", "run_id", "plan", "plan_generation", "provider")}
            for run in reader.provenance(selection.dimension)
            if run["run_id"] in seen.run_ids
        ],
        "exportedAt": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def _write(reader: Reader, selection: Selection, form: Format, prepared: Path, seen: _Seen) -> None:
    schema = selection.dimension.schema
    writer = (
        pa.csv.CSVWriter(prepared, schema) if form == "csv" else pa.parquet.ParquetWriter(prepared, schema)
    )
    with writer:
        for batch in map(seen.passed, reader.batches(selection)):
            writer.write_batch(batch)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
