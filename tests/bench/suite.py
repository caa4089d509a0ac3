"""Every benchmark, in the order in which they run and stand on the page. A new one joins here."""

from __future__ import annotations

import apply_to_ready
import apply_to_topics
import bulk_load
import client_reads
import kafka_topics
import operator_cost
import shared_cache
import timescale_load
import timescale_reads
import timescale_trades
import validation
import worker_start
import yahoo_run

SUITE = (
    bulk_load.BENCHMARK,
    timescale_load.BENCHMARK,
    timescale_trades.BENCHMARK,
    timescale_reads.BENCHMARK,
    validation.BENCHMARK,
    client_reads.BENCHMARK,
    shared_cache.BENCHMARK,
    kafka_topics.BENCHMARK,
    worker_start.BENCHMARK,
    operator_cost.BENCHMARK,
    apply_to_ready.BENCHMARK,
    apply_to_topics.BENCHMARK,
    yahoo_run.BENCHMARK,
)
