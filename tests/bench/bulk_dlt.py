"""dlt's way to bring the bars into a DuckDB file; a program like bulk_contenders.py, which imports no dlt.

python tests/bench/bulk_dlt.py dlt FOLDER BARS RUN
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import dlt
import duckdb
import pyarrow as pa

from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import stamp
from bulk_contenders import lineage, publish, time_it, working


def merge(folder: Path, facts: pa.Table, run: int) -> int:
    """write_disposition="merge" on the product's key, from Arrow, published like the others."""
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(folder / "dlt"),
        destination=dlt.destinations.duckdb(str(working(folder))),
        dataset_name="market",
    )
    pipeline.run(
        stamp(DAILY_BARS, facts, lineage(run)),
        table_name=DAILY_BARS.table,
        write_disposition="merge",
        primary_key=DAILY_BARS.key,
    )
    publish(duckdb.connect(str(working(folder))), folder)
    return int(facts.num_rows)


if __name__ == "__main__":
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    time_it(merge, Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
