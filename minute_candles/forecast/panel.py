"""Symbol-days as matrices: one row a symbol-day, one column a minute since the open. Pure but for pandas.

A minute without a trade has volume 0 and NaN prices; nothing is filled in. Prices are KRW, volumes shares, as traded.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from minute_candles.market.calendar import TradingCalendar

    Matrix = NDArray[np.float64]

WIDTH = 400
"""Minutes a row can hold: six and a half hours, and prints up to nine minutes after the close."""
PAUSE = 10
"""Minutes before the close in which orders for the auction are collected and nothing trades."""


class Panel(NamedTuple):
    """Matrices of shape (symbol-days, WIDTH), rows ordered by day, then symbol."""

    symbols: "NDArray[np.str_]"
    days: tuple[date, ...]
    """The sessions, ascending."""
    session: "NDArray[np.int64]"
    """Position in `days`, a row."""
    continuous: "NDArray[np.int64]"
    """Minutes of continuous trading, a row: 380 on an ordinary day."""
    open: "Matrix"
    high: "Matrix"
    low: "Matrix"
    close: "Matrix"
    volume: "Matrix"

    def rows(self, chosen: "NDArray[np.bool_]") -> "Panel":
        """Return the panel of these rows; `days` stays, so that positions keep their meaning."""
        arrays = (self.open, self.high, self.low, self.close, self.volume)
        return Panel(
            self.symbols[chosen], self.days, self.session[chosen], self.continuous[chosen], *(a[chosen] for a in arrays)
        )


def panel_of(frame: "pd.DataFrame", calendar: "TradingCalendar") -> Panel:
    """Return the panel of a frame of 1-minute candles as `read_candles` answers it for a list of symbols."""
    import pandas as pd

    stamps = pd.DatetimeIndex(frame.index.get_level_values("timestamp")).tz_localize(None)
    dates = stamps.normalize()
    symbols = frame.index.get_level_values("symbol").to_numpy(dtype=str)
    days = tuple(moment.date() for moment in dates.unique().sort_values())
    opens = {day: calendar.session(day).open_label for day in days}
    began = dates.map({np.datetime64(day): np.datetime64(moment) for day, moment in opens.items()})
    minute = ((stamps.to_numpy() - began.to_numpy()) // np.timedelta64(1, "m")).astype(np.int64)
    position = dates.map({np.datetime64(day): at for at, day in enumerate(days)}).to_numpy(dtype=np.int64)
    values = frame[["open", "high", "low", "close", "volume"]].to_numpy(dtype=np.float64)
    return _filled(symbols, days, position, minute, values, _lengths(days, calendar))


def panel_of_rows(
    rows: Mapping[tuple[date, str], Sequence[tuple[int, float, float, float, float, float]]],
    lengths: Mapping[date, int],
) -> Panel:
    """Return the panel of plain rows (minute since the open, open, high, low, close, volume) by day and symbol."""
    days = tuple(sorted({day for day, _ in rows}))
    flat = [(days.index(day), symbol, *row) for (day, symbol), day_rows in rows.items() for row in day_rows]
    symbols = np.array([row[1] for row in flat], dtype=str)
    numbers = np.array([(row[0], *row[2:]) for row in flat], dtype=np.float64).reshape(-1, 7)
    position, minute = numbers[:, 0].astype(np.int64), numbers[:, 1].astype(np.int64)
    return _filled(symbols, days, position, minute, numbers[:, 2:], np.array([lengths[day] for day in days]))


def _lengths(days: Sequence[date], calendar: "TradingCalendar") -> "NDArray[np.int64]":
    sessions = [calendar.session(day) for day in days]
    return np.array([int((one.close - one.open).total_seconds()) // 60 - PAUSE for one in sessions], dtype=np.int64)


def _filled(
    symbols: "NDArray[np.str_]",
    days: tuple[date, ...],
    position: "NDArray[np.int64]",
    minute: "NDArray[np.int64]",
    values: "Matrix",
    lengths: "NDArray[np.int64]",
) -> Panel:
    inside = (minute >= 0) & (minute < WIDTH)
    symbols, position, minute, values = symbols[inside], position[inside], minute[inside], values[inside]
    names, code = np.unique(symbols, return_inverse=True)
    keys, row = np.unique(position * max(len(names), 1) + code, return_inverse=True)
    matrices = [np.full((len(keys), WIDTH), np.nan) for _ in range(4)] + [np.zeros((len(keys), WIDTH))]
    for matrix, column in zip(matrices, values.T, strict=True):
        matrix[row, minute] = column
    session, at = np.divmod(keys, max(len(names), 1))
    return Panel(names[at], days, session, lengths[session] if len(keys) else lengths[:0], *matrices)


def whole(panel: Panel) -> "NDArray[np.bool_]":
    """Return which rows trade from the open to the end of continuous trading: what a model may learn from."""
    traded = panel.volume > 0
    first = np.where(traded.any(1), traded.argmax(1), WIDTH)
    last = WIDTH - 1 - traded[:, ::-1].argmax(1)
    return np.asarray((first <= 5) & (last >= panel.continuous - 3))
