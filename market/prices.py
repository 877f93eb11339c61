"""Prices of the Korean exchange: tick sizes since January 2023 and the daily limits of ±30 %. Pure; whole KRW."""

_TICKS = ((2_000, 1), (5_000, 5), (20_000, 10), (50_000, 50), (200_000, 100), (500_000, 500))


def tick_size(price: int) -> int:
    """The step of prices from `price` on upwards."""
    return next((tick for below, tick in _TICKS if price < below), 1_000)


def upper_limit(previous_close: int) -> int:
    """상한가: 30 % above the previous session's close, cut to the tick."""
    most = previous_close * 13 // 10
    return most - most % tick_size(most)


def lower_limit(previous_close: int) -> int:
    """하한가: 30 % below, cut to the tick towards the close."""
    least = -(-previous_close * 7 // 10)
    return -(-least // tick_size(least)) * tick_size(least)
