"""`emp-runtime export run`: one export of a plan, as a Job or not, with a report on every way out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import typer

from ..adapters.exports.target import Target
from ..errors import Rejected
from ..ingest.second_try import SecondTry
from ..ingestplan.export_spec import Export
from ..manifest.objects import Plan, read_manifest
from ..market.dimensions import DIMENSIONS
from ..parts.exports.faults import TargetError
from ..parts.exports.plan import Wanted
from ..ports.store_errors import NothingPublished, StoreError
from ..providers.sample.recordings import declared_licences
from ..reports.envelope import EXIT_OK, EXIT_RUN_FAILED
from ..reports.exports import ExportReport, LeftOutReport
from ..stores.folders import data_dir
from ..stores.opening import open_export_source
from ..stores.places import place_of
from ..vocabulary import Outcome
from .console import Progress, failed, notice
from .exporting import Exported, ExportJob, exported
from .forms import ExportRunForm
from .ingesting import run_id, write_termination_log
from .stopping import Stopped, StopRequest

DOCUMENT = "telemetry.ingest.spark_exports"
VERSION = 1

STOPPED = "the export was stopped before its commit: the last one is untouched, and the next starts anew"
ADVICE = {
    Outcome.TARGET_FULL: "give the target more room, or lower keepManifests; the last export is whole",
    Outcome.TARGET_MISSING: "create the claim or the folder, or name another one",
    Outcome.SUPERSEDED: "nothing is lost; if this recurs, exports of one name overlap",
    Outcome.OUT_OF_MEMORY: "raise spec.worker.resources, or export by Month or Day",
    Outcome.STORE_UNREACHABLE: "the next export catches up",
}
"""What to do about an outcome whose message does not say it."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An export of a plan, as the files have it."""

    plan: Plan
    spec: Export

    def wanted(self, store: str) -> Wanted:
        """What it exports of a store. The owner is the plan's uid, or where it has none its name."""
        dimension = next(item for item in DIMENSIONS if item.name == self.spec.dimension)
        return Wanted(
            self.spec.name,
            self.plan.identity or f"{self.plan.backbone.namespace}/{self.plan.name}",
            dimension,
            self.spec.partition_by,
            store,
            self.spec.sources or (),
            declared_licences(),
        )


class Run:
    """One export under way, of which a report can be made at any time."""

    def __init__(self, name: str, dimension: str = "") -> None:
        self._name, self._dimension = name, dimension
        self._started = datetime.now(UTC)

    def report(self, outcome: Outcome, message: str) -> ExportReport:
        """How it ended, where it committed nothing."""
        advice = ADVICE.get(outcome)
        return ExportReport(
            name=self._name,
            dimension=self._dimension,
            outcome=outcome,
            message=f"{message}; {advice}" if advice else message,
            started_at=self._started,
            ended_at=datetime.now(UTC),
        )

    def committed(self, found: Exported) -> ExportReport:
        """What it committed."""
        manifest = found.manifest
        left_out: Counter[tuple[str, str]] = Counter()
        for item in manifest.partitions:
            for left in item.left_out:
                left_out[left.source, left.name] += left.rows
        return self.report(Outcome.SUCCEEDED, "; ".join(found.unread)).model_copy(
            update={
                "manifest": manifest.number,
                "rows": manifest.rows,
                "files": sum(1 for _ in manifest.files),
                "bytes": sum(file.bytes for file in manifest.files),
                "partitions": len(manifest.partitions),
                "rewritten": found.rewritten,
                "complete_up_to": manifest.watermark,
                "confirmed_from": manifest.confirmed_from,
                "left_out_rows": left_out.total(),
                "left_out": tuple(
                    LeftOutReport(source=source, name=name, rows=rows)
                    for (source, name), rows in left_out.most_common(20)
                ),
            }
        )


def document(chosen: Chosen, report: ExportReport) -> dict[str, object]:
    """How an export ended, as JSON. Times are UTC; without a manifest the fields about it are absent."""
    return {
        "type": DOCUMENT,
        "version": VERSION,
        "backbone": chosen.plan.backbone.name,
        "plan": chosen.plan.name,
        **report.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"cut"}),
    }


