"""The lag of a backbone's consumer groups: the Job that looks and reports, and a table for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import typer

from ..adapters.kafka.connection import KafkaConnection
from ..adapters.kafka.groups import KafkaGroups
from ..adapters.kafka.lag_memory import keep_document, last_look, remember_look
from ..databackbone.kafka_spec import lag_request_of
from ..errors import Rejected
from ..grading.lag import GroupMemory
from ..grading.lag_memory import as_json, from_json
from ..manifest.objects import Backbone
from ..ports.store_errors import StoreError
from ..ports.stream import KafkaUnavailable
from ..reports.envelope import EXIT_OK, EXIT_RUN_FAILED
from ..reports.lag import LAG_SAMPLED, LagReport
from ..stores.places import folder_of, only_backbone
from ..stores.services import kafka_of, kafka_reader
from .console import EXIT_FAILED, Progress, failed, notice
from .forms import TopicsForm
from .ingesting import write_termination_log
from .lag_look import Look, Watched, looked
from .lag_telling import document, findings, message, place
from .sampling import Pace
from .tables import table

WITHIN_SECONDS = 150.0
"""For all that a look asks of Kafka; samples that are left then count as not taken."""

Memory = Mapping[str, GroupMemory]


def sample_lag(files: list[Path], given: Path | None, pace: Pace | None = None) -> None:
    """Look once at the groups of the one backbone of some files, and leave a report in the termination log.

    What the next look must know, and the document of every partition, go to the volume. Raises Rejected where
    the files do not say which Kafka, or name no group.
    """
    backbone = only_backbone(files)
    watched, volume = _watched(backbone), folder_of(backbone, given)
    told = LagReport(
        outcome=LAG_SAMPLED, request=lag_request_of(kafka_of(backbone)), sampled_at=datetime.now(UTC)
    )
    found: tuple[str, Look] | None = None
    try:
        with _kafka(backbone, WITHIN_SECONDS) as (connection, groups):
            cluster = str(connection.described().cluster_id)
            look = looked(groups, watched, _memory(volume, cluster), pace or Pace(), Progress())
        found = cluster, look
    except KafkaUnavailable as error:
        told = told.model_copy(update={"outcome": str(error.fault), "message": str(error)})
    else:
        told = told.model_copy(update={**dict(findings(look)), "sampled_at": look.at})
    write_termination_log(told)
    if found is None:
        raise typer.Exit(failed(f"{told.outcome}: {told.message}", EXIT_RUN_FAILED))
    # Afterwards: a look whose report is lost is taken again by what was known before it.
    _remember(backbone.name, volume, *found)
    typer.echo(_counted(told))
    for item in told.groups:
        if item.message:
            notice(f"{item.group}: {item.word}: {item.message}")
    raise typer.Exit(EXIT_OK)


def show_lag(
    files: list[Path], given: Path | None, form: TopicsForm, *, watch: bool, pace: Pace | None = None
) -> None:
    """Print what one look says of each group, or one look after the other; the volume stays as it is.

    Raises Rejected. A Kafka that cannot be asked ends the command, unless it watches.
    """
    backbone = only_backbone(files)
    watched, volume = _watched(backbone), folder_of(backbone, given)
    with _kafka(backbone) as (connection, groups):
        memory: Memory | None = None
        for _ in count() if watch else range(1):
            try:
                if memory is None:
                    memory = _memory(volume, str(connection.described().cluster_id))
                look = looked(groups, watched, memory, pace or Pace(), Progress())
            except KafkaUnavailable as error:
                code = failed(f"{error.fault}: {error}", EXIT_FAILED)
                if watch:
                    continue
                raise typer.Exit(code) from None
            memory = look.memory
            _show(look, backbone.name, form)


def _show(look: Look, name: str, form: TopicsForm) -> None:
    if form == TopicsForm.JSON:
        typer.echo(json.dumps(document(look, name), indent=2))
        return
    rows = [
        (
            group,
            seen.group.window,
            seen.group.lag,
            None if seen.oldest is None else round(seen.oldest),
            place(seen.group.worst),
            message(seen, window=True),
        )
        for group, seen in sorted(look.groups.items())
    ]
    title = f"One look at the lag of {len(rows):,} consumer groups, {look.at:%Y-%m-%d %H:%M:%S}Z"
    table(title, ("group", "word", "records", "seconds", "worst", "message"), rows)


def _watched(backbone: Backbone) -> list[Watched]:
    kafka = kafka_of(backbone)
    if not kafka.consumer_groups:
        raise Rejected(
            f"DataBackbone {backbone.name}: spec.kafka.consumerGroups is empty; name the groups to look at"
        )
    return [
        Watched(item.name, kafka.topics_of(item), item.tolerated_records) for item in kafka.consumer_groups
    ]


@contextmanager
def _kafka(backbone: Backbone, within: float | None = None) -> Iterator[tuple[KafkaConnection, KafkaGroups]]:
    connection = KafkaConnection(kafka_reader(backbone), within)
    groups = KafkaGroups(connection)
    try:
        yield connection, groups
    finally:
        groups.close()
        connection.close()


def _memory(volume: Path, cluster: str) -> Memory:
    try:
        return from_json(last_look(volume, cluster, notice))
    except ValueError as error:
        notice(f"what the last look remembered does not read ({error}): this one begins anew")
        return {}


def _remember(name: str, volume: Path, cluster: str, look: Look) -> None:
    try:
        remember_look(volume, cluster, as_json(look.memory))
        keep_document(volume, document(look, name))
    except StoreError as error:
        notice(f"{error}: the next look cannot say which commits went back or stood still since this one")


def _counted(told: LagReport) -> str:
    words = ", ".join(f"{number:,} {word}" for word, number in told.counts.items())
    return f"{sum(told.counts.values()):,} consumer groups: {words}"
