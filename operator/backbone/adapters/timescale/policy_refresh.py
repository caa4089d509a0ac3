"""How far an aggregate looks back, which follows from what retention dropped and will drop; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from ...ports.policies import USUAL_SECONDS, DesiredPolicies
from .policy_settings import (
    MADE,
    VIEWS,
    Key,
    Kind,
    PolicyHoldings,
    Setting,
    View,
    refresh,
    remembered_days,
    view_of,
)


def refreshes(
    desired: DesiredPolicies, settings: Mapping[Key, Setting], holdings: PolicyHoldings
) -> dict[Key, Setting]:
    """How far aggregates look back and whether they are filled first, which follows from retention.

    `settings` are all others that are desired. They include aggregates that only exist because their end is
    not confirmed.
    """
    every = {view_of(item.aggregate).table: item.refresh_seconds for item in desired.aggregates}
    found: dict[Key, Setting] = {}
    for table, view in VIEWS.items():
        if (Kind.AGGREGATE, table) not in settings:
            continue
        now = holdings.current.get((Kind.REFRESH, table))
        seconds = every.get(table) or (now and now.seconds) or USUAL_SECONDS
        retention = (Kind.RETENTION, f"market.{view.raw.table}")
        new, old = settings.get(retention), holdings.current.get(retention)
        found[Kind.REFRESH, table] = refresh(seconds, _start(view, settings, holdings))
        made = holdings.remembered.get((Kind.FILL, table))
        comes = holdings.remembered.get(retention) != new.text if new is not None else False
        if new is not None and comes and new.is_shorter_than(old):
            made = f"before a retention of {new.text}"
        found[Kind.FILL, table] = Setting(made or MADE, _reach(view, holdings))
    return found


def _start(view: View, settings: Mapping[Key, Setting], holdings: PolicyHoldings) -> int | None:
    """Days that a refresh looks back; None for everything.

    Never so far that it meets rows which retention dropped: a refresh would take them out of the aggregate
    too. After a retention was made longer, it stays where it was until that many days are there again.
    """
    table = f"market.{view.raw.table}"
    new = settings.get((Kind.RETENTION, table))
    target = min((*([new.days] if new and new.days else []), *_kept(table, holdings)), default=None)
    limit = _since_dropped(table, holdings)
    if limit is None or (target is not None and target <= limit):
        return target
    now = holdings.current.get((Kind.REFRESH, view.table))
    return now.days if now and now.days is not None and now.days <= limit else limit


def _reach(view: View, holdings: PolicyHoldings) -> int | None:
    """Days back to which an aggregate can be filled; None for everything, as where it has nothing to lose."""
    if (Kind.FILL, view.table) not in holdings.remembered:
        return None
    table = f"market.{view.raw.table}"
    limit = _since_dropped(table, holdings)
    return min((*([] if limit is None else [limit]), *_kept(table, holdings)), default=None)


def _kept(table: str, holdings: PolicyHoldings) -> list[int]:
    """Days that a table's rows have been kept until now: as is set, and as was last wished."""
    key = (Kind.RETENTION, table)
    now, remembered = holdings.current.get(key), holdings.remembered.get(key)
    return [
        *([now.days] if now and now.days is not None else []),
        *([remembered_days(remembered)] if remembered else []),
    ]


def _since_dropped(table: str, holdings: PolicyHoldings) -> int | None:
    """Days since the time before which an earlier retention may have dropped rows; None where none did."""
    dropped = holdings.remembered.get((Kind.DROPPED, table))
    return (holdings.now - datetime.fromisoformat(dropped)).days if dropped else None


def dropped_before(key: Key, new: Setting | None, holdings: PolicyHoldings) -> datetime | None:
    """The time before which rows are gone that the new setting would have kept; None for none."""
    kept = min(_kept(key[1], holdings), default=None)
    if kept is None or (new is not None and (new.days or 0) <= kept):
        return None
    until = holdings.now - timedelta(days=kept)
    earlier = holdings.remembered.get((Kind.DROPPED, key[1]))
    return max(until, datetime.fromisoformat(earlier)) if earlier else until
