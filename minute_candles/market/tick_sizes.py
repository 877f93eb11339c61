"""Prices of the Korean exchange: tick sizes since January 2023 and the daily limits of ±30 %. Pure; whole KRW.

The width of a limit is 30 % of the previous close, cut to that close's tick; a limit is cut to its own tick.
Funds (ETF, ETN) have ticks of their own: 1 KRW below 2,000 KRW, 5 KRW from there on (since December 2023).
"""

from collections.abc import Iterator
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of security that differ in their tick sizes."""

    SHARE = "SHARE"
    FUND = "FUND"


_TICKS = {
    Kind.SHARE: ((2_000, 1), (5_000, 5), (20_000, 10), (50_000, 50), (200_000, 100), (500_000, 500)),
    Kind.FUND: ((2_000, 1),),
}
_WIDEST = {Kind.SHARE: 1_000, Kind.FUND: 5}


def tick_size(price: int, kind: Kind = Kind.SHARE) -> int:
    """Return the step of prices from `price` on upwards, in KRW."""
    return next((tick for below, tick in _TICKS[kind] if price < below), _WIDEST[kind])


def is_cut(price: int, kind: Kind = Kind.SHARE) -> bool:
    """Return whether a mid-point trade at `price` is printed cut to an integer: half of its tick is not whole."""
    tick = tick_size(price, kind)
    return tick % 2 == 1 and price % tick == tick // 2


def is_printed(price: int, kind: Kind = Kind.SHARE) -> bool:
    """Return whether a trade can be printed at `price`: on a tick, or on a half tick cut to an integer."""
    tick = tick_size(price, kind)
    return price % tick in (0, tick // 2)


def printed_prices(low: float, high: float, kind: Kind = Kind.SHARE) -> Iterator[int]:
    """Yield the prices from `low` to `high` that can be printed: whole ticks, and half ticks cut to an integer."""
    price = max(int(low), 1)
    while price <= high:
        tick = tick_size(price, kind)
        start = price - price % tick
        step = next(step for step in (0, tick // 2, tick) if start + step >= price)
        price = start + step
        if low <= price <= high:
            yield price
        price += 1


def upper_limit(previous_close: int) -> int:
    """Return 상한가 of a share, in KRW."""
    return _cut(previous_close + _width(previous_close))


def lower_limit(previous_close: int) -> int:
    """Return 하한가 of a share, in KRW."""
    return _cut(previous_close - _width(previous_close))


def _width(close: int) -> int:
    width = close * 3 // 10
    return width - width % tick_size(close)


def _cut(price: int) -> int:
    return price - price % tick_size(price)
