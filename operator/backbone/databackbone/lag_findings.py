"""What is true of the lag of consumer groups: ordered checks, of which the first that speaks decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..evaluation import Finding
from ..grading.chain import Chain
from ..jobs.looks import pending
from ..ports.lag import LagReason, LagWord
from ..ports.stream import KafkaFault
from ..reports.lag import LAG_SAMPLED, LagFinding
from ..vocabulary import Reason
from .kafka_spec import ConsumerGroup
from .lag_look import LAG, LagLooked
from .lag_status import LagStatus

TOLD = 3
"""Groups that a condition names; status.lag.groups has more."""
_FAILS = (LagWord.REWIND, LagWord.STOPPED, LagWord.STALLED)


def _not_sampled(looked: LagLooked) -> Finding | None:
    """First: all others speak of what a Job found."""
    status = looked.look.status
    return Finding(None, *pending(LAG, status)) if status.outcome is None else None


def _could_not_look(looked: LagLooked) -> Finding | None:
    """Before the words: without a look of now there are none."""
    status = looked.look.status
    if status.outcome == LAG_SAMPLED:
        return None
    fault = KafkaFault.named(status.outcome)
    if fault is not None:
        return Finding(None, fault, f"The lag could not be sampled: {status.message or fault.meaning}")
    out = status.outcome == Reason.OUT_OF_DATE
    reason = Reason.OUT_OF_DATE if out else Reason.LAG_CHECK_FAILED
    return Finding(None, reason, status.message or reason.meaning)


def _fails(looked: LagLooked) -> Finding | None:
    """Before what is not known: a group that stands still is one, whatever became of the others."""
    status = looked.look.status
    word = next((word for word in _FAILS if status.counts.get(word)), None)
    if word is not None:
        return Finding(False, word, _words_told(status, _FAILS))
    above = list(_above(looked, "fail_records"))
    return Finding(False, Reason.LAG_ABOVE_FAIL, _above_told(above, "failRecords")) if above else None


def _not_known(looked: LagLooked) -> Finding | None:
    """Before warnings: True would say that every group was judged."""
    status = looked.look.status
    known = {word for word in LagWord if word is not LagWord.UNKNOWN}
    if any(count for word, count in status.counts.items() if LagWord.named(word) not in known):
        first = next((item for item in status.groups if LagWord.named(item.word) not in known), None)
        reason = LagReason.named(first.reason) if first is not None else None
        return Finding(None, reason or LagWord.UNKNOWN, _words_told(status, (LagWord.UNKNOWN,)))
    return _beyond_the_list(looked)


def _warns(looked: LagLooked) -> Finding | None:
    """Last: it reads, and somebody should look."""
    status = looked.look.status
    if status.counts.get(LagWord.WARNING):
        return Finding(True, LagWord.WARNING, _words_told(status, (LagWord.WARNING,)))
    above = list(_above(looked, "warn_records"))
    if above:
        return Finding(True, Reason.LAG_ABOVE_WARN, _above_told(above, "warnRecords"))
    lost = [item for item in status.groups if item.reason == LagReason.RECORDS_EXPIRED]
    if lost:
        return Finding(True, LagReason.RECORDS_EXPIRED, _told("expired records", lost, len(lost)))
    return None


LAG_HEALTHY: Chain[LagLooked] = (_not_sampled, _could_not_look, _fails, _not_known, _warns)
"""In this order, before the lag of every group is found to be no reason to worry."""


def _above(looked: LagLooked, threshold: str) -> Iterator[LagFinding]:
    limits = {group.name: getattr(group, threshold) for group in looked.kafka.consumer_groups}
    for item in looked.look.status.groups:
        limit = limits.get(item.group)
        if limit is not None and item.records is not None and item.records >= limit:
            yield item


def _beyond_the_list(looked: LagLooked) -> Finding | None:
    """Where a status has no room for every group: whether one that it leaves out can be above a threshold."""
    status = looked.look.status
    listed = {item.group for item in status.groups}
    left = [group for group in looked.kafka.consumer_groups if group.name not in listed]
    limits = [limit for group in left if (limit := _lowest(group)) is not None]
    shown = sum(item.records or 0 for item in status.groups)
    rest = None if status.records is None else status.records - shown
    if not limits or (rest is not None and rest < min(limits)):
        return None
    message = (
        f"{len(left)} consumer groups have no room in status.lag.groups, and one of them may be above its "
        "warnRecords or failRecords; see `emp-runtime lag`, or watch fewer groups per backbone."
    )
    return Finding(None, Reason.LAG_NOT_LISTED, message)


def _lowest(group: ConsumerGroup) -> int | None:
    return min((it for it in (group.warn_records, group.fail_records) if it is not None), default=None)


def _words_told(status: LagStatus, words: Iterable[LagWord]) -> str:
    """Which groups have one of these words, the worst first; a word of another version counts as Unknown."""
    wanted = set(words)
    found = [item for item in status.groups if (LagWord.named(item.word) or LagWord.UNKNOWN) in wanted]
    counted = {
        word: count
        for word, count in status.counts.items()
        if count and (LagWord.named(word) or LagWord.UNKNOWN) in wanted
    }
    listed = ", ".join(f"{count:,} {word}" for word, count in counted.items())
    return _told(listed, found, sum(counted.values()), sum(status.counts.values()))


def _above_told(found: list[LagFinding], field: str) -> str:
    named = ", ".join(f"{item.group} with {item.records:,}" for item in found[:TOLD])
    more = f", and {len(found) - TOLD:,} more" if len(found) > TOLD else ""
    return (
        f"Unread records reach {field} of consumer group {named}{more}. Add consumers, or raise {field} if "
        "so many are no problem."
    )


def _told(listed: str, found: list[LagFinding], count: int, total: int | None = None) -> str:
    of = f"Of {total:,} consumer groups {listed}" if total is not None else f"Consumer groups with {listed}"
    told = "; ".join(f"{item.group}{_where(item)}: {item.message}".rstrip(". ") for item in found[:TOLD])
    more = f"; and {count - len(found[:TOLD]):,} more, see status.lag" if count > len(found[:TOLD]) else ""
    return f"{of}{': ' if told else ''}{told}{more}."


def _where(item: LagFinding) -> str:
    records = f"{item.records:,} unread records" if item.records is not None else ""
    place = f"{item.worst_topic}/{item.worst_partition}" if item.worst_partition is not None else ""
    said = ", worst in ".join(part for part in (records, place) if part)
    return f" ({said})" if said else ""
