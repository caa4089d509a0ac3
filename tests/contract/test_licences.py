"""An export leaves out what its licence does not permit to copy, and says what that was, on each tier."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backbone.adapters.duckdb.store import DuckDBStore
from backbone.adapters.export import export
from backbone.market.dimensions import MACRO_SERIES
from backbone.market.lineage import Lineage, stamp
from backbone.ports.journal import RunEnd, RunStart
from backbone.ports.store import Selection, Store
from backbone.vocabulary import Outcome
from stores import Tier
from worker import Emp

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FREE, HELD = "public domain: citation requested", "copyrighted: pre-approval required"
SERIES = {"CPI": FREE, "VIX": HELD, "OLD": None}
PERIODS = 12


def fill(store: Store, source: str = "fred") -> None:
    """Twelve values of each series."""
    names = [name for name in SERIES for _ in range(PERIODS)]
    count = len(names)
    facts = pa.table(
        {
            "source": [source] * count,
            "series": names,
            "period": [date(2025, 1 + month, 1) for _ in SERIES for month in range(PERIODS)],
            "frequency": ["monthly"] * count,
            "vintage": [date(2026, 2, 1)] * count,
            "value": [float(number) for number in range(count)],
            "licence": [SERIES[name] for name in names],
            "revision": [0] * count,
        },
        schema=MACRO_SERIES.facts,
    )
    with store.writer("fill", timedelta()) as writer:
        sequence = writer.journal.begin(RunStart("run", "plan", 1, NOW))
        with writer.batch():
            writer.rows.upsert(MACRO_SERIES, stamp(MACRO_SERIES, facts, Lineage("run", 1, NOW, "Fred")))
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, NOW, count, count, ""))
        writer.publish()


def test_restricted_series_stay_and_are_counted_by_name(tier: Tier, tmp_path: Path) -> None:
    fill(tier.store())
    target = tmp_path / "series.parquet"
    with tier.reading() as reader:
        manifest = export(reader, Selection(MACRO_SERIES), "parquet", target, {})
    assert set(pq.read_table(target)["series"].to_pylist()) == {"CPI"}
    assert (manifest["rows"], manifest["licences"]) == (PERIODS, [FREE])
    assert manifest["leftOut"] == [
        {"source": "fred", "name": "OLD", "licence": None, "rows": PERIODS},
        {"source": "fred", "name": "VIX", "licence": HELD, "rows": PERIODS},
    ]
    assert json.loads((tmp_path / "series.parquet.manifest.json").read_text()) == manifest


def test_a_source_declares_for_its_rows_that_have_no_word(tier: Tier, tmp_path: Path) -> None:
    fill(tier.store(), "sample/own")
    target = tmp_path / "series.parquet"
    with tier.reading() as reader:
        manifest = export(reader, Selection(MACRO_SERIES), "parquet", target, {"sample/own": "NCSA"})
    assert set(pq.read_table(target)["series"].to_pylist()) == {"CPI", "OLD"}
    assert [item["name"] for item in manifest["leftOut"]] == ["VIX"]


@pytest.mark.parametrize(
    ("wish", "rows", "said"),
    [
        pytest.param(
            (),
            PERIODS,
            "24 rows left out, whose licence does not permit copies: "
            f"OLD from fred, 12 (no licence named); VIX from fred, 12 ({HELD})",
            id="among others",
        ),
        pytest.param(("--symbol", "VIX"), 0, f"VIX from fred, 12 ({HELD})", id="alone"),
        pytest.param(("--symbol", "CPI"), PERIODS, None, id="none"),
    ],
)
def test_the_command_says_what_it_left_out(
    tmp_path: Path, emp: Emp, wish: tuple[str, ...], rows: int, said: str | None
) -> None:
    fill(DuckDBStore(tmp_path / "data"))
    to = tmp_path / "series.parquet"
    done = emp("export", "macro-series", *wish, "--to", to, "--data-dir", tmp_path / "data")
    assert (done.returncode, pq.read_table(to).num_rows) == (0, rows), done.stderr
    assert f"{rows:,} rows of" in done.stdout
    assert "no rows in that range" not in done.stderr
    if said is None:
        assert "left out" not in done.stdout
    else:
        assert said in done.stdout
