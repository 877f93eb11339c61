"""Everybody who watches, served by one read of the table a second for all of them together.

The table is the truth: Redis only wakes the broadcaster earlier. Redis and the updater's file bring the running minute.
A subscriber that is slow skips to the newest (the rule "Readers hold nobody up"). One event loop, one thread; the table
is read on a worker thread.
"""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from time import monotonic
from typing import Any

from minute_candles.chart.day_reader import DayRows, read_days
from minute_candles.chart.running import RunningMinutes
from minute_candles.chart.serialization import is_running, status_of
from minute_candles.chart.subscribers import Pair, Subscriber, Subscribers
from minute_candles.chart.symbol_day import SymbolDay
from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candle_json import page_json, time_text
from minute_candles.market.candles import Candle
from minute_candles.market.intervals import Interval
from minute_candles.storage.store import CandleReader

READ_SECONDS = PRICE_SECONDS = 1.0
WHOLE_SECONDS = 15.0
"""How often the whole newest day is read, instead of what is new."""
_TOGETHER = 0.25
"""Seconds between being woken and reading, at least: what is stored together is read together."""
_log = logging.getLogger(__name__)


class Broadcaster:
    """`names`: the symbols one may ask for."""

    def __init__(
        self, reader: CandleReader, names: Mapping[str, str], calendar: TradingCalendar, clock: Clock,
        running: RunningMinutes,
    ) -> None:  # fmt: skip
        """Begin without a subscriber."""
        self._reader, self.names, self._calendar, self._clock, self._running = reader, names, calendar, clock, running
        self.subscribers = Subscribers()
        self._days: dict[str, SymbolDay] = {}
        self._whole_at = self._read_at = float("-inf")
        self._is_awaited = self._failing = False
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Read, send, wait a second or until woken; for ever."""
        self._loop = asyncio.get_running_loop()
        while True:
            try:
                await self._read_and_send()
            except Exception as error:  # noqa: BLE001 - the loop's boundary: whatever it was, it tries again
                if not self._failing:
                    _log.error(
                        "❌ 차트: 예상하지 못한 오류로 다시 시도합니다. %s", type(error).__name__
                    )  # the traceback may hold a secret
                self._failing = True
            await self._rest()

    async def run_prices(self) -> None:
        """Send the prices that moved, once a second; for ever."""
        while True:
            await asyncio.sleep(PRICE_SECONDS)
            self._send_prices()

    def subscribe(self, subscriber: Subscriber, pairs: frozenset[Pair]) -> None:
        """Take over the whole list; the newest candle of each new pair is sent at once, or after the next read."""
        new = self.subscribers.replace(subscriber, pairs)
        watched = self.subscribers.symbols()
        self._days = {symbol: day for symbol, day in self._days.items() if symbol in watched}
        for symbol, interval in new:
            if (day := self._days.get(symbol)) and (last := day.last()):
                self._send(symbol, day, interval, [last], [subscriber])
            elif not day:
                self._is_awaited = True  # somebody looks at an empty chart
                self._wake.set()

    def wake(self, symbol: str) -> None:
        """Note that something of this symbol was stored; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_for, symbol)

    def run_minute(self, symbol: str, minute: Candle) -> None:
        """Take over the running minute of a symbol; from any thread."""
        if symbol in self.names and self._running.add(symbol, minute) and self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._run_minute, symbol, minute)

    def _wake_for(self, symbol: str) -> None:
        if symbol in self.subscribers.symbols():
            self._wake.set()

    def _run_minute(self, symbol: str, minute: Candle) -> None:
        day = self._days.get(symbol)
        if day is not None and day.run(minute):
            self._send_all(symbol, day, [minute.timestamp])

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), READ_SECONDS)
            rest = 0 if self._is_awaited else self._read_at + READ_SECONDS - monotonic()
            await asyncio.sleep(max(_TOGETHER, rest))
        except TimeoutError:
            pass
        self._wake.clear()
        self._is_awaited = False

    async def _read_and_send(self) -> None:
        if not (symbols := self.subscribers.symbols()):
            return
        self._read_at = monotonic()
        due = self._read_at - self._whole_at >= WHOLE_SECONDS
        if due:
            self._whole_at = self._read_at
        whole = symbols if due else {symbol for symbol in symbols if symbol not in self._days}
        newest = {symbol: self._days[symbol].newest() for symbol in symbols - whole}
        try:
            found = await asyncio.to_thread(read_days, self._reader, self._clock, whole, newest)
        except MinuteDataError as error:
            if not self._failing:
                _log.warning("⚠️ 차트: 데이터베이스를 읽지 못해 다시 시도합니다. %s", error)
            self._failing = True
            return
        if self._failing:
            _log.info("✅ 차트: 데이터베이스를 다시 읽습니다.")
        self._failing = False
        for symbol, rows in found.items():
            if symbol in self.subscribers.symbols():
                self._update(symbol, rows, whole=symbol in whole)
        self._send_ended()

    def _update(self, symbol: str, rows: DayRows, *, whole: bool) -> None:
        """Take over what was read of a symbol, and send what is new of it."""
        day = self._days.get(symbol)
        if day is None and not whole:  # nobody watched it while it was read: the last minutes are no day
            self._wake.set()
        elif day is None:
            self._begin(symbol, rows)
        else:
            self._continue(symbol, day, rows, whole=whole)

    def _begin(self, symbol: str, rows: DayRows) -> None:
        day = self._days[symbol] = SymbolDay()
        day.update(rows.minutes, whole=True)
        _take_status(day, rows)
        if running := self._running.get(symbol):
            day.run(running)
        if last := day.last():
            self._send_all(symbol, day, [last])
        day.update_earlier(rows.coverage)

    def _continue(self, symbol: str, day: SymbolDay, rows: DayRows, *, whole: bool) -> None:
        before = day.day
        changed, gone = day.update(rows.minutes, whole=whole)
        gone |= _take_status(day, rows)
        self._send_all(symbol, day, changed)
        if gone and before == day.day:
            self._send_day(symbol, day)
        for earlier in day.update_earlier(rows.coverage) if whole else ():
            self._send_day(symbol, day, earlier)

    def _send_all(self, symbol: str, day: SymbolDay, touched: list[datetime]) -> None:
        for interval, subscribers in self.subscribers.of(symbol) if touched else ():
            self._send(symbol, day, interval, touched, subscribers)

    def _send(
        self, symbol: str, day: SymbolDay, interval: Interval, touched: list[datetime], to: Iterable[Subscriber]
    ) -> None:
        """Send the windows that hold these minutes."""
        late = list[Subscriber]()
        for candle in day.windows(interval, touched):
            running = self._is_running(day, candle, interval, touched[-1])
            (day.open.add if running else day.open.discard)((interval, candle.timestamp))
            data, at = page_json(candle, "RUNNING" if running else day.status), time_text(candle.timestamp)
            text = _text({"type": "candle", "symbol": symbol, "interval": interval, **data})
            late += [one for one in to if not one.offer((symbol, interval), at, text)]
        if late:
            self._send_day(symbol, day, to=set(late))

    def _is_running(self, day: SymbolDay, candle: Candle, interval: Interval, touched: datetime) -> bool:
        if is_running(candle.timestamp, interval, self._calendar, self._clock.now()):
            return True
        return day.running is not None and candle.timestamp <= day.running.timestamp == touched

    def _send_ended(self) -> None:
        """Send windows once more that were sent as running and are over, though their last minutes had no trade."""
        for symbol, day in self._days.items():
            for interval, subscribers in self.subscribers.of(symbol):
                if over := day.ended(interval, self._calendar, self._clock.now()):
                    self._send(symbol, day, interval, over, subscribers)

    def _send_day(
        self, symbol: str, day: SymbolDay, earlier: date | None = None, *, to: Iterable[Subscriber] | None = None
    ) -> None:
        """Ask whoever shows a day to read it anew: it was settled or corrected, or one of these lacks windows of it."""
        which = earlier or day.day
        assert which is not None
        status = status_of(day.earlier[which]) if earlier else day.status
        text = _text({"type": "day", "symbol": symbol, "day": which.isoformat(), "status": status})
        for subscriber in self.subscribers.everybody_of(symbol) if to is None else to:
            subscriber.offer(("day", symbol), which.isoformat(), text)

    def _send_prices(self) -> None:
        """Send the prices that moved since the last call to whoever shows the list."""
        moved = self._running.take_moved()
        to = [one for one in self.subscribers.all if one.wants_prices]
        if not moved or not to:
            return
        rows = [{"symbol": s, "price": one.close, "time": time_text(one.timestamp)} for s, one in moved.items()]
        text = _text({"type": "prices", "rows": rows})
        for subscriber in to:
            subscriber.offer("prices", str(monotonic()), text)


def _take_status(day: SymbolDay, rows: DayRows) -> bool:
    """Take over the status of the newest day, and leave the rows of the days before; return whether it changed."""
    today = rows.coverage.pop(day.day, None) if day.day else None
    before = day.status
    if rows.minutes:
        day.status = status_of(today, len(day.minutes))
    return day.status != before


def _text(message: Mapping[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
