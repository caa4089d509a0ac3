"""A folder of a Secret that changes as Kubernetes changes one that is mounted."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path


def hold(folder: Path, **keys: str) -> None:
    """Let it hold these keys and no other: links into `..data`, a link itself, which is swapped at once."""
    fresh, data = folder / f"..{secrets.token_hex(8)}", folder / "..data"
    fresh.mkdir(parents=True)
    for name, value in keys.items():
        (fresh / name).write_text(value)
    former = data.resolve() if data.is_symlink() else None
    scratch = folder / "..data_tmp"
    scratch.symlink_to(fresh.name)
    scratch.rename(data)
    for name in keys:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    for link in folder.iterdir():
        if not link.name.startswith("..") and link.name not in keys:
            link.unlink()
    if former is not None:
        shutil.rmtree(former)
