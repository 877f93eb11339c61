"""The newest candles of a symbol as the table has them, for the sets that are read from it again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from minute_candles.market.candles import Candle
from minute_candles.redis_feed.serialization import NAMES, RECENT, status_of
from minute_candles.redis_feed.writer import Recent

_OLDEST = timedelta(days=400)
"""KIS keeps a year."""


class Known(Protocol):
    """What is known of a symbol-day."""

    @property
    def status(self) -> str: ...


class Table(Protocol):
    """What the sets are read from (`db.View`): a connection of its own, so that no round waits for it."""

    def candles(self, symbol: str, interval: int, first: datetime, last: datetime, limit: int) -> list[Candle]: ...
    def coverage(self, symbols: Sequence[str], first: date, last: date) -> Mapping[tuple[str, date], Known]: ...
    def close(self) -> None: ...


Open = Callable[[], Table]


def recent(table: Table, symbol: str, now: datetime) -> Recent:
    """Each interval's newest candles, ascending, with the status of their day; `now` is KST."""
    last = now.replace(tzinfo=None)
    found = {interval: table.candles(symbol, interval, last - _OLDEST, last, RECENT) for interval in NAMES}
    days = {candle.timestamp.date() for candles in found.values() for candle in candles}
    if not days:
        return {}
    known = table.coverage([symbol], min(days), max(days))
    status = {day: status_of(known[symbol, day].status if (symbol, day) in known else None) for day in days}
    return {
        interval: [(candle, status[candle.timestamp.date()]) for candle in candles]
        for interval, candles in found.items()
    }
