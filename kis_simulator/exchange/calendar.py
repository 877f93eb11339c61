"""When the simulated exchange trades: days and sessions of its own. Minutes are counted from midnight KST."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

import holidays

CSAT_DAYS = (date(2024, 11, 14), date(2025, 11, 13), date(2026, 11, 19), date(2027, 11, 18))
AFTER_MARKET_SINCE = date(2026, 9, 14)
AFTER_MARKET_END = 20 * 60
AUCTION_MINUTES = 10
"""The last minutes before the close collect orders for the closing auction: no trades."""
LATE_MINUTES = 10
"""Rows up to this long after the close belong to the session (a late auction, kis_http.md §6)."""


class Session(NamedTuple):
    """Minutes of the day: continuous trading from `open`, the auction at `close`, the after-market from `after`."""

    open: int
    close: int
    after: int


class Calendar:
    """Trading days and sessions of the simulated exchange, 2015–2035; `csat` adds CSAT days nobody has announced."""

    def __init__(self, csat: Collection[date] = ()) -> None:
        self.days, self._set = _trading_days()
        self._csat = {*CSAT_DAYS, *csat}

    def is_open(self, day: date) -> bool:
        """Return whether the exchange opens on a day."""
        return day in self._set

    def at_or_before(self, day: date) -> date:
        """Return the newest trading day up to and with `day`."""
        return self.days[bisect_right(self.days, day) - 1]

    def before(self, day: date, count: int = 1) -> date:
        """Return the trading day `count` before `day`."""
        return self.days[bisect_left(self.days, day) - count]

    def session(self, day: date) -> Session:
        """Return the hours of a trading day."""
        if day in self._csat:
            return Session(600, 990, 1000)
        first_of_year = self.before(day).year < day.year
        return Session(600 if first_of_year else 540, 930, 960)


@cache
def _trading_days() -> tuple[list[date], frozenset[date]]:
    """Return every trading day, ascending, and as a set (making them takes 0.15 s)."""
    closed = holidays.financial_holidays("XKRX", years=range(2015, 2036))
    every = (date(2015, 1, 1) + timedelta(days=n) for n in range(7670))
    days = [day for day in every if day.weekday() < 5 and day not in closed]
    return days, frozenset(days)
