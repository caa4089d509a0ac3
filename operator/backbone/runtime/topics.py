"""The topics of a backbone: bringing Kafka to them, and saying what Kafka has of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import typer

from ..adapters.kafka.brokers import Brokers, brokers_of
from ..adapters.kafka.connection import KafkaConnection
from ..adapters.kafka.identities import known_identities, remember_identities
from ..adapters.kafka.topics import KafkaTopics
from ..databackbone.kafka_spec import topics_request_of
from ..errors import Rejected
from ..manifest.objects import Backbone
from ..parts.kafka.topics import Configure, Create, Grow, Step, TopicSummary, Verdict, planned, summary
from ..ports.store_errors import StoreError
from ..ports.stream import KafkaUnavailable
from ..ports.topics import PlannedTopic
from ..reports.envelope import EXIT_OK, EXIT_RUN_FAILED
from ..reports.topics import TOPICS_CHECKED, TopicFinding, TopicFindings, TopicsReport, UnconfirmedTopic
from ..stores.places import folder_of, only_backbone
from ..stores.services import kafka_of, kafka_provisioner
from ..tokens import KEPT_LIMIT, entries_of
from .console import EXIT_FAILED, Progress, failed, notice
from .environment import auto_create_topics
from .forms import TopicsForm
from .ingesting import write_termination_log
from .provisioning import TopicsRequest, compared, provisioned
from .tables import table

WITHIN_SECONDS = 150.0
"""For all that a check asks of Kafka; what is left then, the next one does."""


def provision(files: list[Path], confirm: str | None, given: Path | None) -> None:
    """Bring Kafka to the topics of the one backbone of some files, and leave a report in the termination log.

    Raises Rejected where the files do not say which Kafka, or a variable has a word that is not one.
    """
    backbone = _with_kafka(files)
    volume, progress = folder_of(backbone, given), Progress()
    request, cluster = _request(backbone, confirm), ""
    told = TopicsReport(
        outcome=TOPICS_CHECKED, request=topics_request_of(kafka_of(backbone)), at=datetime.now(UTC)
    )
    try:
        with _kafka(backbone) as connection:
            brokers = brokers_of(connection)
            _tell_of_brokers(brokers)
            request = replace(request, known=known_identities(volume, brokers.cluster, notice))
            cluster = brokers.cluster
            verdicts = provisioned(KafkaTopics(connection), request, tell=progress)
    except KafkaUnavailable as error:
        verdicts = {}
        told = told.model_copy(update={"outcome": str(error.fault), "message": str(error)})
    else:
        found = dict(_findings(request, verdicts, brokers))
        told = told.model_copy(update={**found, "confirmed": confirm and confirm[:KEPT_LIMIT]})
    write_termination_log(told)
    # Afterwards: a topic that was created again is told twice rather than never.
    if verdicts:
        _remember(volume, cluster, request.known, verdicts)
    if told.outcome != TOPICS_CHECKED:
        raise typer.Exit(failed(f"{told.outcome}: {told.message}", EXIT_RUN_FAILED))
    typer.echo(_counted(told.counts))
    for item in told.worst:
        notice(f"{item.word}: {item.message}")
    for waiting in told.unconfirmed:
        notice(f"topic {waiting.name} gets {waiting.partitions} partitions with --confirm {waiting.token}")
    raise typer.Exit(EXIT_OK)


def show_topics(files: list[Path], confirm: str | None, given: Path | None, form: TopicsForm) -> None:
    """Print each topic of the one backbone of some files with its word; changes nothing. Raises Rejected."""
    request, verdicts = _compared(files, confirm, given)
    if form == TopicsForm.JSON:
        typer.echo(json.dumps(_as_json(verdicts), indent=2))
        return
    rows = [(topic.name, verdicts[topic.name].word, verdicts[topic.name].message) for topic in request.plan]
    table(_counted(_by_name(summary(verdicts))), ("topic", "word", "message"), rows)


def show_plan(files: list[Path], confirm: str | None, given: Path | None, form: TopicsForm) -> None:
    """Print what provisioning would do; changes nothing. Raises Rejected."""
    request, verdicts = _compared(files, confirm, given)
    steps = [(topic, step) for topic in request.plan for step in verdicts[topic.name].steps]
    if form == TopicsForm.JSON:
        told = [{"topic": topic.name, "step": _step(topic, step)} for topic, step in steps]
        typer.echo(json.dumps({"steps": told}, indent=2))
        return
    if steps:
        rows = [(topic.name, _step(topic, step)) for topic, step in steps]
        table("What provisioning would do", ("topic", "step"), rows)
    else:
        typer.echo("nothing to do")
    for topic in request.plan:
        if token := verdicts[topic.name].token:
            notice(f"topic {topic.name} gets {topic.partitions} partitions with --confirm {token}")


def _with_kafka(files: list[Path]) -> Backbone:
    """The only backbone of some files. Raises Rejected, with the files, where it has no Kafka."""
    backbone = only_backbone(files)
    try:
        kafka_of(backbone)
    except Rejected as error:
        raise Rejected(f"{', '.join(map(str, files))}: {error}") from None
    return backbone


def _request(backbone: Backbone, confirm: str | None) -> TopicsRequest:
    kafka, create = kafka_of(backbone), auto_create_topics(backbone)
    return TopicsRequest(
        planned(kafka.entries, kafka.topic_prefix),
        create=create is None or create.value,
        confirmed=frozenset(entries_of(confirm)),
    )


def _compared(
    files: list[Path], confirm: str | None, given: Path | None
) -> tuple[TopicsRequest, dict[str, Verdict]]:
    """What is desired, and the verdicts. A Kafka that cannot be asked ends the command."""
    backbone = _with_kafka(files)
    request = _request(backbone, confirm)
    try:
        with _kafka(backbone) as connection:
            brokers = brokers_of(connection)
            _tell_of_brokers(brokers)
            known = known_identities(folder_of(backbone, given), brokers.cluster, notice)
            request = replace(request, known=known)
            Progress()(f"topics: asking for {len(request.plan)}")
            return request, compared(KafkaTopics(connection), request)
    except KafkaUnavailable as error:
        raise typer.Exit(failed(f"{error.fault}: {error}", EXIT_FAILED)) from None


@contextmanager
def _kafka(backbone: Backbone) -> Iterator[KafkaConnection]:
    connection = KafkaConnection(kafka_provisioner(backbone), WITHIN_SECONDS)
    try:
        yield connection
    finally:
        connection.close()


def _tell_of_brokers(brokers: Brokers) -> None:
    if brokers.create_topics:
        notice(
            "a broker has auto.create.topics.enable=true: a client that names a topic can create it with the "
            "brokers' settings before we do; set auto.create.topics.enable=false"
        )


def _remember(volume: Path, cluster: str, known: Mapping[str, str], verdicts: Mapping[str, Verdict]) -> None:
    """Of a topic that was not described, what was known before stays."""
    seen = {name: verdict.identity or known.get(name) for name, verdict in verdicts.items()}
    identities = {name: identity for name, identity in seen.items() if identity is not None}
    if identities == known:
        return
    try:
        remember_identities(volume, cluster, identities)
    except StoreError as error:
        notice(
            f"{error}: the next check cannot say which topics somebody deletes and creates again until then"
        )


def _findings(request: TopicsRequest, verdicts: Mapping[str, Verdict], brokers: Brokers) -> TopicFindings:
    found = summary(verdicts)
    return TopicFindings(
        counts=_by_name(found),
        worst=tuple(
            TopicFinding(name=name, word=verdict.word, message=verdict.message)
            for name, verdict in found.worst
        ),
        unconfirmed=tuple(
            UnconfirmedTopic(name=topic.name, partitions=topic.partitions, token=token)
            for topic in request.plan
            if (token := verdicts[topic.name].token) is not None
        ),
        broker_creates_topics=brokers.create_topics,
        brokers=brokers.count,
    )


def _by_name(found: TopicSummary) -> dict[str, int]:
    return {str(word): count for word, count in found.counts.items()}


def _counted(counts: Mapping[str, int]) -> str:
    return (
        f"{sum(counts.values()):,} topics: {', '.join(f'{count:,} {word}' for word, count in counts.items())}"
    )


def _as_json(verdicts: Mapping[str, Verdict]) -> dict[str, object]:
    topics = [
        {"name": name, "word": verdict.word, "message": verdict.message} for name, verdict in verdicts.items()
    ]
    return {"counts": _by_name(summary(verdicts)), "topics": topics}


def _step(topic: PlannedTopic, step: Step) -> str:
    match step:
        case Create():
            replicas = "the brokers' replicas" if topic.replicas is None else f"{topic.replicas} replicas"
            config = "".join(f", {key}={value}" for key, value in sorted(topic.created_with.items()))
            return f"create with {topic.partitions} partitions, {replicas}{config}"
        case Grow():
            return f"add partitions up to {step.partitions}"
        case Configure():
            return f"set {', '.join(f'{key}={value}' for key, value in sorted(step.config.items()))}"
