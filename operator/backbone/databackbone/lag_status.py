"""The parts of a backbone's status about the lag of consumer groups and the readiness of Kafka."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from ..jobs.looks import LookStatus
from ..reports.lag import LagFindings
from ..schema import Model, Word


class LagStatus(LagFindings, LookStatus):
    """The lag of the consumer groups as a Job last sampled it."""

    word: Word = Field(
        default="Unknown",
        description="Value of the column LAG: the worst word of the groups. Unknown if the last look failed "
        "or is older than three intervals.",
    )
    since: datetime | None = Field(default=None, description="Since when the word is the same (UTC).")
    sampled_at: datetime | None = Field(
        default=None, description="When a Job last sampled the lag (UTC); absent if the last look failed."
    )
    request: Word | None = Field(
        default=None, description="Hash of the fields of spec.kafka that a look goes by."
    )
    outcome: Word | None = Field(
        default=None, description="Sampled, whatever the words are; or the first problem of Kafka."
    )
    failures: int = Field(
        default=0,
        ge=0,
        description="Number of consecutive Jobs that failed, or that could not judge every group yet.",
    )


class StreamReadiness(Model):
    """How ready Kafka is; the checks are asked in order, and the first that is not passed is the reason."""

    grade: Word = Field(description="Pass, Warn, Fail, or Unknown.")
    reason: Word = Field(description="Reason of the condition StreamHealthy.")
    checks: Annotated[dict[Word, Word], Field(max_length=8)] = Field(
        default={},
        description="Grade of each check: settings, reachable, authorised, topics, lag. A check after one "
        "that is not passed is Unknown; lag is Pass if no consumer group is configured.",
    )
