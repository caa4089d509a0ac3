"""Every benchmark, in the order in which they run and stand on the page. A new one joins here."""

from __future__ import annotations

import apply_to_ready
import bulk_load
import operator_cost
import worker_start

SUITE = (bulk_load.BENCHMARK, worker_start.BENCHMARK, operator_cost.BENCHMARK, apply_to_ready.BENCHMARK)
