"""The journal of TimescaleDB, on the connection of its writer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from psycopg import Connection

from ...market.confirmations import CLOCKS_APART
from ...market.dimensions import Dimension
from ...ports.journal import Arrival, Attempt, JournalEntry, RunEnd, RunLost, RunStart, closed_by_another
from ...vocabulary import Outcome
from . import attempts_sql, sql, verdicts_sql, writer_lock
from .errors import store_faults
from .session import Row
from .settings import ConnectionSettings


class TimescaleJournal:
    """A journal.Journal of the plans of one backbone.

    `sequence` is the number of the run that this writer began or resumed.
    """

    def __init__(self, connection: Connection[Row], settings: ConnectionSettings, backbone: str) -> None:
        self._connection = connection
        self._settings = settings
        self._backbone = backbone
        self._plan = ""
        self.sequence: int | None = None

    def begin(self, run: RunStart) -> int:
        """Commit a started run, and close those that a crash left open; the run's sequence number."""
        why = "the next run found it unfinished"
        with store_faults("write the journal", self._settings), self._connection.transaction():
            # Numbers have no gap, also where a pooler let two writers in.
            self._connection.execute(sql.ONE_AT_A_TIME)
            alive = self._alive(run.run_id)
            self._connection.execute(sql.CLOSE_UNFINISHED, [sql.CLOSED_BY_ANOTHER, run.at, why, alive])
            metadata = json.dumps(run.metadata)
            values = [run.run_id, run.plan, run.generation, run.at, self._backbone, metadata]
            row = self._connection.execute(sql.START, values).fetchone()
            if self._backbone:
                self._connection.execute(sql.OF_AN_EARLIER_VERSION, [self._backbone, run.plan])
            self._connection.execute(sql.FORGET_CONFIRMATIONS, [CLOCKS_APART])
            self._connection.execute(verdicts_sql.FORGET_WHOLE, [CLOCKS_APART])
        self._plan, self.sequence = run.plan, int(row[0]) if row else 0
        return self.sequence

    def _alive(self, but: str) -> list[str]:
        """Open runs whose session lives, but one."""
        found = self._connection.execute(sql.OPEN_RUNS).fetchall()
        return [name for (name,) in found if name != but and writer_lock.is_alive(self._connection, name)]

    def resume(self, sequence: int, run_id: str) -> None:
        """Go on with a run that began under another writer."""
        with store_faults("read the journal", self._settings):
            row = self._connection.execute(sql.RUN, [sequence]).fetchone()
        if row is None or row[0] != run_id:
            raise RunLost(sequence)
        if row[1] is not None:
            raise closed_by_another(sequence)
        self.sequence = sequence

    def recent(self, count: int) -> tuple[JournalEntry, ...]:
        """The last finished runs of the backbone, and as many of the plan that began here, newest first."""
        values = {"backbone": self._backbone, "plan": self._plan, "count": count}
        with store_faults("read the journal", self._settings):
            found = self._connection.execute(sql.FINISHED.encode(), values).fetchall()
        return tuple(map(entry_of, found))

    def stand_aside(self) -> None:
        """Raise where another writer has begun since: a pooler, or a server without locks, let it in.

        Raises psycopg.Error too.
        """
        if self.sequence is None:
            return
        row = self._connection.execute(sql.OUTCOME, [self.sequence]).fetchone()
        if row == (sql.CLOSED_BY_ANOTHER,):
            raise closed_by_another(self.sequence)

    def record(self, sequence: int, arrival: Arrival) -> None:
        """Note what a source brought."""
        values = [
            *(sequence, arrival.dimension, arrival.source, arrival.provider, arrival.as_of),
            *(arrival.rows, arrival.changed),
        ]
        with store_faults("write the journal", self._settings):
            self._connection.execute(sql.ARRIVAL, values)

    def attempted(
        self, sequence: int, dimension: Dimension, attempts: Sequence[Attempt], *, rest: bool = True
    ) -> None:
        """Note how the run fared with names of a dimension, in place of what earlier ones told."""
        columns = (
            [item.subject for item in attempts],
            [item.provider for item in attempts],
            [str(item.outcome) for item in attempts],
        )
        with store_faults("write the journal", self._settings), self._connection.transaction():
            run = {"dimension": dimension.name, "sequence": sequence, "subjects": columns[0], "rest": rest}
            if self._connection.execute(attempts_sql.YOUNGER_ATTEMPTS.encode(), run).fetchone() == (True,):
                return
            self._connection.execute(attempts_sql.FORGET_ATTEMPTS.encode(), run)
            self._connection.execute(attempts_sql.KEEP_ATTEMPTS, [dimension.name, *columns, sequence])

    def missed(self, plan: str, dimension: Dimension, outcome: Outcome | None = None) -> frozenset[str]:
        """Names that the plan's last run did not get in full, or did not come to; or those of one outcome."""
        with store_faults("look up what is stored", self._settings):
            values = [plan, dimension.name, self._backbone, outcome, Outcome.SUCCEEDED, outcome]
            found = self._connection.execute(attempts_sql.MISSED, values)
            return frozenset(str(name) for (name,) in found)

    def finish(self, sequence: int, end: RunEnd) -> None:
        """Note how the run ended."""
        with store_faults("write the journal", self._settings), self._connection.transaction():
            self.stand_aside()
            values = [end.outcome, end.at, end.rows, end.changed, end.message, sequence]
            self._connection.execute(sql.FINISH, values)


def entry_of(row: Row) -> JournalEntry:
    """The entry of a row, of which the plan's metadata come last, as JSON."""
    *told, metadata = row
    return replace(JournalEntry(*told), metadata=json.loads(metadata))
