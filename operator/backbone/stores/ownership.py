"""Whether the database that a backbone names is its own, before anything is written there."""

from __future__ import annotations

from pathlib import Path

from ..adapters.duckdb.folder_mark import folder_mark
from ..adapters.timescale.errors import translated
from ..adapters.timescale.guard import DatabaseGuard
from ..adapters.timescale.migrations import Plan
from ..adapters.timescale.session import connected
from ..adapters.timescale.settings import ConnectionSettings
from ..authority.owner import Owner
from ..manifest.objects import Backbone


def owner_of(backbone: Backbone, folder: Path, *, make: bool = True) -> Owner | None:
    """Whose its database is: by its cluster, or without one by a mark that its data folder gets with `make`.

    None in a cluster that the operator could not name. Raises StoreError.
    """
    if backbone.in_cluster and not backbone.cluster:
        return None
    cluster = backbone.cluster or folder_mark(folder, make=make)
    return Owner(cluster, backbone.namespace, backbone.name)


def guard_of(
    backbone: Backbone,
    folder: Path,
    settings: ConnectionSettings,
    tokens: tuple[str, ...],
    *,
    make: bool = True,
) -> DatabaseGuard | None:
    """What says whether the database is this backbone's. Raises StoreError."""
    owner = owner_of(backbone, folder, make=make)
    return DatabaseGuard(settings, owner, backbone.expected, tokens) if owner is not None else None


def expect_ours(guard: DatabaseGuard | None, plan: Plan) -> None:
    """Return where the backbone may write. Raises DatabaseError; nothing is written."""
    if guard is not None:
        settings = guard.settings
        with connected(settings) as connection, translated("look whose it is", settings):
            guard.permit(connection, empty=plan.version == 0)


def claim(guard: DatabaseGuard | None) -> str | None:
    """The mark of the database, which is the backbone's from now on. Raises DatabaseError."""
    if guard is None:
        return None
    with connected(guard.settings) as connection, translated("take the database", guard.settings):
        return guard.claim(connection)
