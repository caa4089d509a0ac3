"""`emp-runtime database`: look at the database and the cache of a backbone, and bring them to its spec."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from ..adapters.redis.cache import RedisCache
from ..adapters.redis.client import validated
from ..adapters.redis.connection import RedisConnection
from ..adapters.redis.settings import settings_fault as cache_fault
from ..adapters.timescale.guard import DatabaseGuard, is_of_guard
from ..adapters.timescale.migrator import Migrator
from ..adapters.timescale.policies import Policies
from ..adapters.timescale.reader_role import ReaderRole
from ..adapters.timescale.session import check, load
from ..adapters.timescale.settings import ConnectionSettings, settings_fault
from ..databackbone.institutional import Redis, Timescale, request_of
from ..errors import Rejected
from ..manifest.objects import Backbone
from ..migrations import packaged
from ..parts.kafka.topics import is_of_topics
from ..ports.cache import CacheTrouble
from ..ports.database import DatabaseError, DatabaseFault
from ..ports.policies import JobOutcome, PolicyJob, PolicyReport
from ..ports.store_errors import StoreError
from ..reports.database import (
    CACHE_REACHABLE,
    CacheReport,
    DatabaseReport,
    JobReport,
    UnconfirmedReport,
)
from ..reports.envelope import EXIT_OK, EXIT_RUN_FAILED
from ..stores.ownership import claim, expect_ours, guard_of
from ..stores.places import asks_for_institutional, folder_of, only_backbone, serves_institutional
from ..stores.services import Services, policy_of
from ..tokens import entries_of
from ..vocabulary import Reason
from .configuration import journal_configuration
from .console import EXIT_FAILED, Progress, failed, notice
from .ingesting import write_termination_log
from .migrating import STATEMENT_TIMEOUT, show
from .policies import desired_policies, show_policies

LOCK_WAIT = timedelta(seconds=120)


def look(files: list[Path], confirm: str | None, given: Path | None) -> None:
    """Look at the database of the one backbone of some files; the report goes to the termination log too.

    Raises Rejected where the files do not say which database.
    """
    backbone = only_backbone(files)
    services = Services.of(backbone)
    report = _looked(backbone, services, folder_of(backbone, given), confirm, Progress())
    write_termination_log(report)
    for text in _told(report):
        typer.echo(text)
    for job in report.jobs:
        if job.outcome == JobOutcome.FAILED:
            notice(f"the {job.kind} of {job.table} failed, {job.failures} times so far: {job.message}")
    if report.unread:
        notice(report.unread)
    if report.cache is not None and report.cache.outcome != CACHE_REACHABLE:
        notice(f"the cache: {report.cache.outcome}: {report.cache.message}")
    if report.outcome != Reason.MIGRATED:
        raise typer.Exit(failed(f"{report.outcome}: {report.message}", EXIT_RUN_FAILED))
    raise typer.Exit(EXIT_OK)


def tell_plan(files: list[Path], confirm: str | None, given: Path | None) -> None:
    """Say what a look would do to the database of the one backbone of some files, and do nothing.

    Raises Rejected where files or Secret do not say which database, StoreError.
    """
    backbone = only_backbone(files)
    services, folder = Services.of(backbone), folder_of(backbone, given)
    settings, section = _patient(services.database()), services.section
    try:
        finding = check(settings)
        if finding is not None:
            raise DatabaseError(finding.fault, finding.message)
        migrations = Migrator(settings, packaged()).plan()
        expect_ours(guard_of(backbone, folder, settings, entries_of(confirm), make=False), migrations)
        show(settings, migrations)
        if migrations.pending:
            typer.echo("what there is to set of chunks, retention and aggregates is told once that is done")
            return
        if not serves_institutional(backbone, folder):
            typer.echo("Bootstrap serves: nothing is set of the database's tables")
            return
        show_policies(Policies(settings, desired_policies(section)).plan(entries_of(confirm)))
        if section.reader_role is not None:
            for statement in ReaderRole(settings, section.reader_role).plan():
                typer.echo(f"readers: {statement}")
    except DatabaseError as error:
        raise typer.Exit(failed(f"{error.fault}: {error}", EXIT_FAILED)) from None


def _looked(
    backbone: Backbone, services: Services, folder: Path, confirm: str | None, progress: Progress
) -> DatabaseReport:
    """What there is to tell: the cache is looked at whatever became of the database."""
    section = services.section
    told = DatabaseReport(
        outcome=Reason.MIGRATED,
        request=request_of(section, services.redis, serves=asks_for_institutional(backbone)),
        policies_set=serves_institutional(backbone, folder),
        pool_size=section.pool.size,
        at=datetime.now(UTC),
    )
    try:
        settings = services.database()
        guard = guard_of(backbone, folder, _patient(settings), entries_of(confirm))
        told = _migrated(told, section, (settings, guard), confirm, progress)
    except StoreError as error:
        told = told.model_copy(update=_fault(DatabaseFault.FAILED, str(error)))
    except Rejected as error:
        told = told.model_copy(update=_fault(settings_fault(error), str(error)))
    except DatabaseError as error:
        told = told.model_copy(update=_fault(error.fault, str(error)))
    told = _journaled(told, backbone, services, progress)
    redis = services.redis
    return told if redis is None else told.model_copy(update={"cache": _cache(services, redis)})


def _migrated(
    told: DatabaseReport,
    section: Timescale,
    place: tuple[ConnectionSettings, DatabaseGuard | None],
    confirm: str | None,
    progress: Progress,
) -> DatabaseReport:
    """Check, migrate, set policies, let readers in; a fault after the migration leaves what is known by then.

    Raises DatabaseError for what is wrong before.
    """
    settings, guard = place
    patient = _patient(settings)
    finding = check(settings)
    if finding is not None:
        raise DatabaseError(finding.fault, finding.message)
    migrator = Migrator(patient, packaged(), LOCK_WAIT, progress)
    expect_ours(guard, migrator.plan())
    plan = migrator.migrate(lambda migration: progress(f"migration {migration.number} {migration.name}"))
    mark = claim(guard)
    told = told.model_copy(update={"version": plan.version, "pending": len(plan.pending), "mark": mark})
    try:
        if not told.policies_set:
            return _counted(told, settings)
        wished = Policies(patient, desired_policies(section), LOCK_WAIT, progress)
        _tell_what_fits_nothing(wished, confirm)
        policies = wished.reconcile(entries_of(confirm), lambda change: progress(str(change)))
        told = _counted(told, settings)
    except DatabaseError as error:
        return told.model_copy(update=_fault(error.fault, str(error)))
    told = _with_policies(told, policies, confirm)
    return _readers_let_in(told, section.reader_role, patient, progress)


def _readers_let_in(
    told: DatabaseReport, role: str | None, settings: ConnectionSettings, progress: Progress
) -> DatabaseReport:
    """Once all tables are there: what the readers' role lacks is given to it."""
    if role is None:
        return told
    try:
        for statement in ReaderRole(settings, role, LOCK_WAIT, progress).grant():
            progress(f"readers: {statement}")
    except DatabaseError as error:
        return told.model_copy(update=_fault(error.fault, str(error)))
    return told.model_copy(update={"reader_role": role})


