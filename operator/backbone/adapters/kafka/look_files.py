"""Files of looks on a backbone's volume, each replaced by rename: a reader sees the file of one look in full.

The store's lock is not taken.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path

from ..duckdb.volume import INCOMING, naming_faults, sync_folder

LARGEST_BYTES = 4 << 20
"""Far more than the names and identities of a thousand topics, or the commits of as many partitions."""


def read_file(path: Path, version: int) -> dict[str, object]:
    """What a look has written. Raises OSError, and ValueError or RecursionError for what none has written."""
    found = json.loads(_content(path))
    if not isinstance(found, dict) or found.get("version") != version:
        raise ValueError(f"it is not of version {version}")
    return found


def replace_file(path: Path, content: object) -> None:
    """Write a file anew. Raises StoreError; then the former file is still there."""
    prepared = path.with_name(f"{INCOMING}{os.getpid()}-{path.name}")
    with naming_faults(f"write {Path(path.parent.name) / path.name}"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with prepared.open("w", encoding="utf-8") as stream:
                stream.write(f"{json.dumps(content)}\n")
                stream.flush()
                os.fsync(stream.fileno())
            prepared.replace(path)
            sync_folder(path.parent)
        finally:
            with suppress(OSError):
                prepared.unlink(missing_ok=True)


def reason_of(error: Exception) -> str:
    """Why a file does not read, in words."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _content(path: Path) -> bytes:
    # Not blocking: what is not a file of ours may be a pipe, which nobody writes into.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ValueError("it is not a file")
        content = stream.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise ValueError(f"it has more than {LARGEST_BYTES} bytes")
    return content
