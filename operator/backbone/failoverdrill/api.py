"""The FailoverDrill resource: spec and status as models."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from ..schema import AGE, BackboneRef, Column, Model, Resource, cel
from ..vocabulary import ConditionType

Scenario = Literal[
    "TimescaleOutage",
    "RedisOutage",
    "KafkaOutage",
    "TierSwitch",
    "CrossRegionFailover",
    "BackupRestore",
    "BatchBackfill",
    "SparkStress",
]


class FailoverDrillSpec(Model):
    """What to rehearse. It cannot change: a drill is a record of what was asked and what came of it."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("self == oldSelf", "a drill's spec cannot change: create a new FailoverDrill instead.")
        )
    )

    backbone_ref: BackboneRef = Field(description="The DataBackbone on which the drill runs.")
    scenario: Scenario = Field(
        description="The failure to rehearse. This version has no scenario yet: a drill whose backbone "
        "exists ends with Succeeded False and reason ScenarioNotAvailable, and changes nothing."
    )


class FailoverDrillStatus(Model):
    """What came of it. Conditions are described in the reference page."""

    start_time: datetime | None = Field(default=None, description="When the drill started (UTC).")
    completion_time: datetime | None = Field(default=None, description="When the drill ended (UTC).")


RESOURCE = Resource(
    kind="FailoverDrill",
    plural="failoverdrills",
    short_name="drill",
    description="A rehearsal of the loss of a part of a backbone, with a verdict.",
    spec=FailoverDrillSpec,
    status=FailoverDrillStatus,
    columns=(
        Column("Scenario", ".spec.scenario"),
        Column.of_condition("Succeeded", ConditionType.SUCCEEDED, "status"),
        Column.of_condition("Reason", ConditionType.SUCCEEDED, "reason"),
        Column("Started", ".status.startTime", "date"),
        AGE,
    ),
    conditions=(ConditionType.SUCCEEDED, ConditionType.RECONCILING, ConditionType.STALLED),
)
