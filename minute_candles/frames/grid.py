"""The windows of a session that nothing traded in: explicit rows for whoever needs an even grid. Pure.

Filled are the windows of days that the table knows; a missing day stays missing, for nothing is known of its trades.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from minute_candles.frames.intervals import FrameInterval
from minute_candles.frames.range import Range
from minute_candles.frames.windows import below_each_other, microseconds, window_starts
from minute_candles.market.calendar import CLOSING_AUCTION
from minute_candles.storage.minute_columns import MINUTE, UNPROVEN, Columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from minute_candles.storage.minute_columns import Numbers


def session_grid(days: Sequence[date], interval: FrameInterval, period: Range) -> "Numbers":
    """Return the starts of all windows of these trading days: continuous trading and the closing auction."""
    import numpy as np

    parts = [np.empty(0, np.int64)]
    for day in days:
        session = period.calendar.session(day)
        opened, auction, close = map(microseconds, (session.open, session.close - CLOSING_AUCTION, session.close))
        parts.append(np.append(np.arange(opened, auction, MINUTE), close))
    return np.unique(window_starts(np.concatenate(parts), interval))


def with_gaps(candles: Columns, grid: "Numbers") -> "tuple[Columns, NDArray[np.bool_]]":
    """Return the candles and a row of volume 0 for each start of the grid that has none; and which rows those are."""
    import numpy as np

    empty = np.setdiff1d(grid, candles.start, assume_unique=True)
    zero, unproven = np.zeros(len(empty), np.int64), np.full(len(empty), UNPROVEN, np.int64)
    gaps = Columns(empty, zero, zero, zero, zero, zero, zero, unproven)
    both = below_each_other([candles, gaps])
    order = np.argsort(both.start, kind="stable")
    return _reordered(both, order), (np.arange(len(order)) >= len(candles.start))[order]


def _reordered(candles: Columns, order: "NDArray[np.int64]") -> Columns:
    """Return the candles in another order."""
    return Columns(*[column[order] for column in candles])


def filled_prices(
    prices: "list[NDArray[np.float64]]", gaps: "NDArray[np.bool_]", *, previous: bool
) -> "list[NDArray[np.float64]]":
    """Return open, high, low and close with NaN in the gaps, or with the close before them where `previous`."""
    import numpy as np

    empty = [np.where(gaps, np.nan, price) for price in prices]
    if not previous or not len(gaps):
        return empty
    last = np.maximum.accumulate(np.where(gaps, -1, np.arange(len(gaps))))
    before = np.where(last >= 0, empty[3][last], np.nan)
    return [np.where(gaps, before, price) for price in empty]
