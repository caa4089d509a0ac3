"""What a backbone was asked to be, and by which credentials, goes into the journal of its database."""

from __future__ import annotations

from ..adapters.timescale.configuration import ConfigurationJournal, Configured
from ..adapters.timescale.settings import ConnectionSettings
from ..databackbone.audit import ConfigurationChange, differences
from ..manifest.objects import Backbone
from ..stores.services import Services


def journal_configuration(
    backbone: Backbone, services: Services, settings: ConnectionSettings
) -> tuple[ConfigurationChange, ...]:
    """Write what changed since the last entry, if anything did; what that is.

    The first entry of a backbone has no changes. A Secret that cannot be read is journaled as unreadable,
    and fails nothing. Raises DatabaseError.
    """
    journal = ConfigurationJournal(settings)
    state = {
        "spec": backbone.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        "tier": backbone.tier or backbone.spec.requested_tier,
        "credentials": services.fingerprints(journal.salt()),
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
