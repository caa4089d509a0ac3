"""What a look at the lag of consumer groups reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, ClassVar, Self

from pydantic import Field

from ..schema import CutAt, Model, Word
from .envelope import Report

LAG_SAMPLED = "Sampled"
"""What a LagReport says where Kafka could be asked, whatever the words of the groups are."""

WORST = 20
WORDS = 16
GROUP = 255
TOPIC = 320


class LagFinding(Model):
    """One consumer group, with the partition that has the worst word."""

    group: Annotated[str, CutAt(GROUP)] = Field(description="Name of the consumer group.")
    word: Word = Field(description="What the group does about its lag, in one word.")
    reason: Word | None = Field(
        default=None, description="Why the word is Unknown; or RecordsExpired beside another word."
    )
    records: int | None = Field(
        default=None, ge=0, description="Number of unread records; absent if it could not be measured."
    )
    seconds: int | None = Field(
        default=None,
        ge=0,
        description="Age of the oldest unread record in seconds; absent if it could not be measured.",
    )
    worst_topic: Annotated[str, CutAt(TOPIC)] | None = Field(
        default=None, description="Topic of the worst partition."
    )
    worst_partition: int | None = Field(default=None, ge=0, description="Number of the worst partition.")
    expired: int = Field(
        default=0, ge=0, description="Number of records that left the log before the group had read them."
    )
    since: datetime | None = Field(default=None, description="Since when the group has this word (UTC).")
    message: Annotated[str, CutAt(320)] = Field(
        default="", description="What is wrong, and what to do about it."
    )


class LagFindings(Model):
    """The lag of the consumer groups of a backbone."""

    counts: Annotated[dict[Word, int], Field(max_length=WORDS)] = Field(
        default={}, description="Number of consumer groups by word."
    )
    records: int | None = Field(
        default=None,
        ge=0,
        description="Number of unread records of all groups; absent if no group could be measured.",
    )
    seconds: int | None = Field(
        default=None,
        ge=0,
        description="Age of the oldest unread record of all groups, in seconds; absent if it could not be "
        "measured.",
    )
    groups: Annotated[tuple[LagFinding, ...], CutAt(WORST)] = Field(
        default=(), description="The consumer groups, the worst first; at most 20."
    )


class LagReport(Report, LagFindings):
    """How the lag was found: Sampled, or a ports.stream.KafkaFault.

    `request` is kafka_spec.lag_request_of the section that it worked by. Times are UTC.
    """

    about: ClassVar[str] = "lag"

    outcome: Word
    message: Annotated[str, CutAt(640)] = ""
    request: Word
    sampled_at: datetime

    def levels(self) -> Iterator[Self]:
        """Messages are cut first, then the groups that are least bad; counts and sums stay."""
        yield self
        for text, groups in ((160, WORST), (60, WORST), (0, WORST), (0, 10), (0, 5), (0, 2)):
            kept = [item.model_copy(update={"message": item.message[:text]}) for item in self.groups[:groups]]
            message = self.message[: max(2 * text, 60)]
            yield self.model_copy(update={"groups": tuple(kept), "message": message})
