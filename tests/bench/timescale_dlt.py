"""dlt's way to bring the bars into PostgreSQL; a program like timescale_contenders.py, which imports no dlt.

python tests/bench/timescale_dlt.py dlt URI BARS RUN
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import dlt
import pyarrow as pa

from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import stamp
from bulk_contenders import lineage
from timescale_contenders import DLT_DATASET, time_it, url_of


def merge(settings: ConnectionSettings, facts: pa.Table, run: int) -> int:
    """write_disposition="merge" on the product's key, from Arrow, into a table of dlt's own making."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(url_of(settings, "postgresql")),
            dataset_name=DLT_DATASET,
        )
        pipeline.run(
            stamp(DAILY_BARS, facts, lineage(run)),
            table_name=DAILY_BARS.table,
            write_disposition="merge",
            primary_key=DAILY_BARS.key,
        )
    return int(facts.num_rows)


if __name__ == "__main__":
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    time_it(merge, sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