def run_export(
    files: list[Path], name: str, to: Path, given: Path | None, form: ExportRunForm = ExportRunForm.TEXT
) -> None:
    """Export, and leave a report in the termination log. Raises Rejected where the files do not name one."""
    try:
        chosen = _chosen(files, name)
    except Rejected as error:
        if write_termination_log(Run(name).report(Outcome.INVALID_PLAN, str(error))):
            raise typer.Exit(failed(str(error), EXIT_RUN_FAILED)) from None
        raise
    run, stop = Run(name, chosen.spec.dimension), StopRequest()
    # Arrow would abandon what it reads on a signal; ours is heeded between two batches.
    pa.enable_signal_handlers(False)
    try:
        with stop.listening(lambda: None):
            report = _ended(chosen, run, to, given, stop)
    except Stopped:
        write_termination_log(run.report(Outcome.STOPPED, STOPPED))
        failed(f"interrupted: {STOPPED}", stop.exit_code)
        raise
    except BaseException as error:
        write_termination_log(run.report(Outcome.INTERNAL_ERROR, f"{type(error).__name__}: {error}"))
        raise
    write_termination_log(report)
    if form is ExportRunForm.JSON:
        typer.echo(json.dumps(document(chosen, report)))
    if report.outcome is not Outcome.SUCCEEDED:
        raise typer.Exit(failed(f"export {name}: {report.outcome}: {report.message}", EXIT_RUN_FAILED))
    if form is ExportRunForm.TEXT:
        _tell(report)
    raise typer.Exit(EXIT_OK)


def _chosen(files: list[Path], name: str) -> Chosen:
    plans = read_manifest(files).plans
    found = [Chosen(plan, item) for plan in plans for item in plan.spec.exports or () if item.name == name]
    if len(found) != 1:
        names = ", ".join(f"{plan.name}/{item.name}" for plan in plans for item in plan.spec.exports or ())
        raise Rejected(
            f"--name {name} is not the name of one export in these files; there is {names or 'no export'}"
        )
    return found[0]


def _ended(chosen: Chosen, run: Run, to: Path, given: Path | None, stop: StopRequest) -> ExportReport:
    """Export, with one more try where the store was gone for a moment; the report of how that ended."""
    progress = Progress()
    again = SecondTry(stop.pause, progress)
    while True:
        try:
            return run.committed(_exported(chosen, to, given, stop, progress))
        except TargetError as error:
            return run.report(Outcome.named(str(error.fault)) or Outcome.TARGET_FAILED, str(error))
        except Rejected as error:
            return run.report(Outcome.INVALID_PLAN, str(error))
        except NothingPublished as error:
            return run.report(Outcome.QUERY_FAILED, str(error))
        except StoreError as error:
            if not again.grants(error):
                outcome = Outcome.QUERY_FAILED if error.outcome is Outcome.STORE_FAILED else error.outcome
                return run.report(outcome, str(error))
        except MemoryError as error:
            return run.report(Outcome.OUT_OF_MEMORY, f"the export ran out of memory: {error}")


def _exported(
    chosen: Chosen, to: Path, given: Path | None, stop: StopRequest, progress: Callable[[str], None]
) -> Exported:
    """The target is claimed before the store is asked. Raises TargetError, StoreError, Rejected."""
    wanted = chosen.wanted("")
    target = Target(to)
    target.claim(wanted.owner)
    target.expect_room(1)
    backbone = chosen.plan.backbone
    place = place_of(backbone, data_dir(given, (backbone.name,))[backbone.name], notice)
    with ExitStack() as closing:
        source = closing.enter_context(open_export_source(place))
        progress(f"export {wanted.name} of {chosen.plan.name} into {to}")
        job = ExportJob(
            run_id(chosen.plan.name, alone=True),
            1,
            chosen.spec.keep_manifests,
            progress,
            stop.check,
            target.expect_room,
        )
        return exported(source, target.export(wanted.name), chosen.wanted(source.identity), job)


def _tell(report: ExportReport) -> None:
    typer.echo(
        f"manifest {report.manifest}: {report.rows:,} rows in {report.files:,} files, "
        f"{report.bytes:,} bytes, {report.rewritten:,} of {report.partitions:,} partitions written, "
        f"complete up to run {report.complete_up_to:,}"
    )
    if report.left_out_rows:
        names = ", ".join(f"{item.name} from {item.source} ({item.rows:,})" for item in report.left_out)
        typer.echo(f"{report.left_out_rows:,} rows left out, whose licence does not permit copies: {names}")
    if report.message:
        notice(report.message)
