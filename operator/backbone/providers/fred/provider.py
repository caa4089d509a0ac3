"""The Fred provider: answers queries for economic series."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from ...market.dimensions import MACRO_SERIES
from ...vocabulary import Outcome
from ..pacing import Limits, Pace, Patience
from ..protocol import Delivery, ProviderFailure, Query, Slice
from ..rounds import Round, ask_for
from ..secrets import API_KEY, AUTHORITY, PROXY, Secret
from .client import Access, Client
from .opening import in_clear_text
from .series import facts_of
from .stored import SOURCE, Stored

REQUESTS_A_SECOND = 2.0
"""The server allows 120 a minute."""
BURST = 10
PART = 50
"""So many series are handed over, to be stored, before the next is asked for."""
HINT = "series are spelled as on the site of Fred, for example CPIAUCSL"


class FredProvider:
    """A protocol.Provider on Fred, for one run, whose questions share its patience.

    `pause` sleeps, and may raise to end the run.
    """

    def __init__(
        self,
        secrets: Callable[[str], Secret],
        *,
        clock: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
        progress: Callable[[str], None] = lambda _: None,
        limits: Limits | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._progress = progress
        self._patience = Patience(limits or Limits(), pause)
        self._pace = pace or Pace(REQUESTS_A_SECOND, BURST, pause)

    def fetch(self, query: Query) -> Delivery:
        """Vintages of series that came, the fate of each other, in parts. Raises ProviderFailure."""
        if query.dimension is not MACRO_SERIES:
            raise ProviderFailure(Outcome.PROVIDER_FAILED, f"Fred has no {query.dimension.name}")
        # What is stored counts as of before the first question.
        names, held = _in_order(query), Stored(query)
        client, now = self._client(query), self._clock()
        found = _Came(client, query, now)
        last = ask_for(names, lambda name: facts_of(client, name, held, now), self._patience, found.settled)
        delivery = found.part(last)
        self._progress(
            f"Fred: {found.came} series came, {found.others} did not; {client.count} requests, "
            f"{found.retried} of the series asked for again"
        )
        return replace(delivery, names=())

    def _client(self, query: Query) -> Client:
        if query.connection is None:
            raise ProviderFailure(Outcome.ACCESS_REFUSED, "Fred needs a connection with a Secret")
        secret = self._secrets(query.connection.secret_name)
        key = secret.text(API_KEY)
        if key is None:
            raise ProviderFailure(
                Outcome.ACCESS_REFUSED, f"the Secret {secret.name} is not there or has no {API_KEY}"
            )
        if query.connection.base_url is not None and in_clear_text(query.connection.base_url):
            raise ProviderFailure(
                Outcome.INSECURE_ADDRESS,
                f"baseUrl is http:// and the Secret {secret.name} has an {API_KEY}, which was not sent in "
                "clear text: name an https:// address, and put its authority, where it has one of its own, "
                f"into the key {AUTHORITY}",
            )
        authority = secret.file(AUTHORITY)
        access = Access(
            key, query.connection.base_url, secret.text(PROXY), str(authority) if authority else None
        )
        try:
            return Client(access, self._pace, self._patience.limits.deadline)
        except OSError:
            # An ssl.SSLError is one too.
            where = f"{AUTHORITY} of the Secret {secret.name}" if authority else "the file in SSL_CERT_FILE"
            raise ProviderFailure(Outcome.ACCESS_REFUSED, f"{where} is not a certificate") from None


class _Came:
    """What has come of a query's series: handed over in parts, and counted."""

    def __init__(self, client: Client, query: Query, now: datetime) -> None:
        self._client, self._query, self._now = client, query, now
        self._requests = 0
        self.came = self.others = self.retried = 0

    def settled(self, found: Round[pa.Table]) -> Round[pa.Table]:
        """Hand over what came once it is a part; the round that goes on."""
        if self._query.keep is None or len(found.names) < PART:
            return found
        self._query.keep(self.part(found))
        return Round()

    def part(self, found: Round[pa.Table]) -> Delivery:
        """The delivery that a round came to."""
        requests, self._requests = self._client.count - self._requests, self._client.count
        self.came += len(found.answers)
        self.others += len(found.fates)
        self.retried += found.retried
        tables = list(found.answers.values())
        return Delivery(
            slices=(Slice(SOURCE, self._now, pa.concat_tables(tables)),) if tables else (),
            unknown=found.of(Outcome.UNKNOWN_SYMBOL),
            without_data=found.of(Outcome.NO_DATA),
            hint=HINT,
            failed=found.failed(),
            requests=requests,
            retried=found.retried,
            names=found.names,
        )


def _in_order(query: Query) -> list[str]:
    """What the last run missed or did not come to, then what the store has nothing of, then the others."""
    if query.held is None:
        return list(query.names)
    missed, spans = query.held.missed(), query.held.spans(SOURCE)
    return sorted(query.names, key=lambda name: (name not in missed, name in spans))
