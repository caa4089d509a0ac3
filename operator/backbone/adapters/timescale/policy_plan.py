"""What a database does with its tables over time against what is wished of it; pure.

Everything that can be set is one setting of a kind on a table, told in words. Three maps of them decide: what
is wished, what is there, and what the database remembers as the last wish that came to be. Where the first
two differ there is a step; the third tells whether the wish is new or somebody else changed the database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ...ports.database import DatabaseFault, Finding
from ...ports.policies import LEAST_DAYS, DesiredPolicies, HypertablePolicy, Unconfirmed
from .policy_refresh import dropped_before, remembered_days, shorter, wish_refreshes
from .policy_settings import (
    TABLES,
    VIEWS,
    WORDS,
    Key,
    Kind,
    PolicyHoldings,
    Setting,
    columnstore,
    days_setting,
    view_of,
)


@dataclass(frozen=True, slots=True)
class Loss:
    """Rows that a step would lose now, and the time before which they lie; None where all of them go."""

    rows: int
    cutoff: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One setting from `old` to `new`, None for none.

    `remembers` means that the database is as wished and only its memory is not. `dropped` (UTC) is where a
    retention that ends, or becomes longer, may have dropped rows before.
    """

    kind: Kind
    table: str
    old: Setting | None
    new: Setting | None
    drift: bool = False
    remembers: bool = False
    dropped: datetime | None = None

    @property
    def key(self) -> Key:
        """What it sets."""
        return self.kind, self.table

    @property
    def what(self) -> str:
        """For people."""
        if self.kind is Kind.FILL:
            return WORDS[self.kind]
        old, new = (item.text if item else "none" for item in (self.old, self.new))
        return f"{WORDS[self.kind]}: {old} → {new}"


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """What is left to do, in this order, and what waits for a token."""

    steps: tuple[Step, ...]
    unconfirmed: tuple[Unconfirmed, ...]


def refusal(desired: DesiredPolicies, holdings: PolicyHoldings) -> Finding | None:
    """The first thing that is wrong with a wish; None where it can be had."""
    for item in desired.hypertables:
        if found := _misfit(item):
            return Finding(DatabaseFault.POLICY_REFUSED, f"{item.dimension.name}: {found}")
    retention = {item.dimension.name: item.retention_days for item in desired.hypertables}
    if len(retention) < len(desired.hypertables):
        return Finding(DatabaseFault.POLICY_REFUSED, "a dimension is wished of twice; keep one of the two")
    wished = {item.aggregate for item in desired.aggregates}
    for view in VIEWS.values():
        if view.aggregate not in wished:
            continue
        kept = retention.get(view.raw.name)
        least = LEAST_DAYS[view.aggregate]
        if view.needs and view.needs not in wished:
            why = f"it is made of {view.needs}; ask for that too"
        elif kept is not None and kept < least:
            why = f"it needs {least} days of {view.raw.name}, of which {kept} are kept; keep more, or drop it"
        elif view.table in holdings.strangers:
            why = f"the database has a {view.table} that is no continuous aggregate; rename that"
        else:
            continue
        return Finding(DatabaseFault.POLICY_REFUSED, f"{view.aggregate}: {why}")
    return None


def _misfit(item: HypertablePolicy) -> str | None:
    for name, days in (
        ("chunks", item.chunk_days),
        ("retention", item.retention_days),
        ("compression", item.compress_after_days),
    ):
        if days is not None and days < 1:
            return f"{name} of {days} days; write 1 or more, or leave it out"
    kept, packed = item.retention_days, item.compress_after_days
    if kept is not None and packed is not None and packed >= kept:
        return f"compression after {packed} days never comes where {kept} are kept; compress earlier"
    return None


def losing(desired: DesiredPolicies, holdings: PolicyHoldings) -> tuple[Step, ...]:
    """Steps that could lose rows that are there, whose loss is to be counted before `plan` is asked."""
    wished = _wished(desired)
    found = []
    for key, new in wished.items():
        old = holdings.current.get(key)
        if key[0] is Kind.RETENTION and holdings.remembered.get(key) != new.text and shorter(new, old):
            found.append(Step(*key, old, new))
    standing = {VIEWS[table].needs for kind, table in holdings.current if kind is Kind.AGGREGATE}
    for table, view in VIEWS.items():
        key = (Kind.AGGREGATE, table)
        if key in holdings.current and key not in wished and view.aggregate not in standing:
            found.append(Step(*key, holdings.current[key], None))
    return tuple(found)


