"""The candles of an interval that is not stored, from the fewest rows of the table that say the same.

    Derived(view, calendar).candles("005930", 30, since, until, limit=400)

A verified day's 5- and 15-minute rows follow from its minutes and were written with them in one transaction (laws 2
and 5), and windows floored from midnight nest. So of a verified day 10 minutes are folded from the 5-minute rows, 30
and 60 from the 15-minute ones, and the day by the server (`View.days`). Any other day (today, provisional, unknown to
the coverage table) is folded from its minutes. Prices, volumes and what is proven are equal either way; a VWAP may
differ by 0.01 KRW, as market/intervals.py tells.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from db import View
from market.candles import Candle
from market.hours import TradingCalendar
from market.intervals import Interval, shown

_ROWS: dict[Interval, int] = {10: 5, 30: 15, 60: 15}
_WINDOWS_A_DAY: dict[Interval, int] = {10: 39, 30: 14, 60: 7, "day": 1}
"""Of a symbol that trades in every minute; of another more days are read, until there are enough."""
_VERIFIED = ("COMPLETE", "NO_TRADES", "UNPROVEN")
_MOST_DAYS = 400
_ONE_DAY, _A_SECOND = timedelta(days=1), timedelta(seconds=1)
_ALL = 1_000_000


class Derived:
    """Runs on worker threads; keeps nothing."""

    def __init__(self, view: View, calendar: TradingCalendar) -> None:
        self._view, self._calendar = view, calendar

    def candles(self, symbol: str, interval: Interval, since: datetime, until: datetime, limit: int) -> list[Candle]:
        """The newest `limit` with `since` ≤ timestamp ≤ `until` (naive KST, whole days), ascending."""
        if interval == 3:  # one window more than asked for: the oldest may be cut
            return shown(self._view.candles(symbol, 1, since, until, 3 * (limit + 1)), 3)[-limit:]
        found: list[Candle] = []
        while len(found) < limit and (newest := self._newest(symbol, until)) and newest >= since.date():
            first = max(since.date(), self._back(newest, interval, limit - len(found)))
            found = shown(self._rows(symbol, interval, first, newest), interval) + found
            until = _midnight(first) - _A_SECOND
        return found[-limit:]

    def _newest(self, symbol: str, until: datetime) -> date | None:
        last = self._view.last_before([(symbol, until + _A_SECOND)]).get(symbol)
        return last and last.timestamp.date()

    def _back(self, newest: date, interval: Interval, windows: int) -> date:
        """Where so many windows begin that end with `newest`, if every day is full: about 245 days of a year trade."""
        days = windows // _WINDOWS_A_DAY[interval] + 1
        return newest - min(_MOST_DAYS, days * 3 // 2 + 3) * _ONE_DAY

    def _rows(self, symbol: str, interval: Interval, first: date, last: date) -> list[Candle]:
        known = self._view.known([symbol], first, last)
        verified = {day for (_, day), row in known.items() if row.status in _VERIFIED}
        rows = self._of_verified(symbol, interval, first, last) if verified else []
        rows = [row for row in rows if row.timestamp.date() in verified]
        for begin, end in self._others(verified, first, last):
            rows += self._view.candles(symbol, 1, _midnight(begin), _midnight(end + _ONE_DAY) - _A_SECOND, _ALL)
        return sorted(rows)

    def _of_verified(self, symbol: str, interval: Interval, first: date, last: date) -> list[Candle]:
        since, until = _midnight(first), _midnight(last + _ONE_DAY) - _A_SECOND
        if interval == "day":
            return self._view.days(symbol, since, until)
        return self._view.candles(symbol, _ROWS[interval], since, until, _ALL)

    def _others(self, verified: set[date], first: date, last: date) -> Iterator[tuple[date, date]]:
        """The stretches between the verified days, both ends included, that hold a trading day."""
        begin = first
        for day in [*sorted(verified), last + _ONE_DAY]:
            if begin < day and self._calendar.trading_days(begin, day - _ONE_DAY):
                yield begin, day - _ONE_DAY
            begin = day + _ONE_DAY


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
