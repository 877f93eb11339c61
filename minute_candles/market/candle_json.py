"""A candle as JSON, in the two forms that programs read: the table's names (Redis, files), and the page's. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from minute_candles.market.candles import Candle
from minute_candles.market.windows import STORED_INTERVALS

RUNNING = "RUNNING"
"""The status of a candle whose window is not over."""
_OF_A_DAY = {"COMPLETE": "COMPLETE", "NO_TRADES": "COMPLETE", "UNPROVEN": "UNPROVEN"}
_MOST_DIGITS = 18


def status_of(day: str | None) -> str:
    """Return the status of a stored candle, from its day's coverage."""
    return _OF_A_DAY.get(day or "", "PROVISIONAL")


def table_text(symbol: str, interval: int, candle: Candle, status: str) -> str:
    """Return a JSON object with the table's names: prices (KRW), volume (shares) and VWAP are numbers.

    The VWAP is null where turnover does not prove it. Written by hand: the sets of Redis hold a hundred thousand of
    them, and `json.dumps` would cost as much as all the rest.
    """
    vwap = "null" if candle.vwap is None else f"{candle.vwap:.2f}"
    return (
        f'{{"stock_symbol":"{symbol}","timestamp":"{candle.timestamp.isoformat()}",'
        f'"minute_interval":"{STORED_INTERVALS[interval]}",'
        f'"open_price":{candle.open},"high_price":{candle.high},"low_price":{candle.low},"close_price":{candle.close},'
        f'"volume":{candle.volume},"vwap":{vwap},"status":"{status}"}}'
    )


def parse_table_text(text: str) -> tuple[str, str, Candle]:
    """Return symbol, interval (the table's name) and candle of such an object. Raises `ValueError`."""
    try:
        found = json.loads(text, parse_constant=_refuse)
        return str(found["stock_symbol"]), str(found["minute_interval"]), candle_of(found)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(type(error).__name__) from None


def candle_of(found: Mapping[str, Any]) -> Candle:
    """Return the candle of a decoded object, without its VWAP: that is left to the table.

    Raises `ValueError`, `KeyError`, `TypeError`.
    """
    names = ("open_price", "high_price", "low_price", "close_price", "volume")
    numbers = [found[name] for name in names]
    if any(type(number) is not int or not 0 <= number < 10**_MOST_DIGITS for number in numbers):
        raise ValueError("no whole number")
    return Candle._make([datetime.fromisoformat(found["timestamp"]), *numbers, None, None])


def page_json(candle: Candle, status: str) -> dict[str, Any]:
    """Return the object of the page: `time` is KST with its offset."""
    return {
        "time": time_text(candle.timestamp),
        "open": candle.open, "high": candle.high, "low": candle.low, "close": candle.close, "volume": candle.volume,
        "vwap": None if candle.vwap is None else float(candle.vwap), "status": status,
    }  # fmt: skip


def time_text(moment: datetime) -> str:
    """Return naive KST with its offset."""
    return f"{moment.isoformat()}+09:00"


def _refuse(name: str) -> float:
    raise ValueError(name)
