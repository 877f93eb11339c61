"""The list of symbols: price, change against the previous session's close, a sparkline; the most traded first.

    listing = Listing(reader, names, calendar, clock, running)
    listing.rows()

Every page asks for it, so it is made once a second for all of them. Twice a minute, and when a coverage row has
changed, all of it is read anew; in between the newest minutes and the last hour's windows are.
"""

import threading
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypedDict

from minute_candles.chart.running import RunningMinutes
from minute_candles.chart.serialization import status_of
from minute_candles.core.clock import Clock
from minute_candles.market.calendar import TradingCalendar, midnight
from minute_candles.market.candle_json import time_text
from minute_candles.market.day_status import VERIFIED
from minute_candles.storage.coverage import CoverageRow
from minute_candles.storage.store import CandleReader, Last, SparklinePoint

FRESH_SECONDS, KEPT_SECONDS = 1.0, 30.0
TRACE = 27
"""Points of a sparkline: about a session of 15-minute candles."""
_A_MINUTE, _AN_HOUR, _ONE_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_MOST_DAYS = 400


class SymbolRow(TypedDict):
    """A symbol of `/api/symbols`: KRW, percent against the previous session's close."""

    symbol: str
    name: str
    price: int | None
    change_percent: float | None
    status: str
    previous_close: int | None
    time: str | None
    turnover: int
    trace: list[int]


class _Kept(NamedTuple):
    """`known`, `last`: what it was made from, of the sessions from `since` on, and each symbol's newest minute then.

    `held`: the minutes of its newest day, where that is verified.
    """

    at: float
    since: date
    known: Mapping[tuple[str, date], CoverageRow]
    last: Mapping[str, Last]
    previous: Mapping[str, int | None]
    held: Mapping[str, int]
    traces: dict[str, dict[datetime, SparklinePoint]]


