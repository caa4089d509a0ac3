"""What is true of Kafka, of its topics and of those who read them, by the last looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..evaluation import Finding, Notice
from ..grading.chain import Chain, first
from ..grading.stream_readiness import grade_of, graded
from ..jobs.looks import out_of_date, pending
from ..parts.kafka.topics import ORDER
from ..ports.stream import KafkaFault
from ..ports.topics import TopicWord
from ..reports.topics import TOPICS_CHECKED
from ..tokens import CONFIRM
from ..vocabulary import Reason
from .kafka_status import TopicsStatus
from .lag_findings import LAG_HEALTHY
from .lag_look import LagLooked
from .lag_status import StreamReadiness
from .topics_look import CHECK, TopicsChecked

_OF_SETTINGS = {KafkaFault.INVALID_SETTINGS, KafkaFault.SECRET_MISSING}
_OF_RIGHTS = {KafkaFault.AUTHENTICATION_FAILED, KafkaFault.NOT_AUTHORIZED}
_USABLE = {
    TopicWord.READY,
    TopicWord.DRIFTED,
    TopicWord.REPLICATION_DIFFERS,
    TopicWord.MORE_PARTITIONS,
    TopicWord.FEWER_PARTITIONS,
    TopicWord.REPLACED,
}
"""Words of topics that exist and take records, although not all of them are as the spec describes them."""
TOLD = 3
"""Topics that a condition names; status.topics.worst has more."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Kafka as its looks found it; `lag` is None where no consumer group is configured."""

    topics: TopicsChecked
    lag: LagLooked | None = None


def stream_healthy(stream: Stream) -> Finding:
    """Whether Kafka takes and gives events, and those who read them keep up."""
    _, found = _first_wrong(stream)
    if found is None:
        return _is_healthy(stream)
    if found.holds is not False:
        return found
    return Finding(False, found.reason, f"{found.message.rstrip('.')}. Rows are stored and read meanwhile.")


def readiness(stream: Stream) -> StreamReadiness:
    """How ready Kafka is, by the check that stream_healthy speaks of."""
    wrong, found = _first_wrong(stream)
    reason = found.reason if found is not None else Reason.STREAM_HEALTHY
    checks = {name: str(grade) for name, grade in graded(wrong, found).items()}
    return StreamReadiness(grade=grade_of(found), reason=reason, checks=checks)


def _first_wrong(stream: Stream) -> tuple[str | None, Finding | None]:
    """The first check that found something, and what; no name where nobody could look at any."""
    if found := first(_LOOKED, stream.topics):
        return None, found
    for name, check in _CHECKS.items():
        if found := check(stream.topics):
            return name, found
    found = first(LAG_HEALTHY, stream.lag) if stream.lag is not None else None
    return ("lag", found) if found is not None else (None, None)


def topics_provisioned(checked: TopicsChecked) -> Finding:
    """Whether every topic exists as the spec describes it."""
    return first(TOPICS_PROVISIONED, checked) or _are_provisioned(checked)


def replaced(checked: TopicsChecked) -> tuple[Notice, ...]:
    """An event about topics that somebody created again: the next check takes them as they are."""
    status = checked.look.status
    if not checked.look.ends or TopicWord.REPLACED not in status.counts:
        return ()
    return (Notice("Warning", TopicWord.REPLACED, _told(status, [TopicWord.REPLACED])),)


def _not_checked(checked: TopicsChecked) -> Finding | None:
    """First: all others speak of a verdict."""
    status = checked.look.status
    return Finding(None, *pending(CHECK, status)) if status.outcome is None else None


def _out_of_date(checked: TopicsChecked) -> Finding | None:
    """Before the verdict itself, good or bad: Kafka may have changed since."""
    if checked.look.fresh:
        return None
    return Finding(None, Reason.OUT_OF_DATE, out_of_date("Kafka", checked.look.status))


def _no_report(checked: TopicsChecked) -> Finding | None:
    """Before the faults: a Job that left no report has looked at nothing."""
    status = checked.look.status
    if status.outcome == TOPICS_CHECKED or KafkaFault.named(status.outcome):
        return None
    reason = Reason.TOPICS_CHECK_FAILED
    return Finding(None, reason, status.message or reason.meaning)


def _settings(checked: TopicsChecked) -> Finding | None:
    """Before reachability: without settings nobody connects anywhere."""
    return _fault(checked.look.status, _OF_SETTINGS)


def _reachable(checked: TopicsChecked) -> Finding | None:
    """Before rights: a broker that does not answer refuses nothing."""
    return _fault(checked.look.status, set(KafkaFault) - _OF_SETTINGS - _OF_RIGHTS)


