"""A report about a thousand topics in a termination message: lists are cut, counts and tokens stay."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backbone.errors import Rejected
from backbone.ports.topics import TopicWord
from backbone.reports.envelope import MESSAGE_BYTES
from backbone.reports.topics import WORDS, WORST, TopicFinding, TopicsReport, UnconfirmedTopic

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
COUNTS = {str(word): 10**6 for word in TopicWord}
WAITS = tuple(
    UnconfirmedTopic(name="p" * 64 + f"ingest.intradayTrades{number}", partitions=10_000, token="t" * 40)
    for number in range(5)
)


def report(name: int = 30, message: str = "", counts: dict[str, int] = COUNTS) -> TopicsReport:
    worst = tuple(
        TopicFinding(name=f"{number:03}".ljust(name, "x"), word="ReplicationImpossible", message=message)
        for number in range(WORST)
    )
    return TopicsReport(
        outcome="Checked",
        message=message,
        request="r" * 16,
        confirmed="c" * 253,
        counts=counts,
        worst=worst,
        unconfirmed=WAITS,
        broker_creates_topics=True,
        brokers=3,
        at=NOW,
    )


def test_a_small_report_arrives_whole() -> None:
    sent = report(message="topic x has 3 partitions, and the spec 6").model_copy(update={"unconfirmed": ()})
    assert TopicsReport.decode(sent.encode().decode()) == sent


@pytest.mark.parametrize("name", [8, 100, 313])
@pytest.mark.parametrize(
    "message", ["", "m" * 320, "€" * 320, '"\\\n' * 120], ids=["none", "long", "of many bytes", "escaped"]
)
def test_a_large_report_is_cut_and_its_counts_and_tokens_stay(name: int, message: str) -> None:
    encoded = report(name, message).encode()
    assert len(encoded) <= MESSAGE_BYTES
    arrived = TopicsReport.decode(encoded.decode())
    assert arrived.counts == COUNTS
    assert arrived.unconfirmed == WAITS
    assert (arrived.outcome, arrived.request, arrived.confirmed) == ("Checked", "r" * 16, "c" * 253)
    assert (arrived.brokers, arrived.broker_creates_topics) == (3, True)
    assert not arrived.cut


def test_short_messages_keep_all_twenty() -> None:
    arrived = TopicsReport.decode(report(30, "topic is odd").encode().decode())
    assert len(arrived.worst) == WORST


def test_long_messages_keep_some_of_the_worst_with_the_beginnings_of_their_messages() -> None:
    arrived = TopicsReport.decode(report(40, "m" * 320).encode().decode())
    assert len(arrived.worst) >= 10
    assert arrived.worst[0].name.startswith("000x")
    assert arrived.worst[0].message.startswith("mm")


def test_a_message_that_a_broker_wrote_cannot_break_the_status() -> None:
    finding = TopicFinding(name="n" * 999, word="w" * 99, message="a\x00b\n" + "m" * 999)
    assert (len(finding.name), len(finding.word), len(finding.message)) == (320, 64, 320)
    assert "\x00" not in finding.message


def test_more_words_than_a_status_has_room_for_are_no_report() -> None:
    assert len(TopicWord) < WORDS
    many = report().model_copy(update={"counts": {f"Word{number}": 1 for number in range(WORDS + 1)}})
    with pytest.raises(Rejected, match="counts"):
        TopicsReport.decode(many.encode().decode())