def plan(
    desired: DesiredPolicies,
    holdings: PolicyHoldings,
    losses: Mapping[Key, Loss],
    confirmed: Collection[str] = (),
) -> PolicyPlan:
    """What is left to do; `losses` has one entry for each step of `losing`."""
    holdings = _without_lost_views(holdings)
    wished = _wished(desired)
    asked = {
        step.key: _question(step, losses[step.key])
        for step in losing(desired, holdings)
        if losses[step.key].rows
    }
    unconfirmed = {key: item for key, item in asked.items() if item.token not in confirmed}
    standing = {VIEWS[table].needs for kind, table in holdings.current if kind is Kind.AGGREGATE}
    for table, view in VIEWS.items():
        key = (Kind.AGGREGATE, table)
        if key in unconfirmed or (key not in wished and view.aggregate in standing):
            wished[key] = holdings.current[key]
    for key in unconfirmed:
        if key[0] is Kind.RETENTION:
            _as_before(wished, holdings, key)
    wish_refreshes(desired, wished, holdings)
    steps = [step for key in _keys(wished, holdings) if (step := _step(key, wished, holdings))]
    return PolicyPlan(tuple(steps), tuple(unconfirmed.values()))


def _without_lost_views(holdings: PolicyHoldings) -> PolicyHoldings:
    """That a view which is gone was filled counts no more."""
    kept = {
        key: text
        for key, text in holdings.remembered.items()
        if key[0] is not Kind.FILL or (Kind.AGGREGATE, key[1]) in holdings.current
    }
    return replace(holdings, remembered=kept)


def _wished(desired: DesiredPolicies) -> dict[Key, Setting]:
    """What does not depend on what is there."""
    wished: dict[Key, Setting] = {}
    for item in desired.hypertables:
        table = f"market.{item.dimension.table}"
        wished[Kind.CHUNK_WIDTH, table] = days_setting(item.chunk_days)
        if item.compress_after_days is not None:
            wished[Kind.COLUMNSTORE, table] = columnstore(item.dimension)
            wished[Kind.COMPRESSION, table] = days_setting(item.compress_after_days)
        if item.retention_days is not None:
            wished[Kind.RETENTION, table] = days_setting(item.retention_days)
    for policy in desired.aggregates:
        wished[Kind.AGGREGATE, view_of(policy.aggregate).table] = Setting("materialized")
    return wished


def _as_before(wished: dict[Key, Setting], holdings: PolicyHoldings, key: Key) -> None:
    """A setting that is not confirmed stays as it was last wished."""
    del wished[key]
    if key in holdings.remembered:
        wished[key] = days_setting(remembered_days(holdings.remembered[key]))
    elif key in holdings.current:
        wished[key] = holdings.current[key]


def _keys(wished: Mapping[Key, Setting], holdings: PolicyHoldings) -> list[Key]:
    """Everything that is wished, there or remembered; aggregates go in the reverse order of their making."""
    places = {table: place for place, table in enumerate((*TABLES, *VIEWS))}

    def order(key: Key) -> tuple[int, int]:
        kind, table = key
        going = kind is Kind.AGGREGATE and key not in wished
        return kind, -places[table] if going else places[table]

    untouched = {Kind.COLUMNSTORE, Kind.CHUNK_WIDTH, Kind.DROPPED}
    there = {key for key in (*holdings.current, *holdings.remembered) if key[0] not in untouched}
    return sorted({key for key in (*wished, *there) if key[1] in places}, key=order)


def _step(key: Key, wished: Mapping[Key, Setting], holdings: PolicyHoldings) -> Step | None:
    new, remembered = wished.get(key), holdings.remembered.get(key)
    if key[0] is Kind.FILL:
        if new is None:
            return Step(*key, None, None, remembers=True)
        return None if remembered == new.text else Step(*key, None, new)
    old = holdings.current.get(key)
    there, meant = old.text if old else None, new.text if new else None
    if there == meant == remembered:
        return None
    dropped = dropped_before(key, new, holdings) if key[0] is Kind.RETENTION else None
    return Step(*key, old, new, remembered == meant, there == meant, dropped)


def _question(step: Step, loss: Loss) -> Unconfirmed:
    if step.new is None:
        name, ask = VIEWS[step.table].aggregate.value, "drop"
    else:
        name, ask = TABLES[step.table].name, f"{step.new.days}d"
    return Unconfirmed(step.table, step.what, loss.rows, loss.cutoff, f"{name}-{ask}-{loss.rows}")
