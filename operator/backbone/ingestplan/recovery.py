"""A store that had to begin again empty: it is told until somebody acknowledges it."""

from __future__ import annotations

from ..acknowledgement import Matter, hear, how_to
from ..evaluation import Finding, Notice
from ..vocabulary import ANNOTATION_ACKNOWLEDGE, Reason
from .api import IngestPlanStatus
from .children import Plan

EMPTIED = Matter(Reason.STORE_EMPTIED)
FROM_EMPTY = "empty"


def acknowledged(plan: Plan, status: IngestPlanStatus) -> tuple[IngestPlanStatus, tuple[Notice, ...]]:
    """The status with what the annotation acknowledges in it, and what is told of that."""
    text = plan.annotations.get(ANNOTATION_ACKNOWLEDGE, "")
    heard = hear(text, {EMPTIED} if waits(status) else (), status.acknowledgements)
    recovery = status.store_recovery
    if recovery is not None and EMPTIED in heard.matters:
        recovery = recovery.model_copy(update={"acknowledged": True})
    change = {"acknowledgements": heard.entries, "store_recovery": recovery}
    return status.model_copy(update=change), heard.notices


def intact(status: IngestPlanStatus) -> Finding:
    """Whether the store holds what runs before stored, as far as reports tell."""
    recovery = status.store_recovery
    if recovery is None or recovery.continued_from != FROM_EMPTY:
        if status.last_run is None:
            return Finding(None, Reason.AWAITING_FIRST_RUN, "No run has ended yet.")
        return Finding(True, Reason.STORE_INTACT, Reason.STORE_INTACT.meaning)
    what = (
        f"The store was corrupt and no sound copy was there at {recovery.at:%Y-%m-%dT%H:%M:%SZ}: "
        f"{recovery.set_aside} was set aside, and runs went on from an empty store."
    )
    if recovery.acknowledged:
        return Finding(True, Reason.ACKNOWLEDGED, what)
    return Finding(False, Reason.STORE_EMPTIED, f"{what} {how_to(EMPTIED)}")


def waits(status: IngestPlanStatus) -> bool:
    """Whether a store that began again empty was not acknowledged yet."""
    return intact(status).holds is False
