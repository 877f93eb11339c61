"""Candles of any interval from columns of 1-minute ones: `market.intervals.shown`, for millions of rows. Pure.

Numbers in, numbers out, integers throughout; tests/store/test_windows.py holds it to the plain function candle by
candle.
"""

from market.intervals import Interval, window_minutes
from store.minutes import MINUTE, UNPROVEN, Columns


def shown_columns(minutes: Columns, interval: Interval) -> Columns:
    """The candles of `interval` that follow from the 1-minute ones; a window with one unproven minute is unproven."""
    if interval == 1 or not len(minutes.start):
        return minutes
    import numpy as np

    windows = minutes.start // (window_minutes(interval) * MINUTE)
    first = np.flatnonzero(np.diff(windows, prepend=windows[0] - 1))
    last = np.append(first[1:], len(windows)) - 1
    volume = np.add.reduceat(minutes.volume, first)
    proven = np.logical_and.reduceat(minutes.vwap >= 0, first)
    turnover = np.where(proven, np.add.reduceat(minutes.turnover, first), UNPROVEN)
    return Columns(
        windows[first] * (window_minutes(interval) * MINUTE),
        minutes.open[first],
        np.maximum.reduceat(minutes.high, first),
        np.minimum.reduceat(minutes.low, first),
        minutes.close[last],
        volume,
        turnover,
        np.where(proven, (200 * turnover + volume) // (2 * volume), UNPROVEN),
    )
