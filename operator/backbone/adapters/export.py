"""Exports of what readers see as CSV or Parquet, each with a manifest that tells where its rows come from."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ..errors import Rejected
from ..market.dimensions import SCHEMA_VERSION
from ..market.licences import LicenceGate
from ..ports.store import Reader, Selection
from .duckdb.volume import naming_faults, sync_file, sync_folder

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

    A link is followed. An existing file stays until the new one is whole and on the disk, and a manifest that
    is there always tells of the file that is there. Rows whose licence does not permit copies are left out,
    and the manifest counts them by name; `declared` has the licences that sources declare for all they
    deliver. Raises StoreError; Rejected where the target cannot be a file.
    """
    seen = _Seen(LicenceGate(selection.dimension, declared))
    with naming_faults(f"write {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        target = file_of(target)
        listing = file_of(manifest_path(target))
        prepared = target.with_name(f".{target.name}.part")
        draft = listing.with_name(f".{listing.name}.part")
        try:
            prepared.unlink(missing_ok=True)
            _write(reader, selection, form, prepared, seen)
            manifest = {"file": target.name, **_contents(reader, selection, form, prepared, seen)}
            sync_file(prepared)
            listing.unlink(missing_ok=True)
            sync_folder(listing.parent)
            prepared.replace(target)
            sync_folder(target.parent)
            draft.unlink(missing_ok=True)
            draft.write_text(json.dumps(manifest, indent=2) + "\n")
            sync_file(draft)
            draft.replace(listing)
            sync_folder(listing.parent)
        finally:
            for part in (prepared, draft):
                with suppress(OSError):
                    part.unlink(missing_ok=True)
    return manifest


def file_of(target: Path) -> Path:
    """The regular file that an export to a path replaces or makes, behind its links.

    Raises Rejected for what is none: a pipe, a device, or where this process itself writes; OSError.
    """
    try:
        found = target.stat()
    except FileNotFoundError:
        return target.resolve()
    if not stat.S_ISREG(found.st_mode):
        raise Rejected(f"{target} is no regular file; `emp-runtime read` writes rows to a pipe")
    if any(_writes_to(descriptor, found) for descriptor in (1, 2)):
        raise Rejected(f"{target} is where this command's own output goes; name another file")
    return target.resolve()


def _writes_to(descriptor: int, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), found)
    except OSError:
        return False


def _contents(
    reader: Reader, selection: Selection, form: Format, prepared: Path, seen: _Seen
) -> dict[str, Any]:
    """What is in the file and where it comes from."""
    return {
        "format": form,
        "dimension": selection.dimension.name,
        "symbols": list(selection.subjects),
        "rows": seen.rows,
        "bytes": prepared.stat().st_size,
        "sha256": _sha256(prepared),
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


def manifest_path(target: Path) -> Path:
    """Where the manifest of an export stands."""
    return target.with_name(f"{target.name}.manifest.json")


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
