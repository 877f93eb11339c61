"""What a day's candle has beyond its minutes: the turnover that the daily TR reported, and the previous close.

A day whose every minute is proven has the sum of its minutes. Of the others the daily TR's value is taken; it includes
off-hours trades, so that the candle stays unproven and without a VWAP.
"""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from minute_candles.frames.range import Range
from minute_candles.frames.windows import DAY, day_of, rows_of_sessions
from minute_candles.storage.daily_table import StoredDaily
from minute_candles.storage.minute_columns import UNPROVEN, Columns, Minutes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from minute_candles.storage.minute_columns import Numbers


def with_daily_turnover(days: Columns, daily: Mapping[date, StoredDaily]) -> Columns:
    """Return the candles of days, those without a proven turnover with the daily TR's."""
    if not daily:
        return days
    import numpy as np

    turnovers = [daily[day].turnover if (day := day_of(start // DAY)) in daily else UNPROVEN for start in days.start]
    unproven = (days.vwap == UNPROVEN) & (days.volume > 0)
    return days._replace(turnover=np.where(unproven, np.array(turnovers, np.int64), days.turnover))


def previous_closes(
    days: Columns,
    gaps: "NDArray[np.bool_] | None",
    symbol: str,
    minutes: Minutes,
    period: Range,
    daily: Mapping[date, StoredDaily],
) -> "Numbers":
    """Return the close of the session before each day: of its candles, else of the daily TR; 0: unknown."""
    import numpy as np

    traded = np.ones(len(days.start), bool) if gaps is None else ~gaps
    closes = {
        day_of(start // DAY): int(close) for start, close in zip(days.start[traded], days.close[traded], strict=True)
    }
    found = []
    for start in days.start:
        before = period.calendar.day_before(day_of(start // DAY))
        if before not in closes and before < period.first:
            rows = rows_of_sessions(minutes.read(symbol, before, before), period)
            closes |= {before: int(rows.close[-1])} if len(rows.close) else {}
        row = daily.get(before)
        found.append(closes.get(before) or (row and row.final_close) or 0)
    return np.array(found, np.int64)
