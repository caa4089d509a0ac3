"""Pages served over HTTP from the event loop, so that an answer proves that the loop turns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from ..health import Page


async def serve(port: int, pages: Mapping[str, Callable[[], Page]]) -> web.AppRunner:
    """Serve pages by path on every interface; raises OSError if the port is taken."""
    application = web.Application()
    application.add_routes([web.get(path, _handler(page)) for path, page in pages.items()])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 - the kubelet and Prometheus call
    return runner


def _handler(page: Callable[[], Page]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        shown = page()
        return web.Response(
            status=shown.status, body=shown.body, headers={"Content-Type": shown.content_type}
        )

    return answer
