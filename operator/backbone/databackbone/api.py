"""The DataBackbone resource: spec and status as models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from ..authority.tier import Mode, Tier, requested_tier
from ..schema import AGE, Column, Flag, Model, Quantity, Resource, amount, cel
from ..vocabulary import ConditionType
from .accepted import ROOM
from .audit import LastChange
from .institutional import Redis, Timescale
from .institutional_status import CacheStatus, DatabaseStatus

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
    """The bootstrap tier's volume."""

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
        description="Capacity asked for. The store needs about three times the size of its data: working "
        "file, published copy, and the next copy while it is written. It can grow where the storage class "
        "allows it.",
    )
    storage_class_name: StorageClassName | None = Field(
        default=None, description="StorageClass of the claim; the cluster's default class if left out."
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
        default_factory=Storage, description="The volume that holds the DuckDB file and its published copies."
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
        description="Which tier serves. Auto is Bootstrap until TimescaleDB, Redis and Kafka are all "
        "configured, and Kafka cannot be yet. Institutional stores in TimescaleDB. The tier is chosen before "
        "the first rows are stored; afterwards OnRequestedTier says why it stays.",
    )
    suspend: Flag = Field(
        default=False,
        description="Start no work for this backbone and its plans. Data, volume and objects stay.",
    )
    deletion_policy: DeletionPolicy = Field(
        default="Retain",
        description="What happens to the data when this object is deleted. Retain keeps the volume claim, "
        "and a DataBackbone of the same name takes it up again. Delete removes the claim and the data "
        "with it.",
    )
    bootstrap: Bootstrap = Field(
        default_factory=Bootstrap, description="Settings of the tier that needs no outside service."
    )
    timescale: Timescale | None = Field(
        default=None, description="TimescaleDB, where the institutional tier stores."
    )
    redis: Redis | None = Field(
        default=None, description="Redis, where the institutional tier caches what is read. Optional."
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
        """The tier that the mode asks for, given which services are configured. Kafka cannot be yet."""
        return requested_tier(
            self.mode, timescale=self.timescale is not None, redis=self.redis is not None, kafka=False
        )


class TierStatus(Model):
    """Which tier serves, which one is asked for, and why they differ."""

    active: Tier = Field(description="The tier that serves reads and writes.")
    requested: Tier = Field(description="The tier that spec.mode asks for.")
    epoch: int = Field(ge=0, description="Counts the changes of the active tier.")
    since: datetime = Field(description="When the active tier began to serve (UTC).")
    cluster: str | None = Field(
        default=None,
        max_length=64,
        exclude_if=lambda known: known is None,
        description="Which cluster this is, by the uid of its namespace kube-system: with namespace and name "
        "it says whose a database is.",
    )
    database: str | None = Field(
        default=None,
        max_length=64,
        exclude_if=lambda known: known is None,
        description="Mark of the database that holds the rows.",
    )


class VolumeStatus(Model):
    """The volume as it was last seen."""

    claim_name: str = Field(max_length=253, description="The PersistentVolumeClaim.")
    claim_uid: str | None = Field(
        default=None, max_length=64, description="Identity of the claim probed last."
    )
    capacity: str | None = Field(default=None, max_length=32, description="Capacity of the bound volume.")
    probe_job: str | None = Field(default=None, max_length=63, description="The last probe's Job.")
    probe_outcome: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, description="What the last probe that reached the volume found."
    )
    probed_at: datetime | None = Field(
        default=None, description="When a probe last reached the volume: probeOutcome is of this time (UTC)."
    )
    attempted_at: datetime | None = Field(
        default=None, description="When the last probe ended, whether it reached the volume or not (UTC)."
    )
    probe_failures: int = Field(default=0, ge=0, description="Probes in a row that did not end well.")
    probe_trouble: Annotated[str, StringConstraints(max_length=512)] | None = Field(
        default=None, description="What keeps the probe that is under way from running."
    )
    holds_rows: bool | None = Field(
        default=None,
        description="Whether rows are stored there, as far as a probe or a plan has said. While it is not "
        "false, the tier cannot become Institutional.",
    )
    message: str = Field(default="", max_length=512, description="What the last finished probe had to say.")


class DataBackboneStatus(Model):
    """What the operator found. Conditions are described in the reference page."""

    tier: TierStatus | None = Field(default=None, description="Which tier serves.")
    volume: VolumeStatus | None = Field(default=None, description="The bootstrap tier's volume.")
    database: DatabaseStatus | None = Field(
        default=None, description="TimescaleDB, where spec.timescale is there."
    )
    cache: CacheStatus | None = Field(default=None, description="Redis, where spec.redis is there.")
    last_change: LastChange | None = Field(
        default=None, description="The last change of the spec that was accepted."
    )
    accepted_spec: Annotated[str, StringConstraints(max_length=ROOM)] | None = Field(
        default=None,
        description="The spec that was accepted last, as JSON without what is default: the next change is "
        "told against it. Of one that is too long, what is longest stands there as a digest.",
    )
    plans: int | None = Field(default=None, ge=0, description="IngestPlans that refer to this backbone.")


RESOURCE = Resource(
    kind="DataBackbone",
    plural="databackbones",
    short_name="dbb",
    description="A market-data backbone: where data is stored, which tier serves it, and how well.",
    spec=DataBackboneSpec,
    status=DataBackboneStatus,
    columns=(
        Column("Tier", ".status.tier.active"),
        Column.of_condition("Ready", ConditionType.READY, "status"),
        Column.of_condition("Reason", ConditionType.READY, "reason"),
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
    ),
)
