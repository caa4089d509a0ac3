"""Runbooks have a row for everything that an object can say."""

from __future__ import annotations

import re
from pathlib import Path

from backbone.ports.lag import LagReason, LagWord
from backbone.ports.stream import KafkaFault
from backbone.ports.topics import TopicWord

RUNBOOKS = Path(__file__).resolve().parents[1] / "docs" / "runbooks"


def rows(page: str, section: str) -> set[str]:
    """The first cells of the tables in one section of a page."""
    text = (RUNBOOKS / page).read_text()
    (found,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    cells = re.findall(r"^\| (\w+) \|", found, flags=re.MULTILINE)
    return set(cells) - {"word", "fault", "reason", "REASON"}


def test_each_word_for_a_topic_has_a_row() -> None:
    assert rows("topics.md", "By word") == {str(word) for word in TopicWord}


def test_each_fault_of_kafka_has_a_row() -> None:
    assert rows("topics.md", "By the fault of Kafka") == {str(fault) for fault in KafkaFault}


def test_each_word_and_reason_of_lag_has_a_row() -> None:
    assert rows("lag.md", "By word") == {str(word) for word in LagWord}
    assert rows("lag.md", "By the reason") == {str(reason) for reason in LagReason}
