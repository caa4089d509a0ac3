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

from ..acknowledgement import ENTRIES_LIMIT, Entry
from ..schema import AGE, BackboneRef, Column, Flag, Model, Quantity, Resource, Whole, amount, cel
from ..vocabulary import ConditionType
from .dimensions import DailyBars, Dimension, IntradayBars, IntradayTrades, MacroEvents, MacroSeries
from .schedule import NO_SCHEDULE, SCHEDULE_PATTERN, Schedule

Image = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern="^[^ \t]+$")]

ONE_DIMENSION = (
    "name at least one dimension: dailyBars, intradayBars, intradayTrades, macroSeries or macroEvents"
)


class ResourceList(Model):
    """CPU and memory of a container."""

    cpu: Quantity | None = Field(default=None, description='CPU, for example 500m, or "1" in quotes.')
    memory: Quantity | None = Field(default=None, description="Memory, for example 512Mi.")


def _within(name: str) -> tuple[str, str]:
    both = f"has(self.requests) && has(self.limits) && has(self.requests.{name}) && has(self.limits.{name})"
    rule = f"!({both}) || quantity(self.requests.{name}).compareTo(quantity(self.limits.{name})) <= 0"
    return rule, f"requests.{name} is above limits.{name}: raise the limit or lower the request."


class Resources(Model):
    """Requests and limits of the worker's container."""

    model_config = ConfigDict(json_schema_extra=cel(_within("cpu"), _within("memory")))

    requests: ResourceList | None = Field(default=None, description="What the scheduler sets aside.")
    limits: ResourceList | None = Field(default=None, description="What the container may use at most.")

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Self:
        for name in ("cpu", "memory"):
            request, limit = getattr(self.requests, name, None), getattr(self.limits, name, None)
            if request and limit and amount(request) > amount(limit):
                raise ValueError(_within(name)[1])
        return self


class Worker(Model):
    """How runs are executed."""

    image: Image | None = Field(
        default=None,
        description="Image of the worker. Left out: the operator's own worker image, or, where a dimension's "
        "provider is Sample, the one with the recorded data in it.",
    )
    resources: Resources | None = Field(
        default=None, description="Requests and limits; the operator's defaults if left out."
    )
    deadline_seconds: Whole = Field(
        default=1800, ge=30, le=86_400, description="A run that takes longer is stopped: DeadlineExceeded."
    )
    store_wait_seconds: Whole = Field(
        default=300,
        ge=0,
        le=3600,
        description="How long a run waits for the backbone's lock, each time that it needs the store, before "
        "it ends with StoreBusy. It does not hold the lock while it asks a provider.",
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
        )
    )

    backbone_ref: BackboneRef = Field(description="The DataBackbone that stores the data.")
    suspend: Flag = Field(default=False, description="Start no run. Data and objects stay as they are.")
    schedule: Schedule = Field(
        description="When runs start: five cron fields, or @hourly, @daily, @weekly, @monthly, @yearly.",
        json_schema_extra=cel((f"self.matches('{SCHEDULE_PATTERN}')", NO_SCHEDULE)),
    )
    time_zone: Annotated[
        str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$")
    ] = Field(default="Etc/UTC", description="IANA time zone of the schedule, for example America/New_York.")
    daily_bars: DailyBars | None = Field(
        default=None, description="Open, high, low, close and volume per session."
    )
    intraday_bars: IntradayBars | None = Field(default=None, description="Bars shorter than a session.")
    intraday_trades: IntradayTrades | None = Field(
        default=None, description="Every trade, in the order of its source."
    )
    macro_series: MacroSeries | None = Field(default=None, description="Economic series with their vintages.")
    macro_events: MacroEvents | None = Field(default=None, description="Dated events of economic calendars.")
    worker: Worker = Field(default_factory=Worker, description="How runs are executed.")

    @model_validator(mode="after")
    def _one_dimension(self) -> Self:
        if not self.dimensions:
            raise ValueError(ONE_DIMENSION)
        return self

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """What is asked for, by the name of the dimension in the spec."""
        asked = {info.alias or name: getattr(self, name) for name, info in type(self).model_fields.items()}
        return {name: item for name, item in asked.items() if isinstance(item, Dimension)}


class SourceStatus(Model):
    """One source of a dimension."""

    name: str = Field(max_length=64, description="Name of the source, part of the key of its rows.")
    rows: int = Field(ge=0, description="Rows that it delivered.")
    as_of: datetime = Field(
        description="The moment that it speaks of: now, or a recording's end. Lookback counts from it (UTC)."
    )
    price_basis: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, description="How its prices are adjusted, for a dimension with prices."
    )


class RowCountStatus(Model):
    """Rows that the checks of the data found something in."""

    reason: str = Field(max_length=64, description="What was found; the page of reasons says what it means.")
    rows: int = Field(ge=0, description="How many rows.")