def _with_policies(told: DatabaseReport, policies: PolicyReport, confirm: str | None) -> DatabaseReport:
    return told.model_copy(
        update={
            "confirmed": confirm,
            "changes": len(policies.changes),
            "tables": tuple(item.updated(past_since=_second(item.past_since)) for item in policies.tables),
            "aggregates": tuple(str(item) for item in policies.aggregates),
            "jobs": tuple(_job(item) for item in sorted(policies.jobs, key=_concern)),
            "unread": policies.unread,
            "unconfirmed": tuple(
                UnconfirmedReport(table=item.table, rows=item.rows, token=item.token, cutoff=item.cutoff)
                for item in policies.unconfirmed
            ),
        }
    )


def _patient(settings: ConnectionSettings) -> ConnectionSettings:
    return replace(settings, statement_timeout=STATEMENT_TIMEOUT.total_seconds())


def _counted(told: DatabaseReport, settings: ConnectionSettings) -> DatabaseReport:
    clients, limit = load(settings)
    return told.model_copy(update={"server_connections": clients, "server_limit": limit})


def _tell_what_fits_nothing(wished: Policies, confirm: str | None) -> None:
    tokens = [token for token in entries_of(confirm) if not is_of_guard(token) and not is_of_topics(token)]
    asked = {item.token for item in wished.plan().unconfirmed} if tokens else set()
    for token in tokens:
        if token not in asked:
            notice(f"nothing waits for {token}: it was confirmed before, or rows came or went since")


