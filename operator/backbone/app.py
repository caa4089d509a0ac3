"""The composition root: everything is built here once, and the Lease is held before kopf starts."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any, cast

import kopf
from prometheus_client import CollectorRegistry

from . import __version__, logs
from .adapters.http import serve
from .adapters.kubernetes import KubernetesCluster, connect
from .databackbone import handlers as databackbone
from .databackbone.plans import Plans
from .errors import BackboneError, Rejected, Unreachable
from .evaluation import Notice
from .failoverdrill import handlers as failoverdrill
from .handling import Reconciler
from .health import Health
from .ingestplan import handlers as ingestplan
from .jobs.looks import Pace
from .jobs.pods import WorkerImages
from .leadership import Leadership
from .metrics import Metrics
from .ports.cluster import (
    CLAIM,
    CONFIG_MAP,
    CRON_JOB,
    DATA_BACKBONE,
    FAILOVER_DRILL,
    INGEST_PLAN,
    JOB,
    POD,
    Cluster,
    JsonObject,
    Kind,
)
from .serving import Serving
from .settings import Settings
from .visits import Visits
from .vocabulary import FIELD_MANAGER, GROUP, LABEL_MANAGED_BY

logger = logging.getLogger(__name__)

WATCHED = (CLAIM, CONFIG_MAP, JOB, CRON_JOB, POD)
"""Kinds of children; of these only what carries the operator's label is watched."""

EXIT_BAD_SETTINGS = 2
EXIT_NO_LEASE = 3
LOOK_FOR_KINDS_EVERY = 5.0
STOP_SECONDS = 10.0


class Backoffs(Iterable[float]):
    """Pauses between tries of a watch. It never gives up, and is back within ten seconds of what kept it."""

    def __iter__(self) -> Iterator[float]:
        """Seconds, each time from the beginning."""
        return chain((1.0, 2.0, 5.0), repeat(10.0))


@dataclass(frozen=True, slots=True)
class Operator:
    """What one process is made of."""

    settings: Settings
    cluster: Cluster
    metrics: Metrics
    visits: Visits
    serving: Serving
    registry: kopf.OperatorRegistry


def build(settings: Settings, cluster: Cluster, leases: Cluster, metrics: Metrics) -> Operator:
    """Wire the rooms to the cluster and to kopf; `leases` is the same cluster by connections of its own."""
    images = WorkerImages(settings.worker_image, settings.sample_worker_image, settings.image_pull_policy)
    plans = Plans(cluster)
    pace = Pace(settings.probe_interval, settings.check_retry)
    rooms: list[Any] = [
        databackbone.room(cluster, plans, images, pace, _utc_now),
        ingestplan.room(cluster, images, _utc_now),
        failoverdrill.room(cluster),
    ]
    reconcilers = {room.kind.kind: Reconciler(room, cluster, metrics, _utc_now, _tell) for room in rooms}
    serving = Serving(leases, settings.release, time.monotonic, _tell)
    metrics.standing_by.set_function(serving.standing_by)
    visits = Visits(reconcilers, metrics, settings.resync, serving.serves)
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(kopf.login_via_client)
    databackbone.register(registry, visits, plans)
    ingestplan.register(registry, visits)
    failoverdrill.register(registry, visits)
    return Operator(settings, cluster, metrics, visits, serving, registry)


def kopf_settings() -> kopf.OperatorSettings:
    """What kopf is told: watch what is ours, keep nothing on any object, let no call last for ever."""
    settings = kopf.OperatorSettings()
    # kopf takes its own finalizer off whatever it watches. The default name is every kopf operator's.
    settings.persistence.finalizer = f"{GROUP}/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    settings.posting.reporting_component = FIELD_MANAGER
    settings.posting.event_name_prefix = f"{FIELD_MANAGER}-"
    settings.posting.default_backoffs = (1.0, 5.0)
    settings.scanning.disabled = True
    settings.networking.request_timeout = 30.0
    settings.networking.connect_timeout = 10.0
    settings.networking.error_backoffs = Backoffs()
    settings.watching.connect_timeout = 10.0
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    # The API server sends a bookmark about once a minute: longer silence is a connection that nobody holds.
    settings.watching.inactivity_timeout = 150
    for kind in WATCHED:
        group, _, version = kind.api_version.rpartition("/")
        settings.watching.label_selectors[group, version, kind.plural] = f"{LABEL_MANAGED_BY}={FIELD_MANAGER}"
    return settings


