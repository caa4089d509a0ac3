"""What still speaks of the present: a plan's record ends with the claim that its runs wrote.

On the institutional tier no claim holds rows, and the record goes on whatever becomes of it.
"""

from __future__ import annotations

from dataclasses import replace

from ..evaluation import Notice
from ..vocabulary import Reason
from .api import IngestPlanStatus
from .observation import Observation
from .starts import Triggers


def of_present_claim(
    status: IngestPlanStatus, seen: Observation
) -> tuple[IngestPlanStatus, tuple[Notice, ...]]:
    """The status as far as it speaks of the claim that holds the data now; an event if it was another."""
    claim = seen.claim_uid
    if claim is None or status.claim_uid == claim:
        return status, ()
    if status.claim_uid is None or seen.on_database:
        return status.model_copy(update={"claim_uid": claim}), ()
    done = status.triggers or Triggers()
    fresh = IngestPlanStatus(
        claim_uid=claim,
        request=status.request,
        outcomes_read_until=status.outcomes_read_until,
        triggers=done.model_copy(update={"first": None}),
        fires=status.fires,
        acknowledgements=status.acknowledgements,
        exports=status.exports,
        export_now=status.export_now,
    )
    message = "The backbone has a new claim: what was stored is gone, and a first run fetches it again."
    return fresh, (Notice("Warning", Reason.VOLUME_REPLACED, message),)


def runs_on_present_claim(seen: Observation) -> Observation:
    """The observation without runs that wrote a claim of before."""
    if seen.claim_uid is None or seen.on_database:
        return seen
    return replace(seen, runs=tuple(job for job in seen.runs if job.claim_uid in {None, seen.claim_uid}))
