"""What the tests of the KIS side share: a clock whose sleep only moves a number, settings, raw rows as KIS sends."""

import socketserver
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from store_testing import CALENDAR, at_once, ready

from kis_simulator.http import Call, Reply
from kis_simulator.simulator import Simulator
from minute_candles.config import settings as user_settings
from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.kis.token import TokenCache
from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle
from minute_candles.storage.coverage import CoverageRow
from minute_candles.verification.day_collector import Collector
from minute_candles.verification.plan import SymbolDay

FRIDAY = date(2026, 11, 20)
WEDNESDAY = date(2026, 11, 18)
CSAT = date(2026, 11, 19)
AFTER_CLOSE = datetime(2026, 11, 20, 18, tzinfo=KST)
T = TypeVar("T")
LIQUID = "005930"
SPAN = (date(2026, 11, 9), FRIDAY)
_MARKETS: dict[str, tuple[Any, Any]] = {}
SECRETS = ("APPKEY-5f1d+/k=", "APP$ecret\"'\\with100%=")


class FakeClock(Clock):
    """Stands still until somebody sleeps; a sleep takes no time."""

    def __init__(self, at: datetime = AFTER_CLOSE) -> None:
        super().__init__()
        self._now, self._moving = at, threading.RLock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def time(self) -> float:
        return self._now.timestamp()

    monotonic = time

    def sleep(self, seconds: float) -> None:
        if self.stop.is_set():
            raise Stopped("중지 요청을 받았습니다.")
        if seconds > 0:
            with self._moving:
                self.slept.append(seconds)
                self._now += timedelta(seconds=seconds)

    def move(self, **time: float) -> None:
        self._now += timedelta(**time)


def settings_for(url: str, folder: Path, **changes: object) -> Settings:
    """Settings of a user with recognisable secrets; the call limit is out of the way."""
    base = user_settings.demo_settings(url, folder)
    return replace(base, **{"app_key": SECRETS[0], "app_secret": SECRETS[1], "rate_limit": 100_000.0, **changes})


def session(day: date = WEDNESDAY) -> Session:
    return CALENDAR.session(day)


def raw(
    hour: str, close: int, volume: int, acml: int, *, ohl: tuple[int, int, int] | None = None, day: date = WEDNESDAY
) -> dict[str, str]:
    """A row of `output2`; one price unless open, high and low are given."""
    opened, high, low = ohl or (close, close, close)
    return {
        "stck_bsop_date": f"{day:%Y%m%d}", "stck_cntg_hour": hour, "stck_prpr": str(close), "stck_oprc": str(opened),
        "stck_hgpr": str(high), "stck_lwpr": str(low), "cntg_vol": str(volume), "acml_tr_pbmn": str(acml),
    }  # fmt: skip


def at(hour: int, minute: int, day: date = WEDNESDAY) -> datetime:
    """Naive KST."""
    return datetime(day.year, day.month, day.day, hour, minute)


def trading(minutes: Iterable[tuple[str, int, int]], *, before: int = 0, day: date = WEDNESDAY) -> list[dict[str, str]]:
    """Rows newest first, as KIS sends them, from (hour, price, volume) oldest first; `before`: turnover before them."""
    rows, acml = [], before
    for hour, price, volume in minutes:
        acml += price * volume
        rows.append(raw(hour, price, volume, acml, day=day))
    return rows[::-1]


class Listening(Simulator):
    """The simulator, remembering each call with its headers."""

    def __init__(self, clock: Clock | None = None, **options: Any) -> None:
        self.received: list[Call] = []
        timing = {"now": clock.now, "monotonic": clock.time} if clock else {}
        super().__init__(**{**timing, "rate": 1e6, **options})

    def answer(self, call: Call) -> Reply:
        self.received.append(call)
        return super().answer(call)


