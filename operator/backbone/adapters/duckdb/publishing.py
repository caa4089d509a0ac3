"""From the working file to the copy that readers open. Every call raises StoreError.

Each file is prepared beside the one that it replaces, flushed, read in full, and put in its place by rename.
"""

from __future__ import annotations

from contextlib import suppress

from ...ports.store_errors import StoreError
from .session import FORMAT
from .tables import read_in_full, rewrite
from .volume import Volume


def publish(volume: Volume) -> None:
    """Give readers a copy of the working file, which nobody has open."""
    prepared = volume.incoming(volume.published)
    volume.copy_durably(volume.working, prepared)
    try:
        read_in_full(prepared)
    except StoreError:
        prepared.unlink(missing_ok=True)
        raise
    volume.replace(prepared, volume.published)


def in_present_format(volume: Volume, former: str) -> str:
    """Rewrite the working file, which nobody has open, if its storage format is another; what was done."""
    if former == FORMAT:
        return ""
    prepared = volume.incoming(volume.working)
    try:
        rewrite(volume.working, prepared)
        volume.flush(prepared)
        volume.replace(prepared, volume.working)
    finally:
        with suppress(OSError):
            prepared.unlink(missing_ok=True)
    return f"the store's file was rewritten from format {former} to {FORMAT}, which DuckDB 1.4 reads too"
