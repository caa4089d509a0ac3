"""The Yahoo provider: answers queries for bars and for the economic calendar."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from ...market.calendars import ROUND_THE_CLOCK
from ...market.dimensions import DAILY_BARS, INTRADAY_BARS, MACRO_EVENTS
from ...vocabulary import Outcome
from ..pacing import Limits, Pace, Patience
from ..protocol import Connection, Delivery, Fate, ProviderFailure, Query, Slice
from ..rounds import Round, ask_for
from ..secrets import AUTHORITY, PROXY, Secret
from . import calendar
from .bars import SOURCE
from .history import Bars, History
from .session import Session

REQUESTS_A_SECOND = 5.0
BURST = 5
SKEW = timedelta(minutes=5)
"""Clocks that differ by more are worth a word."""
EVENTS_COMPARED = 20_000
"""How many stored rows of a calendar are looked at for what has changed."""
CRYPTOCURRENCY = "CRYPTOCURRENCY"
"""Yahoo's type of what trades on every day of the week."""
HINT = "look the symbol up on Yahoo Finance; one that was renamed or delisted is not found"


class YahooProvider:
    """A protocol.Provider on Yahoo Finance, for one run.

    One worker, one thread: yfinance has one state per process. All questions of the run share its patience.
    """

    def __init__(
        self,
        secrets: Callable[[str], Secret],
        *,
        clock: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
        progress: Callable[[str], None] = lambda _: None,
        limits: Limits | None = None,
        rate: float = REQUESTS_A_SECOND,
    ) -> None:
        """`rate` is in requests a second; `pause` sleeps, and may raise to end the run."""
        self._secrets = secrets
        self._clock = clock
        self._progress = progress
        self._patience = Patience(limits or Limits(), pause)
        self._pace = Pace(rate, BURST, pause)

    def fetch(self, query: Query) -> Delivery:
        """Rows of the names that came, the fate of each other. Raises ProviderFailure."""
        if query.dimension not in {DAILY_BARS, INTRADAY_BARS, MACRO_EVENTS}:
            raise ProviderFailure(Outcome.PROVIDER_FAILED, f"Yahoo has no {query.dimension.name}")
        with self._session(query.connection) as session:
            return (
                self._events(query, session)
                if query.dimension is MACRO_EVENTS
                else self._bars(query, session)
            )

    def _session(self, connection: Connection | None) -> Session:
        deadline = self._patience.limits.deadline
        if connection is None:
            return Session(self._pace, deadline)
        secret = self._secrets(connection.secret_name)
        proxy, authority = secret.text(PROXY), secret.file(AUTHORITY)
        if proxy is None and authority is None:
            # In a pod the folder of a Secret that is not there is empty. Nobody is asked past its proxy.
            raise ProviderFailure(
                Outcome.ACCESS_REFUSED,
                f"the Secret {secret.name} is not there or has neither {PROXY} nor {AUTHORITY}",
            )
        return Session(self._pace, deadline, proxy, authority)

    def _bars(self, query: Query, session: Session) -> Delivery:
        now = self._clock()
        history = History(query, session, now)
        found = ask_for(_in_order(query), history.ask, self._patience)
        self._tell(found, session, now)
        tables = [item.facts for item in found.answers.values()]
        facts = pa.concat_tables(tables) if tables else query.dimension.facts.empty_table()
        lacking = (
            Fate(name, Outcome.PARTIAL_ANSWER, item.lacks)
            for name, item in found.answers.items()
            if item.lacks
        )
        exchanges = {
            name: ROUND_THE_CLOCK
            for name, item in found.answers.items()
            if item.meta.get("instrumentType") == CRYPTOCURRENCY
        }
        return Delivery(
            slices=(Slice(SOURCE, now, facts, exchanges),) if facts.num_rows else (),
            unknown=found.of(Outcome.UNKNOWN_SYMBOL),
            without_data=found.of(Outcome.NO_DATA),
            hint=HINT,
            failed=(*found.failed(), *lacking),
            requests=session.count,
            retried=found.retried,
        )

    def _events(self, query: Query, session: Session) -> Delivery:
        """The events of the calendars asked for; Yahoo gives those of all countries together."""
        stored = query.held.latest(calendar.SOURCE, EVENTS_COMPARED) if query.held is not None else None
        now = self._clock()
        asked = ask_for(
            ("calendar",),
            lambda _: calendar.events(session, query.lookback, now),
            self._patience,
        )
        if not asked.answers:
            fate = asked.fates["calendar"]
            return Delivery(
                (),
                failed=tuple(replace(fate, name=name) for name in query.names),
                requests=session.count,
                retried=asked.retried,
            )
        found = asked.answers["calendar"]
        wanted = found.filter(pc.is_in(found["calendar"], value_set=pa.array(query.names, pa.string())))
        present = set(wanted["calendar"].to_pylist())
        facts = calendar.changed(wanted, stored)
        return Delivery(
            slices=(Slice(calendar.SOURCE, now, facts),) if wanted.num_rows else (),
            without_data=tuple(name for name in query.names if name not in present),
            hint="calendars are countries by their code of two letters",
            requests=session.count,
            retried=asked.retried,
        )

    def _tell(self, found: Round[Bars], session: Session, now: datetime) -> None:
        self._progress(
            f"Yahoo: {len(found.answers)} names came, {len(found.fates)} did not; {session.count} requests, "
            f"{found.retried} of the names asked for again"
        )
        theirs = session.clock()
        if theirs is not None and abs(theirs - self._clock()) > SKEW:
            ahead = (theirs - self._clock()).total_seconds()
            self._progress(f"Yahoo's clock is {ahead:+,.0f} s from ours; bars count as ended by both")


def _in_order(query: Query) -> list[str]:
    """What the last run missed first, then what the store has nothing of, then the others."""
    held = query.held
    if held is None:
        return list(query.names)
    missed, spans = held.missed(), held.spans(SOURCE)
    return sorted(query.names, key=lambda name: (name not in missed, name in spans))
