"""The feed's keys and channels (docs/redis.md). Pure."""

from datetime import datetime

from minute_candles.market.candles import Candle
from minute_candles.market.windows import STORED_INTERVALS

CANDLES, RUNNING, STREAM = "minute_candles", "minute_candles:running", "minute_candles:stream"
REQUESTED = "minute_candles:requested"
"""The set into which readers put the symbols whose recent sets they read, where not all are kept."""
RECENT = 400
"""Candles of a symbol and interval that its sorted set keeps."""
_RECENT = "minute_candles:recent"
_EPOCH = datetime(1970, 1, 1, 9)
"""In naive KST, as candles have it."""


def recent_key(symbol: str, interval: int) -> str:
    """Return the sorted set of a symbol's newest candles."""
    return f"{_RECENT}:{symbol}:{STORED_INTERVALS[interval]}"


def symbol_of(recent: str) -> str:
    """Return the symbol of such a key."""
    return recent.removeprefix(f"{_RECENT}:").partition(":")[0]


def running_key(symbol: str) -> str:
    """Return the string that holds the running minute."""
    return f"{RUNNING}:{symbol}"


def score(candle: Candle) -> int:
    """Return the candle's start in seconds since the epoch."""
    return int((candle.timestamp - _EPOCH).total_seconds())
