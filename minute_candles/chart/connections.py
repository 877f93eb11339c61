"""The page's TCP connections: how many there may be, how long one may take to ask, and what a broken one costs.

    config = uvicorn.Config(app, **protocols(Connections()), backlog=BACKLOG)

Without a limit a thousand half-sent requests use up the process's descriptors, and nobody is answered any more. Where
all places of an address, or of everybody, are taken, the connection that has waited the longest makes room.
"""

import asyncio
import logging
import sys
from collections import OrderedDict
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEADER_SECONDS, ANSWER_SECONDS = 10.0, 60.0
"""How long a client may take to send the head of a request, and to take its answer."""
MOST, RESERVED = 1_000, 120
"""Connections at most, and the descriptors that are left to the database, files and sockets of our own."""
BACKLOG = 64
QUIET_SECONDS = 60.0
PART, MOST_QUEUED = 4096, 32
"""Bytes of a WebSocket that are read at once, and messages that may wait."""
_log = logging.getLogger(__name__)


class Connections:
    """Every open connection, the oldest first; `waiting` ones have no request in hand."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or _affordable()
        self._open: OrderedDict[asyncio.Transport, str] = OrderedDict()
        self._waiting: OrderedDict[asyncio.Transport, None] = OrderedDict()

    def admit(self, transport: asyncio.Transport, address: str) -> bool:
        """Take in a new connection, in place of a waiting one where all places are taken; False: no room."""
        own = sum(1 for one in self._open.values() if one == address) >= self._most // 2
        if own or len(self._open) >= self._most:
            oldest = next((one for one in self._waiting if not own or self._open[one] == address), None)
            if oldest is None:
                return False
            self.remove(oldest)
            oldest.abort()
        self._open[transport] = address
        self.wait(transport)
        return True

    def wait(self, transport: asyncio.Transport) -> None:
        """Note that a connection has no request in hand."""
        if transport in self._open:
            self._waiting[transport] = None

    def work(self, transport: asyncio.Transport) -> None:
        """Note that a connection has a request in hand, or is a WebSocket."""
        self._waiting.pop(transport, None)

    def remove(self, transport: asyncio.Transport) -> None:
        """Forget a connection that is lost."""
        self._waiting.pop(transport, None)
        self._open.pop(transport, None)


def _affordable() -> int:
    """Return how many connections the process's descriptors allow."""
    if sys.platform == "win32":
        return MOST // 2
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(20, min(MOST, soft - RESERVED)) if soft != resource.RLIM_INFINITY else MOST


def protocols(connections: Connections) -> dict[str, Any]:
    """Return what uvicorn's `Config` needs to serve by these rules."""

    class Http(_Http):
        registry = connections

    class WebSocket(_WebSocket):
        registry = connections

    return {"http": Http, "ws": WebSocket, "backlog": BACKLOG}


class _Http(H11Protocol):
    """uvicorn's protocol with a limit of connections and a deadline a request."""

    registry: Connections
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.registry.admit(transport, self.client[0] if self.client else ""):
            self._allow(HEADER_SECONDS)
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        was_busy = self._is_busy()
        super().data_received(data)
        if self.transport.get_protocol() is not self:
            self._allow(None)  # a WebSocket by now
        elif self._is_busy() != was_busy:
            self.registry.work(self.transport)
            self._allow(ANSWER_SECONDS)
        elif not was_busy and self._deadline is None:
            self._allow(HEADER_SECONDS)

    def on_response_complete(self) -> None:
        self.registry.wait(self.transport)
        self._allow(None)  # idle: uvicorn's own timer runs
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self.registry.remove(self.transport)
        self._allow(None)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self.registry.work(self.transport)
        super().handle_websocket_upgrade(event)

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _allow(self, seconds: float | None) -> None:
        """End the connection after so many seconds from now; None: never."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


class _WebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol for which a broken frame is the end of the connection, not a traceback."""

    registry: Connections
    _unread = b""

    def connection_lost(self, exc: Exception | None) -> None:
        self.registry.remove(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came, and read as much of it as may wait."""
        self._unread += data
        self._read()

    async def receive(self) -> Any:  # noqa: ANN401 - uvicorn names no public type for it
        message = await super().receive()
        self._read()
        return message

    def _read(self) -> None:
        """Read a part at a time, and no more than may wait: who floods waits for the page, not the page for it."""
        try:
            while self._unread and self.queue.qsize() < MOST_QUEUED and not self.transport.is_closing():
                part, self._unread = self._unread[:PART], self._unread[PART:]
                super().data_received(part)
        except Exception as error:  # noqa: BLE001 - a connection's boundary: whatever it sent, the others go on
            _log.debug("a WebSocket sent what cannot be read: %s", type(error).__name__)
            self.transport.abort()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.conn.fail(1007)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class AcceptErrors:
    """The loop's exception handler: descriptors that run out are said once, not with each try."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log a failed accept at most once in `QUIET_SECONDS`; leave every other error to the loop."""
        error = context.get("exception")
        if not (isinstance(error, OSError) and "socket" in context):
            loop.default_exception_handler(context)
            return
        if loop.time() - self._last > QUIET_SECONDS:
            _log.warning("⚠️ 차트: 새 연결을 받지 못합니다 (%s). 열린 연결이 줄면 다시 받습니다.", error.strerror)
        self._last = loop.time()
