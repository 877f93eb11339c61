"""The way to KIS: a kept-alive session in which every call has a deadline and an answer a size.

`requests` limits each read only: an answer of a byte every five seconds would never end. Here each read gets what is
left of the call's time, whatever is being read: header, chunk size or body.
"""

import io
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager, ProxyManager
from urllib3.exceptions import HTTPError

from minute_candles.config.addresses import is_loopback
from minute_candles.core.errors import ConfigError
from minute_candles.kis.error_text import bundle_text

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

READ_SECONDS = 10.0
"""Seconds that one read, and the connection, may take."""
CALL_SECONDS = 20.0
"""Seconds that a whole call may take."""
MAX_BYTES = 4 * 2**20
"""The largest answer that is read; KIS's largest, 120 minutes, has 30 KB."""
_PIECE = 2**16
Manager = TypeVar("Manager", bound=PoolManager)
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_call = threading.local()
"""`deadline` of the call that runs in this thread, by the monotonic clock."""


class TooLarge(requests.RequestException):
    """The answer is larger than any that KIS sends."""


def new_session(base_url: str, connections: int, seconds: float = CALL_SECONDS) -> requests.Session:
    """Return a session of up to `connections` connections; TLS is verified, the environment's proxies are used.

    Raises `ConfigError` where the environment names a file of certificates that cannot be used.
    """
    session = requests.Session()
    session.auth = lambda request: request  # else a ~/.netrc entry would replace the authorization header
    session.trust_env = not is_loopback(urlsplit(base_url).hostname or "")
    if session.trust_env:
        _check_bundle()
    adapter = _TimedAdapter(seconds, connections)
    session.mount(f"{urlsplit(base_url).scheme}://", adapter)
    return session


def proxy_variable(url: str) -> str:
    """Return the environment variable that names the proxy for this address; "" where none does (NO_PROXY counts)."""
    scheme = urlsplit(url).scheme
    if is_loopback(urlsplit(url).hostname or "") or not get_environ_proxies(url):
        return ""
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name)), "")


def proxy_of(variable: str) -> str:
    """Return the address in this environment variable, which may hold a password."""
    return os.environ.get(variable, "")


def _check_bundle() -> None:
    variable = next((name for name in _CA_VARIABLES if os.environ.get(name)), None)
    if variable is None:
        return
    path = os.environ[variable]
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(bundle_text(variable, path)) from error


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


class _TimedAdapter(HTTPAdapter):
    """Sends a call and reads its whole answer before the deadline."""

    def __init__(self, seconds: float, connections: int) -> None:
        self._seconds = seconds
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as requests passes them
        super().init_poolmanager(*args, **options)
        _timed(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> ProxyManager:  # noqa: ANN401 - as requests passes them
        known = len(self.proxy_manager)
        manager: ProxyManager = super().proxy_manager_for(*args, **options)
        return manager if len(self.proxy_manager) == known else _timed(manager)

    def send(self, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - as requests passes them
        """Return an answer that has been read. Raises `TooLarge` and what `requests` raises."""
        _call.deadline = time.monotonic() + self._seconds
        answer = super().send(*args, **(options | {"stream": True}))
        try:
            answer.raw = io.BytesIO(_content(answer.raw))
        except HTTPError as error:
            raise requests.ConnectionError(type(error).__name__) from error
        return answer


def _content(raw: BaseHTTPResponse) -> bytes:
    pieces, size = [], 0
    for piece in raw.stream(_PIECE, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BYTES:
            raw.close()
            raise TooLarge("the answer is too large")
    return b"".join(pieces)
