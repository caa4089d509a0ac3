"""The part of a backbone's status about Kafka's topics."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from ..jobs.looks import LookStatus
from ..reports.topics import TopicFindings
from ..schema import CutAt, Word


class TopicsStatus(TopicFindings, LookStatus):
    """Kafka's topics as a Job last found them; before the first one, as they are planned."""

    request: Word | None = Field(
        default=None, description="Hash of spec.kafka that outcome, counts and worst refer to."
    )
    planned_at: datetime | None = Field(
        default=None, description="When the operator planned the topics of this spec.kafka (UTC)."
    )
    outcome: Word | None = Field(
        default=None,
        description="Checked, whatever the check found of the topics; or the first problem of Kafka.",
    )
    failures: int = Field(
        default=0,
        ge=0,
        description="Number of consecutive Jobs that failed, or that found a topic for which they retry.",
    )
    confirmed: Annotated[str, CutAt(253)] | None = Field(
        default=None, description="The last confirm annotation that a Job handled."
    )
