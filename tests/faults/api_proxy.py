"""A proxy in front of the API server: it counts what an operator asks for, and harms it when told.

The operator speaks plain HTTP to it on the loopback interface; it passes everything on, token included. It
runs on a thread with a loop of its own, so that tests can be written from top to bottom.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
HOP_BY_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
CHUNK = 64 * 1024
STARTED_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request that went through: `resource` is the plural, with the subresource if there is one."""

    method: str
    resource: str
    name: str
    watch: bool
    status: int
    at: float
    """Seconds of the monotonic clock."""

    @property
    def is_write(self) -> bool:
        """Whether it changes an object; the Lease's renewals come by the clock and are left out."""
        return self.method in CHANGES and self.resource != "leases"


@dataclass(slots=True)
class Harm:
    """What is done to requests just now. `after_write` is called between a write and its answer.

    It is told which write that is, and how many there were.
    """

    delay: float = 0.0
    refuse: bool = False
    refuse_watches: bool = False
    after_write: Callable[[int, Request], None] = lambda number, write: None


@dataclass(slots=True)
class ApiProxy:
    """A context manager; `url` is where the operator finds the API server."""

    kubeconfig: Path
    harm: Harm = field(default_factory=Harm)
    requests: list[Request] = field(default_factory=list)
    writes: int = 0
    url: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _streams: set[asyncio.Transport] = field(default_factory=set)
    _thread: threading.Thread | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __enter__(self) -> ApiProxy:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="api proxy", daemon=True)
        self._thread.start()
        if not ready.wait(STARTED_WITHIN):
            raise TimeoutError("the proxy of the API server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(STARTED_WITHIN)

    def reset(self) -> None:
        """Forget what was counted, and do no harm any more."""
        self.harm = Harm()
        self.requests.clear()
        self.writes = 0

    def cut_watches(self) -> int:
        """Tear every open watch apart; how many there were."""
        done: asyncio.Future[int] = asyncio.run_coroutine_threadsafe(self._cut(), self._loop)  # type: ignore[assignment]
        return done.result(STARTED_WITHIN)  # type: ignore[call-arg]

    def counted(self, **wanted: object) -> Counter[tuple[str, str]]:
        """How often each method and resource was asked for, of the requests with these attributes."""
        return Counter(
            (item.method, item.resource)
            for item in list(self.requests)
            if all(getattr(item, name) == value for name, value in wanted.items())
        )

    def created(self) -> Counter[tuple[str, str]]:
        """How often each child was created, by resource and name; events and the Lease are none."""
        return Counter(
            (item.resource, item.name)
            for item in list(self.requests)
            if item.status == HTTPStatus.CREATED and item.resource not in {"events", "leases"}
        )

    async def _cut(self) -> int:
        streams = list(self._streams)
        for transport in streams:
            transport.abort()
        return len(streams)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        server, context = _upstream(self.kubeconfig)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        async with aiohttp.ClientSession(
            server, connector=connector, timeout=timeout, auto_decompress=False
        ) as session:

            async def passed(request: web.Request) -> web.StreamResponse:
                return await self._pass(session, request)

            app = web.Application(client_max_size=16 * 1024 * 1024)
            app.router.add_route("*", "/{path:.*}", passed)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, handler_cancellation=True)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            address: Any = runner.addresses[0]
            self.url = f"http://{address[0]}:{address[1]}"
            ready.set()
            await self._stop.wait()
            await self._cut()
            await runner.cleanup()

    async def _pass(self, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        harm, watch = self.harm, request.query.get("watch") == "true"
        if harm.refuse or (watch and harm.refuse_watches):
            _abort(request)
        if harm.delay and not watch:
            await asyncio.sleep(harm.delay)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP_BY_HOP}
        body = await request.read()
        try:
            async with session.request(
                request.method, request.rel_url, headers=headers, data=body or None
            ) as answer:
                self._note(request, watch, answer.status, body)
                async with self._streaming(request, watch):
                    return await _relay(request, answer)
        except aiohttp.ClientConnectionError:
            # The API server is away: so is the proxy.
            _abort(request)
            raise

    def _note(self, request: web.Request, watch: bool, status: int, body: bytes) -> None:
        resource, name = _target(request.path)
        if request.method == "POST" and body:
            name = str(json.loads(body).get("metadata", {}).get("name", ""))
        noted = Request(request.method, resource, name, watch, status, time.monotonic())
        self.requests.append(noted)
        if noted.is_write:
            self.writes += 1
            self.harm.after_write(self.writes, noted)

    @contextlib.asynccontextmanager
    async def _streaming(self, request: web.Request, watch: bool) -> AsyncIterator[None]:
        transport = request.transport
        if not watch or not isinstance(transport, asyncio.Transport):
            yield
            return
        self._streams.add(transport)
        try:
            yield
        finally:
            self._streams.discard(transport)


async def _relay(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    kept = {key: value for key, value in answer.headers.items() if key.lower() not in HOP_BY_HOP}
    response = web.StreamResponse(status=answer.status, headers=kept)
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("cut by the test")


def _target(path: str) -> tuple[str, str]:
    """The plural, with its subresource, and the name in an API path; a collection has no name."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if len(rest) > 2 and rest[0] == "namespaces":
        rest = rest[2:]
    resource, name, *more = [*rest, "", ""][: max(len(rest), 2)]
    return "/".join([resource, *more]), name


def _upstream(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    """Where the API server is, and how to know it; who asks is said by each request."""
    document = yaml.safe_load(kubeconfig.read_text())
    cluster = document["clusters"][0]["cluster"]
    if "certificate-authority-data" in cluster:
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        return cluster["server"], ssl.create_default_context(cadata=authority)
    return cluster["server"], ssl.create_default_context(cafile=cluster["certificate-authority"])
