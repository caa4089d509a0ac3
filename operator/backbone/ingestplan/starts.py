"""What a plan's status says of the starts of its runs: by the schedule, and by tokens."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from ..schema import Model
from ..tokens import SUPERSEDED_LIMIT, Kept


class Triggers(Model):
    """Runs that the operator started; it starts no run twice that is recorded here."""

    first: str | None = Field(
        default=None, max_length=63, description="Job of the first run, which the plan's creation started."
    )
    run_now: Kept | None = Field(
        default=None, description="The last run-now token that the operator handled."
    )
    run_now_job: str | None = Field(
        default=None, max_length=63, description="Job of the run that the run-now token started."
    )
    run_now_waiting: Kept | None = Field(
        default=None,
        description="The run-now token that waits until the run of the previous token has ended.",
    )
    run_now_superseded: tuple[Kept, ...] | None = Field(
        default=None,
        max_length=SUPERSEDED_LIMIT,
        description="Run-now tokens that a newer token replaced before their run started, the latest last.",
    )
    quarantine_release: Kept | None = Field(
        default=None, description="The last quarantine-release annotation that the operator handled."
    )


class FiresStatus(Model):
    """Which fires of the schedule had a run."""

    schedule: str = Field(
        max_length=170, description="The schedule and time zone that the other fields refer to."
    )
    settled_until: datetime = Field(
        description="Every fire up to this time had a run, or needed none because spec.suspend was true "
        "(UTC)."
    )
    paused: bool | None = Field(
        default=None, description="True while spec.suspend is true: fires need no run."
    )
    backbone_suspended: bool | None = Field(
        default=None,
        description="True while the backbone is suspended: the run of the last fire is made up afterwards, "
        "and does not count as missed.",
    )
    missed: datetime | None = Field(
        default=None,
        description="The last fire without a run, until the run that replaces it has ended (UTC).",
    )
