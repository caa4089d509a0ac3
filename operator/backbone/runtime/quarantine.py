"""The quarantine on the command line: look at it, release rows, acknowledge entries, let them expire."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from ..errors import Rejected
from ..market.defects import Defect
from ..ports.journal import BY_HAND, Arrival, RunEnd, RunStart
from ..ports.quarantine import Acknowledged, QuarantineFilter, Release
from ..ports.store import Writer
from ..ports.store_errors import StoreError
from ..reports.envelope import EXIT_OK, EXIT_RUN_FAILED
from ..reports.run import RunReport
from ..stores.opening import open_quarantine, open_store
from ..stores.places import Place
from ..vocabulary import Outcome
from . import tables
from .console import failed, notice
from .ingesting import run_id, write_termination_log

if TYPE_CHECKING:
    from .forms import QuarantineForm

COMMAND = "quarantine"
"""What reports of what is done by hand name; in the journal, beside runs of plans, it is BY_HAND."""


def show(chosen: QuarantineFilter, place: Place, count: int, form: QuarantineForm) -> None:
    """Print counts and entries of the quarantine that readers see. Raises NothingPublished, StoreError."""
    with open_quarantine(place) as quarantine:
        entries = quarantine.entries(chosen, count)
        counts = quarantine.counts(chosen)
    if form == "json":
        rows = [{**entry, "raw": json.loads(entry["raw"])} for entry in entries]
        typer.echo(json.dumps({"counts": counts, "entries": rows}, default=_plain, indent=1))
        return
    total = sum(item["entries"] for item in counts)
    names = ("dimension", "reason", "state", "entries", "first_seen", "last_seen")
    tables.table(f"Quarantine: {total:,} entries", names, ([item[name] for name in names] for item in counts))
    if not entries:
        return
    title = f"The last {len(entries):,}" if total > len(entries) else "Entries"
    columns = ("id", "dimension", "reason", "subject", "time", "seen", "state", "row")
    tables.table(title, columns, (_cells(entry) for entry in entries), spare=("id", "state", "seen"))


def expire(chosen: QuarantineFilter, place: Place, days: int, wait: timedelta) -> None:
    """Drop entries that no run has seen for so many days, without those that somebody decided on."""
    now = datetime.now(UTC)
    dropped = 0

    def act(writer: Writer, run: str) -> Release:
        nonlocal dropped
        dropped = writer.quarantine.expire(chosen, now - timedelta(days=days))
        return Release((), 0)

    report = _changed(act, place, "expire", wait)
    _end(report, f"{dropped:,} entries dropped that no run has seen for {days} days")


def acknowledge(chosen: QuarantineFilter, place: Place, wait: timedelta) -> None:
    """Take note that somebody has seen chosen entries; stored rows that waited for that leave."""
    done = Acknowledged(0, 0)

    def act(writer: Writer, run: str) -> Release:
        nonlocal done
        done = writer.quarantine.acknowledge(chosen, datetime.now(UTC))
        return Release((), 0)

    report = _changed(act, place, "acknowledge", wait)
    left = f"; {done.removed:,} stored rows that waited for that left" if done.removed else ""
    _end(report, f"{done.entries:,} entries acknowledged{left}")


def release(chosen: QuarantineFilter, place: Place, wait: timedelta) -> None:
    """Store chosen rows under the flag Released, as a run of its own that leaves a report like any other."""

    def act(writer: Writer, run: str) -> Release:
        return writer.quarantine.release(chosen, run, datetime.now(UTC))

    report = _changed(act, place, "release", wait)
    _end(report, "; ".join(filter(None, (f"{report.rows:,} rows released", report.message))))


def _changed(act: Callable[[Writer, str], Release], place: Place, what: str, wait: timedelta) -> RunReport:
    """Do it as a run: in the journal, in one transaction, published; faults of the store are outcomes."""
    run, start = run_id(f"{COMMAND}-{what}", alone=True), datetime.now(UTC)
    sequence, rows, outcome, message = None, 0, Outcome.SUCCEEDED, ""
    try:
        with open_store(place, notice) as store, store.writer(f"{what} {run}", wait) as writer:
            sequence = writer.journal.begin(RunStart(run, BY_HAND, 0, start))
            try:
                with writer.batch():
                    done = act(writer, run)
                    rows, message = done.rows, _staying(done)
                    for dimension, source, provider, count in done.stored:
                        writer.journal.record(
                            sequence, Arrival(dimension, source, provider, start, count, count)
                        )
                    writer.journal.finish(sequence, RunEnd(outcome, datetime.now(UTC), rows, rows, what))
            except StoreError as error:
                with suppress(StoreError):
                    writer.journal.finish(
                        sequence, RunEnd(error.outcome, datetime.now(UTC), 0, 0, str(error))
                    )
                raise
            message = "; ".join(filter(None, (message, writer.publish())))
    except StoreError as error:
        rows, outcome, message = 0, error.outcome, str(error)
    return RunReport(
        run_id=run,
        sequence=sequence,
        plan=COMMAND,
        outcome=outcome,
        start=start,
        end=datetime.now(UTC),
        rows=rows,
        message=message,
    )


def _staying(done: Release) -> str:
    said = []
    if done.unfit:
        said.append(f"{done.unfit:,} stay, since a value is missing or no number")
    if done.contested:
        said.append(f"{done.contested:,} stay, since their key has another row: release one by its id")
    return "; ".join(said)


def _end(report: RunReport, words: str) -> None:
    write_termination_log(report)
    if report.outcome is not Outcome.SUCCEEDED:
        raise typer.Exit(failed(f"{report.outcome}: {report.message}", EXIT_RUN_FAILED))
    typer.echo(words)
    raise typer.Exit(EXIT_OK)


def reason_of(word: str) -> str:
    """A reason as the vocabulary spells it. Raises Rejected."""
    for defect in Defect:
        if word.lower() == defect.lower():
            return str(defect)
    raise Rejected(f"{word!r} is not a reason; use {', '.join(Defect)}")


def _cells(entry: dict[str, Any]) -> tuple[object, ...]:
    raw = json.loads(entry["raw"])
    known = {"source", "price_basis", "revision", entry["subject"]}
    row = ", ".join(
        f"{name} {value}" for name, value in raw.items() if name not in known and value is not None
    )
    named = ("id", "dimension", "reason", "subject", "time", "times_seen", "state")
    return (*(entry[name] for name in named), row)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no JSON form")
