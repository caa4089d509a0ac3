"""What to do about a consumer group's lag, in a sentence; pure."""

from __future__ import annotations

from ..ports.lag import LagReason, LagWord

_OF_REASONS = {
    LagReason.FILLING: "Wait for the next look: a word needs two that agree.",
    LagReason.NOT_SAMPLED: "Look at the log of the last Job of component lag: it says what Kafka refused.",
    LagReason.NEVER_COMMITTED: "Check that the group commits, and that it reads these topics.",
    LagReason.GROUP_NOT_FOUND: "Check the name of the group and start its consumers.",
    LagReason.COMMIT_BEYOND_END: "Reset the group's offsets: the log lost records, or the topic was created "
    "again.",
    LagReason.RECORDS_EXPIRED: "Records were deleted before the group read them: raise retention.ms or add "
    "consumers.",
}
_OF_WORDS = {
    LagWord.REWIND: "If you reset its offsets, wait until it has passed its old place. Otherwise find out "
    "who did: it reads records twice.",
    LagWord.STOPPED: "Start its consumers.",
    LagWord.STALLED: "Look at the consumer that has the worst partition: it is alive and commits nothing. "
    "Restart it if it hangs.",
    LagWord.WARNING: "Add consumers, up to the number of partitions, or make them faster.",
}


def advice(word: str, reason: str | None) -> str:
    """What to do about a group with this word and reason; empty where there is nothing to do."""
    known = LagReason.named(reason)
    of_reason = _OF_REASONS[known] if known is not None else ""
    named = LagWord.named(word) or LagWord.UNKNOWN
    if named is LagWord.UNKNOWN:
        return of_reason or "Look at the log of the last Job of component lag."
    return " ".join(part for part in (_OF_WORDS.get(named, ""), of_reason) if part)


def means(word: str, reason: str | None) -> str:
    """What a word means, or the reason where nothing could be judged."""
    named, known = LagWord.named(word) or LagWord.UNKNOWN, LagReason.named(reason)
    return known.meaning if named is LagWord.UNKNOWN and known is not None else named.meaning
