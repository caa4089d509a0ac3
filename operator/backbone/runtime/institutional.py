"""The institutional tier of a backbone: whether it serves, and its services by the Secrets that are there.

Clients of the services are imported where they are used: that takes time, and the bootstrap tier needs none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..authority.owner import Owner
from ..authority.tier import Tier
from ..errors import Rejected
from ..ports.cache import CachePolicy
from ..ports.store_errors import StoreError
from ..providers.secrets import secret
from .manifest import Backbone

if TYPE_CHECKING:
    from ..adapters.redis.cache import RedisCache
    from ..adapters.timescale.settings import ConnectionSettings
    from ..adapters.timescale.store import TimescaleStore
    from ..databackbone.institutional import Redis, Timescale
    from ..market.dimensions import Dimension

APPLICATION = "emp-runtime"


def tier_of(backbone: Backbone, folder: Path, tell: Callable[[str], None]) -> Tier:
    """The tier that serves: what the operator chose, or without a cluster the one that is asked for.

    A folder that holds rows already stays on Bootstrap, which is told. Raises StoreError.
    """
    if backbone.tier is not None:
        return backbone.tier
    if backbone.spec.requested_tier == "Bootstrap":
        return "Bootstrap"
    from ..adapters.duckdb.reader import holds_rows  # noqa: PLC0415 - see above

    if not holds_rows(folder):
        return "Institutional"
    tell(
        f"backbone {backbone.name} asks for Institutional, and {folder} holds rows that this version cannot "
        "take there: Bootstrap serves on; name another --data-dir to begin anew on TimescaleDB"
    )
    return "Bootstrap"


def serves_institutional(backbone: Backbone, folder: Path) -> bool:
    """Whether Institutional serves, or is to: it is asked for, and no rows keep Bootstrap.

    A copy that does not read may hold rows.
    """
    if "Institutional" not in {backbone.tier, backbone.spec.requested_tier}:
        return False
    if backbone.tier == "Institutional":
        return True
    from ..adapters.duckdb.reader import holds_rows  # noqa: PLC0415 - see above

    try:
        return not holds_rows(folder)
    except StoreError:
        return False


def owner_of(backbone: Backbone, folder: Path, *, make: bool = True) -> Owner | None:
    """Whose its database is: by its cluster, or without one by a mark that its data folder gets with `make`.

    None in a cluster that the operator could not name. Raises StoreError.
    """
    from ..adapters.duckdb.folder_mark import folder_mark  # noqa: PLC0415 - see above

    if backbone.in_cluster and not backbone.cluster:
        return None
    cluster = backbone.cluster or folder_mark(folder, make=make)
    return Owner(cluster, backbone.namespace, backbone.name)


def timescale_of(backbone: Backbone) -> Timescale:
    """What its spec says of TimescaleDB. Raises Rejected where it says nothing."""
    if backbone.spec.timescale is None:
        raise Rejected(
            f"DataBackbone {backbone.name}: spec.timescale is missing; add timescale.connection.secretName"
        )
    return backbone.spec.timescale


def settings_of(backbone: Backbone) -> ConnectionSettings:
    """How its database is reached. Raises Rejected where spec or Secret do not say so."""
    from ..adapters.timescale.settings import from_folder  # noqa: PLC0415 - see above

    section = timescale_of(backbone)
    found = secret(section.connection.secret_name)
    return replace(
        from_folder(found.name, found.folder),
        application=APPLICATION,
        pool_size=section.pool.size,
        acquire_timeout=float(section.pool.acquire_timeout_seconds),
        statement_timeout=float(section.pool.statement_timeout_seconds),
    )


def cache_of(backbone: Backbone) -> RedisCache | None:
    """Its shared cache, where it has one; nothing is asked yet, and its Secret need not be there."""
    from ..adapters.redis.cache import RedisCache  # noqa: PLC0415 - see above

    section = backbone.spec.redis
    if section is None:
        return None
    found = secret(section.connection.secret_name)
    return RedisCache.of_secret(found.folder, policy_of(section))


def policy_of(section: Redis) -> CachePolicy:
    """How long answers are kept, and how many."""
    return CachePolicy(
        ttl=timedelta(seconds=section.ttl_seconds), max_keys=section.max_keys, namespace=section.namespace
    )


@contextmanager
def institutional_store(
    backbone: Backbone,
    folder: Path,
    tell: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[TimescaleStore]:
    """Its store, which ends the cached answers that a batch made old. Raises Rejected, StoreError.

    A cache that cannot be asked fails nothing and is told: such answers live out their time.
    """
    from ..adapters.timescale.store import TimescaleStore  # noqa: PLC0415 - see above

    invalidation = _Invalidation(backbone, tell)
    try:
        owner = owner_of(backbone, folder)
        yield TimescaleStore(
            settings_of(backbone), pause, backbone=backbone.path, changed=invalidation, owner=owner
        )
    finally:
        invalidation.close()


class _Invalidation:
    """Ends the answers about subjects of which rows were committed."""

    def __init__(self, backbone: Backbone, tell: Callable[[str], None]) -> None:
        self._backbone = backbone
        self._tell = tell
        self._cache = cache_of(backbone)
        self._mark: str | None = None

    def __call__(self, dimension: Dimension, subjects: AbstractSet[str]) -> None:
        """Rows of these subjects have changed."""
        from ..adapters.timescale.pool import DatabasePool  # noqa: PLC0415 - see above
        from ..adapters.timescale.reader import cache_version, mark_of  # noqa: PLC0415 - see above
        from ..ports.store_errors import NothingPublished  # noqa: PLC0415 - see above

        if self._cache is None:
            return
        try:
            if self._mark is None:
                with DatabasePool(settings_of(self._backbone)) as pool:
                    self._mark = mark_of(pool)
        except (NothingPublished, Rejected, StoreError) as error:
            self._tell(f"{dimension.name}: cached answers live out their time: {error}")
            return
        gone = self._cache.invalidate(cache_version(self._mark, dimension), subjects)
        if gone is None:
            trouble = self._cache.trouble
            why = trouble.message if trouble is not None else "it could not be asked"
            self._tell(f"{dimension.name}: cached answers live out their time: {why}")

    def close(self) -> None:
        """Let go of the cache."""
        if self._cache is not None:
            self._cache.close()
