"""The list of symbols: price, change against the previous session's close, a sparkline; the most traded first.

    listing = Listing(reader, names, calendar, clock, running)
    listing.rows()

Every page asks for it, so it is made once a second for all of them. Where that takes longer than `WAIT_SECONDS`, as for
a whole market, an answer is the list before, and the next answer is the new one. A symbol is read whole twice a minute,
and when one of its coverage rows has changed: `PART` symbols at once. In between its newest minute and the last windows
are read.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypedDict

from minute_candles.chart.running import RunningMinutes
from minute_candles.chart.serialization import status_of
from minute_candles.core.clock import Clock
from minute_candles.market.calendar import TradingCalendar, midnight
from minute_candles.market.candle_json import time_text
from minute_candles.market.day_status import VERIFIED
from minute_candles.storage.coverage import CoverageRow
from minute_candles.storage.store import CandleReader, Last, SparklinePoint

FRESH_SECONDS, KEPT_SECONDS = 1.0, 30.0
WAIT_SECONDS = 0.05
"""How long an answer waits for a new list, where it has one that was made within `KEPT_SECONDS`."""
TRACE = 27
"""Points of a sparkline: about a session of 15-minute candles."""
PART = 100
"""Symbols that are read whole for one list."""
_A_MINUTE, _HALF_AN_HOUR, _ONE_DAY = timedelta(minutes=1), timedelta(minutes=30), timedelta(days=1)
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


Key = tuple[str, date]
_Known = tuple[CoverageRow | None, ...]
"""The coverage rows of the two newest sessions."""


@dataclass
class _Kept:
    """A symbol as it was read whole: its newest day, the previous close and the coverage row of that.

    `held`: the minutes of that day, where it is verified; `traded`: KRW, of the windows of `trace`.
    """

    at: float
    known: _Known
    day: date | None
    row: CoverageRow | None
    previous: int | None
    held: int | None
    trace: dict[datetime, SparklinePoint] = field(default_factory=dict)
    traded: int = 0

    def add(self, point: SparklinePoint) -> None:
        """Take over a window; one that is older than others has its place once the symbol is read whole again."""
        if (old := self.trace.get(point.timestamp)) != point:
            self.traded += point.close * point.volume - (old.close * old.volume if old else 0)
            self.trace[point.timestamp] = point


class Listing:
    """Runs on worker threads."""

    def __init__(
        self, reader: CandleReader, names: Mapping[str, str], calendar: TradingCalendar, clock: Clock,
        running: RunningMinutes,
    ) -> None:  # fmt: skip
        self._reader, self._names, self._calendar, self._clock, self._running = reader, names, calendar, clock, running
        self._lock, self._maker = threading.Lock(), ThreadPoolExecutor(1, "list")
        self._making: Future[None] | None = None
        self._rows: list[SymbolRow] = []
        self._made = float("-inf")
        self._last: dict[str, Last] = {}
        self._kept: dict[str, _Kept] = {}

    def rows(self) -> list[SymbolRow]:
        """Return plain data, ready for JSON; symbols without a candle last."""
        age = self._clock.time() - self._made
        if age >= FRESH_SECONDS:
            with self._lock:
                if self._making is None or self._making.done():
                    self._making = self._maker.submit(self._renew)
                making = self._making
            with suppress(TimeoutError):
                making.result(WAIT_SECONDS if age < KEPT_SECONDS else None)
        return self._rows

    def _renew(self) -> None:
        if self._clock.time() - self._made >= FRESH_SECONDS:  # not made since it was asked for
            self._rows, self._made = self._make(), self._clock.time()

    def _make(self) -> list[SymbolRow]:
        symbols, old = list(self._names), self._old()
        self._read_newest(old)
        if not self._last:
            return [self._without_candles(symbol) for symbol in symbols]
        newest = max(one.timestamp for one in self._last.values())
        days = (self._calendar.day_before(newest.date()), newest.date())
        coverage = self._reader.coverage(symbols, *days)
        known = {symbol: tuple(coverage.get((symbol, day)) for day in days) for symbol in symbols}
        changed = [symbol for symbol in symbols if self._has_changed(symbol, known[symbol])]
        due = {*[*changed, *old][: PART if self._kept else None]}
        self._read_windows([symbol for symbol in symbols if symbol not in due], newest - _HALF_AN_HOUR)
        self._read_whole([symbol for symbol in symbols if symbol in due], days[0], known, coverage)
        return [
            self._row(symbol, self._last[symbol], known[symbol], coverage)
            if symbol in self._last
            else self._without_candles(symbol)
            for symbol in sorted(symbols, key=lambda symbol: -self._kept[symbol].traded)
        ]

    def _old(self) -> list[str]:
        """Return the symbols that were not read whole lately, the oldest first."""
        since, at = self._clock.time() - KEPT_SECONDS, {symbol: kept.at for symbol, kept in self._kept.items()}
        never = float("-inf")
        return sorted((s for s in self._names if at.get(s, never) <= since), key=lambda symbol: at.get(symbol, never))

    def _has_changed(self, symbol: str, known: _Known) -> bool:
        kept, last = self._kept.get(symbol), self._last.get(symbol)
        return kept is None or kept.known != known or kept.day != (last and last.timestamp.date())

    def _read_newest(self, old: Sequence[str]) -> None:
        """Read the newest minute of all, of the old ones from wherever it stands."""
        if self._last:
            since = max(one.timestamp for one in self._last.values()) - _A_MINUTE
            minutes = self._reader.minutes_of([*self._names], since)
            self._last |= {s: Last(some[-1].timestamp, some[-1].close) for s, some in minutes.items() if some}
        part = old[: PART if self._kept else None]
        for symbol in part:
            self._last.pop(symbol, None)
        self._last |= self._reader.last_before(part, midnight(self._clock.now().date() + _ONE_DAY))

    def _read_windows(self, symbols: Sequence[str], since: datetime) -> None:
        for point in self._reader.sparklines(symbols, since):
            self._kept[point.symbol].add(point)

    def _read_whole(
        self, symbols: Sequence[str], since: date, known: Mapping[str, _Known], coverage: Mapping[Key, CoverageRow]
    ) -> None:
        days = {symbol: self._last[symbol].timestamp.date() for symbol in symbols if symbol in self._last}
        rows = {**coverage}
        for symbol, day in days.items():
            if day < since:
                rows |= self._reader.coverage([symbol], day, day)
        previous, held, now = self._previous_closes(days), self._held(days, rows), self._clock.time()
        for symbol in symbols:
            newest = days.get(symbol)
            row = rows.get((symbol, newest)) if newest else None
            self._kept[symbol] = _Kept(now, known[symbol], newest, row, previous.get(symbol), held.get(symbol))
        self._read_windows(symbols, midnight(since))

    def _row(self, symbol: str, last: Last, known: _Known, coverage: Mapping[Key, CoverageRow]) -> SymbolRow:
        day, kept = last.timestamp.date(), self._kept[symbol]
        previous = (kept.previous if kept.day == day else None) or self._running.previous_close(symbol, day)
        moment, price = last.timestamp, last.close
        if (running := self._running.get(symbol)) and running.timestamp > moment:
            if running.timestamp.date() > day:
                begun = running.timestamp.date()
                follows = self._follows(symbol, last, begun)
                previous = price if follows else self._running.previous_close(symbol, begun)
            moment, price = running.timestamp, running.close
        row = coverage.get((symbol, day), kept.row if kept.day == day else None)
        return {
            "symbol": symbol, "name": self._names[symbol], "price": price,
            "change_percent": None if previous is None else round((price - previous) * 100 / previous, 2),
            "status": status_of(row, kept.held if kept.known == known else None), "previous_close": previous,
            "time": time_text(moment), "turnover": kept.traded,
            "trace": [point.close for point in list(kept.trace.values())[-TRACE:]],
        }  # fmt: skip

    def _held(self, days: Mapping[str, date], known: Mapping[Key, CoverageRow]) -> dict[str, int]:
        """Return the rows of verified newest days: one that has lost some since is verified no more."""
        verified = {symbol: day for symbol, day in days.items()
                    if (row := known.get((symbol, day))) is not None and row.status in VERIFIED}  # fmt: skip
        found = dict.fromkeys(verified, 0)
        for day, some in _by_day(verified).items():
            found |= self._reader.held_of(some, day)
        return found

    def _previous_closes(self, days: Mapping[str, date]) -> dict[str, int | None]:
        """Return each day's previous close: of the table's candles, else of the daily TR."""
        before: dict[str, Last] = {}
        for day, some in _by_day(days).items():
            before |= self._reader.last_before(some, midnight(day))
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


def _by_day(days: Mapping[str, date]) -> dict[date, list[str]]:
    found: dict[date, list[str]] = defaultdict(list)
    for symbol, day in days.items():
        found[day].append(symbol)
    return found
