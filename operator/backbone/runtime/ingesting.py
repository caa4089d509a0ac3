"""Running plans from the command line or as a Job of the operator, with a report on every way out."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from ..errors import Rejected
from ..ingest.run import STOPPED_MESSAGE, IngestRun, RunRequest
from ..ingest.second_try import SecondTry
from ..ingest.tasks import tasks_of
from ..manifest.objects import Plan
from ..naming import schedule_name, slot_of
from ..parts.kafka.topics import topic_of
from ..ports.store import Store
from ..ports.store_errors import StoreError
from ..providers.protocol import Provider
from ..providers.sample.files import sample_root
from ..providers.sample.provider import SampleProvider
from ..providers.secrets import secret
from ..reports.envelope import Report
from ..reports.run import RunReport
from ..stores.opening import open_store_for_run
from ..stores.places import place_of
from ..vocabulary import Outcome
from .console import failed, notice
from .environment import auto_create_topics
from .stopping import Stopped, StopRequest

RUN_ID_VARIABLE = "EMP_RUN_ID"
TERMINATION_LOG_VARIABLE = "EMP_TERMINATION_LOG"


def run_plan(plan: Plan, folder: Path, run_id: str, progress: Callable[[str], None]) -> RunReport:
    """Execute one plan on the data folder of its backbone.

    The report is written to the termination log, if there is one, also where a signal or a bug ends the run;
    these are raised again.
    """
    stop = StopRequest()
    again = SecondTry(stop.pause, progress)
    with ExitStack() as closing:
        try:
            try:
                store = _store(plan, folder, stop, progress, closing)
            except StoreError as error:
                if not again.grants(error):
                    raise
                store = _store(plan, folder, stop, progress, closing)
        except (Rejected, StoreError) as error:
            outcome = error.outcome if isinstance(error, StoreError) else Outcome.STORE_UNREACHABLE
            report = refused_run(plan, run_id, outcome, str(error))
            report = report.model_copy(update={"again": again.taken})
            write_termination_log(report)
            return report
        return _run(plan, run_id, store, stop, again, progress)


def _run(  # noqa: PLR0917 - what run_plan has made
    plan: Plan,
    run_id: str,
    store: Store,
    stop: StopRequest,
    again: SecondTry,
    progress: Callable[[str], None],
) -> RunReport:
    request = RunRequest(
        run_id=run_id,
        plan=plan.name,
        generation=plan.generation,
        tasks=tasks_of(plan.spec),
        store_wait=timedelta(seconds=plan.spec.worker.store_wait_seconds),
        metadata=plan_metadata(plan),
    )
    run = IngestRun(
        request,
        _providers(plan, stop, progress),
        store,
        clock=_now,
        progress=progress,
        checkpoint=stop.check,
        ending=stop.heeded,
        again=again,
    )

    def leave_report() -> None:
        write_termination_log(run.report(Outcome.STOPPED, STOPPED_MESSAGE))

    # Arrow would abandon what it reads on a signal; ours is heeded between two steps.
    pa.enable_signal_handlers(False)
    try:
        with stop.listening(leave_report):
            report = run.execute()
    except Stopped:
        leave_report()
        # A run is stopped between two steps before it publishes; once it publishes, it ends as a whole.
        failed(f"interrupted: plan {plan.name} published nothing; run it again", stop.exit_code)
        raise
    except BaseException as error:
        write_termination_log(run.report(Outcome.INTERNAL_ERROR, f"{type(error).__name__}: {error}"))
        raise
    write_termination_log(report)
    return report


def plan_metadata(plan: Plan) -> dict[str, object]:
    """What the journal keeps of a plan: the topics of its dimensions, and whether missing ones are created.

    Empty where the backbone has no Kafka. Raises Rejected for a variable with a word that is not one.
    """
    kafka, create = plan.backbone.spec.kafka, auto_create_topics(plan.backbone)
    if kafka is None or create is None:
        return {}
    topics = [kafka.topic_prefix + topic_of(dimension) for dimension in plan.spec.dimensions]
    return {"topics": topics, create.name: create.value}


def _store(
    plan: Plan, folder: Path, stop: StopRequest, progress: Callable[[str], None], closing: ExitStack
) -> Store:
    """Where the plan's backbone stores. Raises Rejected, StoreError."""
    place = place_of(plan.backbone, folder, notice)

    def into(where: str) -> None:
        progress(f"plan {plan.name} into {where}")

    return closing.enter_context(open_store_for_run(place, into, progress, stop.pause))


def _providers(plan: Plan, stop: StopRequest, progress: Callable[[str], None]) -> dict[str, Provider]:
    """The providers that a plan asks. A client is imported only where it is used: that takes seconds."""
    named = {item.provider for item in plan.spec.dimensions.values()}
    found: dict[str, Provider] = {}
    if "Sample" in named:
        found["Sample"] = SampleProvider(sample_root())
    if "Yahoo" in named:
        from ..providers.yahoo.provider import YahooProvider  # noqa: PLC0415 - see above

        found["Yahoo"] = YahooProvider(secret, clock=_now, pause=stop.pause, progress=progress)
    if "Fred" in named:
        from ..providers.fred.provider import FredProvider  # noqa: PLC0415 - see above

        found["Fred"] = FredProvider(secret, clock=_now, pause=stop.pause, progress=progress)
    return found


def _now() -> datetime:
    return datetime.now(UTC)


def refused_plan(message: str) -> RunReport:
    """The report of a run whose plan could not be read."""
    now = datetime.now(UTC)
    return RunReport(
        run_id=os.environ.get(RUN_ID_VARIABLE, ""),
        plan="",
        outcome=Outcome.INVALID_PLAN,
        start=now,
        end=now,
        message=message,
    )


def refused_run(plan: Plan, run_id: str, outcome: Outcome, message: str) -> RunReport:
    """The report of a run that never came to its store."""
    now = datetime.now(UTC)
    return RunReport(
        run_id=run_id,
        plan=plan.name,
        generation=plan.generation,
        outcome=outcome,
        start=now,
        end=now,
        message=message,
    )


def in_force(plan: Plan, run_id: str) -> bool:
    """Whether a run may go on: not one of this version's CronJob while another version's operator keeps one.

    After a rollback both fire. What the operator writes for the workers then names no CronJob.
    """
    cron_job = schedule_name(plan.name, plan.identity)
    return not plan.identity or slot_of(cron_job, run_id) is None or plan.schedule == cron_job


def write_termination_log(report: Report) -> bool:
    """Leave a report where the operator looks for it, as far as that goes; whether there is such a place."""
    named = os.environ.get(TERMINATION_LOG_VARIABLE)
    if not named:
        return False
    with suppress(OSError):
        Path(named).write_bytes(report.encode())
    return True


def run_id(plan: str, alone: bool) -> str:
    """The run's id: the Job's name in a cluster, else the plan's name, the time and four random digits."""
    named = os.environ.get(RUN_ID_VARIABLE)
    if named:
        return named if alone else f"{named}-{plan}"
    return f"{plan}-{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
