"""Signs by which rows show, without any daily candle, that they are reported adjusted (docs/dev/kis_http.md §6). Pure.

What traded is on the tick grid, and a minute of one price has exactly price × volume of turnover: both held for every
row of 631 captured days and of 90 days as traded. Rounding breaks one of them on each of these 90 days as reported
after the corporate action. A split into whole shares leaves volumes that are all multiples of one number, too.
"""

import itertools
import math
from collections.abc import Sequence
from datetime import timedelta

from minute_candles.market.rows import MinuteRow
from minute_candles.market.tick_sizes import Kind, is_cut, is_printed

_MOST_OFF_GRID = 0.005
"""Share of prices off the grid that still counts as traded."""
_LONGEST_STEP = timedelta(minutes=11)
"""From the last minute of continuous trading to the closing auction."""
_LEAST_VOLUMES = 20
"""So many minutes of one common divisor are no chance."""


def looks_adjusted(rows: Sequence[MinuteRow]) -> bool:
    """Return whether these rows of a day, oldest first and all with volume, cannot be what traded."""
    return bool(rows) and (_are_off_grid(rows) or _are_inexact(rows) or _are_multiples(rows))


def _are_off_grid(rows: Sequence[MinuteRow]) -> bool:
    prices = [price for row in rows for price in (row.open, row.high, row.low, row.close)]
    fewest = min(sum(not is_printed(price, kind) for price in prices) for kind in Kind)
    return fewest > _MOST_OFF_GRID * len(prices)


def _are_inexact(rows: Sequence[MinuteRow]) -> bool:
    """Return whether most minutes of one price have another turnover than price × volume."""
    exact = [
        row.turnover - before.turnover in _turnovers(row.low, row.volume)
        for before, row in itertools.pairwise(rows)
        if row.low == row.high and row.minute - before.minute <= _step(row, rows)
    ]
    return 2 * sum(exact) < len(exact)


def _step(row: MinuteRow, rows: Sequence[MinuteRow]) -> timedelta:
    """Return how far back the row before may lie without a lost minute between them."""
    return _LONGEST_STEP if row is rows[-1] else timedelta(minutes=1)


def _turnovers(price: int, volume: int) -> tuple[int, ...]:
    """Return what one price turns over; a half tick may be printed cut to an integer, and turns over more."""
    whole = price * volume
    return (whole, whole + volume // 2) if any(is_cut(price, kind) for kind in Kind) else (whole,)


def _are_multiples(rows: Sequence[MinuteRow]) -> bool:
    return len(rows) >= _LEAST_VOLUMES and math.gcd(*(row.volume for row in rows)) > 1
