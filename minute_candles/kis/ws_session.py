"""One session on KIS's WebSocket: open, register, read, watch, close (docs/dev/kis_websocket.md §2–§4).

It ends by a `Cut`, by an exception of the library, or because a stop was requested; websocket.py says how it goes on.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from minute_candles.config.addresses import is_loopback
from minute_candles.core.clock import Clock
from minute_candles.kis import ws_frames as frames
from minute_candles.kis.parse import trade_tick
from minute_candles.kis.ws_frames import Answer, ReplyKind
from minute_candles.market.rows import TradeTick

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

PATH = "/tryitout"
MOST = 41
"""Registrations of a key, where KIS tells of no lower limit (OPSP0008)."""
LARGEST_FRAME = 2**23
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How fast, in seconds.

    `gap` = between two registrations; `first` to `most` = before another connection; `in_use` = at least,
    where another session holds the key; `quiet_seconds` = without any frame, or without data while data are expected;
    `lived` = data for so long make a session a good one; `retry` = before a symbol is registered once more.
    """

    gap: float = 0.05
    first: float = 1.0
    most: float = 60.0
    in_use: float = 60.0
    quiet_seconds: float = 90.0
    lived: float = 20.0
    retry: float = 60.0
    look: float = 1.0


@dataclass
class Callbacks:
    """What a session reports, from the event loop: a callback must not wait.

    `on_ticks`: the trades of a frame. `on_problem`: why no data come, again at each further try, and "" when they do.
    `on_second`: each second of a session. `on_cut`: at the end of each. `expects_data`: whether no data is a fault.
    """

    on_ticks: Callable[[list[TradeTick]], None]
    on_problem: Callable[[str], None] = lambda _: None
    on_second: Callable[[], None] = lambda: None
    expects_data: Callable[[], bool] = lambda: False
    on_cut: Callable[[], None] = lambda: None


@dataclass
class Cut(Exception):
    """Why a session is over; `least` = seconds to stay away."""

    reason: str
    least: float = 0.0
    is_bad_key: bool = False


@dataclass
class Known:
    """What is known of a key beyond a session: how many symbols KIS takes, and which it never will."""

    limit: int = MOST
    refused: set[str] = field(default_factory=set)


