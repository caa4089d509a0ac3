"""The Fred provider: answers queries for economic series."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import pyarrow as pa

from ...market.dimensions import MACRO_SERIES
from ...vocabulary import Outcome
from ..pacing import Limits, Pace, Patience
from ..protocol import Delivery, ProviderFailure, Query, Slice
from ..rounds import ask_for
from ..secrets import API_KEY, AUTHORITY, PROXY, Secret
from .client import Access, Client
from .series import SOURCE, facts_of

REQUESTS_A_SECOND = 2.0
"""The server allows 120 a minute."""
BURST = 10
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
        """Vintages of the series that came, the fate of each other. Raises ProviderFailure."""
        if query.dimension is not MACRO_SERIES:
            raise ProviderFailure(Outcome.PROVIDER_FAILED, f"Fred has no {query.dimension.name}")
        client, now = self._client(query), self._clock()
        missed = query.held.missed() if query.held is not None else frozenset()
        names = sorted(query.names, key=lambda name: name not in missed)
        found = ask_for(
            names,
            lambda name: facts_of(client, name, query.lookback, now),
            self._patience,
        )
        self._progress(
            f"Fred: {len(found.answers)} series came, {len(found.fates)} did not; {client.count} requests, "
            f"{found.retried} of the series asked for again"
        )
        tables = list(found.answers.values())
        return Delivery(
            slices=(Slice(SOURCE, now, pa.concat_tables(tables)),) if tables else (),
            unknown=found.of(Outcome.UNKNOWN_SYMBOL),
            without_data=found.of(Outcome.NO_DATA),
            hint=HINT,
            failed=found.failed(),
            requests=client.count,
            retried=found.retried,
        )

    def _client(self, query: Query) -> Client:
        if query.connection is None:
            raise ProviderFailure(Outcome.ACCESS_REFUSED, "Fred needs a connection with a Secret")
        secret = self._secrets(query.connection.secret_name)
        key = secret.text(API_KEY)
        if key is None:
            raise ProviderFailure(
                Outcome.ACCESS_REFUSED, f"the Secret {secret.name} is not there or has no {API_KEY}"
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
            raise ProviderFailure(Outcome.ACCESS_REFUSED, f"{where} is no certificate") from None
