"""The journal of a DuckDB store, within the writer's file."""

from __future__ import annotations

import json
from collections.abc import Sequence

import duckdb

from ...market.confirmations import CLOCKS_APART
from ...market.dimensions import Dimension
from ...ports.journal import Arrival, Attempt, JournalEntry, RunEnd, RunLost, RunStart, closed_by_another
from ...vocabulary import Outcome
from . import sql, verdicts_sql
from .reader import journal_entries
from .session import translated
from .statements import Statements
from .volume import Volume


class DuckDBJournal:
    """A journal.Journal. `sequence` is the number of the run that this writer began or resumed."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, statements: Statements, volume: Volume) -> None:
        self._connection = connection
        self._statements = statements
        self._volume = volume
        self._plan = ""
        self.sequence: int | None = None

    def begin(self, run: RunStart) -> int:
        """Commit a started run; its sequence number."""
        with self._statements.transaction():
            self._statements.execute(
                "UPDATE telemetry.ingest_runs SET outcome = ?, ended_at = ?, message = ? "
                "WHERE outcome IS NULL AND NOT list_contains(?, run_id)",
                Outcome.DIED_WITHOUT_MESSAGE,
                run.at,
                "the next run found it unfinished",
                self._alive(run.run_id),
            )
            self._statements.execute(
                "INSERT INTO telemetry.ingest_runs "
                "(sequence, run_id, plan, plan_generation, started_at, plan_metadata, tells_changes) "
                "SELECT coalesce(max(sequence), 0) + 1, ?, ?, ?, ?, ?, TRUE FROM telemetry.ingest_runs",
                run.run_id,
                run.plan,
                run.generation,
                run.at,
                json.dumps(run.metadata),
            )
            self.sequence = self._statements.number("SELECT max(sequence) FROM telemetry.ingest_runs")
            self._statements.execute(sql.FORGET_CONFIRMATIONS, CLOCKS_APART)
            self._statements.execute(verdicts_sql.FORGET_WHOLE, CLOCKS_APART)
        self._plan = run.plan
        return self.sequence

    def _alive(self, but: str) -> list[str]:
        """Open runs that some process still runs, but one."""
        with translated("read the journal"):
            found = self._connection.execute(sql.OPEN_RUNS).fetchall()
        return [name for (name,) in found if name != but and self._volume.is_alive(name)]

    def resume(self, sequence: int, run_id: str) -> None:
        """Go on with a run that began under another writer."""
        with translated("read the journal"):
            row = self._connection.execute(sql.RUN, [sequence]).fetchone()
        if row is None or row[0] != run_id:
            raise RunLost(sequence)
        if row[1] is not None:
            raise closed_by_another(sequence)
        self.sequence = sequence

    def recent(self, count: int) -> tuple[JournalEntry, ...]:
        """The last finished runs, and as many of the plan that began here, newest first."""
        values = {"plan": self._plan, "count": count}
        with translated("read the journal"):
            table = self._connection.sql(sql.FINISHED, params=values).to_arrow_table()
        return journal_entries(table)

    def record(self, sequence: int, arrival: Arrival) -> None:
        """Note what a source brought."""
        self._statements.execute(
            "INSERT INTO telemetry.ingest_arrivals VALUES (?, ?, ?, ?, ?, ?, ?)",
            sequence,
            arrival.dimension,
            arrival.source,
            arrival.provider,
            arrival.as_of,
            arrival.rows,
            arrival.changed,
        )

    def attempted(
        self, sequence: int, dimension: Dimension, attempts: Sequence[Attempt], *, rest: bool = True
    ) -> None:
        """Note how the run fared with names of a dimension, in place of what earlier ones told."""
        if self._statements.number(sql.YOUNGER_ATTEMPTS, dimension=dimension.name, sequence=sequence):
            return
        subjects = [item.subject for item in attempts]
        told = {"dimension": dimension.name, "sequence": sequence, "subjects": subjects, "rest": rest}
        with translated("write the store"):
            self._connection.execute(sql.FORGET_ATTEMPTS, told)
        self._statements.execute(
            sql.KEEP_ATTEMPTS,
            dimension.name,
            subjects,
            [item.provider for item in attempts],
            [item.outcome for item in attempts],
            sequence,
        )

    def missed(self, plan: str, dimension: Dimension, outcome: Outcome | None = None) -> frozenset[str]:
        """Names that the plan's last run did not get in full, or did not come to; or those of one outcome."""
        asked = {"plan": plan, "dimension": dimension.name, "fine": Outcome.SUCCEEDED, "outcome": outcome}
        with translated("look up what is stored"):
            found = self._connection.execute(sql.MISSED, asked).fetchall()
        return frozenset(str(name) for (name,) in found)

    def finish(self, sequence: int, end: RunEnd) -> None:
        """Note how the run ended."""
        self._statements.execute(
            'UPDATE telemetry.ingest_runs SET outcome = ?, ended_at = ?, "rows" = ?, changed = ?, '
            "message = ? WHERE sequence = ?",
            end.outcome,
            end.at,
            end.rows,
            end.changed,
            end.message,
            sequence,
        )