class SocketSession:
    """One connection. `stop` may be called by any thread, everything else is the event loop's."""

    def __init__(
        self, url: str, symbols: Sequence[str], known: Known, clock: Clock, callbacks: Callbacks, pace: Pace
    ) -> None:
        self._url = url if urlsplit(url).path.strip("/") else url + PATH
        self._symbols, self._known, self._clock, self._callbacks, self._pace = symbols, known, clock, callbacks, pace
        self.began = self._received_at = clock.monotonic()
        self.data_at = 0.0
        self.registered: set[str] = set()
        self._later: dict[str, float] = {}
        self._pending: dict[str, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over, self._stopped = asyncio.Event(), False

    @property
    def lived(self) -> float:
        """Seconds from its begin to the last data."""
        return max(0.0, self.data_at - self.began)

    def stop(self) -> None:
        """End with a clean close: a slot that is left behind stays taken for minutes."""
        self._stopped = True
        if self._loop:
            with suppress(RuntimeError):  # it has just ended by itself
                self._loop.call_soon_threadsafe(self._over.set)

    async def attend(self, key: str) -> None:
        """Return when a stop was requested. Raises `Cut`, `OSError`, `WebSocketException`."""
        from websockets.asyncio.client import connect

        self._loop = asyncio.get_running_loop()
        if self._stopped:
            return
        async with connect(
            self._url, ping_interval=None, compression=None, close_timeout=1, open_timeout=10, max_size=LARGEST_FRAME,
            proxy=None if is_loopback(urlsplit(self._url).hostname or "") else True, logger=_nobody(),
        ) as socket:  # fmt: skip
            self.began = self._received_at = self._clock.monotonic()
            try:
                await _until_one_ends(self._read(socket), self._register(socket, key), self._watch(), self._over.wait())
            finally:
                await socket.close()  # the library would close with 1011 where we leave by an exception

    async def _read(self, socket: "ClientConnection") -> None:
        """Read bytes and decode them with replacement.

        A strict client answers undecodable bytes with a close, which KIS ignores.
        """
        while True:
            text = (await socket.recv(decode=False)).decode(errors="replace")
            self._received_at = self._clock.monotonic()
            if records := frames.records(text):
                self.data_at = self._received_at
                self._callbacks.on_ticks([tick for record in records if (tick := trade_tick(record))])
            elif said := frames.answer(text):
                if said.kind is ReplyKind.PINGPONG:
                    await socket.send(text)
                else:
                    self._judge(said)

    def _judge(self, said: Answer) -> None:
        """Act on an answer to a registration. Raises `Cut`.

        An answer that names no symbol belongs to the first registration without an answer.
        """
        symbol = said.symbol or next(iter(self._pending), "")
        self._pending.pop(symbol, None)
        match said.kind:
            case ReplyKind.TAKEN if symbol:
                self.registered.add(symbol)
            case ReplyKind.FULL:
                self._known.limit = len(self.registered)
                if not self.registered:
                    raise Cut(f"KIS가 등록을 하나도 받지 않습니다 ({said.code})", self._pace.in_use)
            case ReplyKind.LATER if symbol:
                self._later[symbol] = self._clock.monotonic() + self._pace.retry
            case ReplyKind.NEVER if symbol:
                self._known.refused.add(symbol)
            case ReplyKind.BAD_KEY:
                raise Cut(f"KIS가 승인 키를 거절합니다 ({said.code})", is_bad_key=True)
            case ReplyKind.IN_USE:
                text = f"같은 키의 다른 WebSocket이 KIS에 연결되어 있습니다 ({said.code})"
                raise Cut(text, self._pace.in_use)
            case ReplyKind.LATER | ReplyKind.NEVER if self.data_at:
                _log.debug("an answer without a symbol in a healthy session: %s", said.code)
            case ReplyKind.LATER | ReplyKind.NEVER:
                raise Cut(f"KIS가 요청을 거절합니다 ({said.code})", self._pace.in_use)

    async def _register(self, socket: "ClientConnection", key: str) -> None:
        """Register each symbol in its turn, as far as KIS takes them.

        Those that it could not take are registered again later.
        """
        for symbol in self._symbols:
            if len(self.registered) < self._known.limit and symbol not in self._known.refused:
                await self._ask(socket, key, symbol)
        while True:
            await asyncio.sleep(self._pace.look)
            now = self._clock.monotonic()
            for symbol in [symbol for symbol, due in self._later.items() if due <= now]:
                del self._later[symbol]
                await self._ask(socket, key, symbol)

    async def _ask(self, socket: "ClientConnection", key: str, symbol: str) -> None:
        self._pending[symbol] = None
        await socket.send(frames.registration(key, symbol))
        await asyncio.sleep(self._pace.gap)

    async def _watch(self) -> None:
        """End a session in which nothing comes: a dead socket gives no other sign. Raises `Cut`."""
        expected_since, quiet_seconds = self.began, self._pace.quiet_seconds
        while True:
            await asyncio.sleep(self._pace.look)
            now = self._clock.monotonic()
            if not self._callbacks.expects_data():
                expected_since = now
            self._callbacks.on_second()
            if now - self._received_at > quiet_seconds:
                raise Cut(f"{quiet_seconds:.0f}초 동안 아무 소식도 없습니다", is_bad_key=self._is_unanswered)
            if now - max(self.data_at, expected_since) > quiet_seconds:
                raise Cut(f"{quiet_seconds:.0f}초 동안 체결이 오지 않습니다", is_bad_key=self._is_unanswered)

    @property
    def _is_unanswered(self) -> bool:
        """Return whether no registration was answered: KIS may pass over an expired key (kis_websocket.md §5)."""
        return bool(self._pending) and not self.registered


async def _until_one_ends(*works: Coroutine[Any, Any, Any]) -> None:
    """Run them side by side until the first one ends; what it raises is raised, the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _nobody() -> logging.Logger:
    """Return a logger that drops all: at DEBUG the library prints every frame, the approval key with it."""
    quiet = logging.Logger("unheard")  # noqa: LOG001 - outside the tree, so nobody can put a handler on it by name
    quiet.disabled = True
    return quiet
