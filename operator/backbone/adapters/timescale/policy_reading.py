"""What policies a database has, and how its own jobs for them fare."""

from __future__ import annotations

import json
from datetime import timedelta

from psycopg import Connection

from ...ports.policies import JobOutcome, PolicyJob
from . import policy_sql as sql
from .policy_settings import (
    KINDS,
    SCHEDULES,
    VIEWS,
    WORDS,
    Key,
    Kind,
    PolicyHoldings,
    Setting,
    columnstore_setting,
    days_setting,
    refresh,
)
from .session import Row
from .times import moment

_DAY = 86_400
_LONGEST = 1_000_000 * _DAY
"""Nobody means a longer span; an infinite one is among them."""
SOON = 6
"""Intervals within which the next run is: after failures the database waits for up to five and a bit."""


def holdings(connection: Connection[Row]) -> PolicyHoldings:
    """What is set in a database and what it remembers. Raises psycopg.Error."""
    current: dict[Key, Setting] = {}
    for table, width in _rows(connection, sql.WIDTHS):
        current[Kind.CHUNK_WIDTH, table] = _span(width)
    for table, segment_by, order_by in _rows(connection, sql.COLUMNSTORES):
        current[Kind.COLUMNSTORE, table] = columnstore_setting(segment_by, order_by)
    for view, materialized in _rows(connection, sql.AGGREGATES):
        if view in VIEWS:
            current[Kind.AGGREGATE, view] = Setting("materialized" if materialized else "in real time")
    for table, procedure, *when, span, end in _rows(connection, sql.JOBS, [list(KINDS)]):
        kind = KINDS[procedure]
        setting = _refresh(when[1], span, end) if kind is Kind.REFRESH else _span(span)
        text = ", ".join((setting.text, *_moved(kind, *when)))
        current[kind, table] = Setting(text, setting.days, setting.seconds)
    names = {name for (name,) in _rows(connection, sql.NAMES)}
    ((now,),) = _rows(connection, sql.NOW)
    return PolicyHoldings(
        now,
        current,
        {(Kind[kind], table): text for kind, table, text in _rows(connection, sql.REMEMBERED)},
        frozenset(name for name in names if name in VIEWS and (Kind.AGGREGATE, name) not in current),
    )


def outcomes(connection: Connection[Row]) -> tuple[PolicyJob, ...]:
    """How the jobs of policies have fared, by the database's own statistics. Raises psycopg.Error."""
    kinds = json.dumps({procedure: kind.name for procedure, kind in KINDS.items()})
    return tuple(_job(row) for row in _rows(connection, sql.OUTCOMES, [kinds, kinds]))


def _job(row: Row) -> PolicyJob:
    """While a job runs, or where its process died, the database has no status: then the last error tells."""
    table, procedure, every, since, status, work, started, succeeded, next_start, failures, failed, words = (
        row
    )
    succeeded = moment(succeeded)
    outcome = None
    if status == "Failed" or (status is None and failed and (succeeded is None or failed > succeeded)):
        outcome = JobOutcome.FAILED
    elif work == "Running":
        outcome = JobOutcome.RUNNING
    elif status == "Success":
        outcome = JobOutcome.SUCCEEDED
    return PolicyJob(
        table=table,
        kind=WORDS[KINDS[procedure]],
        every=timedelta(seconds=min(every, _LONGEST)),
        outcome=outcome,
        failures=failures or 0,
        started_at=moment(started),
        succeeded_at=succeeded,
        next_start=moment(next_start),
        since=moment(since),
        words=next(iter((words or "").strip().splitlines()), "") if outcome is JobOutcome.FAILED else "",
    )


def _moved(kind: Kind, scheduled: bool, every: float, longest: float, ahead: float | None) -> list[str]:
    """In what a job was moved out of its schedule; `ahead` are the seconds to its next run."""
    meant = SCHEDULES[kind]
    moved = [] if scheduled else ["paused"]
    if meant.every is not None and every != meant.every:
        moved.append(f"every {_spelled(every)}")
    if longest != meant.longest:
        moved.append(f"for at most {_spelled(longest)}" if longest else "for as long as it takes")
    if ahead is not None and ahead > SOON * every:
        moved.append("never again" if ahead > _LONGEST else f"not for {_spelled(round(ahead))}")
    return moved


def _spelled(seconds: float) -> str:
    if seconds >= _LONGEST:
        return "infinity"
    return f"{seconds / _DAY:g} days" if seconds and not seconds % _DAY else f"{seconds:g} s"


def _span(seconds: float | None) -> Setting:
    """A span of a policy; one that is not of days is not ours, and `days` are those that are whole."""
    if seconds is None or seconds >= _LONGEST:
        return Setting("of another kind")
    if seconds % _DAY:
        return Setting(str(timedelta(seconds=seconds)), int(seconds // _DAY))
    return days_setting(int(seconds // _DAY))


def _refresh(every: float, start: float | None, end: float | None) -> Setting:
    seconds, strange = int(min(every, _LONGEST)), start is not None and start >= _LONGEST
    setting = refresh(seconds, None if start is None or strange else int(start // _DAY))
    if strange or (start or 0) % _DAY or end is not None or seconds != every:
        return Setting(f"{setting.text}, of another window", setting.days, seconds)
    return setting


def _rows(connection: Connection[Row], statement: str, values: list[object] | None = None) -> list[Row]:
    return connection.execute(statement.encode(), values).fetchall()
