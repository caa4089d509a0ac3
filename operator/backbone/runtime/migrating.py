"""`emp-runtime migrate`: what would be done to a database, and doing it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import typer

from ..adapters.timescale.migrations import Plan
from ..adapters.timescale.migrator import Migrator
from ..adapters.timescale.session import check
from ..adapters.timescale.settings import ConnectionSettings, from_folder
from ..migrations import Migration, packaged
from ..ports.database import DatabaseError
from ..providers.secrets import secret
from .console import EXIT_FAILED, Progress, failed
from .tables import table

STATEMENT_TIMEOUT = timedelta(minutes=10)
"""An index over a large table takes longer than any read may."""


def migrate_database(secret_name: str, lock_wait: int, *, only_plan: bool) -> None:
    """Migrate the database of a Secret, or say what that would do.

    Raises Rejected where the Secret is wrong; a database that cannot be migrated ends the command with its
    fault by name.
    """
    found = secret(secret_name)
    settings = replace(
        from_folder(found.name, found.folder),
        application="emp-runtime migrate",
        statement_timeout=STATEMENT_TIMEOUT.total_seconds(),
    )
    try:
        _migrate(settings, timedelta(seconds=lock_wait), only_plan=only_plan)
    except DatabaseError as error:
        raise typer.Exit(failed(f"{error.fault}: {error}", EXIT_FAILED)) from None


def _migrate(settings: ConnectionSettings, lock_wait: timedelta, *, only_plan: bool) -> None:
    finding = check(settings)
    if finding is not None:
        raise DatabaseError(finding.fault, finding.message)
    progress = Progress()
    migrator = Migrator(settings, packaged(), lock_wait, progress)
    if only_plan:
        show(settings, migrator.plan())
        return
    done: list[Migration] = []

    def told(migration: Migration) -> None:
        done.append(migration)
        progress(f"migration {migration.number} {migration.name}")

    plan = migrator.migrate(told)
    typer.echo(f"{settings.database} on {settings.place}: migration {plan.version}, {len(done)} applied now")


def show(settings: ConnectionSettings, plan: Plan) -> None:
    """Tell what is pending. Raises DatabaseError where the plan is refused."""
    if plan.refusal is not None:
        raise DatabaseError(plan.refusal.fault, plan.refusal.message)
    typer.echo(f"{settings.database} on {settings.place}: migration {plan.version}")
    if plan.pending:
        table(
            "To apply, each as a whole",
            ("number", "name", "statements", "tables", "hypertables"),
            (
                (item.number, item.name, len(item.statements), len(item.tables), len(item.hypertables))
                for item in plan.pending
            ),
        )
    else:
        typer.echo("nothing to apply")
