"""Brings a database's policies to what a backbone wishes, one small step after the other.

Each step is one transaction: lock, look again, set, remember. Whoever dies in it leaves nothing behind, and
whoever comes next goes on. Only filling an aggregate cannot be part of one; it can be done again and again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from psycopg import Connection, errors

from ...market.dimensions import moment_of
from ...ports.database import DatabaseError, DatabaseFault
from ...ports.policies import DesiredPolicies, PolicyChange, PolicyJob, PolicyReport
from ...reports.database import TableReport
from . import policy_sql as sql
from .errors import translated
from .migration_lock import LOCK_WAIT, SchemaTurn, waits_for
from .policy_plan import Loss, PolicyPlan, Step, draft, plan
from .policy_reading import holdings, outcomes
from .policy_settings import MADE, TABLES, VIEWS, WORDS, Key, Kind, Setting
from .session import Row, check, connected
from .settings import ConnectionSettings

_OFTEN = 3
"""Times that one setting may be set in one go before somebody else is taken to undo it."""


class Policies:
    """The policies of the database of some settings, which has been migrated.

    Every call raises DatabaseError: EXTENSION_MISSING where the server has no TimescaleDB, SCHEMA_REFUSED
    where it has not been migrated, POLICY_REFUSED where a wish contradicts itself or what is there. Counting
    rows and filling aggregates take as long as there are rows: the settings' statement timeout bounds each.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        desired: DesiredPolicies,
        lock_wait: timedelta = LOCK_WAIT,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`tell` is told of each try that gave way to somebody who works on the table."""
        self._settings = settings
        self._desired = desired
        self._lock_wait = lock_wait
        self._tell = tell

    def plan(self, confirmed: Collection[str] = ()) -> PolicyReport:
        """What `reconcile` would do now; it changes nothing and waits for nobody."""
        self._refuse_unfit()
        with connected(self._settings) as connection, translated("look at the policies", self._settings):
            found = self._look(connection, confirmed)
            return self._report(
                [_change(step) for step in found.steps if not step.remembers], found, connection
            )

    def reconcile(
        self,
        confirmed: Collection[str] = (),
        progress: Callable[[PolicyChange], None] = lambda _: None,
    ) -> PolicyReport:
        """Set what is wished and tell each change; what would lose rows only if `confirmed` has its token.

        Raises DatabaseError as all calls do, and with LOCKED where a migration, or whoever holds a table,
        goes on for longer than the wait.
        """
        self._refuse_unfit()
        done: list[PolicyChange] = []
        often: Counter[Key] = Counter()
        with connected(self._settings) as connection:
            turn = SchemaTurn(
                connection, self._settings, "set the policies", self._lock_wait, tell=self._tell
            )
            while True:
                found, step = self._step(turn, confirmed)
                if step is None:
                    with translated("look at the tables", self._settings):
                        return self._report(done, found, connection)
                often[step.key] += 1
                if often[step.key] > _OFTEN:
                    raise DatabaseError(
                        DatabaseFault.POLICY_REFUSED,
                        f"{step.table}: {step.what} does not last; does another program set it too?",
                    )
                done.append(_change(step))
                progress(done[-1])

    def _step(self, turn: SchemaTurn, confirmed: Collection[str]) -> tuple[PolicyPlan, Step | None]:
        """Take the next step, if there is one; and what was planned before it."""
        connection = turn.connection

        def set_next() -> tuple[PolicyPlan, Step | None]:
            found = self._look(connection, confirmed)
            for known in found.steps:
                if known.remembers:
                    _remember(connection, known)
            step = next((item for item in found.steps if not item.remembers), None)
            if step is not None and step.kind is not Kind.FILL:
                with waits_for(_tables(step)):
                    _set(connection, step)
            return found, step

        found, step = turn.do(set_next)
        if step is not None and step.kind is Kind.FILL:
            filling = sql.fill(step.table, step.new.days if step.new else None)
            turn.outside(lambda: _run(connection, *filling), _tables(step))
            turn.do(lambda: _remember(connection, step))
        return found, step

    def _look(self, connection: Connection[Row], confirmed: Collection[str]) -> PolicyPlan:
        if _run(connection, sql.MEMORY_THERE) != [(True,)]:
            raise DatabaseError(
                DatabaseFault.SCHEMA_REFUSED,
                f"{self._settings.database} on {self._settings.place} has not been migrated to this version; "
                "run emp-runtime database",
            )
        found = draft(self._desired, holdings(connection))
        if found.refusal is not None:
            raise DatabaseError(found.refusal.fault, found.refusal.message)
        losses = {step.key: _loss(connection, step) for step in found.losing}
        return plan(found, losses, confirmed)

    def _refuse_unfit(self) -> None:
        finding = check(self._settings)
        if finding is not None:
            raise DatabaseError(finding.fault, finding.message)

    def _report(
        self, changes: list[PolicyChange], found: PolicyPlan, connection: Connection[Row]
    ) -> PolicyReport:
        current = holdings(connection).current
        unread: list[str] = []
        jobs: tuple[PolicyJob, ...] = ()
        with self._statistics(connection, "the database's jobs", unread):
            jobs = outcomes(connection)
        dropped = {job.table: job.succeeded_at for job in jobs if job.kind == WORDS[Kind.RETENTION]}
        tables: list[TableReport] = []
        for table in TABLES:
            with self._statistics(connection, table, unread):
                tables.append(_found(connection, table, current, dropped.get(table)))
        return PolicyReport(
            tuple(changes),
            found.unconfirmed,
            tuple(tables),
            tuple(view.aggregate for table, view in VIEWS.items() if (Kind.REFRESH, table) in current),
            jobs,
            "; ".join(unread),
        )

    @contextmanager
    def _statistics(self, connection: Connection[Row], what: str, unread: list[str]) -> Iterator[None]:
        """What cannot be looked at is told and stops nothing: the policies are set all the same.

        Raises DatabaseError where the connection is gone.
        """
        try:
            with translated(f"look at {what}", self._settings):
                yield
        except DatabaseError as error:
            if connection.closed:
                raise
            unread.append(str(error))


def _found(
    connection: Connection[Row], table: str, current: Mapping[Key, Setting], dropped: datetime | None
) -> TableReport:
    oldest, newest = _run(connection, sql.span(table))[0]
    rows = _estimate(connection, table)
    width, kept, packed = (
        setting.days if (setting := current.get((kind, table))) else None
        for kind in (Kind.CHUNK_WIDTH, Kind.RETENTION, Kind.COMPRESSION)
    )
    dropping, past_since = 0, None
    if kept is not None:
        asked = [kept, table, Kind.RETENTION.name, table]
        dropping, past_since = _run(connection, sql.PAST, asked)[0]
    return TableReport(
        name=TABLES[table].name,
        # The least that a report can have; chunks of less than a day are not ours.
        chunk_days=width or 1,
        retention_days=kept,
        compress_after_days=packed,
        # A table that the server has not looked at yet has no estimate; it says 0.
        rows=rows or (None if oldest is not None else 0),
        oldest=moment_of(oldest),
        newest=moment_of(newest),
        last_drop=dropped,
        dropping=dropping,
        past_since=past_since,
    )


def _estimate(connection: Connection[Row], table: str) -> int:
    """Rows of a table, 0 where nobody has counted any.

    A version that keeps other books of what it packed is asked plainly.
    """
    try:
        found = _run(connection, sql.ROWS, [table])
    except (errors.UndefinedTable, errors.UndefinedColumn, errors.InsufficientPrivilege):
        found = _run(connection, sql.ROWS_PLAINLY, [table])
    return int(found[0][0] or 0)


def _loss(connection: Connection[Row], step: Step) -> Loss:
    if step.new is None:
        return Loss(int(_run(connection, sql.count(step.table))[0][0]), None)
    ((cutoff,),) = _run(connection, sql.CUTOFF, [step.table, step.new.days])
    if cutoff is None:
        return Loss(0, None)
    return Loss(int(_run(connection, sql.count_before(step.table), [cutoff])[0][0]), cutoff)


def _tables(step: Step) -> list[str]:
    """What a step works on: an aggregate with the table that it is made of."""
    view = VIEWS.get(step.table)
    return [step.table] if view is None else [step.table, f"market.{view.raw.table}"]


def _set(connection: Connection[Row], step: Step) -> None:
    for statement, values in sql.statements(step.kind, step.table, step.old, step.new):
        _run(connection, statement, values)
    _remember(connection, step)


def _remember(connection: Connection[Row], step: Step) -> None:
    """Keep what came to be, and what follows from it for the aggregates of the table."""
    kind, table = step.kind.name, step.table
    if step.new is None:
        _run(connection, sql.FORGET, [kind, table])
    else:
        _run(connection, sql.REMEMBER, [kind, table, step.new.text])
    if step.kind is Kind.AGGREGATE and (step.old is None or step.new is None):
        _run(connection, sql.FORGET, [Kind.FILL.name, table])
    if step.dropped is not None:
        _run(connection, sql.REMEMBER, [Kind.DROPPED.name, table, step.dropped.isoformat()])
    if step.kind is Kind.RETENTION:
        views = [view.table for view in VIEWS.values() if f"market.{view.raw.table}" == table]
        _run(connection, sql.FILLED, [MADE, Kind.FILL.name, views])


def _change(step: Step) -> PolicyChange:
    return PolicyChange(step.table, step.what, step.drift)


def _run(connection: Connection[Row], statement: str, values: list[object] | None = None) -> list[Row]:
    cursor = connection.execute(statement.encode(), values or None)
    return cursor.fetchall() if cursor.description else []
