"""The chart's server as it is, on a free port, over a table filled by the store; and a browser to look at it."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from store_testing import CALENDAR, minutes, whole

from minute_candles.chart.broadcast import Broadcaster
from minute_candles.chart.files import read_files
from minute_candles.chart.forecast import ForecastAnswers
from minute_candles.chart.handlers import Handlers
from minute_candles.chart.queries import Queries
from minute_candles.chart.running import RunningMinutes
from minute_candles.chart.server import Address, application, listening, serve
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.candles import Candle
from minute_candles.storage.store import Store, open_reader

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
AT = datetime(2026, 11, 23, 10, 32, 10, tzinfo=KST)
LAST, TODAY = minutes(CALENDAR.session(FRIDAY)), minutes(CALENDAR.session(MONDAY), 7)
NAMES = {"005930": "삼성전자", "000660": "SK하이닉스", "035420": "<b>네이버</b>"}


def filled(store: Store) -> None:
    """Friday whole and COMPLETE, Monday whole and UNPROVEN, of two symbols; nothing of the third."""
    for seed, symbol in enumerate(list(NAMES)[:2]):
        for day, status in ((FRIDAY, "COMPLETE"), (MONDAY, "UNPROVEN")):
            note = "이유" if day == MONDAY else None
            put(store, symbol, minutes(CALENDAR.session(day), seed + day.day), status, note)


def put(store: Store, symbol: str, ones: list[Candle], status: str = "PROVISIONAL", note: str | None = None) -> None:
    session = CALENDAR.session(ones[0].timestamp.date())
    store.rewrite(symbol, session, lambda _: whole(ones), now=session.end, status=status, note=note)


class Server:
    """A running chart server; `broadcaster` takes running minutes."""

    def __init__(self, url: str, broadcaster: Broadcaster, clock: Clock) -> None:
        self.url, self.broadcaster, self.clock = url, broadcaster, clock
        self.port, self.ws = int(url.split(":")[2][:-1]), f"{url.replace('http', 'ws')}ws"
        self.health: tuple[dict[str, Any], bool] = ({"healthy": True, "message": "✅"}, True)

    def run_minute(self, at: str, close: int, symbol: str = "005930", volume: int = 1_000) -> None:
        """The minute of Monday that begins at `at` after another trade."""
        begin = datetime.fromisoformat(f"2026-11-23T{at}")
        one = TODAY[0]._replace(timestamp=begin, close=close, high=max(close, TODAY[0].high), volume=volume, vwap=None)
        self.broadcaster.run_minute(symbol, one)


@contextmanager
def serving(
    database: Database, *, at: datetime = datetime(2026, 11, 23, 16, tzinfo=KST), password: str = "", port: int = 0,
    names: Mapping[str, str] = NAMES, origins: tuple[str, ...] = (), folder: Path = Path("no folder"),
) -> Iterator[Server]:  # fmt: skip
    clock = Clock(at=at)
    with closing(listening(Address("127.0.0.1", port))) as bound, closing(open_reader(database, clock)) as view:
        running = RunningMinutes(clock)
        broadcaster = Broadcaster(view, names, CALENDAR, clock, running)
        server = Server(f"http://127.0.0.1:{bound.getsockname()[1]}/", broadcaster, clock)

        def health() -> tuple[dict[str, Any], bool]:
            known, healthy = server.health
            return {**known, "now": clock.now().isoformat()}, healthy

        queries = Queries(view, names, CALENDAR, clock, running)
        forecasts = ForecastAnswers(view, names, CALENDAR, clock, folder)
        handlers = Handlers(queries, broadcaster, read_files(), health, forecasts)
        app = application(handlers, broadcaster, password, origins)
        thread = threading.Thread(target=serve, args=(app, bound, clock), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            clock.stop.set()
            thread.join(10)
    assert not thread.is_alive()


def is_open(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
