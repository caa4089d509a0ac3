"""The Yahoo provider: answers queries for bars and for the economic calendar."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa

from ...market.dimensions import DAILY_BARS, INTRADAY_BARS, MACRO_EVENTS
from ...market.symbols import Kind
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
KINDS = {"FUTURE": Kind.FUTURE}
"""Yahoo's types of what trades at prices of zero and below."""
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
        exchanges = {name: item.exchange for name, item in found.answers.items() if item.exchange}
        whole = tuple(item.whole for item in found.answers.values() if item.whole is not None)
        kinds = {
            name: KINDS[kind]
            for name, item in found.answers.items()
            if (kind := str(item.meta.get("instrumentType"))) in KINDS
        }
        periods = {name: item.periods for name, item in found.answers.items() if len(item.periods)}
        return Delivery(
            slices=(Slice(SOURCE, now, facts, exchanges, kinds, periods, whole),) if facts.num_rows else (),
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
        rows = asked.answers["calendar"]
        nobodys = sum(not row.calendar for row in rows)
        if nobodys:
            self._progress(f"Yahoo: {nobodys} events of no country, which are left out")

        def mine(name: str) -> pa.Table:
            found = calendar.facts_of([row for row in rows if row.calendar == name], now)
            return calendar.changed(found, stored)

        read = ask_for(query.names, mine, self._patience)
        facts = pa.concat_tables(read.answers.values()) if read.answers else None
        return Delivery(
            slices=() if facts is None else (Slice(calendar.SOURCE, now, facts),),
            without_data=read.of(Outcome.NO_DATA),
            hint="calendars are countries by their code of two letters",
            failed=read.failed(),
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
