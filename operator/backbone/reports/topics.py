"""What a check of Kafka's topics reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, ClassVar, Self

from pydantic import Field

from ..schema import CutAt, Model, Word
from .envelope import Report

TOPICS_CHECKED = "Checked"
"""What a TopicsReport says where Kafka described the topics, whatever it said of them."""

WORST = 20
WORDS = 32
NAME = 320
"""Characters of a topic's name: the longest prefix and the longest name together are 313."""

Name = Annotated[str, CutAt(NAME)]


class TopicFinding(Model):
    """One topic that is not Ready."""

    name: Name = Field(description="Name of the topic, with its prefix.")
    word: Word = Field(description="What Kafka has of the topic, in one word.")
    message: Annotated[str, CutAt(320)] = Field(
        default="", description="The problem, and what to do about it."
    )


class UnconfirmedTopic(Model):
    """A topic with keyed events that would get more partitions, which moves keys to other partitions."""

    name: Name = Field(description="Name of the topic, with its prefix.")
    partitions: int = Field(ge=1, description="Number of partitions that the topic would have.")
    token: Word = Field(description="Token that the confirm annotation must contain.")


class TopicFindings(Model):
    """What Kafka has of the planned topics."""

    counts: Annotated[dict[Word, int], Field(max_length=WORDS)] = Field(
        default={},
        description="Number of topics by word; Ready is the word of a topic as the spec describes it.",
    )
    worst: Annotated[tuple[TopicFinding, ...], CutAt(WORST)] = Field(
        default=(), description="The topics that are not Ready, the worst first; at most 20."
    )
    unconfirmed: Annotated[tuple[UnconfirmedTopic, ...], CutAt(8)] = Field(
        default=(), description="Topics whose growth moves keys and requires the confirm annotation."
    )
    broker_creates_topics: bool | None = Field(
        default=None,
        description="Whether the brokers create a topic when a client names it, so that topics can exist "
        "that nobody described; absent if the check could not read it.",
    )
    brokers: int | None = Field(default=None, ge=0, description="Number of brokers that Kafka named.")


class TopicsReport(Report, TopicFindings):
    """How the topics were found: Checked, or a ports.stream.KafkaFault.

    `request` is kafka_spec.topics_request_of the section that it worked by; `confirmed` the confirm
    annotation that it was given and came to use. Times are UTC.
    """

    about: ClassVar[str] = "topics"

    outcome: Word
    message: Annotated[str, CutAt(640)] = ""
    request: Word
    confirmed: Annotated[str, CutAt(253)] | None = None
    at: datetime

    def levels(self) -> Iterator[Self]:
        """Messages are cut first, then the worst topics; counts and tokens stay."""
        yield self
        for text, worst in ((160, WORST), (80, WORST), (120, 10), (60, 5), (60, 2), (0, 0)):
            kept = [item.model_copy(update={"message": item.message[:text]}) for item in self.worst[:worst]]
            yield self.model_copy(update={"worst": tuple(kept), "message": self.message[: 2 * text]})
