"""The newest candles of a symbol as the table has them, for the sets that are filled from it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from minute_candles.market.candle_json import status_of
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.redis_feed.keys import RECENT
from minute_candles.redis_feed.writer import Recent
from minute_candles.storage.reader import CandleReader

_OLDEST = timedelta(days=400)
"""KIS keeps a year."""
Open = Callable[[], CandleReader]
"""Opens a connection of the feed's own, so that no round waits for it."""


def recent(table: CandleReader, symbol: str, now: datetime) -> Recent:
    """Return each interval's newest candles, ascending, with the status of their day; `now` is KST."""
    last = now.replace(tzinfo=None)
    found = {interval: table.candles(symbol, interval, last - _OLDEST, last, RECENT) for interval in STORED_INTERVALS}
    days = {candle.timestamp.date() for candles in found.values() for candle in candles}
    if not days:
        return {}
    known = table.coverage([symbol], min(days), max(days))
    status = {day: status_of(known[symbol, day].status if (symbol, day) in known else None) for day in days}
    return {
        interval: [(candle, status[candle.timestamp.date()]) for candle in candles]
        for interval, candles in found.items()
    }
