"""Bringing the topics of one Kafka to what is desired: create, read back, then configs and partitions.

Killed between any two calls, it leaves topics that the next check finds as they are: nothing is remembered
here, and each step is decided from what Kafka describes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..parts.kafka.topics import Configure, Create, Grow, Verdict, judged, refused_names
from ..ports.stream import KafkaFault, KafkaUnavailable
from ..ports.topics import PlannedTopic, Refusal, Seen, Topics, TopicWord

READ_BACK_SECONDS = 10.0
"""A new topic is unknown to some brokers for a moment, and a quota lets a call through some seconds later."""
LOG_SECONDS = 0.01
"""More for each partition: a broker creates its logs one after the other, in some milliseconds each."""
LOGS_SECONDS = 90.0
"""But at most that many for all of them: a check has an end, and the next one reads back the rest."""
PAUSE_SECONDS = 0.2
QUOTA_PAUSE_SECONDS = 1.0
BATCH = 100
"""Topics of one call: one that fails or gets no answer says nothing of the others."""

Pause = Callable[[float], None]
Tell = Callable[[str], None]


def _silent(_: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class TopicsRequest:
    """What is desired of topics: the plan, and what bounds it.

    `known` has each topic's UUID at the last check; `confirmed` are the tokens of growths that somebody
    approved.
    """

    plan: Sequence[PlannedTopic]
    create: bool = True
    known: Mapping[str, str] = field(default_factory=dict)
    confirmed: frozenset[str] = frozenset()

    def judge(self, topic: PlannedTopic, seen: Seen) -> Verdict:
        """The verdict on one topic."""
        return judged(
            topic,
            seen,
            create=self.create,
            known_identity=self.known.get(topic.name),
            confirmed=self.confirmed,
        )


def compared(topics: Topics, request: TopicsRequest) -> dict[str, Verdict]:
    """A verdict on each topic of the plan, by name, with the steps that are left; changes nothing.

    Raises KafkaUnavailable.
    """
    refused = refused_names(request.plan)
    asked = [topic for topic in request.plan if topic.name not in refused]
    seen = topics.describe(asked)
    verdicts = {topic.name: request.judge(topic, seen[topic.name]) for topic in asked}
    return {topic.name: refused.get(topic.name) or verdicts[topic.name] for topic in request.plan}


def provisioned(
    topics: Topics,
    request: TopicsRequest,
    seconds: float = READ_BACK_SECONDS,
    pause: Pause = time.sleep,
    tell: Tell = _silent,
) -> dict[str, Verdict]:
    """As `compared`, after the steps were taken.

    Waits at most `seconds` for a quota, and to read back, with more time where many logs are made. `tell` is
    told each step. Raises KafkaUnavailable.
    """
    verdicts = compared(topics, request)
    new = [topic for topic in request.plan if Create() in verdicts[topic.name].steps]
    if new:
        refusals = _created(topics, new, time.monotonic() + seconds, pause, tell)
        made = [topic for topic in new if topic.name not in refusals]
        verdicts |= _refused(refusals) | _read_back(topics, request, made, seconds, pause)
    configs, partitions = _alterations(verdicts)
    if configs or partitions:
        tell(f"topics: setting the configs of {len(configs)}, adding partitions to {len(partitions)}")
        refusals = {**topics.configure(configs), **topics.grow(partitions)}
        names = configs.keys() | partitions.keys()
        altered = [topic for topic in request.plan if topic.name in names - refusals.keys()]
        verdicts |= _refused(refusals) | _read_back(topics, request, altered, seconds, pause)
    return verdicts


def _created(
    topics: Topics, new: Sequence[PlannedTopic], until: float, pause: Pause, tell: Tell
) -> dict[str, Refusal]:
    """What Kafka refuses of creating topics; of those that a quota delays, once the time is over."""
    refusals: dict[str, Refusal] = {}
    left = list(new)
    while left:
        if not _passes_quota(topics, until, pause):
            return refusals | {topic.name: Refusal(*_quota(topic)) for topic in left}
        batch, left = left[:BATCH], left[BATCH:]
        tell(f"topics: creating {len(batch)}, {len(left)} left")
        answers = _create(topics, batch)
        delayed = [topic for topic in batch if _delayed(answers.get(topic.name))]
        if delayed and time.monotonic() < until:
            left += delayed
            answers = {name: said for name, said in answers.items() if not _delayed(said)}
            pause(QUOTA_PAUSE_SECONDS)
        refusals |= answers
    return refusals


def _passes_quota(topics: Topics, until: float, pause: Pause) -> bool:
    """Wait for a quota; False where it takes longer than until then."""
    delay = topics.delay()
    if time.monotonic() + delay > until and delay:
        return False
    if delay:
        pause(delay)
    return True


def _quota(topic: PlannedTopic) -> tuple[TopicWord, str]:
    return (
        TopicWord.QUOTA_EXCEEDED,
        f"topic {topic.name}: the user's quota is used up; wait, or raise its controller_mutation_rate",
    )


def _create(topics: Topics, new: Sequence[PlannedTopic]) -> dict[str, Refusal]:
    """Create, where a call without an answer may have been carried out all the same: reading back tells."""
    try:
        return topics.create(new)
    except KafkaUnavailable as error:
        if error.fault not in {KafkaFault.TIMED_OUT, KafkaFault.CONNECTION_LOST}:
            raise
        return {}


def _delayed(said: Refusal | None) -> bool:
    return said is not None and said.word is TopicWord.QUOTA_EXCEEDED


def logs_seconds(changed: Sequence[PlannedTopic]) -> float:
    """How long brokers may take to create the logs of these topics, in seconds."""
    return min(LOG_SECONDS * sum(topic.partitions for topic in changed), LOGS_SECONDS)


def _read_back(
    topics: Topics, request: TopicsRequest, changed: Sequence[PlannedTopic], seconds: float, pause: Pause
) -> dict[str, Verdict]:
    """Verdicts on topics that were changed just now, once no step is left of any, or the time is over."""
    patience = seconds + logs_seconds(changed)
    until = time.monotonic() + patience
    verdicts: dict[str, Verdict] = {}
    left = list(changed)
    while left:
        if not _passes_quota(topics, until, pause):
            return verdicts | {topic.name: Verdict(*_quota(topic)) for topic in left}
        seen = topics.describe(left)
        verdicts |= {topic.name: request.judge(topic, seen[topic.name]) for topic in left}
        left = [topic for topic in left if verdicts[topic.name].steps]
        if time.monotonic() >= until:
            break
        if left:
            pause(PAUSE_SECONDS)
    unread = f"was changed, and no broker describes it so after {patience:.0f} s; check again"
    return verdicts | {
        topic.name: replace(verdicts[topic.name], message=f"topic {topic.name} {unread}") for topic in left
    }


def _alterations(
    verdicts: Mapping[str, Verdict],
) -> tuple[dict[str, Mapping[str, str]], dict[str, int]]:
    """Configs to set and partitions to reach, by topic."""
    steps = [(name, step) for name, verdict in verdicts.items() for step in verdict.steps]
    configs = {name: step.config for name, step in steps if isinstance(step, Configure)}
    return configs, {name: step.partitions for name, step in steps if isinstance(step, Grow)}


def _refused(refusals: Mapping[str, Refusal]) -> dict[str, Verdict]:
    return {name: Verdict(said.word, said.message) for name, said in refusals.items()}
