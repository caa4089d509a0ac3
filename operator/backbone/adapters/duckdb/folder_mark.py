"""The mark of a data folder: who a backbone is where no cluster says so."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from .volume import naming_faults, sync_folder

FILE = "owner"


def folder_mark(folder: Path, *, make: bool) -> str:
    """The mark, which the first who asks with `make` leaves there; empty where there is none.

    Whoever comes at the same time gets the same one. Raises StoreError.
    """
    path = folder / FILE
    with naming_faults("read the data folder's mark"):
        if path.exists() or not make:
            return path.read_text().strip() if path.exists() else ""
        folder.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f".{FILE}-{os.getpid()}")
        try:
            with mine.open("w") as stream:
                stream.write(f"{uuid.uuid4()}\n")
                stream.flush()
                os.fsync(stream.fileno())
            with suppress(FileExistsError):
                path.hardlink_to(mine)
            sync_folder(folder)
        finally:
            mine.unlink(missing_ok=True)
        return path.read_text().strip()
