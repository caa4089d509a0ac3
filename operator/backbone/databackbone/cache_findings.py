"""What is true of Redis, by the last check of it."""

from __future__ import annotations

from ..evaluation import Finding
from ..grading.chain import Chain, first
from ..ports.cache import CacheFault
from ..reports.database import CACHE_REACHABLE
from ..vocabulary import Reason
from .database_look import Checked


def cache_healthy(checked: Checked) -> Finding:
    """Whether Redis does what the cache needs."""
    return first(CACHE_HEALTHY, checked) or _reachable(checked)


def _not_checked(checked: Checked) -> Finding | None:
    """First: a verdict on the cache of another spec says nothing of this one."""
    if checked.cache is not None and checked.look.status.request == checked.request.sections:
        return None
    return Finding(None, Reason.PENDING, "No Job has checked Redis for the current spec yet.")


def _out_of_date(checked: Checked) -> Finding | None:
    """Before the verdict itself, good or bad: Redis may have changed since."""
    if checked.cache_fresh:
        return None
    return Finding(None, Reason.OUT_OF_DATE, "The last check of Redis is out of date.")


def _fault(checked: Checked) -> Finding | None:
    """Last. Without the cache reads are slower, and nothing fails."""
    cache = checked.cache
    if cache is None or cache.outcome == CACHE_REACHABLE:
        return None
    fault = CacheFault.named(cache.outcome) or CacheFault.FAILED
    told = (cache.message or fault.meaning).rstrip(".")
    return Finding(False, fault, f"{told}. Reads go to the database meanwhile.")


def _reachable(checked: Checked) -> Finding:
    cache, asked = checked.cache, "there was no read in the last window"
    if cache is not None and cache.hit_percent is not None:
        asked = f"{cache.hit_percent} % hits in the last {cache.window_seconds} s"
    entries = cache.keys or 0 if cache is not None else 0
    return Finding(True, Reason.CACHE_REACHABLE, f"Redis has {entries:,} entries; {asked}.")


CACHE_HEALTHY: Chain[Checked] = (_not_checked, _out_of_date, _fault)
"""In this order, before Redis is found to do what the cache needs."""
