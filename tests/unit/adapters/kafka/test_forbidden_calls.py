"""Calls of the client that crash the process, or alter more than they say, are made nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import backbone

SOURCES = sorted(Path(backbone.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"list_consumer_group_offsets", id="crashes where a group has no coordinator"),
        pytest.param(r"(?<!incremental_)alter_configs\b", id="resets every key that it does not name"),
        pytest.param(r"confluent_kafka\.aio", id="blocks the event loop"),
        pytest.param(r"\bdelete_topics\b", id="deletes topics, which are never deleted"),
    ],
)
def test_nowhere(pattern: str) -> None:
    assert SOURCES
    assert [path.name for path in SOURCES if re.search(pattern, path.read_text())] == []
