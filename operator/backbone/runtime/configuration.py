"""What a backbone was asked to be, and by which credentials, goes into the journal of its database."""

from __future__ import annotations

from typing import Any

from ..adapters.redis.settings import KEYS as REDIS_KEYS
from ..adapters.secret_keys import fingerprint, texts
from ..adapters.timescale.configuration import ConfigurationJournal, Configured
from ..adapters.timescale.settings import KEYS as TIMESCALE_KEYS
from ..adapters.timescale.settings import ConnectionSettings
from ..databackbone.audit import ConfigurationChange, differences
from ..errors import Rejected
from ..providers.secrets import secret
from .manifest import Backbone

UNREADABLE = "unreadable"


def journal_configuration(
    backbone: Backbone, settings: ConnectionSettings
) -> tuple[ConfigurationChange, ...]:
    """Write what changed since the last entry, if anything did; what that is.

    The first entry of a backbone has no changes. Raises DatabaseError.
    """
    journal = ConfigurationJournal(settings)
    state = {
        "spec": backbone.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        "tier": backbone.tier or backbone.spec.requested_tier,
        "credentials": _credentials(backbone, journal.salt()),
    }
    last = journal.last(backbone.identity)
    if last is not None and last.state == state:
        return ()
    changes = differences(last.state, state) if last is not None else ()
    journal.append(
        backbone.identity,
        backbone.name,
        backbone.generation,
        Configured(last.sequence + 1 if last is not None else 1, state),
        [item.model_dump(by_alias=True, exclude_none=True) for item in changes],
    )
    return changes


def _credentials(backbone: Backbone, salt: bytes) -> dict[str, Any]:
    """A fingerprint per service; a Secret that cannot be read is told as that and keeps nobody."""
    found = {}
    for service, section, keys in (
        ("timescale", backbone.spec.timescale, TIMESCALE_KEYS),
        ("redis", backbone.spec.redis, REDIS_KEYS),
    ):
        if section is not None:
            mounted = secret(section.connection.secret_name)
            try:
                found[service] = fingerprint(texts(mounted.name, mounted.folder, keys), salt)
            except Rejected:
                found[service] = UNREADABLE
    return found
