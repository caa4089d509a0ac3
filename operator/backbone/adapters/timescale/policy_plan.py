"""What a database does with its tables over time against what is wished of it; pure.

Everything that can be set is one setting of a kind on a table, told in words. Three maps of them decide: what
is wished, what is there, and what the database remembers as the last wish that came to be. Where the first
two differ there is a step; the third tells whether the wish is new or somebody else changed the database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ...ports.database import DatabaseFault, DatabaseFinding
from ...ports.policies import LEAST_DAYS, DesiredPolicies, HypertablePolicy, Unconfirmed
from .policy_refresh import dropped_before, refreshes
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
    remembered_days,
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


@dataclass(frozen=True, slots=True)
class Draft:
    """What is desired beside what there is, before anybody has counted what would be lost."""

    desired: DesiredPolicies
    holdings: PolicyHoldings
    settings: Mapping[Key, Setting]
    """Those that are desired whatever there is."""
    losing: tuple[Step, ...]
    """Steps that could lose rows: `plan` needs the count of each."""
    refusal: DatabaseFinding | None
    """The first thing that is wrong with what is desired; None where it can be had."""


def draft(desired: DesiredPolicies, holdings: PolicyHoldings) -> Draft:
    """Compare what is desired with what there is."""
    holdings = _without_lost_views(holdings)
    settings = _settings(desired)
    return Draft(desired, holdings, settings, _losing(settings, holdings), refusal(desired, holdings))


def plan(draft: Draft, losses: Mapping[Key, Loss], confirmed: Collection[str] = ()) -> PolicyPlan:
    """What is left to do; `losses` has one entry for each step of `draft.losing`."""
    holdings, settings = draft.holdings, dict(draft.settings)
    asked = {step.key: _question(step, losses[step.key]) for step in draft.losing if losses[step.key].rows}
    unconfirmed = {key: item for key, item in asked.items() if item.token not in confirmed}
    standing = {VIEWS[table].needs for kind, table in holdings.current if kind is Kind.AGGREGATE}
    for table, view in VIEWS.items():
        key = (Kind.AGGREGATE, table)
        if key in unconfirmed or (key not in settings and view.aggregate in standing):
            settings[key] = holdings.current[key]
    for key in unconfirmed:
        if key[0] is Kind.RETENTION:
            _as_before(settings, holdings, key)
    settings |= refreshes(draft.desired, settings, holdings)
    steps = [step for key in _keys(settings, holdings) if (step := _step(key, settings, holdings))]
    return PolicyPlan(tuple(steps), tuple(unconfirmed.values()))


def refusal(desired: DesiredPolicies, holdings: PolicyHoldings) -> DatabaseFinding | None:
    """The first thing that is wrong with a wish; None where it can be had."""
    for item in desired.hypertables:
        if found := _misfit(item):
            return DatabaseFinding(DatabaseFault.POLICY_REFUSED, f"{item.dimension.name}: {found}")
    retention = {item.dimension.name: item.retention_days for item in desired.hypertables}
    if len(retention) < len(desired.hypertables):
        return DatabaseFinding(
            DatabaseFault.POLICY_REFUSED, "a dimension is wished of twice; keep one of the two"
        )
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
            why = f"the database has a {view.table} that is not a continuous aggregate; rename that"
        else:
            continue
        return DatabaseFinding(DatabaseFault.POLICY_REFUSED, f"{view.aggregate}: {why}")
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


def _losing(settings: Mapping[Key, Setting], holdings: PolicyHoldings) -> tuple[Step, ...]:
    found = []
    for key, new in settings.items():
        old = holdings.current.get(key)
        if key[0] is not Kind.RETENTION or holdings.remembered.get(key) == new.text:
            continue
        if new.is_shorter_than(old):
            found.append(Step(*key, old, new))
    standing = {VIEWS[table].needs for kind, table in holdings.current if kind is Kind.AGGREGATE}
    for table, view in VIEWS.items():
        key = (Kind.AGGREGATE, table)
        if key in holdings.current and key not in settings and view.aggregate not in standing:
            found.append(Step(*key, holdings.current[key], None))
    return tuple(found)


def _without_lost_views(holdings: PolicyHoldings) -> PolicyHoldings:
    """That a view which is gone was filled counts no more."""
    kept = {
        key: text
        for key, text in holdings.remembered.items()
        if key[0] is not Kind.FILL or (Kind.AGGREGATE, key[1]) in holdings.current
    }
    return replace(holdings, remembered=kept)


def _settings(desired: DesiredPolicies) -> dict[Key, Setting]:
    """What does not depend on what there is."""
    settings: dict[Key, Setting] = {}
    for item in desired.hypertables:
        table = f"market.{item.dimension.table}"
        settings[Kind.CHUNK_WIDTH, table] = days_setting(item.chunk_days)
        if item.compress_after_days is not None:
            settings[Kind.COLUMNSTORE, table] = columnstore(item.dimension)
            settings[Kind.COMPRESSION, table] = days_setting(item.compress_after_days)
        if item.retention_days is not None:
            settings[Kind.RETENTION, table] = days_setting(item.retention_days)
    for policy in desired.aggregates:
        settings[Kind.AGGREGATE, view_of(policy.aggregate).table] = Setting("materialized")
    return settings


def _as_before(settings: dict[Key, Setting], holdings: PolicyHoldings, key: Key) -> None:
    """A setting that is not confirmed stays as it was last desired."""
    del settings[key]
    if key in holdings.remembered:
        settings[key] = days_setting(remembered_days(holdings.remembered[key]))
    elif key in holdings.current:
        settings[key] = holdings.current[key]


def _keys(settings: Mapping[Key, Setting], holdings: PolicyHoldings) -> list[Key]:
    """Everything that is desired, there or remembered; aggregates go in the reverse order of their making."""
    places = {table: place for place, table in enumerate((*TABLES, *VIEWS))}

    def order(key: Key) -> tuple[int, int]:
        kind, table = key
        going = kind is Kind.AGGREGATE and key not in settings
        return kind, -places[table] if going else places[table]

    untouched = {Kind.COLUMNSTORE, Kind.CHUNK_WIDTH, Kind.DROPPED}
    there = {key for key in (*holdings.current, *holdings.remembered) if key[0] not in untouched}
    return sorted({key for key in (*settings, *there) if key[1] in places}, key=order)


def _step(key: Key, settings: Mapping[Key, Setting], holdings: PolicyHoldings) -> Step | None:
    new, remembered = settings.get(key), holdings.remembered.get(key)
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
