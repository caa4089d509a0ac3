"""Every benchmark, in the order in which they run and stand on the page. A new one joins here."""

from __future__ import annotations

import bulk_load
import worker_start

SUITE = (bulk_load.BENCHMARK, worker_start.BENCHMARK)