def _second(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(microsecond=0)


def _concern(job: PolicyJob) -> tuple[bool, datetime]:
    """The worst first: what failed, then what waits for its run for longest."""
    waits = job.next_start or job.started_at or job.since or datetime.now(UTC)
    return job.outcome is not JobOutcome.FAILED, waits


def _job(job: PolicyJob) -> JobReport:
    return JobReport(
        table=job.table.removeprefix("market."),
        kind=job.kind,
        every_seconds=int(job.every.total_seconds()),
        outcome=job.outcome,
        failures=job.failures,
        started_at=_second(job.started_at),
        succeeded_at=_second(job.succeeded_at),
        next_start=_second(job.next_start),
        since=_second(job.since),
        message=job.words,
    )


def _cache(services: Services, section: Redis) -> CacheReport:
    try:
        settings = services.cache_settings()
    except Rejected as error:
        return CacheReport(outcome=cache_fault(error), message=str(error))
    trouble = validated(settings, section.namespace)
    if trouble is not None:
        return CacheReport(outcome=trouble.fault, message=trouble.message)
    connection = RedisConnection(lambda: settings, section.namespace)
    with RedisCache(connection, policy_of(section)) as cache:
        counts = cache.totals()
    if isinstance(counts, CacheTrouble):
        return CacheReport(outcome=counts.fault, message=counts.message)
    return CacheReport(
        outcome=CACHE_REACHABLE,
        keys=counts.keys,
        hits=counts.hits,
        misses=counts.misses,
        evictions=counts.evictions,
        expirations=counts.expirations,
        invalidations=counts.invalidations,
    )


def _fault(fault: DatabaseFault, message: str) -> dict[str, object]:
    return {"outcome": str(fault), "message": message}


def _journaled(
    told: DatabaseReport, backbone: Backbone, services: Services, progress: Progress
) -> DatabaseReport:
    """What the spec has become is journaled once there is a table for it; the first fault is the one told."""
    if told.version is None:
        return told
    try:
        for change in journal_configuration(backbone, services, services.database()):
            progress(f"configuration: {change}")
    except DatabaseError as error:
        return (
            told.model_copy(update=_fault(error.fault, str(error)))
            if told.outcome == Reason.MIGRATED
            else told
        )
    return told


def _told(report: DatabaseReport) -> list[str]:
    """What a person wants to know of it."""
    said = []
    if report.version is not None:
        said.append(f"migration {report.version}, {report.pending} pending")
    if report.server_limit is not None:
        done = f"{report.changes} policies changed now"
        said.append(done if report.policies_set else "Bootstrap serves: no policy is touched")
        used = "an unknown number" if report.server_connections is None else report.server_connections
        said.append(f"{used} of {report.server_limit} connections of the server in use")
    said += [
        f"{item.table} would lose {item.rows:,} rows; confirm it with --confirm {item.token}"
        for item in report.unconfirmed
    ]
    if report.cache is not None and report.cache.outcome == CACHE_REACHABLE:
        asked = report.cache.hits + report.cache.misses
        said.append(f"the cache holds {report.cache.keys} answers; {report.cache.hits} of {asked} were hits")
    return said
