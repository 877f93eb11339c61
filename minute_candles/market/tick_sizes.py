"""Prices of the Korean exchange: tick sizes since January 2023 and the daily limits of ±30 %. Pure; whole KRW.

The width of a limit is 30 % of the previous close, cut to that close's tick; a limit is cut to its own tick.
"""

_TICKS = ((2_000, 1), (5_000, 5), (20_000, 10), (50_000, 50), (200_000, 100), (500_000, 500))


def tick_size(price: int) -> int:
    """The step of prices from `price` on upwards."""
    return next((tick for below, tick in _TICKS if price < below), 1_000)


def upper_limit(previous_close: int) -> int:
    """상한가."""
    return _cut(previous_close + _width(previous_close))


def lower_limit(previous_close: int) -> int:
    """하한가."""
    return _cut(previous_close - _width(previous_close))


def _width(close: int) -> int:
    width = close * 3 // 10
    return width - width % tick_size(close)


def _cut(price: int) -> int:
    return price - price % tick_size(price)