class Scripted(socketserver.ThreadingTCPServer):
    """A server of these answers, raw bytes, one a data call, the last one again and again; tokenP always works.

    After an answer it sends `drop` every twentieth of a second.
    """

    daemon_threads = True

    def __init__(self, *answers: bytes, drop: bytes = b"") -> None:
        self.answers, self.drop = list(answers), drop
        super().__init__(("127.0.0.1", 0), _Answering)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, first: bytes) -> bytes:
        if first.startswith(b"POST"):
            return said(b'{"access_token":"eyJ.token","access_token_token_expired":"2026-11-21 18:00:00"}')
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def __enter__(self) -> "Scripted":
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.drop = b""
        self.shutdown()
        self.server_close()


class _Answering(socketserver.StreamRequestHandler):
    server: Scripted

    def handle(self) -> None:
        first, length = self.rfile.readline(), 0
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)
        self.wfile.write(self.server.answer(first))
        with suppress(OSError):
            while self.server.drop:
                time.sleep(0.05)
                self.wfile.write(self.server.drop)


def said(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """An HTTP answer in bytes; the connection is closed after it."""
    return f"HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def in_threads(count: int, work: Callable[[], T]) -> list[T]:
    """What so many threads at once got."""
    return at_once(*[work] * count)


def error_text(error: BaseException | None) -> str:
    """All that a traceback of this error could print: messages and reprs of the whole chain."""
    texts = []
    while error:
        texts.append(f"{error!s} {error!r} {getattr(error, '__dict__', '')}")
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def client_of(settings: Settings, clock: Clock, **options: Any) -> KisClient:
    """A client with the token cache that the scripts give it."""
    return KisClient.of(settings, TokenCache(settings, clock), clock, **options)


class Twisted(Listening):
    """The simulator whose rows a test may change: `twist(name, params, rows)` returns the rows to send."""

    twist: Callable[..., Any] | None = None

    def _rows(self, name: str, symbol: str, params: dict[str, str], now: datetime) -> Any:
        rows = super()._rows(name, symbol, params, now)
        return self.twist(name, params, rows) if self.twist else rows


class World:
    """A simulator, a store and a collector of Wednesday."""

    def __init__(self, folder: Path, clock: FakeClock, span: tuple[date, date] = SPAN, **options: Any) -> None:
        self.clock, self.span = clock, span
        self.sim = Twisted(clock, **options)
        shared = _MARKETS.setdefault(repr(options), (self.sim.market, self.sim.endpoints))  # a day takes long to make
        self.sim.market, self.sim.endpoints = shared
        settings = settings_for(self.sim.start(), folder)
        self.store = ready(settings.database, clock=clock)
        self.client = client_of(settings, clock)
        self.collector = self.new_collector()

    def new_collector(self) -> Collector:
        """A collector as another run of the command has it: it remembers nothing."""
        return Collector(self.client, self.store, CALENDAR, self.clock, self.span)

    def close(self) -> None:
        self.store.close()
        self.sim.stop()

    def collect(self, symbol: str = LIQUID, day: date = WEDNESDAY) -> tuple[int, int, int]:
        return self.collector.collect(SymbolDay(symbol, day))

    def coverage(self, symbol: str = LIQUID, day: date = WEDNESDAY) -> CoverageRow | None:
        return self.store.coverage([symbol], day, day).get((symbol, day))

    def candles(self, symbol: str = LIQUID, day: date = WEDNESDAY, interval: int = 1) -> list[Candle]:
        return self.store.candles(symbol, interval, at(0, 0, day), at(0, 0, day) + timedelta(days=1))

    def is_true(self, symbol: str = LIQUID, day: date = WEDNESDAY) -> bool:
        """Whether the store holds exactly what traded, in all intervals."""
        pairs = [(self.candles(symbol, day, n), self.sim.truth(symbol, day, n)) for n in (1, 5, 15)]
        return all([one[:6] for one in found] == [one[:6] for one in true] for found, true in pairs)
