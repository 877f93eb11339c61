"""The words of the feed (design.md, "The feed"): keys, channels, and a candle as JSON with the table's names. Pure."""

from datetime import datetime
from typing import Any

from minute_candles.market.candles import Candle

CANDLES, RUNNING, STREAM = "minute_candles", "minute_candles:running", "minute_candles:stream"
NAMES = {1: "ONE_MINUTE", 5: "FIVE_MINUTES", 15: "FIFTEEN_MINUTES"}
"""As the column `minute_interval` has them."""
RECENT = 400
"""Candles of a symbol and interval that its sorted set keeps."""
_EPOCH = datetime(1970, 1, 1, 9)
"""In naive KST, as candles have it."""
_OF_A_DAY = {"COMPLETE": "COMPLETE", "NO_TRADES": "COMPLETE", "UNPROVEN": "UNPROVEN"}


def recent_key(symbol: str, interval: int) -> str:
    return f"minute_candles:recent:{symbol}:{NAMES[interval]}"


def running_key(symbol: str) -> str:
    return f"{RUNNING}:{symbol}"


def status_of(day: str | None) -> str:
    """The status of a stored candle, from its day's coverage."""
    return _OF_A_DAY.get(day or "", "PROVISIONAL")


def score(candle: Candle) -> int:
    """The candle's start in seconds since the epoch."""
    return int((candle.timestamp - _EPOCH).total_seconds())


def written(symbol: str, interval: int, candle: Candle, status: str) -> str:
    """Prices, volume and VWAP are JSON numbers; the VWAP of what turnover does not prove is null."""
    vwap = "null" if candle.vwap is None else f"{candle.vwap:.2f}"
    return (  # by hand: the sets hold a hundred thousand of them, and `json.dumps` would cost as much as all the rest
        f'{{"stock_symbol":"{symbol}","timestamp":"{candle.timestamp.isoformat()}","minute_interval":"{NAMES[interval]}",'
        f'"open_price":{candle.open},"high_price":{candle.high},"low_price":{candle.low},"close_price":{candle.close},'
        f'"volume":{candle.volume},"vwap":{vwap},"status":"{status}"}}'
    )


def candle_of(told: dict[str, Any]) -> Candle:
    """A candle from its JSON; its VWAP is left to the table. Raises `ValueError`, `KeyError`, `TypeError`."""
    first, high, low, close = (int(told[f"{name}_price"]) for name in ("open", "high", "low", "close"))
    return Candle(datetime.fromisoformat(told["timestamp"]), first, high, low, close, int(told["volume"]), None, None)
