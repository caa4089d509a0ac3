"""The backbones that a command works on: the folder of each, and the tier that serves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..authority.tier import Tier
from ..errors import Rejected
from ..manifest.objects import Backbone, read_manifest
from ..ports.store_errors import StoreError
from .folders import data_dir, only_data_dir


@dataclass(frozen=True, slots=True)
class Place:
    """One backbone: its folder, its document where one was given, and the tier that serves."""

    name: str
    folder: Path
    backbone: Backbone | None = None
    tier: Tier = "Bootstrap"


def place_of(backbone: Backbone, folder: Path, tell: Callable[[str], None]) -> Place:
    """A backbone with its tier: the operator's choice, or outside a cluster the requested tier.

    A folder that has rows already stays on Bootstrap, and `tell` reports this. Raises StoreError.
    """
    return Place(backbone.name, folder, backbone, _tier_of(backbone, folder, tell))


def places_of(files: list[Path], given: Path | None, tell: Callable[[str], None]) -> tuple[Place, ...]:
    """The backbones in some files, or without files that of a data folder. Raises Rejected, StoreError."""
    if not files:
        folder = only_data_dir(given)
        return (Place(folder.name, folder),)
    backbones = read_manifest(files).backbones
    if not backbones:
        raise Rejected(f"{', '.join(map(str, files))}: no DataBackbone here; name its file, or --data-dir")
    folders = data_dir(given, tuple(item.name for item in backbones))
    return tuple(place_of(item, folders[item.name], tell) for item in backbones)


def only_place(files: list[Path], given: Path | None, tell: Callable[[str], None]) -> Place:
    """The only backbone in some files, or that of a data folder. Raises Rejected, StoreError."""
    found = places_of(files, given, tell)
    if len(found) > 1:
        names = ", ".join(item.name for item in found)
        raise Rejected(f"these files hold several backbones: {names}; name the file of one")
    return found[0]


def only_backbone(files: list[Path]) -> Backbone:
    """The only backbone in some files. Raises Rejected."""
    found = read_manifest(files).backbones
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none"
        raise Rejected(f"name the files of one DataBackbone; there is {names}")
    return found[0]


def folder_of(backbone: Backbone, given: Path | None) -> Path:
    """The data folder of a backbone. Raises Rejected."""
    return data_dir(given, (backbone.name,))[backbone.name]


def asks_for_institutional(backbone: Backbone) -> bool:
    """Whether Institutional serves or is requested."""
    return "Institutional" in {backbone.tier, backbone.spec.requested_tier}


def serves_institutional(backbone: Backbone, folder: Path) -> bool:
    """Whether Institutional serves, or is requested and no stored rows prevent it.

    A published copy that cannot be read counts as rows.
    """
    if not asks_for_institutional(backbone):
        return False
    if backbone.tier == "Institutional":
        return True
    try:
        return not _holds_rows(folder)
    except StoreError:
        return False


def _tier_of(backbone: Backbone, folder: Path, tell: Callable[[str], None]) -> Tier:
    if backbone.tier is not None:
        return backbone.tier
    if backbone.spec.requested_tier == "Bootstrap":
        return "Bootstrap"
    if not _holds_rows(folder):
        return "Institutional"
    tell(
        f"backbone {backbone.name} asks for Institutional, and {folder} holds rows that this version cannot "
        "take there: Bootstrap serves on; name another --data-dir to begin anew on TimescaleDB"
    )
    return "Bootstrap"


def _holds_rows(folder: Path) -> bool:
    from ..adapters.duckdb.reader import holds_rows  # noqa: PLC0415 - needed only where no status names the tier

    return holds_rows(folder)
