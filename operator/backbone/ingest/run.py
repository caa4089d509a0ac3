"""One ingest run: ask the providers, store what they deliver, publish, report.

The journal's `started` row commits before anything else. Each dimension is one transaction, and the run's
outcome commits with the last of them. Readers see a run as a whole, when it is published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow.compute as pc

from ..market.dimensions import Dimension, moment_of
from ..ports.quarantine import Origin
from ..ports.store import JournalEntry, Recovery, RunEnd, RunStart, Store, StoreCorrupt, StoreError, Writer
from ..providers.protocol import Delivery, Provider, ProviderFailure, Slice
from ..report import DimensionReport, PastRun, RowCount, RunReport, SourceReport, StoreRecoveryReport
from ..vocabulary import Outcome
from .attempts import attempts_of
from .held import HeldByStore
from .tasks import Task
from .validating import Stored, store

RECENT_RUNS = 5
NAMES_IN_MESSAGE = 10
STOPPED_MESSAGE = "the worker was told to stop"
_OF_THE_WHOLE_STORE = (
    Outcome.VOLUME_FULL,
    Outcome.VOLUME_READ_ONLY,
    Outcome.STORE_BUSY,
    Outcome.STORE_UNREACHABLE,
    Outcome.STORE_FULL,
    Outcome.STORE_READ_ONLY,
)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run executes. `store_wait` bounds the wait for the lock."""

    run_id: str
    plan: str
    generation: int
    tasks: tuple[Task, ...]
    store_wait: timedelta


class IngestRun:
    """A run and what is known of it so far, so that a report can be made at any moment."""

    def __init__(
        self,
        request: RunRequest,
        providers: Mapping[str, Provider],
        store: Store,
        *,
        clock: Callable[[], datetime],
        progress: Callable[[str], None],
        checkpoint: Callable[[], None],
        changed: Callable[[Dimension], None] = lambda _: None,
    ) -> None:
        """`checkpoint` is called between two steps, and raises to end the run there.

        `changed` is told a dimension of which rows were committed that were new or differed.
        """
        self._request = request
        self._providers = providers
        self._store = store
        self._clock = clock
        self._progress = progress
        self._checkpoint = checkpoint
        self._changed = changed
        self._start = clock()
        self._sequence: int | None = None
        self._recent: tuple[PastRun, ...] = ()
        self._recovery: Recovery | None = None
        self._dimensions: list[DimensionReport] = []

    def execute(self) -> RunReport:
        """Run to the end. Faults of providers and of the store are outcomes.

        Anything else is raised, and `report` then tells how far the run came.
        """
        try:
            try:
                self._attempt()
            except StoreCorrupt as error:
                self._progress(f"{error}; starting over from the last published copy")
                self._attempt()
        except StoreError as error:
            kept = "; the last published copy stays as it was" if self._store.published else ""
            return self.report(error.outcome, f"{error}{kept}")
        return self.report(*conclusion(self._request.tasks, self._dimensions))

    def report(self, outcome: Outcome, message: str) -> RunReport:
        """The run as far as it came, with this outcome."""
        return RunReport(
            run_id=self._request.run_id,
            sequence=self._sequence,
            plan=self._request.plan,
            generation=self._request.generation,
            outcome=outcome,
            start=self._start,
            end=self._clock(),
            rows=sum(item.rows for item in self._dimensions),
            dimensions=tuple(self._dimensions),
            recent=self._recent,
            store_recovery=_recovery_report(self._recovery),
            message=message,
        )

    def _attempt(self) -> None:
        request = self._request
        self._dimensions.clear()
        with self._store.writer(f"run {request.run_id}", request.store_wait) as writer:
            self._recovery = writer.recovery
            begun = RunStart(request.run_id, request.plan, request.generation, self._start)
            self._sequence = sequence = writer.begin(begun)
            self._recent = tuple(
                PastRun(
                    sequence=entry.sequence,
                    plan=entry.plan,
                    outcome=_outcome(entry),
                    end=entry.ended_at or entry.started_at,
                )
                for entry in writer.recent(RECENT_RUNS)
            )
            try:
                for task in request.tasks:
                    self._checkpoint()
                    self._deliver(writer, sequence, task)
                self._checkpoint()
            except BaseException as error:
                with suppress(StoreError):
                    writer.finish(sequence, self._end(*_interruption(error)))
                raise
            self._progress("publishing")
            writer.publish()

    def _deliver(self, writer: Writer, sequence: int, task: Task) -> None:
        """One dimension: fetch, then one transaction, which carries the outcome if it is the last."""
        name = task.query.dimension.name
        self._progress(f"{name}: asking {task.provider} for {len(task.query.names)} names")
        # Not earlier: a run that waited for the lock asks after the one that held it, and its answer counts.
        origin = self._origin(task)
        try:
            held = HeldByStore(writer, self._request.plan, task)
            delivery = self._providers[task.provider].fetch(replace(task.query, held=held))
        except ProviderFailure as error:
            self._conclude(writer, sequence, task, _failed(name, error.outcome, str(error)), None)
            return
        before = len(self._dimensions)
        try:
            with writer.batch():
                stored = store(
                    writer,
                    sequence,
                    task,
                    delivery,
                    origin=origin,
                    now=self._clock(),
                    checkpoint=self._checkpoint,
                )
                report = dimension_report(task, stored)
                self._conclude(writer, sequence, task, report, stored.delivery)
        except StoreError as error:
            del self._dimensions[before:]
            if isinstance(error, StoreCorrupt) or error.outcome in _OF_THE_WHOLE_STORE:
                raise
            report = _failed(name, error.outcome, str(error), delivery)
            self._conclude(writer, sequence, task, report, None)
            return
        if report.changed:
            self._changed(task.query.dimension)

    def _conclude(
        self, writer: Writer, sequence: int, task: Task, report: DimensionReport, stored: Delivery | None
    ) -> None:
        self._dimensions.append(report)
        writer.attempted(sequence, task.query.dimension, attempts_of(task, report.outcome, stored))
        self._progress(_progress_of(report))
        if task is self._request.tasks[-1]:
            writer.finish(sequence, self._end(*conclusion(self._request.tasks, self._dimensions)))

    def _origin(self, task: Task) -> Origin:
        request = self._request
        return Origin(request.run_id, request.plan, request.generation, task.provider, self._clock())

    def _end(self, outcome: Outcome, message: str) -> RunEnd:
        return RunEnd(
            outcome=outcome,
            at=self._clock(),
            rows=sum(item.rows for item in self._dimensions),
            changed=sum(item.changed for item in self._dimensions),
            message=message,
        )


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
        return Outcome.SUCCEEDED, ""
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
        message=_missing_message(task, delivery),
    )


