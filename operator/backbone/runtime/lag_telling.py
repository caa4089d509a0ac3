"""What a look at lag comes to: a report of the worst groups, a document of every partition, and sentences."""

from __future__ import annotations

from collections.abc import Sequence

from ..grading.lag import GroupLag
from ..ports.lag import LagReason, LagWord, Partition
from ..reports.lag import LagFinding, LagFindings
from .lag_look import SOON_HOURS, Look, Seen

DOCUMENT = "telemetry.kafka.lag"
VERSION = 1

_WORDS = tuple(LagWord)
_ADVICE = {
    LagWord.REWIND: "its offsets were reset, or it began anew: records are read a second time, until it is "
    "back at its old place",
    LagWord.STOPPED: "no live member reads it: start the consumer",
    LagWord.STALLED: "a member owns it and commits nothing: look at what the member does, and for a "
    "transaction that is left open",
    LagWord.WARNING: "records come faster than they are read: add members, up to the number of partitions, "
    "or make them faster",
}
_REASONS = {
    LagReason.FILLING: "two looks have to agree before there is a word; the next ones tell",
    LagReason.NOT_SAMPLED: "not every sample could be taken",
    LagReason.NEVER_COMMITTED: "the group has committed nothing for it, and it has records: the consumer may "
    "not commit at all, or its offsets expired",
    LagReason.GROUP_NOT_FOUND: "Kafka knows no group of this name: correct the name, or start the consumer",
    LagReason.COMMIT_BEYOND_END: "the commit lies beyond the end of the log, which lost records: reset the "
    "group's offsets",
}


def findings(look: Look) -> LagFindings:
    """The groups for a report, the worst first."""
    groups = _worst_first(look)
    counts = {word: sum(seen.group.entered.word is word for _, seen in groups) for word in LagWord}
    records = [seen.group.lag for _, seen in groups if seen.group.lag is not None]
    ages = [seen.oldest for _, seen in groups if seen.oldest is not None]
    return LagFindings(
        counts={str(word): count for word, count in counts.items() if count},
        records=sum(records) if records else None,
        seconds=round(max(ages)) if ages else None,
        groups=tuple(_finding(name, seen) for name, seen in groups),
    )


def document(look: Look, backbone: str) -> dict[str, object]:
    """Every partition of every group, as JSON. Times are UTC."""
    found = findings(look)
    return {
        "type": DOCUMENT,
        "version": VERSION,
        "backbone": backbone,
        "sampledAt": look.at.isoformat(),
        "totals": {
            "groups": len(look.groups),
            "partitions": sum(len(seen.group.partitions) for seen in look.groups.values()),
            "records": found.records,
            "seconds": found.seconds,
            "expired": sum(seen.group.expired for seen in look.groups.values()),
            "words": found.counts,
        },
        "groups": [_group(name, seen) for name, seen in _worst_first(look)],
    }


def message(seen: Seen, *, window: bool = False) -> str:
    """What is wrong with a group and what to do; empty where nothing is.

    With `window` it speaks of this look by itself, whatever word is shown.
    """
    group = seen.group
    word = group.window if window else group.entered.word
    told = []
    if word is LagWord.UNKNOWN:
        told.append(_unknown(group, window))
    elif word is not LagWord.OK:
        told.append(_place(group.worst) + _ADVICE[word])
    if not window and group.window not in {word, LagWord.UNKNOWN}:
        told.append(f"this look by itself says {group.window}")
    if group.expired:
        told.append(f"{group.expired:,} records left the log before they were read")
    if seen.hours is not None and seen.hours < SOON_HOURS:
        told.append(f"retention takes the first unread record in {seen.hours:.1f} h")
    return "; ".join(told)


def place(partition: Partition | None) -> str:
    """A partition in a word, as Kafka's own tools have it."""
    return "" if partition is None else f"{partition.topic}-{partition.number}"


def _worst_first(look: Look) -> Sequence[tuple[str, Seen]]:
    def badness(item: tuple[str, Seen]) -> tuple[int, int, int, str]:
        name, seen = item
        group = seen.group
        return (
            _WORDS.index(group.entered.word),
            _WORDS.index(group.window),
            -(group.lag or 0),
            name,
        )

    return sorted(look.groups.items(), key=badness)


def _finding(name: str, seen: Seen) -> LagFinding:
    group, worst = seen.group, seen.group.worst
    return LagFinding(
        group=name,
        word=str(group.entered.word),
        reason=_reason(group),
        records=group.lag,
        seconds=None if seen.oldest is None else round(seen.oldest),
        worst_topic=worst and worst.topic,
        worst_partition=None if worst is None else worst.number,
        expired=group.expired,
        since=group.entered.since,
        message=message(seen),
    )


def _reason(group: GroupLag) -> str | None:
    if group.entered.word is LagWord.UNKNOWN:
        return str(group.reason or LagReason.FILLING)
    return str(LagReason.RECORDS_EXPIRED) if group.expired else None


def _unknown(group: GroupLag, window: bool) -> str:
    reason = group.reason or LagReason.FILLING
    if reason is LagReason.FILLING and window:
        return f"{_place(group.worst)}its commit stands, and no look before says since when: look again"
    said = f"{_place(group.worst) if group.window is LagWord.UNKNOWN else ''}{_REASONS[reason]}"
    return f"{said}: {group.fault}" if group.fault and reason is LagReason.NOT_SAMPLED else said


def _place(partition: Partition | None) -> str:
    return "" if partition is None else f"{place(partition)}: "


def _group(name: str, seen: Seen) -> dict[str, object]:
    group = seen.group
    return {
        "group": name,
        "word": group.entered.word,
        "window": group.window,
        "reason": _reason(group),
        "since": group.entered.since.isoformat(),
        "records": group.lag,
        "seconds": seen.oldest,
        "expired": group.expired,
        "hoursUntilExpiry": seen.hours,
        "message": message(seen),
        "partitions": [
            {
                "topic": partition.topic,
                "partition": partition.number,
                "word": found.word,
                "reason": found.reason,
                "committed": found.committed,
                "low": found.low,
                "end": found.end,
                "lag": found.lag,
                "seconds": 0.0 if found.lag == 0 else seen.seconds.get(partition),
                "leaderEpoch": found.leader_epoch,
                "expired": found.expired,
            }
            for partition, found in sorted(group.partitions.items())
        ],
    }
