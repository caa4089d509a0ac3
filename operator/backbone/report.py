"""Reports: what a Job of ours tells the operator through its termination message.

A termination message holds 4,096 bytes and vanishes with the pod, so the report is compact JSON that is cut
with counts rather than truncated. It repeats the outcomes of the last five runs of the backbone, and has the
numbers of the plan's own before those.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, ValidationError

from .errors import Rejected
from .schema import Model
from .vocabulary import Outcome

MESSAGE_BYTES = 4096
OTHER_REASONS = "Other"
CACHE_REACHABLE = "Reachable"
"""What a CacheReport says of a cache that does what it should."""

EXIT_OK = 0
EXIT_RUN_FAILED = 3
"""The run ended with a report that says what failed; starting it again at once would end the same way."""


class PastRun(Model):
    """A finished run of the same backbone, of any plan."""

    sequence: int
    plan: str
    outcome: Outcome
    end: datetime


class SourceReport(Model):
    """One source of a dimension: `as_of` is the moment it speaks of (UTC), from which lookback counts."""

    name: str
    rows: int = 0
    as_of: datetime
    price_basis: str | None = None


class RowCount(Model):
    """Rows that a check found something in: `reason` is a Defect, or Other for those cut off."""

    reason: str
    rows: int


class DimensionReport(Model):
    """One dimension of a run. Times are UTC.

    `rows` were kept. `quarantined` came and were not, by reason; `flagged` are kept rows by flag, the most
    frequent first. `unchecked` counts the symbols whose exchange has no calendar that is known. `requests`
    were sent to the provider, and `retried` questions were asked again.
    """

    name: str
    outcome: Outcome
    rows: int = 0
    changed: int = 0
    symbols: int = 0
    missing: tuple[str, ...] = ()
    missing_count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    sources: tuple[SourceReport, ...] = ()
    quarantined: tuple[RowCount, ...] = ()
    flagged: tuple[RowCount, ...] = ()
    unchecked: int = 0
    requests: int = 0
    retried: int = 0
    message: str = ""


class StoreRecoveryReport(Model):
    """A corrupt working file was set aside. Paths are relative to the volume."""

    set_aside: str
    continued_from: str
    at: datetime


class RunReport(Model):
    """One run, whole or failed."""

    format: int = Field(default=1, description="Version of this message's layout.")
    run_id: str
    sequence: int | None = None
    plan: str
    generation: int = 0
    outcome: Outcome
    start: datetime
    end: datetime
    rows: int = 0
    dimensions: tuple[DimensionReport, ...] = ()
    recent: tuple[PastRun, ...] = ()
    earlier: tuple[int, ...] | None = Field(
        default=None,
        description="Numbers of the plan's own runs before those of `recent`, the last first; None where a "
        "version ran that does not tell them.",
    )
    store_recovery: StoreRecoveryReport | None = None
    message: str = ""

    def encode(self) -> bytes:
        """Compact JSON of at most MESSAGE_BYTES; lists and texts are cut first, counts stay."""
        for names, text, reasons in ((20, 512, 20), (20, 160, 8), (5, 80, 4), (1, 40, 3), (0, 0, 2)):
            cut = self.model_copy(
                update={
                    "message": self.message[: text * 2],
                    "dimensions": tuple(
                        item.model_copy(
                            update={
                                "missing": item.missing[:names],
                                "sources": item.sources[:names],
                                "quarantined": _shortened(item.quarantined, reasons),
                                "flagged": _shortened(item.flagged, reasons),
                                "message": item.message[:text],
                            }
                        )
                        for item in self.dimensions
                    ),
                }
            )
            encoded = cut.model_dump_json(by_alias=True, exclude_defaults=True).encode()
            if len(encoded) <= MESSAGE_BYTES:
                return encoded
        raise ValueError("a report without names and texts is still too long")

    @classmethod
    def decode(cls, text: str) -> RunReport:
        """A report from a termination message. Raises Rejected on anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Rejected(f"no run report: {place}: {first['msg']}") from None