class Listing:
    """Runs on worker threads."""

    def __init__(
        self,
        reader: CandleReader,
        names: Mapping[str, str],
        calendar: TradingCalendar,
        clock: Clock,
        running: RunningMinutes,
    ) -> None:
        self._reader, self._names, self._calendar, self._clock, self._running = reader, names, calendar, clock, running
        self._lock = threading.Lock()
        self._rows: list[SymbolRow] = []
        self._made = float("-inf")
        self._kept: _Kept | None = None

    def rows(self) -> list[SymbolRow]:
        """Return plain data, ready for JSON; symbols without a candle last."""
        with self._lock:
            if self._clock.time() - self._made >= FRESH_SECONDS:
                self._rows, self._made = self._make(), self._clock.time()
            return self._rows

    def _make(self) -> list[SymbolRow]:
        symbols, last = list(self._names), self._newest_minutes()
        if not last:
            return [self._without_candles(symbol) for symbol in symbols]
        newest = max(one.timestamp for one in last.values()).date()
        since = self._calendar.day_before(newest)
        kept = self._refresh(last, since, self._reader.coverage(symbols, since, newest))
        traded = {s: sum(one.close * one.volume for one in kept.traces.get(s, {}).values()) for s in symbols}
        return [
            self._row(symbol, last[symbol], kept, traded[symbol]) if symbol in last else self._without_candles(symbol)
            for symbol in sorted(symbols, key=lambda symbol: -traded[symbol])
        ]

    def _newest_minutes(self) -> dict[str, Last]:
        kept, symbols = self._kept, list(self._names)
        if kept is None or self._clock.time() - kept.at >= KEPT_SECONDS:
            tomorrow = midnight(self._clock.now().date() + _ONE_DAY)
            return self._reader.last_before([(symbol, tomorrow) for symbol in symbols])
        newest = self._reader.minutes_of(symbols, max(one.timestamp for one in kept.last.values()) - _A_MINUTE)
        return {**kept.last, **{s: Last(some[-1].timestamp, some[-1].close) for s, some in newest.items() if some}}

    def _refresh(self, last: Mapping[str, Last], since: date, known: Mapping[tuple[str, date], CoverageRow]) -> _Kept:
        """Return what was kept with the windows of the last hour; all of it anew where a day changed or it is old."""
        now, kept = self._clock.time(), self._kept
        if kept is None or kept.known != known or _days(kept.last) != _days(last) or now - kept.at >= KEPT_SECONDS:
            days = _days(last)
            kept = _Kept(now, since, known, last, self._previous_closes(days), self._held(days, known), {})
            begin = midnight(since)
        else:
            kept = kept._replace(last=last)
            begin = max(one.timestamp for one in last.values()) - _AN_HOUR
        for trace in self._reader.sparklines(list(self._names), begin):
            kept.traces.setdefault(trace.symbol, {})[trace.timestamp] = trace
        self._kept = kept
        return kept

    def _row(self, symbol: str, last: Last, kept: _Kept, traded: int) -> SymbolRow:
        day = last.timestamp.date()
        previous = kept.previous[symbol] or self._running.previous_close(symbol, day)
        moment, price = last.timestamp, last.close
        if (running := self._running.get(symbol)) and running.timestamp > moment:
            if running.timestamp.date() > day:
                begun = running.timestamp.date()
                follows = self._follows(symbol, last, begun)
                previous = price if follows else self._running.previous_close(symbol, begun)
            moment, price = running.timestamp, running.close
        known = (kept.known if day >= kept.since else self._reader.coverage([symbol], day, day)).get((symbol, day))
        closes = [trace.close for _, trace in sorted(kept.traces.get(symbol, {}).items())]
        return {
            "symbol": symbol, "name": self._names[symbol], "price": price,
            "change_percent": None if previous is None else round((price - previous) * 100 / previous, 2),
            "status": status_of(known, kept.held.get(symbol)), "previous_close": previous,
            "time": time_text(moment), "turnover": traded, "trace": closes[-TRACE:],
        }  # fmt: skip

    def _held(self, days: Mapping[str, date], known: Mapping[tuple[str, date], CoverageRow]) -> dict[str, int]:
        """Return the rows of verified newest days: one that has lost some since is verified no more."""
        verified = {symbol: day for symbol, day in days.items()
                    if (row := known.get((symbol, day))) is not None and row.status in VERIFIED}  # fmt: skip
        found = dict.fromkeys(verified, 0)
        for day in {*verified.values()}:
            found |= self._reader.held_of([symbol for symbol, its in verified.items() if its == day], day)
        return found

    def _previous_closes(self, days: Mapping[str, date]) -> dict[str, int | None]:
        """Return each day's previous close: of the table's candles, else of the daily TR."""
        before = self._reader.last_before([(symbol, midnight(day)) for symbol, day in days.items()])
        found: dict[str, int | None] = {
            symbol: before[symbol].close
            for symbol, day in days.items()
            if symbol in before and self._follows(symbol, before[symbol], day)
        }
        others = {symbol: self._calendar.day_before(day) for symbol, day in days.items() if symbol not in found}
        if others:
            daily = self._reader.daily([*others], min(others.values()), max(others.values()))
            for symbol, day in others.items():
                row = daily.get((symbol, day))
                found[symbol] = row.final_close if row else None
        return found

    def _follows(self, symbol: str, before: Last, day: date) -> bool:
        """Return whether what stands before `day` is the close of the session before, or nothing traded in between."""
        between = self._calendar.trading_days(before.timestamp.date() + _ONE_DAY, day - _ONE_DAY)
        if len(between) > _MOST_DAYS:
            return False
        known = self._reader.coverage([symbol], between[0], between[-1]) if between else {}
        return all((row := known.get((symbol, one))) is not None and row.status == "NO_TRADES" for one in between)

    def _without_candles(self, symbol: str) -> SymbolRow:
        return {
            "symbol": symbol, "name": self._names[symbol], "price": None, "change_percent": None, "status": "MISSING",
            "previous_close": None, "time": None, "turnover": 0, "trace": [],
        }  # fmt: skip


def _days(last: Mapping[str, Last]) -> dict[str, date]:
    return {symbol: one.timestamp.date() for symbol, one in last.items()}
