"""The page's server: Starlette on uvicorn, one event loop; whatever reads the table runs on a worker thread.

    bound = listening(Address("127.0.0.1", 8765))
    serve(application(handlers, broadcaster, password, origins), bound, clock)

It only reads, and it can hold nobody up.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Collection
from contextlib import ExitStack, asynccontextmanager
from typing import Any, NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from minute_candles.chart.access import AccessControl
from minute_candles.chart.broadcast import Broadcaster
from minute_candles.chart.connections import BACKLOG, AcceptErrors, Connections, protocols
from minute_candles.chart.handlers import Handlers, Health
from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, MinuteDataError
from minute_candles.monitoring import status_file
from minute_candles.monitoring.single_instance import is_running

LONGEST_MESSAGE = 16 * 1024
WARM_SECONDS = 20.0
"""How often the list is made while nobody asks for it, so that the next one who does need not wait."""


class Address(NamedTuple):
    """Where the page is served; its text is what a browser opens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return the address of the page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"


def application(handlers: Handlers, broadcaster: Broadcaster, password: str, origins: Collection[str] = ()) -> ASGIApp:
    """Return everything but the socket it listens on."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        running = (broadcaster.run(), broadcaster.run_prices(), _keep_warm(handlers))
        tasks = [asyncio.create_task(each) for each in running]
        yield
        for task in tasks:
            task.cancel()

    routes = [
        Route("/", handlers.index),
        Route("/map", handlers.map),
        Route("/static/{name}", handlers.static),
        Route("/api/symbols", handlers.symbols),
        Route("/api/candles", handlers.candles),
        Route("/api/indicators", handlers.indicators),
        Route("/api/patterns", handlers.patterns),
        Route("/api/alerts", handlers.alerts),
        Route("/api/days", handlers.days),
        Route("/api/coverage", handlers.coverage),
        Route("/api/forecast", handlers.forecast),
        Route("/api/state", handlers.state),
        Route("/health", handlers.health),
        WebSocketRoute("/ws", handlers.live),
    ]
    errors: Any = {HTTPException: _refused, MinuteDataError: _failed}
    return AccessControl(Starlette(routes=routes, exception_handlers=errors, lifespan=lifespan), password, origins)


async def _keep_warm(handlers: Handlers) -> None:
    while True:
        await asyncio.to_thread(handlers.warm)
        await asyncio.sleep(WARM_SECONDS)


async def _refused(_: Request, error: HTTPException) -> Response:
    return PlainTextResponse(error.detail, error.status_code, error.headers)


async def _failed(_: Request, error: MinuteDataError) -> Response:
    """Answer 400 to a bad request, 503 where the database is lost."""
    return PlainTextResponse(str(error), 400 if isinstance(error, ConfigError) else 503)


def health_of(settings: Settings, clock: Clock) -> Health:
    """Return what answers as `--status` does."""

    def health() -> tuple[dict[str, object], bool]:
        status = status_file.read(settings.log_dir)
        text, healthy = status_file.render(status, clock.now(), running=is_running(settings))
        content = status.content if status else {}
        return {"healthy": healthy, "message": text, "now": clock.now().isoformat(), **content}, healthy

    return health


def listening(address: Address) -> socket.socket:
    """Return the socket, bound before anything else is done. Raises `ConfigError` where the port is taken."""
    with ExitStack() as refused:
        try:
            family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
            bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, else asyncio leaves Nagle on
            refused.enter_context(bound)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((address.host, address.port))
        except OSError as error:
            raise ConfigError(
                f"{address} 에서 기다릴 수 없습니다 ({error.strerror}). 다른 포트를 쓰세요: --port {address.port + 1}"
            ) from None
        refused.pop_all()
    bound.listen(BACKLOG)
    return bound


def serve(app: ASGIApp, bound: socket.socket, clock: Clock) -> None:
    """Answer until a stop is requested through `clock`."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, proxy_headers=False, ws_max_size=LONGEST_MESSAGE,
        ws_per_message_deflate=False, timeout_graceful_shutdown=2, **protocols(Connections()),
    )  # fmt: skip
    server = uvicorn.Server(config)
    asyncio.run(_until_stopped(server, bound, clock))


async def _until_stopped(server: uvicorn.Server, bound: socket.socket, clock: Clock) -> None:
    """Serve; the script handles the signals, and asks through the clock."""
    asyncio.get_running_loop().set_exception_handler(AcceptErrors())
    serving: Awaitable[None] = asyncio.create_task(server._serve([bound]))  # noqa: SLF001 - `serve` takes signals
    while not clock.stop.is_set() and not serving.done():  # type: ignore[attr-defined]  # noqa: ASYNC110 - the clock's
        await asyncio.sleep(0.1)
    server.should_exit = True
    await serving
