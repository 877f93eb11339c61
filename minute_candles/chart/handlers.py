"""The handlers: one an address. Those that read the table run on worker threads, files come from memory."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from minute_candles.chart.broadcast import Broadcaster
from minute_candles.chart.files import File
from minute_candles.chart.forecast import ForecastAnswers
from minute_candles.chart.parameters import (
    candle_range_of,
    coverage_range_of,
    interval_of,
    names_of,
    range_of,
    subscription_of,
    symbol_of,
    symbols_of,
)
from minute_candles.chart.queries import Queries
from minute_candles.chart.serialization import Json
from minute_candles.chart.subscribers import Subscriber
from minute_candles.core.errors import ConfigError, MinuteDataError

MESSAGE_SECONDS, MESSAGE_BURST = 0.5, 4
SEND_SECONDS = 20.0
"""A client that takes nothing for so long is gone."""

Health = Callable[[], tuple[Json, bool]]
"""What `--status` says, and whether all is well."""


class Pace:
    """How fast a client may send: a few messages at once, then two a second. Meanwhile TCP holds it back."""

    def __init__(self) -> None:
        """Begin with the whole burst."""
        self._free_at = monotonic() - MESSAGE_BURST * MESSAGE_SECONDS

    async def wait(self) -> None:
        """Wait as long as the messages so far have earned."""
        self._free_at = max(self._free_at, monotonic() - MESSAGE_BURST * MESSAGE_SECONDS) + MESSAGE_SECONDS
        if (seconds := self._free_at - monotonic()) > 0:
            await asyncio.sleep(seconds)


class Handlers:
    """Answers from `queries`, from `files` and from the `health` of the updater."""

    def __init__(
        self,
        queries: Queries,
        broadcaster: Broadcaster,
        files: Mapping[str, File],
        health: Health,
        forecasts: ForecastAnswers,
    ) -> None:
        """Take `files` by name, as they are served."""
        self._queries, self._broadcaster, self._files, self._health = queries, broadcaster, files, health
        self._forecasts = forecasts

    def warm(self) -> None:
        """Make the list of symbols, which takes seconds at first for a whole market."""
        with suppress(MinuteDataError):  # the first request says it
            self._queries.symbols()

    async def index(self, request: Request) -> Response:
        """Answer the page."""
        return self._file(request, "index.html")

    async def map(self, request: Request) -> Response:
        """Answer the data map."""
        return self._file(request, "map.html")

    async def static(self, request: Request) -> Response:
        """Answer a file of the page."""
        return self._file(request, request.path_params["name"])

    def symbols(self, _: Request) -> Response:
        """Answer the list of symbols."""
        return JSONResponse(self._queries.symbols())

    def candles(self, request: Request) -> Response:
        """Answer the candles of a symbol."""
        query = request.query_params
        interval, wanted = interval_of(query), candle_range_of(query)
        return JSONResponse(self._queries.candles(symbol_of(query, self._queries.names), interval, wanted))

    def indicators(self, request: Request) -> Response:
        """Answer indicators at the times of the candles."""
        query = request.query_params
        symbol, names, running = symbol_of(query, self._queries.names), names_of(query), query.get("running") == "1"
        interval, wanted = interval_of(query), candle_range_of(query)
        return JSONResponse(self._queries.indicators(symbol, interval, names, wanted, running=running))

    def patterns(self, request: Request) -> Response:
        """Answer the candle patterns of the candles."""
        query = request.query_params
        interval, wanted = interval_of(query), candle_range_of(query)
        return JSONResponse(self._queries.patterns(symbol_of(query, self._queries.names), interval, wanted))

    def alerts(self, request: Request) -> Response:
        """Answer the alerts that fired in a range."""
        return JSONResponse(self._queries.alerts(*range_of(request.query_params)))

    def days(self, request: Request) -> Response:
        """Answer the trading days of a range with their states."""
        query = request.query_params
        first, last = range_of(query)
        return JSONResponse(self._queries.days(symbol_of(query, self._queries.names), first, last))

    def coverage(self, request: Request) -> Response:
        """Answer the state of each symbol on each trading day of a range."""
        query = request.query_params
        first, last = coverage_range_of(query)
        symbols, counted = symbols_of(query, self._queries.names), query.get("counted") != "0"
        answer = self._queries.coverage(symbols, first, last, counted=counted)
        return Response(answer, media_type="application/json")

    def forecast(self, request: Request) -> Response:
        """Answer what is forecast of a symbol, only where it has skill."""
        return JSONResponse(self._forecasts.forecast(symbol_of(request.query_params, self._queries.names)))

    def health(self, _: Request) -> Response:
        """Answer 200 or 503: for monitors."""
        status, healthy = self._health()
        return JSONResponse(status, 200 if healthy else 503)

    def state(self, _: Request) -> Response:
        """Answer what `/health` says, always with 200: a page that asks has its answer."""
        return JSONResponse(self._health()[0])

    async def live(self, socket: WebSocket) -> None:
        """Receive and send; whichever half ends first ends the other."""
        subscriber = self._broadcaster.subscribers.join()
        if subscriber is None:
            return await socket.close(1013)
        try:
            await socket.accept()
            halves = [
                asyncio.create_task(half) for half in (self._receive(socket, subscriber), _send(socket, subscriber))
            ]
            _, left = await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
            for half in left:
                half.cancel()
            await asyncio.gather(*halves, return_exceptions=True)
        finally:
            self._broadcaster.subscribers.leave(subscriber)
        return None

    async def _receive(self, socket: WebSocket, subscriber: Subscriber) -> None:
        pace = Pace()
        with suppress(WebSocketDisconnect):
            while (message := await socket.receive())["type"] == "websocket.receive":
                self._take(subscriber, message.get("text"))
                await pace.wait()

    def _take(self, subscriber: Subscriber, text: object) -> None:
        """Answer a heartbeat, take over a list of requests, or answer what is wrong in one line."""
        try:
            wanted = subscription_of(text, self._broadcaster.names)
        except ConfigError as error:
            subscriber.offer("error", "", json.dumps({"type": "error", "message": str(error)}, ensure_ascii=False))
            return
        if wanted is None:
            subscriber.offer("beat", "", '{"type":"beat"}')
        else:
            subscriber.wants_prices = wanted.prices
            self._broadcaster.subscribe(subscriber, wanted.pairs)

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


async def _send(socket: WebSocket, subscriber: Subscriber) -> None:
    with suppress(WebSocketDisconnect, TimeoutError):
        while True:
            await subscriber.ready.wait()
            for text in subscriber.take():
                await asyncio.wait_for(socket.send_text(text), SEND_SECONDS)
