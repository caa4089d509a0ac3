"""Names of children: derived from their owner's, short enough, and the same on every visit."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from .vocabulary import ANNOTATION_DESIRED

JOB_NAME_LIMIT = 63
"""A Job's name becomes a label value of its pods."""

CRON_JOB_NAME_LIMIT = 52
"""The CronJob controller appends eleven characters to name a Job."""


def digest(*parts: str, length: int = 10) -> str:
    """Hexadecimal digest of the parts; the boundaries between them count."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def bounded_name(name: str, limit: int) -> str:
    """The name itself if it is short enough, else its beginning and a digest of the whole."""
    if len(name) <= limit:
        return name
    return f"{name[: limit - 11].rstrip('-.')}-{digest(name)}"


def derived_name(stem: str, *identity: str, limit: int = JOB_NAME_LIMIT) -> str:
    """A name that starts with the stem and differs whenever the identity does."""
    return f"{stem[: limit - 11].rstrip('-.')}-{digest(stem, *identity)}"


def schedule_name(plan: str, uid: str) -> str:
    """A plan's CronJob. No object has its bare name: the CronJob controller knows Jobs by their owner's."""
    return derived_name(plan, uid, "schedule", limit=CRON_JOB_NAME_LIMIT)


def slot_name(cron_job: str, fire: datetime) -> str:
    """The Job that the CronJob controller makes for a fire: a second one of that name cannot be."""
    return f"{cron_job}-{int(fire.timestamp()) // 60}"


def slot_of(cron_job: str, job: str) -> datetime | None:
    """The fire (UTC) that a Job is for by its name; None for one of another cause."""
    stem, _, minutes = job.rpartition("-")
    if stem != cron_job or not re.fullmatch("[0-9]{1,9}", minutes):
        return None
    return datetime.fromtimestamp(int(minutes) * 60, UTC)


def stamped(document: dict[str, Any]) -> dict[str, Any]:
    """The document with an annotation that carries the digest of the rest."""
    mark = digest(json.dumps(document, sort_keys=True), length=16)
    metadata = document["metadata"]
    annotations = {**metadata.get("annotations", {}), ANNOTATION_DESIRED: mark}
    return {**document, "metadata": {**metadata, "annotations": annotations}}


def stamp_of(document: dict[str, Any]) -> str:
    """The digest that `stamped` put on a document."""
    return str(document["metadata"]["annotations"][ANNOTATION_DESIRED])
