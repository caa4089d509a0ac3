"""The tree of errors that this project raises on purpose, and its five topmost classes.

BackboneError           Anything below.
  Rejected              The input is wrong; only a change of the input helps.
                        Raised wherever input is read.
    SecretMissing       A Secret does not exist, or it has no key.
                        Raised by adapters.secret_keys.
    NotHeld             The store has no rows of the symbol, series or calendar, or none from the source.
                        Raised by client.snapshot.
    Ambiguous           Several series answer to the question; the question must name one.
                        Raised by client.snapshot.
  Waiting               Something is not there yet, and nothing is wrong; try again `after` that time.
                        Raised by adapters.kubernetes.
  Unreachable           An outside system did not answer, or refused. Nothing is known about its state.
                        Raised by adapters.kubernetes, providers.sample.fetch, serving.
    Denied              The system answered that the operator lacks the right or the identity.
                        Raised by adapters.kubernetes.
    Conflict            The object changed after it was read.
                        Raised by adapters.kubernetes, handling.
    CacheUnavailable    Redis could not do what was asked; `fault` names why.
                        Raised by adapters.redis.connection.
    KafkaUnavailable    Kafka could not do what was asked; `fault` names why.
                        Raised by adapters.kafka.
  StoreError            The store could not do what was asked; `outcome` names why.
                        Raised by adapters, client.copies, ports.journal.
    StoreCorrupt        The content of the store does not read back.
                        Raised by adapters.duckdb.
    RunLost             The journal does not know the run.
                        Raised by adapters.duckdb, adapters.timescale.
    NoSuchEntry         No entry of the quarantine has one of the ids that were named.
                        Raised by adapters.duckdb, adapters.timescale.
  NothingPublished      No run has published rows for readers yet, or no export has ended.
                        Raised by adapters.duckdb, adapters.exports, adapters.timescale.
  TargetError           The target of an export could not take it; `fault` names why.
                        Raised by adapters.exports.
  DatabaseError         TimescaleDB could not do what was asked; `fault` names why.
                        Raised by adapters.timescale, runtime.
  ProviderFailure       The provider answered for no name; `outcome` names why.
                        Raised by ingest.run, providers.
  Trouble               The provider did not deliver one name; `outcome` names why.
                        Raised by providers.

These stand beside the tree, since each is caught in the package that raises it:

ValueError
  CorruptValue          A cached value does not read back.
                        Raised by adapters.arrow_values.
  SchemaError           A model lacks something that a CRD needs.
                        Raised by crds.structural.
Exception
  ClearText             A request would send its key over a network without encryption.
                        Raised by providers.fred.opening.
OperationalError        The driver's own, of psycopg.
  NoAnswer              PostgreSQL did not answer within the deadline.
                        Raised by adapters.timescale.bounded.
SystemExit
  Stopped               The process was asked to stop, and ends with the exit code of its signal.
                        Raised by runtime.stopping.
"""

from __future__ import annotations

from datetime import timedelta


class BackboneError(Exception):
    """Anything this project raises on purpose."""


class Rejected(BackboneError):
    """The input is wrong, and only a change of the input helps."""


class Waiting(BackboneError):
    """Something is not there yet."""

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


class Unreachable(BackboneError):
    """An outside system could not be asked. Never the same as an empty or healthy answer."""


class Denied(Unreachable):
    """The outside system refused the caller's identity or right."""


class Conflict(Unreachable):
    """The object changed since it was read; look again and decide anew."""
