"""The page's server: Starlette on uvicorn, one event loop; whatever reads the table runs on a worker thread.

    code = serve(settings, clock, view, names, Address("127.0.0.1", 8765))

Addresses and names are the contract's (design.md, "The chart"). It only reads, and it can hold nobody up (law 15).
"""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from minute_candles.chart.access import AccessControl
from minute_candles.chart.answers import Answers
from minute_candles.chart.connections import BACKLOG, AcceptErrors, Connections, protocols
from minute_candles.chart.files import File
from minute_candles.chart.forecast import ForecastAnswers
from minute_candles.chart.hub import Client, Hub
from minute_candles.chart.parameters import asked_of, interval_of, names_of, range_of, subscription_of, symbol_of
from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, MinuteDataError
from minute_candles.monitoring import status_file
from minute_candles.monitoring.single_instance import is_running

LONGEST_MESSAGE = 16 * 1024
MESSAGE_SECONDS, MESSAGE_BURST = 0.5, 4
SEND_SECONDS = 20.0
"""A client that takes nothing for so long is gone."""
_log = logging.getLogger(__name__)


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"


class Pace:
    """How fast a client may send: a few messages at once, then two a second. Meanwhile TCP holds it back."""

    def __init__(self) -> None:
        self._free_at = monotonic() - MESSAGE_BURST * MESSAGE_SECONDS

    async def wait(self) -> None:
        """Wait as long as the messages so far have earned."""
        self._free_at = max(self._free_at, monotonic() - MESSAGE_BURST * MESSAGE_SECONDS) + MESSAGE_SECONDS
        if (seconds := self._free_at - monotonic()) > 0:
            await asyncio.sleep(seconds)


class Page:
    """The handlers: one a path. Those that read the table run on worker threads, files come from memory."""

    def __init__(
        self,
        answers: Answers,
        hub: Hub,
        files: Mapping[str, File],
        health: Callable[[], tuple[dict[str, Any], bool]],
        forecasts: ForecastAnswers,
    ) -> None:
        self._answers, self._hub, self._files, self._health = answers, hub, files, health
        self._forecasts = forecasts

    async def index(self, request: Request) -> Response:
        return self._file(request, "index.html")

    async def static(self, request: Request) -> Response:
        return self._file(request, request.path_params["name"])

    def symbols(self, request: Request) -> Response:
        return JSONResponse(self._answers.symbols())

    def candles(self, request: Request) -> Response:
        query = request.query_params
        interval, asked = interval_of(query), asked_of(query)
        return JSONResponse(self._answers.candles(symbol_of(query, self._answers.names), interval, asked))

    def indicators(self, request: Request) -> Response:
        query = request.query_params
        symbol, names = symbol_of(query, self._answers.names), names_of(query)
        return JSONResponse(self._answers.indicators(symbol, interval_of(query), names, asked_of(query)))

    def patterns(self, request: Request) -> Response:
        query = request.query_params
        interval, asked = interval_of(query), asked_of(query)
        return JSONResponse(self._answers.patterns(symbol_of(query, self._answers.names), interval, asked))

    def alerts(self, request: Request) -> Response:
        return JSONResponse(self._answers.alerts(*range_of(request.query_params)))

    def days(self, request: Request) -> Response:
        query = request.query_params
        first, last = range_of(query)
        return JSONResponse(self._answers.days(symbol_of(query, self._answers.names), first, last))

    def forecast(self, request: Request) -> Response:
        """Answer what is forecast of a symbol, only where it has skill."""
        return JSONResponse(self._forecasts.forecast(symbol_of(request.query_params, self._answers.names)))

    def health(self, request: Request) -> Response:
        status, healthy = self._health()
        return JSONResponse(status, 200 if healthy else 503)

    def state(self, request: Request) -> Response:
        """Answer what `/health` says, always with 200: a page that asks has its answer."""
        return JSONResponse(self._health()[0])

    async def live(self, socket: WebSocket) -> None:
        """Two halves, reading and telling; whichever ends first ends the other."""
        client = self._hub.enter()
        if client is None:
            return await socket.close(1013)
        try:
            await socket.accept()
            halves = [asyncio.create_task(half) for half in (self._hear(socket, client), _tell(socket, client))]
            _, left = await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
            for half in left:
                half.cancel()
            await asyncio.gather(*halves, return_exceptions=True)
        finally:
            self._hub.leave(client)

    async def _hear(self, socket: WebSocket, client: Client) -> None:
        pace = Pace()
        with suppress(WebSocketDisconnect):
            while (message := await socket.receive())["type"] == "websocket.receive":
                self._take(client, message.get("text"))
                await pace.wait()

    def _take(self, client: Client, text: object) -> None:
        """Answer a heartbeat, take over a list of what is wanted, or say in a line what is wrong with it."""
        try:
            wanted = subscription_of(text, self._hub.names)
        except ConfigError as error:
            client.offer("error", "", json.dumps({"type": "error", "message": str(error)}, ensure_ascii=False))
            return
        if wanted is None:
            client.offer("beat", "", '{"type":"beat"}')
        else:
            client.wants_prices = wanted.prices
            self._hub.subscribe(client, wanted.pairs)

    def _file(self, request: Request, name: str) -> Response:
        file = self._files.get(name)
        if file is None:
            raise HTTPException(404, "없는 주소입니다.")
        headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.zipped, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.kind)
        return Response(file.content, headers=headers, media_type=file.kind)


