"""The exports that a plan requests: a section of an IngestPlan's spec."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints, field_validator

from ..parts.exports.partitions import PartitionBy
from ..schema import Model, ObjectName, SecretName, Whole, cel, named_once
from .schedule import NO_SCHEDULE, SCHEDULE_PATTERN, Schedule

MOST_EXPORTS = 20
KEEP_MANIFESTS = 10

BY_NAME: dict[str, JsonValue] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
SET: dict[str, JsonValue] = {"x-kubernetes-list-type": "set"}

OTHER_LAYOUT = (
    "an export keeps its dimension and partitionBy, by which its files are laid out: give an export with "
    "another one another name."
)

OWN_CLAIM = (
    "exports[].target.claimName is the claim of the backbone itself: create another PersistentVolumeClaim "
    "for exports, and name that."
)

DimensionName = Literal["dailyBars", "intradayBars", "intradayTrades", "macroSeries", "macroEvents"]
SourceName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[ -~]+$")]


Sources = Annotated[tuple[SourceName, ...], Field(min_length=1, max_length=20, json_schema_extra=SET)]


class ExportTarget(Model):
    """Where an export's files are."""

    claim_name: SecretName = Field(
        description="Name of a PersistentVolumeClaim in the plan's namespace, which the first plan that "
        "exports into it owns. It must not be the claim of a DataBackbone."
    )


class Export(Model):
    """A dimension of the backbone as a table of Parquet files."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.dimension == oldSelf.dimension && self.partitionBy == oldSelf.partitionBy",
                OTHER_LAYOUT,
            )
        )
    )

    name: ObjectName = Field(description="Name of the export, and of its folder in the target.")
    dimension: DimensionName = Field(
        description="Dimension whose rows are exported: all that the backbone stores, from every plan."
    )
    sources: Sources | None = Field(
        default=None,
        description="Sources whose rows are exported. If omitted, all.",
    )
    schedule: Schedule = Field(
        description="When exports start, as spec.schedule, in spec.timeZone.",
        json_schema_extra=cel((f"self.matches('{SCHEDULE_PATTERN}')", NO_SCHEDULE)),
    )
    partition_by: PartitionBy = Field(
        description="Period of one partition, which is exported as a whole: the calendar year, month or day "
        "in UTC."
    )
    engine: Literal["Worker"] = Field(
        default="Worker", description="What writes the files. Worker: one Job with the worker's image."
    )
    target: ExportTarget = Field(description="Where the files are.")
    keep_manifests: Whole = Field(
        default=KEEP_MANIFESTS,
        ge=1,
        le=1000,
        description="Number of manifests that stay readable, the current one included. The files of an older "
        "manifest are deleted a day after that.",
    )

    @field_validator("sources")
    @classmethod
    def _unique(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else named_once(names)


def _each_once(exports: tuple[Export, ...]) -> tuple[Export, ...]:
    named_once(tuple(export.name for export in exports))
    return exports


Exports = Annotated[
    tuple[Export, ...],
    Field(max_length=MOST_EXPORTS, json_schema_extra=BY_NAME),
    AfterValidator(_each_once),
]
