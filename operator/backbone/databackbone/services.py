"""What is true of the services of a backbone, from what the last looks at them told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from ..evaluation import Finding, Notice
from ..jobs.looks import pending
from ..ports.database import DatabaseFault
from ..vocabulary import ConditionType
from .api import DataBackboneStatus
from .cache_findings import cache_healthy
from .children import Backbone
from .database_findings import migrated, serves
from .database_look import CHECK, Checked, read_checks
from .institutional_status import CacheStatus, DatabaseStatus
from .kafka_status import TopicsStatus
from .lag_look import LagLooked, read_lag
from .lag_status import LagStatus, StreamReadiness
from .observation import Observation
from .policies import policies_run, retention_met
from .stream_findings import Stream, readiness, replaced, stream_healthy, topics_provisioned
from .topics_look import TopicsChecked, read_topics


@dataclass(frozen=True, slots=True)
class Services:
    """TimescaleDB, Redis and Kafka: what was found of each, and when they are checked next."""

    checked: Checked | None = None
    """TimescaleDB and Redis; None where none is configured."""
    topics: TopicsChecked | None = None
    """Kafka; None where none is configured."""
    lag: LagLooked | None = None
    """The lag of consumer groups; None where none is configured."""
    readiness: StreamReadiness | None = None
    """How ready Kafka is; None where none is configured."""
    findings: dict[ConditionType, Finding] = field(default_factory=dict)
    serves: Finding | None = None
    """Whether rows can be stored and read there: also while policies wait. None where none is configured."""
    settled: Finding | None = None
    """Whether schema and policies are as they should be, whatever became of the readers' role."""

    @property
    def database(self) -> DatabaseStatus | None:
        """TimescaleDB as a Job last found it."""
        return self.checked.look.status if self.checked is not None else None

    @property
    def cache(self) -> CacheStatus | None:
        """Redis as a Job last found it."""
        return self.checked.cache if self.checked is not None else None

    @property
    def topics_status(self) -> TopicsStatus | None:
        """Topics as a Job last found them."""
        return self.topics.look.status if self.topics is not None else None

    @property
    def lag_status(self) -> LagStatus | None:
        """The lag of consumer groups as a Job last sampled it."""
        return self.lag.look.status if self.lag is not None else None

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What a check found that only it can tell."""
        return replaced(self.topics) if self.topics is not None else ()

    @property
    def left(self) -> Finding | None:
        """What is left to do for the spec where the backbone serves already."""
        if self.serves is not self.migrated:
            return self.migrated
        unseen = self.topics is not None and self.topics.unseen
        return self.findings[ConditionType.TOPICS_PROVISIONED] if unseen else None

    @property
    def migrated(self) -> Finding | None:
        """What is true of the database; None where none is configured."""
        return self.findings.get(ConditionType.MIGRATED)


def services_of(
    backbone: Backbone,
    previous: DataBackboneStatus,
    seen: Observation,
    now: datetime,
    *,
    holds_rows: bool | None,
) -> Services:
    """What the Jobs say of the services that are configured; `holds_rows` is whether the volume does."""
    services = _institutional(backbone, previous, seen, now, holds_rows=holds_rows)
    topics = read_topics(backbone, previous, seen, now)
    if topics is None:
        return services
    stream = Stream(topics, read_lag(backbone, previous, seen, now))
    of_stream = {
        ConditionType.STREAM_HEALTHY: stream_healthy(stream),
        ConditionType.TOPICS_PROVISIONED: topics_provisioned(topics),
    }
    return replace(
        services,
        topics=topics,
        lag=stream.lag,
        readiness=readiness(stream),
        findings={**services.findings, **of_stream},
    )


def _institutional(
    backbone: Backbone,
    previous: DataBackboneStatus,
    seen: Observation,
    now: datetime,
    *,
    holds_rows: bool | None,
) -> Services:
    """TimescaleDB and its cache."""
    checked = read_checks(backbone, previous, seen, now)
    if checked is None:
        return Services()
    database = checked.look.status
    found = migrated(checked)
    if found.holds and not database.policies_set and _to_serve(backbone, holds_rows):
        # The volume had rows when a Job looked last: nobody has set policies for what is to come.
        found = Finding(None, *pending(CHECK, database))
        checked = replace(checked, look=replace(checked.look, due=checked.look.soon))
    usable = serves(found, checked)
    # The readers' role comes last: what is before it was done.
    settled = usable if found.reason is DatabaseFault.ROLE_NOT_ALLOWED else found
    findings = {
        ConditionType.MIGRATED: found,
        ConditionType.RETENTION_MET: retention_met(database, settled),
        ConditionType.POLICIES_RUN: policies_run(database, settled),
    }
    if backbone.spec.redis is not None:
        findings[ConditionType.CACHE_HEALTHY] = cache_healthy(checked)
    return Services(checked, findings=findings, serves=usable, settled=settled)


def _to_serve(backbone: Backbone, holds_rows: bool | None) -> bool:
    return backbone.spec.requested_tier == "Institutional" and holds_rows is False