async def _tell(socket: WebSocket, client: Client) -> None:
    with suppress(WebSocketDisconnect, TimeoutError):
        while True:
            await client.ready.wait()
            for text in client.take():
                await asyncio.wait_for(socket.send_text(text), SEND_SECONDS)


def application(page: Page, hub: Hub, password: str, origins: Collection[str] = ()) -> ASGIApp:
    """Everything but the socket it listens on."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(hub.run()), asyncio.create_task(hub.run_prices())]
        yield
        for task in tasks:
            task.cancel()

    routes = [
        Route("/", page.index),
        Route("/static/{name}", page.static),
        Route("/api/symbols", page.symbols),
        Route("/api/candles", page.candles),
        Route("/api/indicators", page.indicators),
        Route("/api/patterns", page.patterns),
        Route("/api/alerts", page.alerts),
        Route("/api/days", page.days),
        Route("/api/forecast", page.forecast),
        Route("/api/state", page.state),
        Route("/health", page.health),
        WebSocketRoute("/ws", page.live),
    ]
    handlers: Any = {HTTPException: _told, MinuteDataError: _troubled}
    return AccessControl(Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan), password, origins)


async def _told(_: Request, error: HTTPException) -> Response:
    return PlainTextResponse(error.detail, error.status_code, error.headers)


async def _troubled(_: Request, error: MinuteDataError) -> Response:
    """A bad question is the asker's, a lost database ours."""
    return PlainTextResponse(str(error), 400 if isinstance(error, ConfigError) else 503)


def health_of(settings: Settings, clock: Clock) -> Callable[[], tuple[dict[str, Any], bool]]:
    """What `--status` says."""

    def health() -> tuple[dict[str, Any], bool]:
        status = status_file.read(settings.log_dir)
        text, healthy = status_file.render(status, clock.now(), running=is_running(settings))
        return {
            "healthy": healthy,
            "message": text,
            "now": clock.now().isoformat(),
            **(status.content if status else {}),
        }, healthy

    return health


def listening(address: Address) -> socket.socket:
    """The socket, bound before anything else is done. Raises `ConfigError` where the port is taken."""
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, else asyncio leaves Nagle on
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address.host, address.port))
    except OSError as error:
        raise ConfigError(
            f"{address} 에서 기다릴 수 없습니다 ({error.strerror}). 다른 포트를 쓰세요: --port {address.port + 1}"
        ) from None
    bound.listen(BACKLOG)
    return bound


def serve(app: ASGIApp, bound: socket.socket, clock: Clock) -> None:
    """Answer until a stop is asked for through `clock`."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, proxy_headers=False, ws_max_size=LONGEST_MESSAGE,
        ws_per_message_deflate=False, timeout_graceful_shutdown=2, **protocols(Connections()),
    )  # fmt: skip
    server = uvicorn.Server(config)
    asyncio.run(_until_stopped(server, bound, clock))


async def _until_stopped(server: uvicorn.Server, bound: socket.socket, clock: Clock) -> None:
    """Signals are the door's: it asks through the clock."""
    asyncio.get_running_loop().set_exception_handler(AcceptErrors())
    serving: Awaitable[None] = asyncio.create_task(server._serve([bound]))
    while not clock.stop.is_set() and not serving.done():  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
    server.should_exit = True
    await serving
