"""The commands that are more than reading rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..adapters.duckdb.reader import holds_rows
from ..adapters.duckdb.volume import Volume
from ..errors import Rejected
from ..manifest.objects import Manifest, Plan, read_manifest
from ..ports.store_errors import NothingPublished, StoreError
from ..providers.sample.files import sample_root
from ..providers.sample.recordings import RECORDINGS
from ..reports.envelope import EXIT_OK, EXIT_RUN_FAILED
from ..reports.run import RunReport
from ..reports.volume import VolumeProbeReport
from ..stores.folders import data_dir, only_data_dir
from ..stores.opening import open_reader
from ..stores.places import places_of
from ..vocabulary import Outcome, Reason
from .console import failed, notice
from .environment import auto_create_topics
from .ingesting import in_force, refused_plan, refused_run, run_id, run_plan, write_termination_log
from .summary import Summary, show
from .tables import day, table

if TYPE_CHECKING:
    from .forms import SummaryForm


def ingest(files: list[Path], only: str | None, given: Path | None, progress: Callable[[str], None]) -> None:
    """Run the plans of some files, one after the other. Raises Rejected before anything is written."""
    try:
        manifest = read_manifest(files)
        plans = _chosen(manifest, only)
        folders = data_dir(given, tuple(dict.fromkeys(plan.backbone.name for plan in plans)))
        for plan in plans:
            auto_create_topics(plan.backbone)
    except Rejected as error:
        if write_termination_log(refused_plan(str(error))):
            raise typer.Exit(failed(str(error), EXIT_RUN_FAILED)) from None
        raise
    for text in (*manifest.notices, *_notices(plans)):
        notice(text)
    code = EXIT_OK
    for plan in plans:
        folder = folders[plan.backbone.name]
        name = run_id(plan.name, alone=len(plans) == 1)
        if not in_force(plan, name):
            notice(f"run {name}: {Outcome.NOT_IN_FORCE.meaning}")
            write_termination_log(refused_run(plan, name, Outcome.NOT_IN_FORCE, ""))
            continue
        report = run_plan(plan, folder, name, progress)
        _show_report(report)
        if report.outcome is not Outcome.SUCCEEDED:
            code = EXIT_RUN_FAILED
            failed(f"plan {plan.name}: {report.outcome}: {report.message}", code)
    raise typer.Exit(code)


def summarize(files: list[Path], given: Path | None, form: SummaryForm) -> None:
    """Show what the backbones of some files hold, or the one of a data folder."""
    summaries = []
    for place in places_of(files, given, notice):
        setting = auto_create_topics(place.backbone) if place.backbone is not None else None
        settings = (setting,) if setting is not None else ()
        try:
            with open_reader(place) as opened:
                summaries.append(Summary.of(place.name, opened.place, opened.reader, settings))
        except NothingPublished:
            for item in settings:
                notice(f"backbone {place.name}: {item.words}")
            raise
    show(summaries, form)


def probe(given: Path | None) -> None:
    """Probe the volume under the data folder; the report goes to stdout and to the termination log."""
    named = {Outcome.VOLUME_FULL: Reason.VOLUME_FULL, Outcome.VOLUME_READ_ONLY: Reason.VOLUME_READ_ONLY}
    now = datetime.now(UTC)
    try:
        folder = only_data_dir(given)
        checked = Volume(folder).probe()
        report = VolumeProbeReport(
            outcome=Reason.VOLUME_PROBED, bytes_checked=checked, holds_rows=_held(folder), at=now
        )
    except StoreError as error:
        outcome = named.get(error.outcome, Reason.VOLUME_PROBE_FAILED)
        report = VolumeProbeReport(outcome=outcome, message=str(error), at=now)
    write_termination_log(report)
    typer.echo(report.model_dump_json(by_alias=True, exclude={"cut"}))
    raise typer.Exit(EXIT_OK if report.outcome == Reason.VOLUME_PROBED else EXIT_RUN_FAILED)


def _held(folder: Path) -> bool | None:
    """Whether rows are published there; None where the copy does not read: no fault of the volume."""
    try:
        return holds_rows(folder)
    except StoreError as error:
        notice(f"the published copy does not read: {error}")
        return None


def list_recordings() -> None:
    """List the recorded data sets."""
    root = sample_root()
    table(
        f"Recorded data under {root}",
        ("source", "dimension", "names", "as of", "prices", "here"),
        (
            (
                item.source,
                item.dimension.name,
                " ".join(item.names),
                day(item.as_of),
                item.price_basis,
                "yes" if item.file.present(root) else "no",
            )
            for item in RECORDINGS
        ),
        spare=("prices", "as of"),
    )


def _chosen(manifest: Manifest, only: str | None) -> tuple[Plan, ...]:
    names = ", ".join(plan.name for plan in manifest.plans)
    if not manifest.plans:
        raise Rejected("no IngestPlan in what was read; add its file with another -f")
    if only is None:
        return manifest.plans
    chosen = tuple(plan for plan in manifest.plans if plan.name == only)
    if not chosen:
        raise Rejected(f"no IngestPlan {only!r} in what was read; there is {names}")
    return chosen


def _notices(plans: tuple[Plan, ...]) -> tuple[str, ...]:
    return tuple(
        f"plan {plan.name} is suspended, which stops its schedule; it runs now since you ask for it"
        for plan in plans
        if plan.spec.suspend or plan.backbone.spec.suspend
    )


def _show_report(report: RunReport) -> None:
    seconds = (report.end - report.start).total_seconds()
    # The store tells the last one with each run; here it is news once.
    if report.store_recovery and report.store_recovery.at >= report.start.replace(microsecond=0):
        notice(
            f"the store was corrupt: set aside as {report.store_recovery.set_aside}, "
            f"went on from {report.store_recovery.continued_from}"
        )
    if not report.dimensions:
        return
    table(
        f"Plan {report.plan}: {report.outcome} in {seconds:.1f} s",
        (
            "dimension",
            "outcome",
            "rows",
            "changed",
            "names",
            "first",
            "last",
            "missing",
            "quarantined",
            "flagged",
        ),
        (
            (
                item.name,
                item.outcome.value,
                item.rows,
                item.changed,
                item.symbols,
                day(item.first_at),
                day(item.last_at),
                item.missing_count,
                sum(count.rows for count in item.quarantined),
                sum(count.rows for count in item.flagged),
            )
            for item in report.dimensions
        ),
    )
