"""A store that had to begin again empty: the plan reports it until somebody acknowledges it."""

from __future__ import annotations

from dataclasses import dataclass

from ..acknowledgement import Matter, hear, how_to
from ..evaluation import Finding, Notice
from ..tokens import ACKNOWLEDGE, kept
from ..vocabulary import Reason
from .api import IngestPlanStatus
from .children import Plan
from .words import Word, without_words, words_of

EMPTIED = Matter(Reason.STORE_EMPTIED)
FROM_EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Said:
    """The status with what the annotation acknowledges in it, what is told of that, and Jobs to start."""

    status: IngestPlanStatus
    notices: tuple[Notice, ...]
    words: tuple[Word, ...]


def acknowledged(plan: Plan, status: IngestPlanStatus, *, may_start: bool) -> Said:
    """Take what the annotation says; words on the quarantine only while a Job `may_start`.

    What waits in the quarantine the operator does not know: the Job finds out.
    """
    text = ACKNOWLEDGE.value(plan.annotations) or ""
    if not may_start:
        text = without_words(plan, text)
    words = words_of(plan, text)
    waiting = {word.matter for word in words} | ({EMPTIED} if waits(status) else set())
    heard = hear(text, waiting, status.acknowledgements)
    recovery = status.store_recovery
    if recovery is not None and EMPTIED in heard.matters:
        recovery = recovery.model_copy(update={"acknowledged": True})
    change = {"acknowledgements": heard.entries, "store_recovery": recovery}
    new = tuple(word for word in words if kept(word.entry) not in status.acknowledgements)
    return Said(status.model_copy(update=change), heard.notices, new)


def intact(status: IngestPlanStatus) -> Finding:
    """Whether the store has what earlier runs stored, as far as reports say."""
    recovery = status.store_recovery
    if recovery is None or recovery.continued_from != FROM_EMPTY:
        if status.last_run is None:
            return Finding(None, Reason.AWAITING_FIRST_RUN, "No run has ended yet.")
        return Finding(True, Reason.STORE_INTACT, Reason.STORE_INTACT.meaning)
    what = (
        f"The store was corrupt and had no sound copy at {recovery.at:%Y-%m-%dT%H:%M:%SZ}: "
        f"{recovery.set_aside} was set aside, and runs continued with an empty store."
    )
    if recovery.acknowledged:
        return Finding(True, Reason.ACKNOWLEDGED, what)
    return Finding(False, Reason.STORE_EMPTIED, f"{what} {how_to(EMPTIED)}")


def waits(status: IngestPlanStatus) -> bool:
    """Whether a store that began again empty was not acknowledged yet."""
    return intact(status).holds is False
