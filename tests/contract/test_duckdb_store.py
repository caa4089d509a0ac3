"""What is DuckDB's own of the store: readers have the copy that was published last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backbone.adapters.duckdb.reader import published
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.ports.journal import RunStart
from backbone.ports.store_errors import NothingPublished

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


def test_readers_see_nothing_before_it_is_published(tmp_path: Path) -> None:
    with DuckDBStore(tmp_path).writer("run-1", timedelta()) as writer:
        writer.journal.begin(RunStart("run-1", "sample", 1, NOW))
        with pytest.raises(NothingPublished), published(tmp_path):
            pass
