"""What a plan asks for, and whether the last run knew it. Another schedule asks for nothing new."""

from __future__ import annotations

from ..naming import digest
from .api import IngestPlanStatus, RequestStatus, RunStatus
from .children import Plan


def note_request(plan: Plan, status: IngestPlanStatus) -> IngestPlanStatus:
    """The status with the generation since which the plan asks for what it asks for now."""
    asked = digest(
        *(f"{name} {item.model_dump_json()}" for name, item in plan.spec.dimensions.items()), length=16
    )
    if status.request is not None and status.request.digest == asked:
        return status
    request = RequestStatus(digest=asked, since_generation=plan.generation)
    return status.model_copy(update={"request": request})


def precedes_request(run: RunStatus, status: IngestPlanStatus) -> bool:
    """Whether a run executed a spec that asked for something else."""
    request = status.request
    # A report without a generation comes from a worker that could not read its plan.
    return request is not None and 0 < (run.generation or 0) < request.since_generation
