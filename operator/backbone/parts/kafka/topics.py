"""Topics as desired state: which topics a backbone plans, and one word for what Kafka has of each.

Pure: a topic is planned from the spec, seen through a port, and compared here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...naming import digest
from ...ports.topics import Described, Management, PlannedTopic, Refusal, Seen, TopicWord
from ...vocabulary import ANNOTATION_CONFIRM, DIMENSION_NAMES


def topic_of(dimension: str) -> str:
    """The topic of the events of a dimension, without a prefix."""
    return f"ingest.{dimension}"


INGEST = tuple(topic_of(dimension) for dimension in DIMENSION_NAMES)
"""Topics of events that have keys: an event finds its partition by its key."""
DEAD_LETTERS = "dead-letters"
OURS = (*INGEST, DEAD_LETTERS)

PARTITIONS = 6
GROW = "grow-"
LONGEST_NAME = 249
WORST = 20
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class TopicEntry:
    """A topic as the spec names it. None: the default, which for `replicas` is the broker's own."""

    name: str
    partitions: int | None = None
    replicas: int | None = None
    config: Mapping[str, str] = field(default_factory=dict, hash=False)
    management: Management = Management.CREATE_ONLY


@dataclass(frozen=True, slots=True)
class Create:
    """Create the topic."""


@dataclass(frozen=True, slots=True)
class Grow:
    """Add partitions, up to this number in all."""

    partitions: int


@dataclass(frozen=True, slots=True)
class Configure:
    """Set these keys of the config, and leave the others."""

    config: Mapping[str, str] = field(hash=False)


Step = Create | Grow | Configure


@dataclass(frozen=True, slots=True)
class Verdict:
    """One word for a topic, with its message, and the steps that would change the word to Ready.

    `token` approves a growth that waits for an approval, to the partitions of the plan.
    """

    word: TopicWord
    message: str = ""
    steps: tuple[Step, ...] = ()
    identity: str | None = None
    token: str | None = None


def planned(entries: Iterable[TopicEntry], prefix: str = "") -> tuple[PlannedTopic, ...]:
    """The topics of a spec: ours, then those that it names; an entry with one of our names describes ours.

    The prefix comes before every name. Of two entries with one name the last counts; the API refuses those.
    """
    named = {entry.name: entry for entry in entries}
    ours = [named.pop(name, TopicEntry(name)) for name in OURS]
    return tuple(
        PlannedTopic(
            name=f"{prefix}{entry.name}",
            partitions=entry.partitions or PARTITIONS,
            replicas=entry.replicas,
            config=dict(entry.config),
            management=entry.management,
            keyed=entry.name in INGEST,
        )
        for entry in (*ours, *named.values())
    )


def refused_names(plan: Sequence[PlannedTopic]) -> dict[str, Verdict]:
    """Topics whose names Kafka refuses, found without asking it."""
    twins: dict[str, list[str]] = {}
    for topic in plan:
        twins.setdefault(topic.name.replace(".", "_"), []).append(topic.name)
    found = {}
    for topic in plan:
        others = [name for name in twins[topic.name.replace(".", "_")] if name != topic.name]
        if (trouble := _name_trouble(topic.name)) is not None:
            found[topic.name] = Verdict(TopicWord.NAME_INVALID, trouble)
        elif others:
            found[topic.name] = Verdict(TopicWord.NAME_COLLIDES, collision(topic.name, others[0]))
    return found


def collision(name: str, other: str) -> str:
    """The message about two names that Kafka takes for one."""
    return (
        f"kafka.topics: {name} and {other} differ only by . and _, and Kafka uses one name for both in its "
        "metrics; rename one of them"
    )


def judged(
    topic: PlannedTopic,
    seen: Seen,
    *,
    create: bool = True,
    known_identity: str | None = None,
    confirmed: Container[str] = frozenset(),
) -> Verdict:
    """The word for a topic, and what is left to do.

    `create` is the spec's autoCreateTopics; `known_identity` is the topic's UUID at the last check;
    `confirmed` are the tokens of growths of topics with keyed events that somebody approved.
    """
    if isinstance(seen, Refusal):
        return Verdict(seen.word, seen.message)
    if seen is None:
        return _missing(topic, create=create)
    differences = [
        *_partitions(topic, seen, confirmed),
        *_replicas(topic, seen),
        *_config(topic, seen),
    ]
    if known_identity not in {None, seen.identity}:
        again = Verdict(
            TopicWord.REPLACED,
            f"topic {topic.name} has another identity than at the last check: somebody deleted it and "
            "created it again; records from before are lost",
        )
        differences.insert(0, again)
    steps = tuple(step for verdict in differences for step in verdict.steps)
    if not differences:
        return Verdict(TopicWord.READY, identity=seen.identity)
    worst = min(differences, key=lambda verdict: ORDER[verdict.word])
    token = next((verdict.token for verdict in differences if verdict.token), None)
    return Verdict(worst.word, worst.message, steps, seen.identity, token)


def growth_token(topic: PlannedTopic, seen: Described) -> str:
    """The token that approves that a topic with keyed events gets the partitions of its plan.

    It approves this growth of this topic, and not that of one which was created again.
    """
    return f"{GROW}{digest(topic.name, seen.identity, str(seen.partitions), str(topic.partitions))}"