def _authorised(checked: TopicsChecked) -> Finding | None:
    """Before topics: a right that is missing is why they are not as they should be."""
    status = checked.look.status
    if TopicWord.NOT_AUTHORIZED in status.counts:
        return Finding(False, TopicWord.NOT_AUTHORIZED, _told(status, [TopicWord.NOT_AUTHORIZED]))
    return _fault(status, _OF_RIGHTS)


def _topics(checked: TopicsChecked) -> Finding | None:
    """Last: a topic that does not exist takes no event."""
    status = checked.look.status
    wrong = [word for word in _words(status) if word not in _USABLE]
    return Finding(False, wrong[0], _told(status, wrong)) if wrong else None


def _is_healthy(stream: Stream) -> Finding:
    status = stream.topics.look.status
    count = status.brokers
    brokers = "" if count is None else f", with {count} broker{'' if count == 1 else 's'}"
    message = f"Kafka answers{brokers}, and each of {sum(status.counts.values()):,} topics can be used."
    if stream.lag is not None:
        message += f" Each of {len(stream.lag.kafka.consumer_groups):,} consumer groups keeps up."
    return Finding(True, Reason.STREAM_HEALTHY, message)


def _could_not_look(checked: TopicsChecked) -> Finding | None:
    """After what speaks of no verdict at all: a Kafka that does not answer says nothing of its topics."""
    status = checked.look.status
    fault = KafkaFault.named(status.outcome)
    if fault is None:
        return None
    return Finding(None, fault, f"The operator could not check: {status.message or fault.meaning}")


def _differ(checked: TopicsChecked) -> Finding | None:
    """Last: what is left is topics as the spec describes them."""
    status = checked.look.status
    wrong = [word for word in _words(status) if word is not TopicWord.READY]
    if not wrong:
        return None
    return Finding(False, wrong[0], f"{_told(status, wrong)}{_confirmation(status)}{_race(status)}")


def _are_provisioned(checked: TopicsChecked) -> Finding:
    status = checked.look.status
    message = f"Each of {sum(status.counts.values()):,} topics exists as the spec describes it."
    return Finding(True, Reason.TOPICS_PROVISIONED, f"{message}{_race(status)}")


def _fault(status: TopicsStatus, faults: set[KafkaFault]) -> Finding | None:
    fault = KafkaFault.named(status.outcome)
    return Finding(False, fault, status.message or fault.meaning) if fault in faults else None


def _words(status: TopicsStatus) -> list[TopicWord]:
    """The words of the topics, the worst first; one that only another version knows counts as Failed."""
    found = {TopicWord.named(word) or TopicWord.FAILED for word, count in status.counts.items() if count}
    return sorted(found, key=lambda word: ORDER[word])


def _told(status: TopicsStatus, words: Iterable[TopicWord]) -> str:
    """How many topics have which of these words, and what is told of the worst of them."""
    wanted = set(words)
    counted = {
        word: count
        for word, count in status.counts.items()
        if (TopicWord.named(word) or TopicWord.FAILED) in wanted
    }
    total, wrong = sum(status.counts.values()), sum(counted.values())
    listed = ", ".join(f"{count:,} {word}" for word, count in counted.items())
    worst = [item for item in status.worst if item.word in counted][:TOLD]
    told = "; ".join((item.message or f"{item.name}: {item.word}").rstrip(".") for item in worst)
    more = f"; and {wrong - len(worst):,} more, see status.topics" if worst and wrong > len(worst) else ""
    return f"Of {total:,} topics {listed}{': ' if told else ''}{told}{more}."


def _confirmation(status: TopicsStatus) -> str:
    """How to let keys move, where that is what a topic waits for."""
    if not status.unconfirmed:
        return ""
    growing = ", ".join(f"{item.name} to {item.partitions} partitions" for item in status.unconfirmed)
    tokens = [item.token for item in status.unconfirmed]
    return (
        f" Growth of {growing} moves keys to other partitions; no partition is added before "
        f"{CONFIRM.how_to_confirm(tokens, status.confirmed)}."
    )


def _race(status: TopicsStatus) -> str:
    if not status.broker_creates_topics:
        return ""
    return (
        " Warning: the brokers create topics by themselves, with their own settings, as soon as a client "
        "names one; set auto.create.topics.enable=false on the brokers."
    )


_LOOKED: Chain[TopicsChecked] = (_not_checked, _out_of_date, _no_report)
"""Without a verdict of now nothing is known, which is no health."""
_CHECKS: dict[str, Callable[[TopicsChecked], Finding | None]] = {
    "settings": _settings,
    "reachable": _reachable,
    "authorised": _authorised,
    "topics": _topics,
}
"""In this order, before the lag; the names are those of grading.stream_readiness."""
TOPICS_PROVISIONED: Chain[TopicsChecked] = (*_LOOKED, _could_not_look, _differ)
"""In this order, before the topics are found as the spec describes them."""
