"""Opening an address so that nothing of the answer, headers or body, is waited for beyond one moment."""

from __future__ import annotations

import io
import ipaddress
import os
import ssl
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from socket import socket
from typing import Any
from urllib.parse import urlsplit

import certifi

Opened = Callable[[str, float], HTTPResponse]
"""Opens an address. Beyond the moment, of time.monotonic(), reading the answer raises TimeoutError.

An address that would carry its key over a network in clear text raises ClearText, and nothing is sent.
"""


class ClearText(Exception):
    """A request would leave this machine unencrypted."""


def in_clear_text(url: str) -> bool:
    """Whether what is asked of an address crosses a network unencrypted: http:// to anything but loopback."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return True
    if parts.scheme == "https" or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def opener(proxy: str | None, authority: str | None) -> Opened:
    """What opens addresses, through a proxy and trusting an authority, or else as the environment says.

    Raises OSError where the authority is no certificate.
    """
    proxies = {"http": proxy, "https": proxy} if proxy else urllib.request.getproxies()
    # A worker's image has no certificates of its own: those of the package, as for Yahoo.
    trusted = authority or os.environ.get("SSL_CERT_FILE") or certifi.where()
    context = ssl.create_default_context(cafile=trusted)

    def opened(url: str, until: float) -> HTTPResponse:
        ways = (urllib.request.ProxyHandler(proxies), _Plain(until), _Secure(until, context))
        answer: HTTPResponse = urllib.request.build_opener(*ways).open(url, timeout=_left(until))
        return answer

    return opened


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, until: float) -> None:
        super().__init__()
        self._until = until

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        # A redirect leads here too, and with a proxy `host` is that proxy's.
        if in_clear_text(req.full_url) or in_clear_text(f"http://{req.host}"):
            raise ClearText
        return self.do_open(partial(_connection, HTTPConnection, self._until), req)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, until: float, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._until, self._trust = until, context

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(_connection, HTTPSConnection, self._until), req, context=self._trust)


def _connection(
    kind: type[HTTPConnection],
    until: float,
    host: str,
    timeout: float,
    **more: Any,  # noqa: ANN401 - the context of what is encrypted
) -> HTTPConnection:
    made = kind(host, timeout=min(timeout, _left(until)), **more)
    # The answer of a proxy to CONNECT is read by it too.
    made.response_class = partial(_Answer, until)  # type: ignore[assignment]
    return made


class _Answer(HTTPResponse):
    """An answer of which every read, from the first line on, ends at one moment.

    The time limit of a connection is for each piece of an answer, however small.
    """

    def __init__(
        self,
        until: float,
        sock: socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp = io.BufferedReader(_Bounded(self.fp.detach(), sock, until))


class _Bounded(io.RawIOBase):
    """What a socket receives until a moment of time.monotonic()."""

    def __init__(self, raw: io.RawIOBase, sock: socket, until: float) -> None:
        self._raw = raw
        self._sock = sock
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - as the base class has it
        self._sock.settimeout(_left(self._until))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