def _shortened(counts: tuple[RowCount, ...], limit: int) -> tuple[RowCount, ...]:
    """At most so many counts: the last one stands for all that have no room, under the name Other."""
    if len(counts) <= limit:
        return counts
    rest = sum(item.rows for item in counts[limit - 1 :])
    return (*counts[: limit - 1], RowCount(reason=OTHER_REASONS, rows=rest))


class VolumeProbeReport(Model):
    """What the volume probe's Job tells through its termination message."""

    outcome: str = Field(description="VolumeProbed, VolumeFull, VolumeReadOnly or VolumeProbeFailed.")
    bytes_checked: int = 0
    holds_rows: bool | None = Field(
        default=None,
        description="Whether the published copy there has rows; None where it could not be read.",
    )
    message: str = ""
    at: datetime

    def encode(self) -> bytes:
        """Compact JSON, far below MESSAGE_BYTES."""
        cut = self.model_copy(update={"message": self.message[:512]})
        return cut.model_dump_json(by_alias=True).encode()


class TableReport(Model):
    """One table of the database: its policies in days, None where there is none, and what it holds (UTC)."""

    name: str
    chunk_days: int
    retention_days: int | None = None
    compress_after_days: int | None = None
    rows: int | None = None
    oldest: datetime | None = None
    newest: datetime | None = None
    last_drop: datetime | None = None


class JobReport(Model):
    """A job of the database's own, for a policy of a table: ports.policies.PolicyJob, times in UTC."""

    table: str
    kind: str
    every_seconds: int
    outcome: str | None = None
    failures: int = 0
    started_at: datetime | None = None
    succeeded_at: datetime | None = None
    next_start: datetime | None = None
    since: datetime | None = None
    message: str = ""


class UnconfirmedReport(Model):
    """Something that would lose rows and waits for its token."""

    table: str
    rows: int
    token: str


class CacheReport(Model):
    """How the cache was found: Reachable or a ports.cache.CacheFault, and its counts since it last began."""

    outcome: str
    message: str = ""
    keys: int | None = None
    hits: int = 0
    misses: int = 0
    evictions: int = 0
    expirations: int = 0
    invalidations: int = 0


class DatabaseReport(Model):
    """What a look at the database tells: Migrated or a ports.database.DatabaseFault, and what it saw so far.

    `request` is the digest of the sections of the spec that it worked by; `confirmed` the confirm annotation
    that it was given and came to use. `mark` is the database's own, once it was taken. `policies_set` is
    False where Bootstrap serves. `jobs` are those of the database, the worst first; `more_jobs` had no room.
    `unread` says what of tables and jobs could not be looked at. Times are UTC.
    """

    outcome: str
    message: str = ""
    request: str
    confirmed: str | None = None
    version: int | None = None
    pending: int | None = None
    mark: str | None = None
    policies_set: bool = True
    changes: int = 0
    pool_size: int | None = None
    server_connections: int | None = None
    server_limit: int | None = None
    tables: tuple[TableReport, ...] = ()
    aggregates: tuple[str, ...] = ()
    jobs: tuple[JobReport, ...] = ()
    more_jobs: int = 0
    unread: str = ""
    unconfirmed: tuple[UnconfirmedReport, ...] = ()
    cache: CacheReport | None = None
    at: datetime

    def encode(self) -> bytes:
        """Compact JSON of at most MESSAGE_BYTES; texts are cut first, then jobs, whose count stays."""
        for text, jobs in ((600, 16), (150, 16), (90, 8), (60, 3), (0, 0)):
            cache = self.cache and self.cache.model_copy(update={"message": self.cache.message[: text // 2]})
            told = [job.model_copy(update={"message": job.message[: text // 2]}) for job in self.jobs[:jobs]]
            cut = self.model_copy(
                update={
                    "message": self.message[:text],
                    "unread": self.unread[:text],
                    "cache": cache,
                    "jobs": tuple(told),
                    "more_jobs": self.more_jobs + len(self.jobs) - len(told),
                }
            )
            encoded = cut.model_dump_json(by_alias=True, exclude_defaults=True).encode()
            if len(encoded) <= MESSAGE_BYTES:
                return encoded
        raise ValueError("a report without texts is still too long")
