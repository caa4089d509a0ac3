"""The DataBackbone resource: spec and status as models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from ..authority.tier import Mode, Tier, requested_tier
from ..jobs.looks import TROUBLE_LIMIT, LookStatus
from ..jobs.pod_settings import PodSettings
from ..quantity import Quantity, amount
from ..schema import AGE, Column, CutAt, Flag, Model, Resource, Word, cel
from ..vocabulary import ConditionType
from .accepted import ROOM
from .audit import LastChange
from .institutional import Redis, Timescale
from .institutional_status import CacheStatus, DatabaseStatus
from .kafka_spec import Kafka
from .kafka_status import TopicsStatus
from .lag_status import LagStatus, StreamReadiness

DeletionPolicy = Literal["Retain", "Delete"]

StorageClassName = Annotated[
    str, StringConstraints(min_length=1, max_length=253, pattern="^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
]

SIZE_FLOOR = "1Mi"
SIZE_TOO_SMALL = f"size must be at least {SIZE_FLOOR}; is the unit missing, as in 10Gi?"

SIZE_CEILING = "8191Pi"
"""The largest whole number of pebibytes below 8Ei: the API server counts bytes up to 2^63-1, and stores that
number for whatever is more, which is then never what was asked for."""
SIZE_TOO_LARGE = f"size must be at most {SIZE_CEILING}: the API server cannot count more. Ask for less."


class Storage(Model):
    """The volume of the bootstrap tier."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (f"quantity(self.size).compareTo(quantity('{SIZE_FLOOR}')) >= 0", SIZE_TOO_SMALL),
            (f"quantity(self.size).compareTo(quantity('{SIZE_CEILING}')) <= 0", SIZE_TOO_LARGE),
            (
                "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0 || "
                f"quantity(oldSelf.size).compareTo(quantity('{SIZE_CEILING}')) > 0",
                "size cannot shrink: a volume only grows. Create a new DataBackbone for a smaller one.",
            ),
            (
                "has(self.storageClassName) == has(oldSelf.storageClassName) && "
                "(!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
                "storageClassName cannot change: a volume stays in its class. "
                "Create a new DataBackbone in the other class.",
            ),
        )
    )

    size: Quantity = Field(
        default="1Gi",
        description="Requested capacity of the volume. The store needs about three times the size of its "
        "data: the working file, the published copy, and the next copy while it is written. The size can "
        "grow if the storage class allows it.",
    )
    storage_class_name: StorageClassName | None = Field(
        default=None, description="StorageClass of the claim. If omitted, the cluster's default class."
    )

    @model_validator(mode="after")
    def _within_bounds(self) -> Self:
        if amount(self.size) < amount(SIZE_FLOOR):
            raise ValueError(SIZE_TOO_SMALL)
        if amount(self.size) > amount(SIZE_CEILING):
            raise ValueError(SIZE_TOO_LARGE)
        return self


class Bootstrap(Model):
    """The tier that needs no outside service: a DuckDB file on a volume."""

    storage: Storage = Field(
        default_factory=Storage, description="The volume for the DuckDB file and its published copies."
    )


NEEDS_TIMESCALE = "mode Institutional needs timescale: add timescale.connection.secretName, or choose Auto."
CACHE_OF_NOTHING = "redis caches what is read from TimescaleDB: add timescale, or remove redis."


