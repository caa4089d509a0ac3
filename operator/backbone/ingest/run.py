"""One ingest run: ask the providers, store what they deliver, publish, report.

The journal's `started` row commits before anything else. Each dimension is one transaction, and the run's
outcome commits with the last of them, before it is published. The store's lock is held to begin, to look up
what is stored, and to write; while a provider is asked other runs may write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..ports.journal import RunLost
from ..ports.quarantine import Origin
from ..ports.store import Recovery, RunEnd, RunStart, Store, Writer
from ..ports.store_errors import StoreCorrupt, StoreError
from ..providers.protocol import Delivery, Provider, ProviderFailure
from ..report import DimensionReport, PastRun, RunReport
from ..vocabulary import Outcome
from .attempts import attempts_of
from .held import HeldByStore
from .reporting import conclusion, dimension_report, failed_report, past_run, progress_of, recovery_report
from .tasks import Task
from .validating import store

RECENT_RUNS = 5
OWN_RUNS = 25
"""As many runs of the plan are looked at, so that one that nobody saw is noticed however many others ran."""
LAST_WAIT = timedelta(seconds=5)
"""For the lock, to tell the journal how a run ended that did not come to its end."""
STOPPED_MESSAGE = "the worker was told to stop"
_OF_THE_WHOLE_STORE = (
    Outcome.VOLUME_FULL,
    Outcome.VOLUME_READ_ONLY,
    Outcome.STORE_INACCESSIBLE,
    Outcome.STORE_BUSY,
    Outcome.STORE_UNREACHABLE,
    Outcome.STORE_FULL,
    Outcome.STORE_READ_ONLY,
)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run executes. `store_wait` bounds each wait for the lock."""

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
        ending: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`checkpoint` is called between two steps, and raises to end the run there.

        `ending` surrounds what a run that did not come to its end has still to tell the journal.
        """
        self._request = request
        self._providers = providers
        self._store = store
        self._clock = clock
        self._progress = progress
        self._checkpoint = checkpoint
        self._ending = ending
        self._start = clock()
        self._sequence: int | None = None
        self._recent: tuple[PastRun, ...] = ()
        self._earlier: tuple[int, ...] | None = None
        self._recovery: Recovery | None = None
        self._told = ""
        self._dimensions: list[DimensionReport] = []

    def execute(self) -> RunReport:
        """Run to the end. Faults of providers and of the store are outcomes.

        Anything else is raised, and `report` then tells how far the run came.
        """
        try:
            with self._store.running(self._request.run_id):
                try:
                    self._attempt()
                except (StoreCorrupt, RunLost) as error:
                    self._progress(f"{error}; starting over from the last published copy")
                    self._attempt()
        except StoreError as error:
            kept = "; the last published copy stays as it was" if self._store.published else ""
            return self.report(error.outcome, f"{error}{kept}")
        outcome, message = conclusion(self._request.tasks, self._dimensions)
        return self.report(outcome, "; ".join(filter(None, (message, self._told))))

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
            earlier=self._earlier,
            store_recovery=recovery_report(self._recovery),
            message=message,
        )

    def _attempt(self) -> None:
        self._dimensions.clear()
        sequence = self._begin()
        try:
            for task in self._request.tasks:
                self._checkpoint()
                self._deliver(sequence, task)
        except BaseException as error:
            with self._ending(), suppress(StoreError), self._writing(sequence, LAST_WAIT) as writer:
                writer.finish(sequence, self._end(*_interruption(error)))
            raise

    def _begin(self) -> int:
        """Commit the run's start to the journal."""
        request = self._request
        with self._opened(request.store_wait) as writer:
            begun = RunStart(request.run_id, request.plan, request.generation, self._start)
            self._sequence = sequence = writer.begin(begun)
            past = writer.recent(OWN_RUNS)
            self._recent = tuple(past_run(entry) for entry in past[:RECENT_RUNS])
            own = (entry.sequence for entry in past[RECENT_RUNS:] if entry.plan == request.plan)
            self._earlier = tuple(own)[: OWN_RUNS - RECENT_RUNS]
        return sequence

    @contextmanager
    def _opened(self, wait: timedelta) -> Iterator[Writer]:
        with self._store.writer(f"run {self._request.run_id}", wait) as writer:
            self._recovery = writer.recovery
            yield writer

    @contextmanager
    def _writing(self, sequence: int, wait: timedelta) -> Iterator[Writer]:
        """The writer, for a run that has begun."""
        with self._opened(wait) as writer:
            writer.resume(sequence, self._request.run_id)
            yield writer

    def _deliver(self, sequence: int, task: Task) -> None:
        """One dimension: ask while others may write, then store and, with the last one, publish."""
        wait = self._request.store_wait
        self._progress(
            f"{task.query.dimension.name}: asking {task.provider} for {len(task.query.names)} names"
        )
        held = HeldByStore(lambda: self._opened(wait), self._clock, self._request.plan, task)
        delivery: Delivery | ProviderFailure
        try:
            delivery = self._providers[task.provider].fetch(replace(task.query, held=held))
        except ProviderFailure as error:
            delivery = error
        with self._writing(sequence, wait) as writer:
            if isinstance(delivery, ProviderFailure):
                self._give_up(writer, sequence, task, failed_report(task, delivery.outcome, str(delivery)))
            else:
                self._keep(writer, sequence, task, delivery, self._origin(task, held.read_at))
            if task is self._request.tasks[-1]:
                self._progress("publishing")
                self._told = writer.publish()
                if self._told:
                    self._progress(self._told)

    def _keep(self, writer: Writer, sequence: int, task: Task, delivery: Delivery, origin: Origin) -> None:
        """Store a delivery in one transaction, which carries the run's outcome if it is the last."""
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
            self._give_up(writer, sequence, task, failed_report(task, error.outcome, str(error), delivery))

    def _give_up(self, writer: Writer, sequence: int, task: Task, report: DimensionReport) -> None:
        with writer.batch():
            self._conclude(writer, sequence, task, report, None)

    def _conclude(
        self, writer: Writer, sequence: int, task: Task, report: DimensionReport, stored: Delivery | None
    ) -> None:
        last = task is self._request.tasks[-1]
        if last:
            self._checkpoint()
        self._dimensions.append(report)
        writer.attempted(sequence, task.query.dimension, attempts_of(task, report.outcome, stored))
        self._progress(progress_of(report))
        if last:
            writer.finish(sequence, self._end(*conclusion(self._request.tasks, self._dimensions)))

    def _origin(self, task: Task, asked_at: datetime) -> Origin:
        request = self._request
        return Origin(request.run_id, request.plan, request.generation, task.provider, asked_at)

    def _end(self, outcome: Outcome, message: str) -> RunEnd:
        return RunEnd(
            outcome=outcome,
            at=self._clock(),
            rows=sum(item.rows for item in self._dimensions),
            changed=sum(item.changed for item in self._dimensions),
            message=message,
        )


def _interruption(error: BaseException) -> tuple[Outcome, str]:
    if isinstance(error, StoreError):
        return error.outcome, str(error)
    if isinstance(error, Exception):
        return Outcome.INTERNAL_ERROR, f"{type(error).__name__}: {error}"
    return Outcome.STOPPED, STOPPED_MESSAGE
