"""Exports of what readers see as CSV or Parquet, each with a manifest that tells where its rows come from."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
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
from ..plain_text import is_text
from ..ports.store import Reader, Selection
from ..ports.store_errors import StoreError
from ..vocabulary import Outcome
from .duckdb.volume import is_at, naming_faults, sync_file, sync_folder

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
    is there always tells of the file that is there: of two exports to one file the second is StoreBusy. Rows
    whose licence does not permit copies are left out, and the manifest counts them by name; `declared` has
    the licences that sources declare for all they deliver. Raises StoreError; Rejected where the target
    cannot be a file.
    """
    seen = _Seen(LicenceGate(selection.dimension, declared))
    with naming_faults(f"write {target}"):
        target = file_of(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        listing = file_of(manifest_path(target))
        prepared = target.with_name(f".{target.name}.part")
        draft = listing.with_name(f".{listing.name}.part")
        with _alone(draft, target) as descriptor:
            try:
                prepared.unlink(missing_ok=True)
                _write(reader, selection, form, prepared, seen)
                manifest = {"file": target.name, **_contents(reader, selection, form, prepared, seen)}
                sync_file(prepared)
                listing.unlink(missing_ok=True)
                sync_folder(listing.parent)
                prepared.replace(target)
                sync_folder(target.parent)
                with open(descriptor, "w", encoding="utf-8", closefd=False) as stream:
                    stream.write(json.dumps(manifest, indent=2) + "\n")
                os.fsync(descriptor)
            except BaseException:
                for part in (prepared, draft):
                    with suppress(OSError):
                        part.unlink(missing_ok=True)
                raise
            # Once the draft is in place another export may have begun: what stands there is its own.
            draft.replace(listing)
            sync_folder(listing.parent)
    return manifest


@contextmanager
def _alone(draft: Path, target: Path) -> Iterator[int]:
    """The draft of a manifest, empty; whoever has it is the only one who exports to the target.

    What a crash left is taken over. Raises StoreError where somebody else has it; OSError.
    """
    descriptor = _locked(draft)
    if descriptor is None:
        raise StoreError(Outcome.STORE_BUSY, f"another export to {target} is under way")
    try:
        os.ftruncate(descriptor, 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(draft: Path) -> int | None:
    while True:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        # Whoever had it may have put it in place, or taken it away, since it was opened.
        if is_at(descriptor, draft):
            return descriptor
        os.close(descriptor)


def file_of(target: Path) -> Path:
    """The regular file that an export to a path replaces or makes, behind its links.

    Raises Rejected for what is none: a pipe, a device, or where this process itself writes, and for a name
    that the manifest could not tell; OSError.
    """
    try:
        found = target.stat()
    except FileNotFoundError:
        return _named(target)
    if not stat.S_ISREG(found.st_mode):
        raise Rejected(f"{target} is not a regular file; `emp-runtime read` writes rows to a pipe")
    if any(_writes_to(descriptor, found) for descriptor in (1, 2)):
        raise Rejected(f"{target} is where this command's own output goes; name another file")
    return _named(target)


def _named(target: Path) -> Path:
    found = target.resolve()
    if not is_text(found):
        raise Rejected(f"{str(found)!a} is not UTF-8 text; name another file")
    return found


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