class DataBackboneSpec(Model):
    """What the user asks for."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("self.mode != 'Institutional' || has(self.timescale)", NEEDS_TIMESCALE),
            ("!has(self.redis) || has(self.timescale)", CACHE_OF_NOTHING),
        )
    )

    mode: Mode = Field(
        default="Auto",
        description="Which tier serves. Auto selects Bootstrap until TimescaleDB, Redis and Kafka are all "
        "configured. Institutional stores rows in TimescaleDB. The tier is chosen before the first rows are "
        "stored; afterwards OnRequestedTier reports why it does not change.",
    )
    suspend: Flag = Field(
        default=False,
        description="If true, the operator starts no work for this backbone and its plans. Data, volume "
        "and objects stay.",
    )
    deletion_policy: DeletionPolicy = Field(
        default="Retain",
        description="What happens to the data when this object is deleted. Retain keeps the volume claim, "
        "and a new DataBackbone of the same name uses it again. Delete removes the claim and its data. "
        "Neither changes TimescaleDB, Redis or Kafka: rows, policies and the database's own jobs stay, "
        "retention continues to drop rows, cached answers expire, and no topic is deleted.",
    )
    bootstrap: Bootstrap = Field(
        default_factory=Bootstrap,
        description="Settings of the bootstrap tier, which needs no outside service.",
    )
    timescale: Timescale | None = Field(
        default=None, description="TimescaleDB, which stores the rows of the institutional tier."
    )
    redis: Redis | None = Field(
        default=None, description="Redis, which caches reads of the institutional tier. Optional."
    )
    kafka: Kafka | None = Field(
        default=None,
        description="Kafka, which carries events, and its topics. Optional on either tier. Without Kafka "
        "rows are stored and read as before.",
    )
    pods: PodSettings | None = Field(
        default=None,
        description="Settings of the pods of every Job of this backbone and of its plans. Entries of a "
        "plan's spec.worker override entries of this field.",
    )

    @model_validator(mode="after")
    def _services_fit_together(self) -> Self:
        if self.mode == "Institutional" and self.timescale is None:
            raise ValueError(NEEDS_TIMESCALE)
        if self.redis is not None and self.timescale is None:
            raise ValueError(CACHE_OF_NOTHING)
        return self

    @property
    def requested_tier(self) -> Tier:
        """The tier that the mode asks for, given which services are configured."""
        return requested_tier(
            self.mode,
            timescale=self.timescale is not None,
            redis=self.redis is not None,
            kafka=self.kafka is not None,
        )


PENDING_TIER = "Pending"
"""No tier serves yet: the one that is asked for is prepared, and no run starts before it is ready."""


class TierStatus(Model):
    """Which tier serves, which one is asked for, and why they differ."""

    active: Tier = Field(description="The tier that serves reads and writes.")
    requested: Tier = Field(description="The tier that spec.mode requests.")
    epoch: int = Field(ge=0, description="Number of changes of the active tier.")
    since: datetime = Field(description="When the active tier started to serve (UTC).")
    cluster: str | None = Field(
        default=None,
        max_length=64,
        exclude_if=lambda known: known is None,
        description="Identity of the cluster: the uid of its namespace kube-system. Together with "
        "namespace and name it identifies the owner of a database.",
    )
    database: str | None = Field(
        default=None,
        max_length=64,
        exclude_if=lambda known: known is None,
        description="Identity of the database that stores the rows.",
    )


class VolumeStatus(LookStatus):
    """The volume as it was last seen. Each claim is probed for itself: its uid is the cause of its probes."""

    claim_name: str = Field(max_length=253, description="Name of the PersistentVolumeClaim.")
    cause: str | None = Field(
        default=None, alias="claimUid", max_length=64, description="Uid of the claim that was probed last."
    )
    capacity: str | None = Field(default=None, max_length=32, description="Capacity of the bound volume.")
    job: str | None = Field(
        default=None, alias="probeJob", max_length=63, description="Job of the last probe."
    )
    outcome: Word | None = Field(
        default=None, alias="probeOutcome", description="Result of the last probe that reached the volume."
    )
    checked_at: datetime | None = Field(
        default=None,
        alias="probedAt",
        description="When a probe last reached the volume, and the time of probeOutcome (UTC).",
    )
    attempted_at: datetime | None = Field(
        default=None, description="When the last probe ended, even if it did not reach the volume (UTC)."
    )
    failures: int = Field(
        default=0, alias="probeFailures", ge=0, description="Number of consecutive probes that failed."
    )
    trouble: Annotated[str, CutAt(TROUBLE_LIMIT)] | None = Field(
        default=None,
        alias="probeTrouble",
        description="Why the current probe does not run.",
    )
    holds_rows: bool | None = Field(
        default=None,
        description="Whether the volume stores rows, as the last probe or a plan reported. Unless this is "
        "false, the tier cannot become Institutional.",
    )
    message: Annotated[str, CutAt(512)] = Field(default="", description="Message of the last finished probe.")


class DataBackboneStatus(Model):
    """What the operator found. Conditions are described in the reference page."""

    tier: TierStatus | None = Field(default=None, description="The active tier, and the requested one.")
    serving: Annotated[str, StringConstraints(max_length=16)] | None = Field(
        default=None,
        description="Value of the column TIER: the active tier, or Pending while the operator prepares the "
        "requested tier and no run starts.",
    )
    volume: VolumeStatus | None = Field(default=None, description="The volume of the bootstrap tier.")
    database: DatabaseStatus | None = Field(
        default=None, description="TimescaleDB; present if spec.timescale is set."
    )
    cache: CacheStatus | None = Field(default=None, description="Redis; present if spec.redis is set.")
    topics: TopicsStatus | None = Field(
        default=None, description="Topics of Kafka; present if spec.kafka is set."
    )
    lag: LagStatus | None = Field(
        default=None,
        description="Lag of the consumer groups; present if spec.kafka.consumerGroups is not empty.",
    )
    stream_readiness: StreamReadiness | None = Field(
        default=None, description="How ready Kafka is; present if spec.kafka is set."
    )
    last_change: LastChange | None = Field(
        default=None, description="The last change of the spec that the operator accepted."
    )
    accepted_spec: Annotated[str, StringConstraints(max_length=ROOM)] | None = Field(
        default=None,
        description="The spec that the operator accepted last, as JSON without default values. The "
        "operator compares the next change with it. If the spec is too long, a hash replaces each of its "
        "longest values.",
    )
    plans: int | None = Field(
        default=None, ge=0, description="Number of IngestPlans that refer to this backbone."
    )


RESOURCE = Resource(
    kind="DataBackbone",
    plural="databackbones",
    short_name="dbb",
    description="A market-data backbone: where data is stored, which tier serves it, and how well.",
    spec=DataBackboneSpec,
    status=DataBackboneStatus,
    columns=(
        Column("Tier", ".status.serving"),
        Column.of_condition("Ready", ConditionType.READY, "status"),
        Column.of_condition("Reason", ConditionType.READY, "reason"),
        Column("Lag", ".status.lag.word"),
        Column.of_condition("Retention", ConditionType.RETENTION_MET, "status"),
        Column.of_condition("Message", ConditionType.READY, "message", wide=True),
        AGE,
    ),
    conditions=(
        ConditionType.READY,
        ConditionType.RECONCILING,
        ConditionType.STALLED,
        ConditionType.VALIDATED,
        ConditionType.STORAGE_AVAILABLE,
        ConditionType.ON_REQUESTED_TIER,
    ),
    optional=(
        (ConditionType.MIGRATED, "timescale"),
        (ConditionType.RETENTION_MET, "timescale"),
        (ConditionType.POLICIES_RUN, "timescale"),
        (ConditionType.CACHE_HEALTHY, "redis"),
        (ConditionType.TOPICS_PROVISIONED, "kafka"),
        (ConditionType.STREAM_HEALTHY, "kafka"),
    ),
)
