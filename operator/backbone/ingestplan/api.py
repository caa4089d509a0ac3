"""The IngestPlan resource: spec and status as models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import (
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from ..jobs.pod_settings import PodSettings
from ..jobs.pods import claim_name
from ..reports.run import DimensionResult, StoreRecoveryReport
from ..schema import AGE, BackboneRef, Column, CutAt, Flag, Model, Resource, Whole, cel
from ..tokens import ENTRIES_LIMIT, Kept
from ..vocabulary import ConditionType
from .dimensions import DailyBars, Dimension, IntradayBars, IntradayTrades, MacroEvents, MacroSeries
from .export_spec import MOST_EXPORTS, OWN_CLAIM, Exports
from .export_status import ExportNowStatus, ExportStatus
from .schedule import NO_SCHEDULE, SCHEDULE_PATTERN, Schedule
from .starts import FiresStatus, Triggers

Image = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern="^[^ \t]+$")]

ONE_DIMENSION = (
    "name at least one dimension: dailyBars, intradayBars, intradayTrades, macroSeries or macroEvents"
)


class Worker(PodSettings):
    """Settings of runs and of their pods, which override those of the backbone's spec.pods."""

    image: Image | None = Field(
        default=None,
        description="Image of the worker. If omitted: the operator's worker image or, if a dimension's "
        "provider is Sample, the worker image that includes the recorded data.",
    )
    deadline_seconds: Whole = Field(
        default=1800,
        ge=30,
        le=86_400,
        description="Maximum duration of a run in seconds. A longer run is stopped: DeadlineExceeded.",
    )
    store_wait_seconds: Whole = Field(
        default=300,
        ge=0,
        le=3600,
        description="Maximum time in seconds that a run waits for the backbone's lock, each time that it "
        "needs the store. After it the run ends with StoreBusy. A run does not hold the lock while it "
        "requests data from a provider.",
    )