def _counts(rows: Mapping[str, int]) -> tuple[RowCount, ...]:
    found = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    return tuple(RowCount(reason=reason, rows=count) for reason, count in found)


def _progress_of(report: DimensionReport) -> str:
    held = sum(item.rows for item in report.quarantined)
    quarantined = f", {held:,} in quarantine" if held else ""
    return f"{report.name}: {report.outcome}, {report.rows:,} rows, {report.changed:,} changed{quarantined}"


def _source_report(item: Slice) -> SourceReport:
    bases = item.facts["price_basis"].unique().to_pylist() if "price_basis" in item.facts.schema.names else []
    basis = ", ".join(sorted(bases)) or None
    return SourceReport(name=item.source, rows=item.facts.num_rows, as_of=item.as_of, price_basis=basis)


def _missing_message(task: Task, delivery: Delivery) -> str:
    said = []
    if delivery.unknown:
        hint = f"; {delivery.hint}" if delivery.hint else ""
        said.append(f"{task.provider} does not know {_listed(delivery.unknown)}{hint}")
    if delivery.without_data:
        said.append(f"no rows in the window for {_listed(delivery.without_data)}")
    for outcome in dict.fromkeys(item.outcome for item in delivery.failed):
        fates = [item for item in delivery.failed if item.outcome is outcome]
        why = f" ({fates[0].message})" if fates[0].message else ""
        said.append(f"{outcome}: {_listed(tuple(item.name for item in fates))}{why}")
    return "; ".join(said)


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


def _outcome(entry: JournalEntry) -> Outcome:
    return next((item for item in Outcome if item.value == entry.outcome), Outcome.DIED_WITHOUT_MESSAGE)


def _failed(name: str, outcome: Outcome, message: str, delivery: Delivery | None = None) -> DimensionReport:
    asked = {} if delivery is None else {"requests": delivery.requests, "retried": delivery.retried}
    return DimensionReport(name=name, outcome=outcome, message=message, **asked)


def _interruption(error: BaseException) -> tuple[Outcome, str]:
    if isinstance(error, StoreError):
        return error.outcome, str(error)
    if isinstance(error, Exception):
        return Outcome.INTERNAL_ERROR, f"{type(error).__name__}: {error}"
    return Outcome.STOPPED, STOPPED_MESSAGE


def _recovery_report(recovery: Recovery | None) -> StoreRecoveryReport | None:
    if recovery is None:
        return None
    return StoreRecoveryReport(
        set_aside=recovery.set_aside, continued_from=recovery.continued_from, at=recovery.at
    )
