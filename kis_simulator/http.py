"""HTTP on loopback for the simulated KIS: kept-alive connections, one write an answer, and answers that go wrong."""

import itertools
import json
import os
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

HUGE = 64 * 1024 * 1024
"""Bytes that a huge answer has beyond its own."""


class Call(NamedTuple):
    """A call: `headers` in lower case, `params` from the query of a GET or the JSON of a POST."""

    method: str
    path: str
    headers: dict[str, str]
    params: dict[str, Any]

    @property
    def key(self) -> str:
        """Return the app key of the caller: in a header, or in the body of a request for a token."""
        return str(self.headers.get("appkey") or self.params.get("appkey") or "")


class Reply(NamedTuple):
    """An answer on its way: the JSON to send, what happens to it on the wire, the fault behind it."""

    status: int
    content: Any
    wire: str = ""
    fault: str = ""
    seconds: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def code(self) -> str:
        """Return KIS's code in the answer, "" where it has none."""
        content = self.content if isinstance(self.content, dict) else {}
        return str(content.get("msg_cd") or content.get("error_code") or "")


class LoopbackServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A server on 127.0.0.1 with a thread a connection."""

    daemon_threads = True
    allow_reuse_address = os.name != "nt"
    request_queue_size = 256

    def __init__(
        self, port: int, answer: Callable[[Call], Reply], *, now: Callable[[], datetime], stopping: threading.Event
    ) -> None:
        """Take `answer`, which makes a call's reply.

        `now` (aware) is what the Date header says; `stopping` ends hangs.
        """
        self.answer, self.now, self.stopping = answer, now, stopping
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Remember an open connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Close only: the shutdown before it would send a FIN where a fault wants a reset."""
        self._open.discard(request)
        self.close_request(request)

    def close_all(self) -> None:
        """Stop listening and end every connection."""
        self.server_close()
        for connection in tuple(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Ignore a caller that went away."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def do_GET(self) -> None:
        url = urlsplit("/" + self.path.lstrip("/"))  # some clients write two
        self._answer(url.path, dict(parse_qsl(url.query, keep_blank_values=True)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            content = json.loads(body or b"{}")
        except ValueError:
            content = {}
        self._answer(urlsplit(self.path).path, content if isinstance(content, dict) else {})

    def _answer(self, path: str, params: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.answer(Call(self.command, path, headers, params)))

    def _send(self, reply: Reply) -> None:
        if reply.wire == "hang":
            self.server.stopping.wait(reply.seconds)
        if reply.wire in ("reset", "hang"):
            return self._reset()
        content = reply.content if isinstance(reply.content, bytes) else _json(reply.content)
        body = b"" if reply.status == 404 and reply.content is None else content
        if reply.wire == "unquoted":
            body = body.replace(b'"rt_cd": ', b"rt_cd:", 1)
        if reply.wire == "truncated":
            body = body[: len(body) // 2]
        if reply.wire == "huge":
            body += b" " * HUGE
        if reply.wire == "non_json":
            body = "<html><body>시스템 점검 중입니다.</body></html>".encode()
        if reply.wire in ("drip", "endless"):
            return self._drip(reply, body)
        sent = self._head(reply, len(body)) + body
        self.wfile.write(sent[: len(sent) - len(body) // 2 - 1] if reply.wire == "reset_amid" else sent)
        if reply.wire == "reset_amid":
            self._reset()
        return None

    def _drip(self, reply: Reply, body: bytes) -> None:
        """Send a byte every so many seconds, or blanks behind the answer for ever, until the caller goes."""
        endless = reply.wire == "endless"
        self.wfile.write(self._head(reply, None if endless else len(body)) + (body if endless else b""))
        for piece in itertools.repeat(b" " * 1024) if endless else (body[at : at + 1] for at in range(len(body))):
            if self.server.stopping.wait(0.001 if endless else reply.seconds):
                break
            self.wfile.write(piece)
        self.close_connection = True

    def _head(self, reply: Reply, length: int | None) -> bytes:
        off = timedelta(seconds=reply.seconds if reply.wire == "wrong_date" else 0)
        kind = "text/html; charset=utf-8" if reply.wire == "non_json" else "application/json; charset=utf-8"
        lines = (
            f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
            f"Date: {format_datetime((self.server.now() + off).astimezone(UTC), usegmt=True)}",
            f"Content-Type: {kind}",
            "Connection: close" if length is None else f"Content-Length: {length}",
            *(f"{name}: {value}" for name, value in reply.headers),
        )
        return "\r\n".join((*lines, "", "")).encode("ascii")

    def _reset(self) -> None:
        """Close with a RST instead of a FIN, as a firewall or a dying server does."""
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the call log remembers."""


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, default=str).encode()
