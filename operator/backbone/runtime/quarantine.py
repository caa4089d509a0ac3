"""The quarantine on the command line: look at it, release rows from it, let entries expire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from ..adapters.duckdb.quarantine import QuarantineReader, published_quarantine
from ..adapters.duckdb.store import DuckDBStore
from ..errors import Rejected
from ..market.defects import Defect
from ..ports.journal import BY_HAND
from ..ports.quarantine import QuarantineFilter, Release
from ..ports.store import Arrival, RunEnd, RunStart, Store, Writer
from ..ports.store_errors import StoreError
from ..report import EXIT_OK, EXIT_RUN_FAILED, RunReport
from ..vocabulary import Outcome
from . import tables
from .console import failed, notice
from .ingesting import run_id, write_termination_log
from .institutional import institutional_store
from .places import Place

if TYPE_CHECKING:
    from ..adapters.timescale.quarantine import TimescaleQuarantine
    from .forms import QuarantineForm

COMMAND = "quarantine"
"""What reports of releases and expiries name; in the journal, beside runs of plans, they are BY_HAND."""


@contextmanager
def _quarantine(place: Place) -> Iterator[QuarantineReader | TimescaleQuarantine]:
    """What readers of a backbone see of its quarantine. Raises NothingPublished, StoreError."""
    if place.tier == "Bootstrap":
        with published_quarantine(place.folder) as found:
            yield found
        return
    from ..adapters.timescale.quarantine import TimescaleQuarantine  # noqa: PLC0415 - bootstrap needs no client
    from ..adapters.timescale.reader import mark_of  # noqa: PLC0415

    with place.pool() as pool:
        mark_of(pool)
        yield TimescaleQuarantine(pool)


def show(chosen: QuarantineFilter, place: Place, count: int, form: QuarantineForm) -> None:
    """Print counts and entries of the quarantine that readers see. Raises NothingPublished, StoreError."""
    with _quarantine(place) as quarantine:
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
    """Drop entries that no run has seen for so many days, without those released."""
    now = datetime.now(UTC)
    dropped = 0

    def act(writer: Writer, run: str) -> Release:
        nonlocal dropped
        dropped = writer.expire(chosen, now - timedelta(days=days))
        return Release((), 0)

    report = _changed(act, place, "expire", wait)
    _end(report, f"{dropped:,} entries dropped that no run has seen for {days} days")


def release(chosen: QuarantineFilter, place: Place, wait: timedelta) -> None:
    """Store chosen rows under the flag Released, as a run of its own that leaves a report like any other."""

    def act(writer: Writer, run: str) -> Release:
        return writer.release(chosen, run, datetime.now(UTC))

    report = _changed(act, place, "release", wait)
    _end(report, "; ".join(filter(None, (f"{report.rows:,} rows released", report.message))))


def _changed(act: Callable[[Writer, str], Release], place: Place, what: str, wait: timedelta) -> RunReport:
    """Do it as a run: in the journal, in one transaction, published; faults of the store are outcomes."""
    run, start = run_id(f"{COMMAND}-{what}", alone=True), datetime.now(UTC)
    sequence, rows, outcome, message = None, 0, Outcome.SUCCEEDED, ""
    try:
        with _store(place) as store, store.writer(f"{what} {run}", wait) as writer:
            sequence = writer.begin(RunStart(run, BY_HAND, 0, start))
            try:
                with writer.batch():
                    done = act(writer, run)
                    rows, message = done.rows, _staying(done)
                    for dimension, source, provider, count in done.stored:
                        writer.record(sequence, Arrival(dimension, source, provider, start, count, count))
                    writer.finish(sequence, RunEnd(outcome, datetime.now(UTC), rows, rows, what))
            except StoreError as error:
                with suppress(StoreError):
                    writer.finish(sequence, RunEnd(error.outcome, datetime.now(UTC), 0, 0, str(error)))
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


@contextmanager
def _store(place: Place) -> Iterator[Store]:
    """Where a backbone stores. Raises Rejected, StoreError."""
    if place.backbone is None or place.tier == "Bootstrap":
        yield DuckDBStore(place.folder)
        return
    with institutional_store(place.backbone, place.folder, notice) as store:
        yield store


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
    raise Rejected(f"{word!r} is no reason; use {', '.join(Defect)}")


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