async def run(settings: Settings) -> int:
    """Serve health, wait for the kinds and the Lease, work until told to stop; return the exit code."""
    health = Health()
    metrics = Metrics(CollectorRegistry())
    async with AsyncExitStack() as cleanup:
        for port, pages in (
            (settings.health_port, {"/healthz": health.live, "/readyz": health.ready}),
            (settings.metrics_port, {"/metrics": metrics.page}),
        ):
            runner = await serve(port, pages)
            cleanup.push_async_callback(runner.cleanup)
        # Leases have connections of their own: visits that wait for a slow API server must not delay them.
        cluster, leases = (KubernetesCluster(connect(), metrics.count_call) for _ in range(2))
        for each in (cluster, leases):
            cleanup.push_async_callback(each.close)
        leadership = Leadership(
            leases, settings.namespace, settings.lease_name, settings.identity, time.monotonic
        )
        stop = asyncio.Event()
        _stop_on_signals(stop)
        return await _lead(build(settings, cluster, leases, metrics), leadership, health, stop)


async def _lead(operator: Operator, leadership: Leadership, health: Health, stop: asyncio.Event) -> int:
    if not await _unless(stop, _get_ready(operator.cluster, leadership, health)):
        return 0
    health.state, health.progress = "leading", operator.visits.progress
    operator.metrics.follow(operator.visits.progress)
    operator.metrics.leader.set(1)
    holding = asyncio.create_task(leadership.hold(), name="holding the Lease")
    working = asyncio.create_task(work(operator, stop), name="working")
    stopping = asyncio.create_task(stop.wait(), name="waiting for a signal")
    try:
        await asyncio.wait({holding, working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if holding.done():
            return EXIT_NO_LEASE
        return 0 if stop.is_set() else 1
    finally:
        # Visits end first: whoever leads next must not be disturbed by the last writes of this one.
        await operator.visits.close()
        stop.set()
        await asyncio.wait({working}, timeout=STOP_SECONDS)
        released = not holding.done()
        for task in (holding, working):
            task.cancel()
        await asyncio.wait({holding, working}, timeout=STOP_SECONDS)
        if released:
            await leadership.release()


async def _get_ready(cluster: Cluster, leadership: Leadership, health: Health) -> None:
    """Wait for our kinds, since kopf looks only once whether they are served, and then for the Lease."""
    for kind in (DATA_BACKBONE, INGEST_PLAN, FAILOVER_DRILL):
        told = ""
        while (why := await _missing(cluster, kind)) is not None:
            health.state = f"waiting for the CustomResourceDefinition of {kind.kind}"
            if why != told:
                logger.warning("%s: %s", health.state, why)
            told = why
            await asyncio.sleep(LOOK_FOR_KINDS_EVERY)
    health.state, health.able = "standing by", True
    logger.info("standing by")
    await leadership.acquire()


async def _missing(cluster: Cluster, kind: Kind) -> str | None:
    """Why a kind is not served, as far as one can tell; None where it is."""
    try:
        return None if await cluster.serves(kind) else "it is not installed"
    except (Unreachable, Rejected) as error:
        return str(error)


async def work(operator: Operator, stop: asyncio.Event) -> None:
    """Watch and visit until told to stop; raises what ends kopf."""
    namespaces = operator.settings.watch_namespaces
    renewing = asyncio.create_task(operator.serving.renew(operator.visits.namespaces), name="renewing claims")
    others = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=operator.registry,
        settings=kopf_settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
    )
    # kopf has just put its signal handlers in place; ours end the visits first and bound how long that takes.
    _stop_on_signals(stop)
    try:
        await kopf.run_tasks(tasks, ignored=others)
    finally:
        renewing.cancel()


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Do the work unless told to stop before it ends; whether it ended."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        await working
        return True
    working.cancel()
    await asyncio.wait({working})
    return False


def _stop_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def _tell(body: JsonObject, notice: Notice) -> None:
    kopf.event(cast("kopf.Body", body), type=notice.type, reason=notice.reason, message=notice.message)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def main() -> int:
    """Run the operator; the exit code of the process."""
    try:
        settings = Settings.from_environment(os.environ)
    except Rejected as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BAD_SETTINGS
    logs.configure(settings.log_format)
    logger.info("databackbone operator %s", __version__)
    try:
        return asyncio.run(run(settings))
    except BackboneError as error:
        logger.error("%s", error)
        return 1