def is_of_topics(token: str) -> bool:
    """Whether a token is about the growth of a topic."""
    return token.startswith(GROW)


ORDER = {word: place for place, word in enumerate(TopicWord)}


@dataclass(frozen=True, slots=True)
class TopicSummary:
    """Counts by word, and the worst topics with their messages."""

    counts: Mapping[TopicWord, int] = field(hash=False)
    worst: tuple[tuple[str, Verdict], ...] = ()


def summary(verdicts: Mapping[str, Verdict]) -> TopicSummary:
    """The summary for a status: at most twenty topics that are not Ready, the worst first, then by name."""
    counts = Counter(verdict.word for verdict in verdicts.values())
    worst = sorted(
        ((name, verdict) for name, verdict in verdicts.items() if verdict.word is not TopicWord.READY),
        key=lambda item: (ORDER[item[1].word], item[0]),
    )
    return TopicSummary(dict(sorted(counts.items(), key=lambda item: ORDER[item[0]])), tuple(worst[:WORST]))


def _name_trouble(name: str) -> str | None:
    remedy = f"use 1 to {LONGEST_NAME} letters, digits, dots, underscores and hyphens"
    if name in {".", ".."}:
        return f"kafka.topics: Kafka does not accept the name {name}; {remedy}"
    if not _NAME.fullmatch(name):
        return f"kafka.topics: the name {name[:80]!r} has characters that Kafka does not accept; {remedy}"
    if len(name) > LONGEST_NAME:
        return f"kafka.topics: the name {name[:40]}… has {len(name)} characters with its prefix; {remedy}"
    return None


def _missing(topic: PlannedTopic, *, create: bool) -> Verdict:
    if topic.management is Management.OBSERVE:
        why = f"its management is {Management.OBSERVE}"
    elif not create:
        why = "kafka.autoCreateTopics is false"
    else:
        return Verdict(TopicWord.PLANNED, f"topic {topic.name} is not created yet", (Create(),))
    return Verdict(TopicWord.MISSING, f"topic {topic.name} does not exist, and {why}: create it yourself")


def _partitions(topic: PlannedTopic, seen: Described, confirmed: Container[str]) -> Iterable[Verdict]:
    numbers = f"topic {topic.name} has {seen.partitions} partitions, and the spec {topic.partitions}"
    if seen.partitions > topic.partitions:
        yield Verdict(
            TopicWord.MORE_PARTITIONS,
            f"{numbers}: Kafka cannot remove partitions; set partitions to {seen.partitions}",
        )
    elif seen.partitions < topic.partitions:
        word = TopicWord.FEWER_PARTITIONS
        if topic.management is not Management.RECONCILE:
            remedy = f"set management to {Management.RECONCILE}, or partitions to {seen.partitions}"
            yield Verdict(word, f"{numbers}; {remedy}")
        elif topic.keyed and (token := growth_token(topic, seen)) not in confirmed:
            how = f"annotation {ANNOTATION_CONFIRM}={token}, or --confirm {token} without a cluster"
            yield Verdict(word, f"{numbers}: more partitions move keys; approve it: {how}", token=token)
        else:
            yield Verdict(word, f"{numbers}; provisioning adds them", (Grow(topic.partitions),))


def _replicas(topic: PlannedTopic, seen: Described) -> Iterable[Verdict]:
    if topic.replicas is not None and topic.replicas != seen.replicas:
        yield Verdict(
            TopicWord.REPLICATION_DIFFERS,
            f"topic {topic.name} has {seen.replicas} replicas, and the spec {topic.replicas}: reassign its "
            f"partitions with Kafka's own tools, or set replicas to {seen.replicas}",
        )


def _config(topic: PlannedTopic, seen: Described) -> Iterable[Verdict]:
    if seen.config is None:
        return
    found = seen.config
    if unknown := sorted(topic.config.keys() - found.keys()):
        yield Verdict(
            TopicWord.CONFIG_INVALID,
            f"topic {topic.name}: Kafka does not know {', '.join(unknown)}; correct config of the topic",
        )
    changed = {
        key: value
        for key, value in topic.config.items()
        if key in found and found[key] is not None and _comparable(found[key]) != _comparable(value)
    }
    if not changed:
        return
    key = min(changed)
    text = f"{key} of topic {topic.name} is {found[key]}, and {changed[key]} in the spec"
    more = f" (and {len(changed) - 1} further keys)" if len(changed) > 1 else ""
    if topic.management is Management.RECONCILE:
        yield Verdict(TopicWord.DRIFTED, f"{text}{more}; provisioning sets it", (Configure(changed),))
    else:
        remedy = f"set management to {Management.RECONCILE}, or change the spec"
        yield Verdict(TopicWord.DRIFTED, f"{text}{more}; {remedy}")


def _comparable(value: str | None) -> tuple[str, ...]:
    """A value of a config, so that two spellings of one value are equal: a list in any order, a number."""
    parts = sorted(part.strip() for part in (value or "").split(","))
    return tuple(str(int(part)) if re.fullmatch(r"-?[0-9]{1,30}", part) else part for part in parts)
