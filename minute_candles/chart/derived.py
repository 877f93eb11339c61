"""The candles of an interval that is not stored, from the fewest rows of the table that say the same.

    Derived(reader, calendar, clock).candles("005930", 30, since, until, limit=400)

A verified day's 5- and 15-minute rows follow from its minutes and were written with them in one transaction. Windows
floored from midnight nest. So of a verified day 10 minutes are folded from the 5-minute rows, 30 and 60 from the
15-minute ones. The server folds the day (`CandleReader.days`). Any other day (today, provisional, without a
coverage row) is folded from its minutes. Prices, volumes and what is proven are equal either way; a VWAP may differ by
0.01 KRW, as minute_candles/market/intervals.py explains.

A verified day is read once: its folded candles are kept while its coverage row stays the same. Every write of this
project renews that row; candles are kept for five minutes at most, in case others wrote into the table. Measured over
250 days in SQLite, 400 candles: 70–100 ms without it and 8 ms with it for days. For 60 minutes it is 27 and 1 ms, for
3 minutes 13 and 0.4 ms. A page requests the same candles three times (candles, lines, patterns).
"""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from threading import Lock
from typing import NamedTuple

from minute_candles.core.clock import Clock
from minute_candles.market.calendar import TradingCalendar, midnight
from minute_candles.market.candles import Candle
from minute_candles.market.day_status import VERIFIED
from minute_candles.market.intervals import SESSIONS, Interval, shown, window_end, window_start
from minute_candles.storage.coverage import CoverageRow
from minute_candles.storage.store import CandleReader

KEPT_SECONDS, MOST_KEPT, LONGEST_KEPT = 300.0, 64, 5_000
"""How many seconds a folded day is used, how many charts are kept, and how many candles of each."""
_ROWS: dict[Interval, int] = {3: 1, 10: 5, 30: 15, 60: 15}
_WINDOWS_A_DAY: dict[Interval, int] = {3: 127, 10: 39, 30: 14, 60: 7, "day": 1}
"""Of a symbol that trades in every minute; of another more days are read, until there are enough."""
_MOST_DAYS = 270
_ONE_DAY, _A_SECOND = timedelta(days=1), timedelta(seconds=1)
_ALL = 1_000_000


class _Folded(NamedTuple):
    """A verified day: its coverage row, when it was folded, its candles, and how many minutes it held."""

    known: CoverageRow
    at: float
    candles: Sequence[Candle]
    held: int


class Derived:
    """Runs on worker threads."""

    def __init__(self, reader: CandleReader, calendar: TradingCalendar, clock: Clock) -> None:
        self._reader, self._calendar, self._clock = reader, calendar, clock
        self._kept: OrderedDict[tuple[str, Interval], dict[date, _Folded]] = OrderedDict()
        self._lock = Lock()

    def candles(self, symbol: str, interval: Interval, since: datetime, until: datetime, limit: int) -> list[Candle]:
        """Return the newest `limit` with `since` ≤ timestamp ≤ `until` (naive KST, whole days), ascending.

        Weeks and months are whole: every one that holds a day of the range, folded from its days.
        """
        if interval in SESSIONS:
            since, until = (
                window_start(since, interval),
                window_end(window_start(until, interval), interval) - _A_SECOND,
            )
            days = self.candles(symbol, "day", since, until, (limit + 1) * SESSIONS[interval])
            return shown(days, interval)[-limit:]
        found: list[Candle] = []
        while len(found) < limit and (newest := self._newest(symbol, until)) and newest >= since.date():
            first = max(since.date(), self._back(newest, interval, limit - len(found)))
            found = self._whole_days(symbol, interval, first, newest) + found
            until = midnight(first) - _A_SECOND
        return found[-limit:]

    def held(self, symbol: str, interval: Interval) -> dict[date, int]:
        """Return how many 1-minute rows the verified days held when they were folded."""
        chart = (symbol, "day" if interval in SESSIONS else interval)
        with self._lock:
            return {day: one.held for day, one in self._kept.get(chart, {}).items()}

    def _newest(self, symbol: str, until: datetime) -> date | None:
        last = self._reader.last_before([symbol], until + _A_SECOND).get(symbol)
        return last and last.timestamp.date()

    def _back(self, newest: date, interval: Interval, windows: int) -> date:
        """Return the day where so many windows begin that end with `newest`, if every day is full."""
        days = min(_MOST_DAYS, windows // _WINDOWS_A_DAY[interval] + 2)
        return (self._calendar.trading_days(newest - (days * 3 // 2 + 14) * _ONE_DAY, newest) or [newest])[-days:][0]

    def _whole_days(self, symbol: str, interval: Interval, first: date, last: date) -> list[Candle]:
        known = {day: row for (_, day), row in self._reader.coverage([symbol], first, last).items()}
        verified = {day: row for day, row in known.items() if row.status in VERIFIED}
        found = [one for folded in self._folded(symbol, interval, verified) for one in folded.candles]
        for begin, end in self._others(verified, first, last):
            found += shown(self._rows(symbol, 1, begin, end), interval)
        return sorted(found)

    def _folded(self, symbol: str, interval: Interval, verified: dict[date, CoverageRow]) -> list[_Folded]:
        """Return these days as they are kept; those that are not are read by one statement."""
        now = self._clock.time()
        with self._lock:
            kept = dict(self._kept.get((symbol, interval), {}))
        stale = [
            day for day, row in verified.items()
            if day not in kept or kept[day].known != row or now - kept[day].at > KEPT_SECONDS
        ]  # fmt: skip
        if stale:
            days: dict[date, list[Candle]] = defaultdict(list)
            for one in self._of_verified(symbol, interval, min(stale), max(stale)):
                days[one.timestamp.date()].append(one)
            held = self._reader.held(symbol, midnight(min(stale)), midnight(max(stale) + _ONE_DAY) - _A_SECOND)
            kept |= {day: _Folded(verified[day], now, days[day], held.get(day, 0)) for day in stale}
            self._keep((symbol, interval), kept)
        return [kept[day] for day in verified]

    def _keep(self, chart: tuple[str, Interval], days: dict[date, _Folded]) -> None:
        with self._lock:
            self._kept.pop(chart, None)
            if sum(len(folded.candles) for folded in days.values()) <= LONGEST_KEPT:
                self._kept[chart] = days
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)

    def _of_verified(self, symbol: str, interval: Interval, first: date, last: date) -> list[Candle]:
        if interval == "day":
            return shown(self._reader.days(symbol, midnight(first), midnight(last + _ONE_DAY) - _A_SECOND), interval)
        return shown(self._rows(symbol, _ROWS[interval], first, last), interval)

    def _rows(self, symbol: str, stored: int, first: date, last: date) -> list[Candle]:
        return self._reader.candles(symbol, stored, midnight(first), midnight(last + _ONE_DAY) - _A_SECOND, _ALL)

    def _others(self, verified: Collection[date], first: date, last: date) -> Iterator[tuple[date, date]]:
        """Yield the stretches between the verified days, both ends included, that hold a trading day."""
        begin = first
        for day in [*sorted(verified), last + _ONE_DAY]:
            if begin < day and self._calendar.trading_days(begin, day - _ONE_DAY):
                yield begin, day - _ONE_DAY
            begin = day + _ONE_DAY
