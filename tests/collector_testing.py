"""What the tests of the collector share: a simulator whose rows a test may change, a SQLite store, and a collector."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from kis_testing import FRIDAY, WEDNESDAY, FakeClock, Listening, client_of, settings_for

from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle
from minute_candles.storage.coverage import CoverageRow
from minute_candles.storage.store import open_store
from minute_candles.verification.day_collector import Collector
from minute_candles.verification.plan import SymbolDay

LIQUID = "005930"
CALENDAR = TradingCalendar()
SPAN = (date(2026, 11, 9), FRIDAY)
_MARKETS: dict[str, tuple[Any, Any]] = {}


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
        self.store = open_store(settings.database, clock)
        self.store.preflight()
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
        midnight = datetime.combine(day, datetime.min.time())
        return self.store.candles(symbol, interval, midnight, midnight + timedelta(days=1))

    def is_true(self, symbol: str = LIQUID, day: date = WEDNESDAY) -> bool:
        """Whether the store holds exactly what traded, in all intervals."""
        return all(
            [candle[:6] for candle in self.candles(symbol, day, interval)]
            == [candle[:6] for candle in self.sim.truth(symbol, day, interval)]
            for interval in (1, 5, 15)
        )