class IngestPlanSpec(Model):
    """What the user asks for."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "has(self.dailyBars) || has(self.intradayBars) || has(self.intradayTrades) || "
                "has(self.macroSeries) || has(self.macroEvents)",
                ONE_DIMENSION,
            ),
            (
                "self.backboneRef.name == oldSelf.backboneRef.name",
                "backboneRef cannot change: create a new IngestPlan for the other backbone and delete this "
                "one.",
            ),
            (
                "!has(self.exports) || "
                "self.exports.all(item, item.target.claimName != self.backboneRef.name + '-data')",
                OWN_CLAIM,
            ),
        )
    )

    backbone_ref: BackboneRef = Field(description="The DataBackbone that stores the data.")
    suspend: Flag = Field(
        default=False, description="If true, no run starts. Data and objects stay as they are."
    )
    schedule: Schedule = Field(
        description="When runs start, as five cron fields, or as @hourly, @daily, @weekly, @monthly or "
        "@yearly.",
        json_schema_extra=cel((f"self.matches('{SCHEDULE_PATTERN}')", NO_SCHEDULE)),
    )
    time_zone: Annotated[
        str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$")
    ] = Field(default="Etc/UTC", description="IANA time zone of the schedule, for example America/New_York.")
    daily_bars: DailyBars | None = Field(
        default=None, description="Open, high, low, close and volume per session."
    )
    intraday_bars: IntradayBars | None = Field(
        default=None, description="Open, high, low, close and volume per interval of a session."
    )
    intraday_trades: IntradayTrades | None = Field(
        default=None, description="Every trade, in the order of its source."
    )
    macro_series: MacroSeries | None = Field(
        default=None, description="Economic series, one value per period and vintage."
    )
    macro_events: MacroEvents | None = Field(default=None, description="Dated events of economic calendars.")
    exports: Exports | None = Field(
        default=None,
        description="Dimensions that are exported as tables of Parquet files, each on a schedule.",
    )
    worker: Worker = Field(
        default_factory=Worker,
        description="Settings of runs and of their pods. Entries of this field override entries of the "
        "backbone's spec.pods.",
    )

    @model_validator(mode="after")
    def _one_dimension(self) -> Self:
        if not self.dimensions:
            raise ValueError(ONE_DIMENSION)
        return self

    @model_validator(mode="after")
    def _exports_go_elsewhere(self) -> Self:
        own = claim_name(self.backbone_ref.name)
        if any(export.target.claim_name == own for export in self.exports or ()):
            raise ValueError(OWN_CLAIM)
        return self

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """What is asked for, by the name of the dimension in the spec."""
        asked = {info.alias or name: getattr(self, name) for name, info in type(self).model_fields.items()}
        return {name: item for name, item in asked.items() if isinstance(item, Dimension)}


class StoreRecovery(StoreRecoveryReport):
    """A corrupt working file was found, set aside and replaced."""

    acknowledged: bool | None = Field(
        default=None,
        description="True after somebody acknowledged it. Only a recovery from 'empty' requires an "
        "acknowledgement.",
    )


class RunStatus(Model):
    """One run of the plan."""

    id: str = Field(max_length=63, description="Id of the run: in a cluster, the name of its Job.")
    sequence: int | None = Field(
        default=None, ge=1, description="Number of the run in the backbone's journal."
    )
    generation: int | None = Field(
        default=None, ge=0, description="Generation of the plan that the run executed."
    )
    outcome: str | None = Field(
        default=None, max_length=64, description="How the run ended; absent while it runs."
    )
    start: datetime | None = Field(default=None, description="When the run started (UTC).")
    end: datetime | None = Field(default=None, description="When the run ended (UTC).")
    rows: int | None = Field(default=None, ge=0, description="Number of rows that were delivered and stored.")
    trouble: str | None = Field(
        default=None,
        max_length=64,
        description="Reason why the current run does not progress, such as Unschedulable.",
    )
    message: Annotated[str, CutAt(1024)] = Field(
        default="", description="Error message, or a notice of what else the run did."
    )


class RequestStatus(Model):
    """What the plan asks for, so that a run of an earlier spec is told from one of this spec."""

    digest: str = Field(max_length=64, description="Hash of the dimensions in the spec.")
    since_generation: int = Field(ge=0, description="Generation in which the dimensions last changed.")


class ReleaseStatus(Model):
    """A release from quarantine that the annotation asked for."""

    token: Kept = Field(description="Value of the annotation.")
    job: str | None = Field(default=None, max_length=63, description="Name of the release's Job.")
    outcome: str | None = Field(
        default=None, max_length=64, description="How the release ended; absent while it runs."
    )
    rows: int | None = Field(default=None, ge=0, description="Number of rows that the release stored.")
    end: datetime | None = Field(default=None, description="When the release ended (UTC).")
    message: Annotated[str, CutAt(1024)] = Field(
        default="", description="Error message, if there was an error."
    )


class IngestPlanStatus(Model):
    """What the operator found. Conditions are described in the reference page."""

    schedule: str | None = Field(default=None, max_length=100, description="The current schedule.")
    active_run: RunStatus | None = Field(
        default=None, description="The current run; absent if no run is active."
    )
    last_run: RunStatus | None = Field(default=None, description="The last finished run.")
    last_success: datetime | None = Field(
        default=None, description="End of the last run that delivered every required dimension (UTC)."
    )
    outcomes_read_until: datetime | None = Field(
        default=None, description="End of the latest run whose outcome the operator has read (UTC)."
    )
    dimensions: Annotated[tuple[DimensionResult, ...], CutAt(5)] = Field(
        default=(), description="Results of the last finished run, one entry per dimension."
    )
    store_recovery: StoreRecovery | None = Field(
        default=None, description="The last replacement of a corrupt store."
    )
    claim_uid: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, description="Uid of the claim that the runs in this status wrote to."
    )
    request: RequestStatus | None = Field(
        default=None, description="The requested dimensions, and since which generation."
    )
    triggers: Triggers | None = Field(
        default=None, description="Runs that were started by the plan's creation or by tokens."
    )
    fires: FiresStatus | None = Field(default=None, description="Which fires of the schedule have had a run.")
    release: ReleaseStatus | None = Field(default=None, description="The last release from quarantine.")
    exports: Annotated[tuple[ExportStatus, ...], CutAt(MOST_EXPORTS)] = Field(
        default=(), description="The exports of the spec, in its order."
    )
    export_now: ExportNowStatus | None = Field(
        default=None, description="The last export that the export-now annotation requested."
    )
    acknowledgements: tuple[Kept, ...] = Field(
        default=(),
        max_length=ENTRIES_LIMIT,
        description="Entries of the acknowledge annotation that the operator handled, the latest last.",
    )


RESOURCE = Resource(
    kind="IngestPlan",
    plural="ingestplans",
    short_name="iplan",
    description="What data a backbone holds, where it comes from, and how often it is fetched.",
    spec=IngestPlanSpec,
    status=IngestPlanStatus,
    columns=(
        Column("Schedule", ".spec.schedule"),
        Column.of_condition("Ready", ConditionType.READY, "status"),
        Column.of_condition("Reason", ConditionType.READY, "reason"),
        Column("Rows", ".status.lastRun.rows", "integer"),
        Column("LastRun", ".status.lastRun.end", "date"),
        Column.of_condition("Message", ConditionType.READY, "message", wide=True),
        AGE,
    ),
    conditions=(
        ConditionType.READY,
        ConditionType.RECONCILING,
        ConditionType.STALLED,
        ConditionType.VALIDATED,
        ConditionType.SCHEDULED,
        ConditionType.COMPLETE,
        ConditionType.STORE_INTACT,
    ),
    optional=((ConditionType.EXPORTED, "exports"),),
)
