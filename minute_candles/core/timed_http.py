"""HTTP in which every call has a deadline and an answer a size.

`requests` limits each read only: an answer of a byte every five seconds would never end. Here each read gets what is
left of the call's time, whatever is being read: header, chunk size or body.

    session.mount("https://", TimedAdapter(seconds=20, most_bytes=4 * 2**20))
"""

import io
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager, ProxyManager
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

READ_SECONDS = 10.0
"""Seconds that one read, and the connection, may take."""
_PIECE = 2**16
Manager = TypeVar("Manager", bound=PoolManager)
_call = threading.local()
"""`deadline` of the call that runs in this thread, by the monotonic clock."""


class TooLarge(requests.RequestException):
    """The answer is larger than any that is expected."""


class _TimedRaw(io.RawIOBase):
    """The raw stream of an answer; each read gets what is left of the call's time."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline
        self._read_seconds = sock.gettimeout() or READ_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call took too long")
        self._sock.settimeout(min(left, self._read_seconds))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _timed_response(
    deadline: float, sock: socket.socket, debuglevel: int = 0, method: str | None = None
) -> HTTPResponse:
    response = HTTPResponse(sock, debuglevel, method)
    response.fp = io.BufferedReader(_TimedRaw(response.fp.detach(), sock, deadline))
    return response


class _Timed:
    """A connection whose answers end with the call that runs in this thread."""

    @property
    def response_class(self) -> Callable[..., HTTPResponse]:
        return partial(_timed_response, _call.deadline)


def _timed(manager: Manager) -> Manager:
    """Return the pool manager with connections whose answers have a deadline."""
    pools: dict[str, type[HTTPConnectionPool]] = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {
        scheme: type(pool.__name__, (pool,), {"ConnectionCls": type("Timed", (_Timed, pool.ConnectionCls), {})})
        for scheme, pool in pools.items()
    }
    return manager


class TimedAdapter(HTTPAdapter):
    """Sends a call and reads its whole answer before the deadline."""

    def __init__(self, seconds: float, most_bytes: int, connections: int = 1) -> None:
        self._seconds, self._most_bytes = seconds, most_bytes
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as requests passes them
        """Let the pools' answers have the deadline."""
        super().init_poolmanager(*args, **options)
        _timed(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> ProxyManager:  # noqa: ANN401 - as requests passes them
        """Return the proxy's pools, whose answers have the deadline."""
        known = len(self.proxy_manager)
        manager: ProxyManager = super().proxy_manager_for(*args, **options)
        return manager if len(self.proxy_manager) == known else _timed(manager)

    def send(self, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - as requests passes them
        """Return an answer that has been read. Raises `TooLarge` and what `requests` raises."""
        _call.deadline = time.monotonic() + self._seconds
        answer = super().send(*args, **(options | {"stream": True}))
        try:
            answer.raw = io.BytesIO(_content(answer.raw, self._most_bytes))
        except HTTPError as error:
            raise requests.ConnectionError(type(error).__name__) from error
        return answer


def _content(raw: BaseHTTPResponse, most_bytes: int) -> bytes:
    pieces, size = [], 0
    for piece in raw.stream(_PIECE, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > most_bytes:
            raw.close()
            raise TooLarge("the answer is too large")
    return b"".join(pieces)