class DimensionStatus(Model):
    """One dimension of the last finished run."""

    name: str = Field(max_length=32, description="Name of the dimension, as in the spec.")
    outcome: str = Field(max_length=64, description="How it ended.")
    rows: int = Field(ge=0, description="Rows that the provider delivered and the store now holds.")
    changed: int = Field(ge=0, description="Rows of these that were new or differed from what was stored.")
    symbols: int = Field(ge=0, description="Symbols, series or calendars delivered.")
    missing: tuple[Annotated[str, StringConstraints(max_length=64)], ...] = Field(
        default=(), max_length=20, description="The first twenty that were asked for and not delivered."
    )
    missing_count: int = Field(default=0, ge=0, description="How many were asked for and not delivered.")
    first_at: datetime | None = Field(default=None, description="Time of the earliest row delivered (UTC).")
    last_at: datetime | None = Field(default=None, description="Time of the latest row delivered (UTC).")
    sources: tuple[SourceStatus, ...] = Field(
        default=(),
        max_length=20,
        description="Where the rows came from. Sources are never spliced: each keeps its rows to itself.",
    )
    quarantined: tuple[RowCountStatus, ...] = Field(
        default=(), max_length=20, description="Rows that came and are in quarantine, by reason."
    )
    flagged: tuple[RowCountStatus, ...] = Field(
        default=(), max_length=20, description="Rows that were kept under a flag, by flag."
    )
    unchecked: int = Field(
        default=0,
        ge=0,
        description="Symbols for which no exchange's calendar is known, so that gaps do not show.",
    )
    requests: int = Field(default=0, ge=0, description="Requests that were sent to the provider.")
    retried: int = Field(
        default=0, ge=0, description="Questions that the provider was asked again, such as after a refusal."
    )
    message: str = Field(default="", max_length=512, description="What went wrong, if anything.")


class StoreRecovery(Model):
    """A corrupt working file was found, set aside and replaced."""

    set_aside: str = Field(
        max_length=253, description="Where the corrupt file was moved, relative to the volume."
    )
    continued_from: str = Field(
        max_length=253, description="The published copy that the work went on from, or 'empty'."
    )
    at: datetime = Field(description="When (UTC).")
    acknowledged: bool | None = Field(
        default=None, description="True once somebody acknowledged it; asked of one from 'empty' alone."
    )


class RunStatus(Model):
    """One run of the plan."""

    id: str = Field(max_length=63, description="The run's id; in the cluster the name of its Job.")
    sequence: int | None = Field(
        default=None, ge=1, description="Number of the run in the backbone's journal."
    )
    generation: int | None = Field(default=None, ge=0, description="Generation of the plan that it executed.")
    outcome: str | None = Field(
        default=None, max_length=64, description="How it ended; absent while it runs."
    )
    start: datetime | None = Field(default=None, description="When it started (UTC).")
    end: datetime | None = Field(default=None, description="When it ended (UTC).")
    rows: int | None = Field(default=None, ge=0, description="Rows delivered and stored.")
    trouble: str | None = Field(
        default=None,
        max_length=64,
        description="What keeps a run that is under way from getting on, by name.",
    )
    message: str = Field(
        default="", max_length=1024, description="What went wrong, or what else the run did, if anything."
    )


class RequestStatus(Model):
    """What the plan asks for, so that a run of an earlier spec is told from one of this spec."""

    digest: str = Field(max_length=64, description="Digest of the dimensions of the spec.")
    since_generation: int = Field(ge=0, description="Generation in which the dimensions changed last.")


class Triggers(Model):
    """Runs that did not come from the schedule; what is recorded here is not started again."""

    first: str | None = Field(
        default=None, max_length=63, description="Job of the run that creating the plan started."
    )
    run_now: str | None = Field(
        default=None, max_length=253, description="The run-now token that was handled last."
    )
    run_now_job: str | None = Field(
        default=None, max_length=63, description="Job of the run that the token started."
    )
    quarantine_release: str | None = Field(
        default=None, max_length=253, description="The quarantine-release annotation that was handled last."
    )


class ReleaseStatus(Model):
    """A release from quarantine that the annotation asked for."""

    token: str = Field(max_length=253, description="The annotation's value.")
    job: str | None = Field(default=None, max_length=63, description="Job of the release.")
    outcome: str | None = Field(
        default=None, max_length=64, description="How it ended; absent while it runs."
    )
    rows: int | None = Field(default=None, ge=0, description="Rows released into the store.")
    end: datetime | None = Field(default=None, description="When it ended (UTC).")
    message: str = Field(default="", max_length=1024, description="What went wrong, if anything.")


class IngestPlanStatus(Model):
    """What the operator found. Conditions are described in the reference page."""

    schedule: str | None = Field(default=None, max_length=100, description="The schedule in force.")
    active_run: RunStatus | None = Field(default=None, description="The run under way, if there is one.")
    last_run: RunStatus | None = Field(default=None, description="The last finished run.")
    last_success: datetime | None = Field(
        default=None, description="End of the last run that delivered everything required (UTC)."
    )
    outcomes_read_until: datetime | None = Field(
        default=None, description="End of the latest run whose outcome was read (UTC)."
    )
    dimensions: tuple[DimensionStatus, ...] = Field(
        default=(), max_length=5, description="Results of the last finished run per dimension."
    )
    store_recovery: StoreRecovery | None = Field(
        default=None, description="The last time a corrupt store was replaced."
    )
    claim_uid: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, description="Identity of the claim that the runs below wrote."
    )
    request: RequestStatus | None = Field(default=None, description="What the plan asks for, and since when.")
    triggers: Triggers | None = Field(default=None, description="Runs that did not come from the schedule.")
    release: ReleaseStatus | None = Field(default=None, description="The last release from quarantine.")
    acknowledgements: tuple[Entry, ...] = Field(
        default=(),
        max_length=ENTRIES_LIMIT,
        description="Entries of the acknowledge annotation that were heard, the latest last.",
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
)
