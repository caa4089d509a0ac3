"""The manifest of an export: every file of the whole dataset, and where its rows come from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from ...errors import Rejected
from ...market.canonical import RowsHash, total
from ...schema import Model
from .document import DIGEST, read, written
from .partitions import Partition, PartitionBy

Count = Annotated[int, Field(ge=0)]
Text = Annotated[str, StringConstraints(min_length=1)]
Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Hash = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
KeyValues = dict[str, int | str]
"""A value of each column of the key: a date is 2026-03-09, a moment 2026-03-09T14:30:00.000000Z."""


class ManifestColumn(Model):
    """A column of every file of the dataset."""

    name: Text = Field(description="Name of the column.")
    type: Literal["string", "int32", "int64", "double", "date", "timestamp"] = Field(
        description="Type of the column; a timestamp has microseconds in UTC."
    )
    nullable: bool = Field(description="Whether the column may be null.")


class ManifestFile(Model):
    """One Parquet file, which is never changed."""

    path: Text = Field(description="Path of the file, relative to the folder of the export.")
    rows: Count = Field(description="Number of rows.")
    bytes: Count = Field(description="Size of the file.")
    sha256: Digest = Field(description="SHA-256 of the file.")
    hash: Hash = Field(description="Canonical hash of the rows, over the columns in `hashed`.")
    least: KeyValues = Field(description="Least value of each column of the key.")
    greatest: KeyValues = Field(description="Greatest value of each column of the key.")

    @model_validator(mode="after")
    def _inside(self) -> Self:
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or path.parts[:1] != ("data",):
            raise ValueError(f"{self.path} is not a path below data/")
        return self


class LeftOutRows(Model):
    """Rows that were left out, because their licence does not permit copies."""

    source: Text = Field(description="Source of the rows.")
    name: Text = Field(description="The series that the licence restricts.")
    licence: str = Field(default="", description="The licence; empty where the source names none.")
    rows: Count = Field(description="Number of rows.")


class ManifestPartition(Model):
    """The rows of one source in one period."""

    source: Text = Field(description="Source of the rows.")
    period: Text = Field(description="The period, in UTC: 2026, 2026-03 or 2026-03-09.")
    files: tuple[ManifestFile, ...] = Field(description="Files with the rows; none where all were left out.")
    runs: tuple[str, ...] = Field(description="`runId` of each run that stored one or more of the rows.")
    price_bases: tuple[str, ...] = Field(default=(), description="How prices are adjusted, in `price_basis`.")
    licences: tuple[str, ...] = Field(default=(), description="Licences of the rows.")
    left_out: tuple[LeftOutRows, ...] = Field(default=(), description="Rows that were left out, by series.")

    @property
    def partition(self) -> Partition:
        """Which partition it is."""
        return Partition(self.source, self.period)

    @property
    def hash(self) -> RowsHash:
        """The canonical hash of its rows."""
        return total(RowsHash.parse(file.rows, file.hash) for file in self.files)


class ManifestRun(Model):
    """A run of a journal; the journal of the store no longer has a run without sequence."""

    run_id: Text = Field(description="Identity of the run, which the rows have in `run_id`.")
    sequence: int | None = Field(default=None, description="Number of the run in the journal of its store.")
    plan: str | None = Field(default=None, description="Plan of the run.")
    plan_generation: int | None = Field(default=None, description="Generation of the plan.")
    provider: str | None = Field(default=None, description="Provider that the run asked.")


class Manifest(Model):
    """What one export consists of."""

    format: Literal[1] = Field(default=1, description="Format of this document.")
    number: Annotated[int, Field(ge=1)] = Field(description="Number of the manifest, which names its file.")
    replaces: int | None = Field(
        default=None, description="Number of the manifest from which this export continued; absent at first."
    )
    export: Text = Field(description="Name of the export in the plan.")
    owner: Text = Field(description="Uid of the plan to which the target belongs.")
    engine: Text = Field(description="What wrote the files.")
    written_at: datetime = Field(description="When the export began to commit (UTC).")
    store: Text = Field(description="Identity of the store that was read.")
    watermark: int = Field(
        description="The export has everything that runs of the journal up to this sequence stored."
    )
    confirmed_from: str | None = Field(
        default=None,
        description="First day or moment (UTC) from which the store had every row. Earlier rows may be in "
        "this export alone. Absent: the store had all.",
    )
    dimension: Text = Field(description="Dimension of the rows.")
    schema_version: Count = Field(description="Version of the dimension's schema.")
    partition_by: PartitionBy = Field(description="Length of a partition.")
    sources: tuple[str, ...] = Field(default=(), description="Sources that were exported; none named: all.")
    licence_rules: Digest = Field(
        description="SHA-256 of the rules by which rows were left out; under other rules an export is full."
    )
    columns: tuple[ManifestColumn, ...] = Field(description="Columns of every file, in order.")
    key: tuple[str, ...] = Field(description="Columns that identify a row.")
    hashed: tuple[str, ...] = Field(description="Columns over which canonical hashes go, in order.")
    runs: tuple[ManifestRun, ...] = Field(description="Runs that stored one or more of the rows.")
    partitions: tuple[ManifestPartition, ...] = Field(description="Partitions, by source and period.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [item.partition for item in self.partitions]
        if len(set(names)) < len(names):
            raise ValueError("a partition is named twice")
        paths = [file.path for file in self.files]
        if len(set(paths)) < len(paths):
            raise ValueError("a file is named twice")
        unknown = {run for item in self.partitions for run in item.runs} - {run.run_id for run in self.runs}
        if unknown:
            raise ValueError(f"run {min(unknown)} is not among the runs")
        return self

    @property
    def files(self) -> Iterator[ManifestFile]:
        """The files of all partitions."""
        return (file for item in self.partitions for file in item.files)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(file.rows for file in self.files)

    @property
    def hash(self) -> RowsHash:
        """The canonical hash of all rows."""
        return total(item.hash for item in self.partitions)

    @property
    def by_partition(self) -> dict[Partition, ManifestPartition]:
        """The partitions by what they are."""
        return {item.partition: item for item in self.partitions}

    def encode(self) -> bytes:
        """The content of the manifest's file."""
        return written(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    @classmethod
    def decode(cls, content: bytes, name: str) -> Self:
        """The manifest in the content of a file; fields that only another version knows are ignored.

        Raises Rejected where it is not as it was written, or of another format.
        """
        try:
            return cls.model_validate(read(content, name), extra="ignore")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the document"
            raise Rejected(f"{name} is not a manifest: {place}: {first['msg']}") from None


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a manifest's file."""
    schema = Manifest.model_json_schema(by_alias=True, mode="serialization")
    digest = {
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
        "description": "SHA-256 of this document without `digest`, as JSON in ASCII with sorted keys and no "
        "spaces.",
    }
    schema["properties"][DIGEST] = digest
    schema["required"] = sorted({*schema["required"], DIGEST})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
