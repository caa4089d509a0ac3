"""Health and metrics over HTTP. Health proves progress: it fails when visits are owed and none ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

STALLED_AFTER = 300.0
"""Seconds without the end of a visit while one is owed. A visit has a deadline of two minutes."""


@dataclass(slots=True)
class Health:
    """What the process is doing, told by the composition root."""

    state: str = "starting"
    able: bool = False
    """Whether the process could lead: a standby is ready to take over."""
    stalled: Callable[[], float] = lambda: 0.0

    async def live(self, request: web.Request) -> web.Response:
        """Answer /healthz. The answer itself proves that the event loop turns."""
        stalled = self.stalled()
        if stalled > STALLED_AFTER:
            text = f"no progress: visits are owed and none has ended for {stalled:.0f} seconds\n"
            return web.Response(status=503, text=text)
        return web.Response(text=f"{self.state}\n")

    async def ready(self, request: web.Request) -> web.Response:
        """Answer /readyz."""
        return web.Response(status=200 if self.able else 503, text=f"{self.state}\n")


async def serve(host: str, port: int, routes: list[web.RouteDef]) -> web.AppRunner:
    """Start a server; raises OSError if the port is taken."""
    application = web.Application()
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


def health_routes(health: Health) -> list[web.RouteDef]:
    """Routes of the health port."""
    return [web.get("/healthz", health.live), web.get("/readyz", health.ready)]


def metrics_routes(registry: CollectorRegistry) -> list[web.RouteDef]:
    """Routes of the metrics port."""

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/metrics", metrics)]
