"""A backbone on its volume for tests of values: what was seen of it, and what its probes report."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.observation import Observation
from backbone.evaluation import Evaluation, Subject
from backbone.jobs.looks import Pace
from backbone.jobs.pods import WorkerImages
from backbone.ports.cluster import JsonObject
from backbone.ports.readings import JobReading, PodReading
from backbone.reports.volume import VolumeProbeReport
from backbone.vocabulary import LABEL_BACKBONE

from . import readings
from .readings import HOUR, NOW

OURS = readings.marked(LABEL_BACKBONE, "market")
CLAIM = readings.claim(labels=OURS)
BINDING = readings.child("ConfigMap", "market-binding", uid="b", labels=OURS)
SEEN = Observation(
    claim=CLAIM,
    binding=BINDING,
    probes=(),
    plans=(),
    images=WorkerImages("worker:1", "sample:1", "IfNotPresent"),
    pace=Pace(HOUR),
)
GOOD = {"claimName": "market-data", "claimUid": "claim-1", "probeOutcome": "VolumeProbed", "probeJob": "p"}


def backbone(volume: JsonObject | None = None, **spec: object) -> Subject[DataBackboneSpec]:
    """A backbone, what its status says of its volume, and what its spec has beyond the defaults."""
    status = {"volume": volume} if volume else {}
    return Subject("ns", "market", "uid", 3, {}, DataBackboneSpec.model_validate(spec), status)


def probed(ago: timedelta, **more: object) -> JsonObject:
    """The status of a volume that was probed well that long ago."""
    moment = (NOW - ago).isoformat()
    return {**GOOD, "probedAt": moment, "attemptedAt": moment, **more}


def probe(
    outcome: str | None = None,
    *,
    message: str = "what it saw",
    holds_rows: bool | None = None,
    name: str = "market-probe-1",
    uid: str = "j",
    finished: datetime | None = NOW,
    succeeded: bool = True,
    failure: str = "",
    claim_uid: str = "claim-1",
    pods: tuple[PodReading, ...] | None = None,
) -> JobReading:
    """A probe's Job; with an outcome its pod left a report of the moment when the Job ended."""
    words = ""
    if outcome is not None:
        told = VolumeProbeReport(outcome=outcome, message=message, holds_rows=holds_rows, at=finished or NOW)
        words = told.encode().decode()
    return readings.job(
        name,
        *((readings.pod(words),) if pods is None else pods),
        uid=uid,
        finished=finished,
        succeeded=succeeded,
        failure=failure,
        claim_uid=claim_uid,
    )


PROBED = replace(SEEN, probes=(probe(name="p", finished=NOW - 100 * HOUR),))
"""The probe that status names is still there."""


def volume(result: Evaluation) -> JsonObject:
    """What the status says of the volume."""
    found: JsonObject = result.fields.model_dump(mode="json", by_alias=True)["volume"]
    return found
