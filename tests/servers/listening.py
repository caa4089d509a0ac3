"""An HTTP server in threads, with and without TLS, that is a proxy too: behind CONNECT it speaks TLS."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from switches import Board, Fault

TLS_RECORD = b"\x16"
"""The first byte of a handshake; a request in plain text begins with a letter."""


class Asked:
    """One request, parsed."""

    def __init__(self, handler: Handler) -> None:
        parts = urlsplit(handler.path)
        self.method = handler.command
        self.path = parts.path
        self.values = dict(parse_qsl(parts.query))
        length = int(handler.headers.get("Content-Length") or 0)
        self.body = handler.rfile.read(length) if length else b""


class Reply:
    """An answer: status, body, headers, and what happens to the connection on the way."""

    def __init__(self, status: int, body: Any, *, kind: str = "application/json", **headers: str) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else _encoded(body)
        self.headers = {
            "Content-Type": kind,
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        self.reset = False
        self.half = False
        self.drip: float | None = None
        """Seconds between one byte of the body and the next."""
        self.header_drip: float | None = None
        """Seconds between one line of an endless head and the next."""
        self.ahead = 0.0


class Service:
    """What a server answers; `board` has its faults and what it was asked."""

    def __init__(self) -> None:
        self.board = Board()

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        raise NotImplementedError

    def refuses_connection(self) -> bool:
        """Whether a connection to the proxy is reset at once."""
        return False

    def control(self, asked: Asked) -> Reply:
        """Switch faults on and off, and tell what was asked."""
        if asked.path == "/control/faults" and asked.method == "DELETE":
            self.board.clear()
            return Reply(200, {})
        if asked.path == "/control/faults" and asked.method == "POST":
            content = json.loads(asked.body)
            for item in content if isinstance(content, list) else [content]:
                fault = Fault.of(item)
                self.board.on(
                    fault.kind, fault.symbol, count=fault.count, seconds=fault.seconds, **fault.detail
                )
            return Reply(200, {})
        if asked.path == "/control/requests":
            return Reply(200, self.board.requests())
        return Reply(404, {"error": "there are /control/faults and /control/requests"})


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        """Take a connection as it begins: with the first record of TLS, or in plain text."""
        if self.request.recv(1, socket.MSG_PEEK) == TLS_RECORD:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_CONNECT(self) -> None:
        """Become the host that is asked for."""
        if self.server.service.refuses_connection():
            self._reset()
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        self.wfile.flush()
        try:
            inside = self.server.tls.wrap_socket(self.connection, server_side=True)
        except (OSError, ssl.SSLError):
            self.close_connection = True
            return
        self.connection = inside
        self.rfile = inside.makefile("rb")
        self.wfile = inside.makefile("wb", 0)  # type: ignore[assignment]
        self.close_connection = False

    def do_GET(self) -> None:
        """Answer, as the faults let it."""
        asked = Asked(self)
        service = self.server.service
        reply = service.control(asked) if asked.path.startswith("/control/") else service.answer(asked)
        if reply.reset:
            self._reset()
            return
        self.send_response_only(reply.status)
        if reply.header_drip is not None:
            self._endless_head(reply.header_drip)
        self.send_header("Date", formatdate(time.time() + reply.ahead, usegmt=True))
        for name, text in reply.headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.drip is not None:
            for place in range(len(reply.body)):
                self.wfile.write(reply.body[place : place + 1])
                time.sleep(reply.drip)
            return
        self.wfile.write(reply.body[: len(reply.body) // 2] if reply.half else reply.body)
        if reply.half:
            self._part()

    do_POST = do_DELETE = do_GET  # noqa: N815

    def handle(self) -> None:
        """Serve until the client goes away; how it goes is its own business."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ssl.SSLError, ValueError):
            self.close_connection = True

    def finish(self) -> None:
        """Close what is still open."""
        try:
            super().finish()
            self.connection.close()
        except (OSError, ValueError):
            return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: the board keeps what was asked."""

    def _endless_head(self, every: float) -> None:
        while True:
            self.send_header("X-Wait", "more")
            self.flush_headers()
            time.sleep(every)

    def _part(self) -> None:
        """Close in good order, so that the client sees an end and no broken connection."""
        self.close_connection = True
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.settimeout(1)
            with suppress(OSError):
                self.connection.unwrap()

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


class Server(ThreadingHTTPServer):
    """The service on an address; used as a context it serves in a thread of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Service, tls: ssl.SSLContext, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), Handler)
        self.service = service
        self.tls = tls

    @property
    def address(self) -> str:
        """Where it listens, as a URL."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Server:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def _encoded(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
