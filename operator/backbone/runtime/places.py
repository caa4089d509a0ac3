"""Where a command finds a backbone's rows: on a volume, or in the database that its document names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..authority.tier import Tier
from ..errors import Rejected
from .console import notice
from .institutional import settings_of, tier_of
from .location import data_dir, only_data_dir
from .manifest import Backbone, read_manifest

if TYPE_CHECKING:
    from ..adapters.timescale.pool import DatabasePool


@dataclass(frozen=True, slots=True)
class Place:
    """One backbone: its folder, its document where one was given, and the tier that serves."""

    name: str
    folder: Path
    backbone: Backbone | None = None
    tier: Tier = "Bootstrap"

    @property
    def told(self) -> str:
        """Where its rows are, in words that hold no secret."""
        if self.backbone is None or self.tier == "Bootstrap":
            return str(self.folder)
        settings = settings_of(self.backbone)
        return f"database {settings.database} on {settings.place}"

    @contextmanager
    def pool(self) -> Iterator[DatabasePool]:
        """Connections to its database. Raises Rejected where spec or Secret do not say where it is."""
        from ..adapters.timescale.pool import DatabasePool  # noqa: PLC0415 - bootstrap needs no client

        if self.backbone is None:
            raise Rejected(f"{self.folder} is a volume; name the file of a DataBackbone with -f")
        with DatabasePool(settings_of(self.backbone)) as pool:
            yield pool


def places_of(files: list[Path], given: Path | None) -> tuple[Place, ...]:
    """The backbones of some files, or without files the one of a data folder. Raises Rejected, StoreError."""
    if not files:
        folder = only_data_dir(given)
        return (Place(folder.name, folder),)
    backbones = read_manifest(files).backbones
    if not backbones:
        raise Rejected(f"{', '.join(map(str, files))}: no DataBackbone here; name its file, or --data-dir")
    folders = data_dir(given, tuple(item.name for item in backbones))
    return tuple(
        Place(item.name, folders[item.name], item, tier_of(item, folders[item.name], notice))
        for item in backbones
    )


def only_place(files: list[Path], given: Path | None) -> Place:
    """The one backbone of some files, or of a data folder. Raises Rejected, StoreError."""
    found = places_of(files, given)
    if len(found) > 1:
        names = ", ".join(item.name for item in found)
        raise Rejected(f"these files hold several backbones: {names}; name the file of one")
    return found[0]
