"""What a run and each of its dimensions came to, as a report tells it."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow.compute as pc

from ..market.dimensions import moment_of
from ..ports.journal import JournalEntry
from ..ports.store import Recovery
from ..providers.protocol import Delivery, Slice
from ..reports.run import DimensionReport, PastRun, RowCount, SourceReport, StoreRecoveryReport
from ..vocabulary import Outcome
from .tasks import Task
from .validating import Stored

NAMES_IN_MESSAGE = 10


def conclusion(tasks: tuple[Task, ...], reports: list[DimensionReport]) -> tuple[Outcome, str]:
    """How a run ended, from its dimensions: only the required ones decide.

    Partial where something was stored, else the first required dimension's own outcome.
    """
    wanting = [
        report
        for task, report in zip(tasks, reports, strict=True)
        if task.required and report.outcome is not Outcome.SUCCEEDED
    ]
    if not wanting:
        lost = [item for item in reports if item.outdated and item.outdated == item.rows]
        return Outcome.SUCCEEDED, "; ".join(f"{item.name}: {item.message}" for item in lost)
    message = "; ".join(f"{item.name}: {item.message or item.outcome}" for item in wanting)
    stored = any(item.rows for item in reports)
    return (Outcome.PARTIAL if stored else wanting[0].outcome), message


def dimension_report(task: Task, stored: Stored) -> DimensionReport:
    """One dimension's result from what was delivered and kept."""
    dimension, delivery = task.query.dimension, stored.delivery
    tables = [item.facts for item in delivery.slices]
    bounds = [pc.min_max(table[dimension.time]).as_py() for table in tables]
    subjects = {name for table in tables for name in table[dimension.subject].unique().to_pylist()}
    missing = delivery.missing
    if not missing:
        outcome = Outcome.SUCCEEDED
    elif tables:
        outcome = Outcome.PARTIAL
    else:
        outcome = _failed_outcome(delivery)
    return DimensionReport(
        name=dimension.name,
        outcome=outcome,
        rows=sum(table.num_rows for table in tables),
        changed=stored.changed,
        outdated=stored.outdated,
        symbols=len(subjects),
        missing=missing,
        missing_count=len(missing),
        first_at=moment_of(min((item["min"] for item in bounds), default=None)),
        last_at=moment_of(max((item["max"] for item in bounds), default=None)),
        sources=tuple(_source_report(item) for item in delivery.slices),
        quarantined=_counts(stored.quarantined),
        flagged=_counts(stored.flagged),
        unchecked=len(stored.unchecked),
        requests=delivery.requests,
        retried=delivery.retried,
        message=_message(task, stored),
    )


def _outdated_message(stored: Stored) -> str:
    """What a run in which every row lost has to say: what is stored may be of a clock that was ahead."""
    rows = sum(item.facts.num_rows for item in stored.delivery.slices)
    if not stored.outdated or stored.outdated < rows:
        return ""
    return (
        f"all {rows:,} rows lost to later versions that are stored with other values; was the clock of a run "
        "ahead (observed_at in the store)?"
    )


def failed_report(
    task: Task, outcome: Outcome, message: str, delivery: Delivery | None = None
) -> DimensionReport:
    """A dimension of which nothing was stored: all of its names are missing, whatever was delivered."""
    names = task.query.names
    asked = {} if delivery is None else {"requests": delivery.requests, "retried": delivery.retried}
    return DimensionReport(
        name=task.query.dimension.name,
        outcome=outcome,
        missing=names,
        missing_count=len(names),
        message=message,
        **asked,
    )


def progress_of(report: DimensionReport) -> str:
    """A line for the log."""
    held = sum(item.rows for item in report.quarantined)
    quarantined = f", {held:,} in quarantine" if held else ""
    lost = f", {report.outdated:,} outdated" if report.outdated else ""
    told = f"{report.rows:,} rows, {report.changed:,} changed{lost}{quarantined}"
    return f"{report.name}: {report.outcome}, {told}"


def past_run(entry: JournalEntry) -> PastRun:
    """A finished run of the journal."""
    named = (item for item in Outcome if item.value == entry.outcome)
    return PastRun(
        sequence=entry.sequence,
        plan=entry.plan,
        outcome=next(named, Outcome.DIED_WITHOUT_MESSAGE),
        end=entry.ended_at or entry.started_at,
    )


def recovery_report(recovery: Recovery | None) -> StoreRecoveryReport | None:
    """What was set aside, if anything."""
    if recovery is None:
        return None
    return StoreRecoveryReport(
        set_aside=recovery.set_aside, continued_from=recovery.continued_from, at=recovery.at
    )


def _counts(rows: Mapping[str, int]) -> tuple[RowCount, ...]:
    found = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    return tuple(RowCount(reason=reason, rows=count) for reason, count in found)


def _source_report(item: Slice) -> SourceReport:
    bases = item.facts["price_basis"].unique().to_pylist() if "price_basis" in item.facts.schema.names else []
    basis = ", ".join(sorted(bases)) or None
    return SourceReport(name=item.source, rows=item.facts.num_rows, as_of=item.as_of, price_basis=basis)


def _message(task: Task, stored: Stored) -> str:
    delivery, said = stored.delivery, []
    if delivery.unknown:
        hint = f"; {delivery.hint}" if delivery.hint else ""
        said.append(f"{task.provider} does not know {_listed(delivery.unknown)}{hint}")
    if delivery.without_data:
        said.append(f"no rows in the window for {_listed(delivery.without_data)}")
    for outcome in dict.fromkeys(item.outcome for item in delivery.failed):
        fates = [item for item in delivery.failed if item.outcome is outcome]
        alike = len({item.message for item in fates}) == 1
        why = fates[0].message if alike else f"{fates[0].name}: {fates[0].message or outcome}"
        why = f" ({why})" if why else ""
        said.append(f"{outcome}: {_listed(tuple(item.name for item in fates))}{why}")
    if stored.waiting:
        rows, names = stored.waiting.total(), _listed(tuple(sorted(stored.waiting)))
        said.append(
            f"{rows:,} stored rows of {names} are condemned or withdrawn, more than may leave at once: "
            "they stay until somebody acknowledges their entries, or for good once somebody releases them"
        )
    return "; ".join(filter(None, (*said, _outdated_message(stored))))


def _failed_outcome(delivery: Delivery) -> Outcome:
    """Of a dimension of which nothing came: what most names ended with, the first of several."""
    fates = [
        *(Outcome.UNKNOWN_SYMBOL for _ in delivery.unknown),
        *(Outcome.NO_DATA for _ in delivery.without_data),
        *(item.outcome for item in delivery.failed),
    ]
    return max(dict.fromkeys(fates), key=fates.count)


def _listed(names: tuple[str, ...]) -> str:
    rest = len(names) - NAMES_IN_MESSAGE
    return ", ".join(names[:NAMES_IN_MESSAGE]) + (f" and {rest} more" if rest > 0 else "")
