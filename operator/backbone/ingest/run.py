"""One ingest run: ask the providers, store what they deliver, publish, report.

The journal's `started` row commits before anything else. Each dimension is one transaction, or one for each
part in which its provider delivers it, and the run's outcome commits with the last of them, before it is
published. The store's lock is held to begin, to look up what is stored, and to write; while a provider is
asked other runs may write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..ports.journal import RunEnd, RunLost, RunStart
from ..ports.quarantine import Origin
from ..ports.store import Recovery, Store, Writer
from ..ports.store_errors import StoreCorrupt, StoreError
from ..providers.protocol import Delivery, Provider, ProviderFailure
from ..providers.trouble import bug
from ..reports.run import DimensionReport, PastRun, RunReport
from ..vocabulary import Outcome
from .attempts import attempts_of
from .parts import Parts
from .reporting import conclusion, dimension_report, past_run, progress_of, recovery_report
from .second_try import SecondTry
from .stored_spans import HeldByStore
from .tasks import Task
from .validating import Stored, store

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
    """What a run executes. `store_wait` bounds each wait for the lock; `metadata` is for the journal."""

    run_id: str
    plan: str
    generation: int
    tasks: tuple[Task, ...]
    store_wait: timedelta
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)


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
        again: SecondTry | None = None,
    ) -> None:
        """`checkpoint` is called between two steps, and raises to end the run there.

        `ending` surrounds what a run that did not come to its end has still to tell the journal. `again`
        grants the try that a store which was gone for a moment is worth.
        """
        self._request = request
        self._providers = providers
        self._store = store
        self._clock = clock
        self._progress = progress
        self._checkpoint = checkpoint
        self._ending = ending
        self._again = again
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
            try:
                self._live()
            except StoreError as error:
                if self._again is None or not self._again.grants(error):
                    raise
                self._live()
        except StoreError as error:
            kept = "; the last published copy stays as it was" if self._store.published else ""
            return self.report(error.outcome, f"{error}{kept}")
        outcome, message = conclusion(self._request.tasks, self._dimensions)
        first = self._again.first if self._again is not None else ""
        return self.report(outcome, "; ".join(filter(None, (message, self._told, first))))

    def _live(self) -> None:
        with self._store.running(self._request.run_id):
            try:
                self._attempt()
            except (StoreCorrupt, RunLost) as error:
                self._progress(f"{error}; starting over from the last published copy")
                self._attempt()

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
            again=self._again.taken if self._again is not None else 0,
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
                writer.journal.finish(sequence, self._end(*_interruption(error)))
            raise

    def _begin(self) -> int:
        """Commit the run's start to the journal."""
        request = self._request
        with self._opened(request.store_wait) as writer:
            begun = RunStart(request.run_id, request.plan, request.generation, self._start, request.metadata)
            self._sequence = sequence = writer.journal.begin(begun)
            past = writer.journal.recent(OWN_RUNS)
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
            writer.journal.resume(sequence, self._request.run_id)
            yield writer

    def _deliver(self, sequence: int, task: Task) -> None:
        """One dimension: ask while others may write, then store and, with the last one, publish."""
        wait = self._request.store_wait
        self._progress(
            f"{task.query.dimension.name}: asking {task.provider} for {len(task.query.names)} names"
        )
        held = HeldByStore(lambda: self._opened(wait), self._clock, self._request.plan, task)
        parts = Parts(task)

        def keep(part: Delivery) -> None:
            self._checkpoint()
            with self._writing(sequence, wait) as writer:
                self._keep(writer, sequence, parts, part, self._origin(task, held.read_at))

        delivery = self._answer(task, held, keep)
        with self._writing(sequence, wait) as writer:
            self._finish(writer, sequence, parts, delivery, self._origin(task, held.read_at))
            if task is self._request.tasks[-1]:
                self._progress("publishing")
                self._told = writer.publish()
                if self._told:
                    self._progress(self._told)

    def _answer(
        self, task: Task, held: HeldByStore, keep: Callable[[Delivery], None]
    ) -> Delivery | ProviderFailure:
        """What a provider delivers last; a bug in it is an outcome of this dimension alone."""
        try:
            return self._providers[task.provider].fetch(replace(task.query, held=held, keep=keep))
        except ProviderFailure as error:
            return error
        except (StoreError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - the other dimensions have nothing to do with it
            found = bug(task.query.dimension.name, error)
            return ProviderFailure(found.outcome, str(found))

    def _keep(self, writer: Writer, sequence: int, parts: Parts, part: Delivery, origin: Origin) -> None:
        """Store a part that is not the last, in one transaction."""
        task = parts.task
        try:
            with writer.batch():
                stored = self._stored(writer, sequence, task, part, origin)
                told = attempts_of(task, Outcome.SUCCEEDED, stored.delivery)
                writer.journal.attempted(sequence, task.query.dimension, told, rest=False)
        except StoreError as error:
            if _of_the_whole_store(error):
                raise
            stored = parts.failed(part, error.outcome, str(error))
        parts.add(part, stored)
        rows = sum(item.facts.num_rows for item in stored.delivery.slices)
        settled, names = len(parts.settled), len(task.query.names)
        self._progress(f"{task.query.dimension.name}: {settled} of {names} names, {rows:,} rows of the last")

    def _finish(
        self,
        writer: Writer,
        sequence: int,
        parts: Parts,
        delivery: Delivery | ProviderFailure,
        origin: Origin,
    ) -> None:
        """Store the last part in one transaction, with the run's outcome if it is the last of all."""
        task, before = parts.task, len(self._dimensions)
        if isinstance(delivery, ProviderFailure):
            with writer.batch():
                self._conclude(writer, sequence, task, parts.lost(delivery.outcome, str(delivery)))
            return
        try:
            with writer.batch():
                stored = self._stored(writer, sequence, task, delivery, origin)
                self._conclude(writer, sequence, task, parts.whole(stored))
        except StoreError as error:
            del self._dimensions[before:]
            if _of_the_whole_store(error):
                raise
            with writer.batch():
                self._conclude(writer, sequence, task, parts.lost(error.outcome, str(error), delivery))

    def _stored(
        self, writer: Writer, sequence: int, task: Task, delivery: Delivery, origin: Origin
    ) -> Stored:
        return store(
            writer, sequence, task, delivery, origin=origin, now=self._clock(), checkpoint=self._checkpoint
        )

    def _conclude(self, writer: Writer, sequence: int, task: Task, stored: Stored | DimensionReport) -> None:
        last = task is self._request.tasks[-1]
        if last:
            self._checkpoint()
        report = stored if isinstance(stored, DimensionReport) else dimension_report(task, stored)
        self._dimensions.append(report)
        delivery = None if isinstance(stored, DimensionReport) else stored.delivery
        told = attempts_of(task, report.outcome, delivery)
        writer.journal.attempted(sequence, task.query.dimension, told)
        self._progress(progress_of(report))
        if last:
            writer.journal.finish(sequence, self._end(*conclusion(self._request.tasks, self._dimensions)))

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


def _of_the_whole_store(error: StoreError) -> bool:
    return isinstance(error, StoreCorrupt) or error.outcome in _OF_THE_WHOLE_STORE


def _interruption(error: BaseException) -> tuple[Outcome, str]:
    if isinstance(error, StoreError):
        return error.outcome, str(error)
    if isinstance(error, Exception):
        return Outcome.INTERNAL_ERROR, f"{type(error).__name__}: {error}"
    return Outcome.STOPPED, STOPPED_MESSAGE
