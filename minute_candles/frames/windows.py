"""Candles of any interval from columns of 1-minute ones: `minute_candles.market.intervals.shown`, for millions of rows. Pure.

Which rows belong to a session, which windows are over, and which nothing proves.

Numbers in, numbers out, integers throughout; tests/store/test_frames.py holds it to the plain function candle by
candle.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from minute_candles.core.kst import KST
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.intervals import Interval, window_minutes
from minute_candles.storage.minute_columns import MINUTE, UNPROVEN, Columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DAY = 24 * 60 * MINUTE
EPOCH = date(1970, 1, 1)


def shown_columns(minutes: Columns, interval: Interval) -> Columns:
    """The candles of `interval` that follow from the 1-minute ones; a window with one unproven minute is unproven."""
    if interval == 1 or not len(minutes.start):
        return minutes
    import numpy as np

    windows = minutes.start // (window_minutes(interval) * MINUTE)
    first = np.flatnonzero(np.diff(windows, prepend=windows[0] - 1))
    last = np.append(first[1:], len(windows)) - 1
    volume = np.add.reduceat(minutes.volume, first)
    proven = np.logical_and.reduceat(minutes.vwap >= 0, first) & (volume > 0)
    turnover = np.where(proven, np.add.reduceat(minutes.turnover, first), UNPROVEN)
    return Columns(
        windows[first] * (window_minutes(interval) * MINUTE),
        minutes.open[first],
        np.maximum.reduceat(minutes.high, first),
        np.minimum.reduceat(minutes.low, first),
        minutes.close[last],
        volume,
        turnover,
        np.where(proven, (200 * turnover + volume) // np.maximum(2 * volume, 1), UNPROVEN),
    )


def day_of(number: int) -> date:
    return EPOCH + timedelta(days=int(number))


def of_sessions(rows: Columns, calendar: TradingCalendar) -> Columns:
    """Without what others wrote after a day's close + 10 minutes: it is neither counted nor a candle (law 6)."""
    import numpy as np

    days = np.unique(rows.start // DAY)
    if not len(days):
        return rows
    ends = [_end(day_of(day), calendar) for day in days]
    inside = rows.start < np.array(ends, np.int64)[np.searchsorted(days, rows.start // DAY)]
    return rows if inside.all() else _taken(rows, inside)


def _end(day: date, calendar: TradingCalendar) -> int:
    if calendar.is_trading_day(day):
        return _microseconds(calendar.session(day).end)
    return ((day - EPOCH).days + 1) * DAY


def closed(
    candles: Columns, interval: Interval, calendar: TradingCalendar, now: datetime, seen: datetime | None
) -> Columns:
    """Without the windows that still run (law 3); after close + 10 minutes none does.

    In session a window of several minutes counts as over when the symbol was `seen` after its end.
    """
    today = now.astimezone(KST).date()
    if calendar.is_trading_day(today) and now >= calendar.session(today).end:
        return candles
    until = now if interval == 1 or seen is None else min(now, seen.replace(tzinfo=KST))
    ends = candles.start + window_minutes(interval) * MINUTE
    over = (ends <= _microseconds(until)) | (candles.start // DAY < (today - EPOCH).days)
    return candles if over.all() else _taken(candles, over)


def doubted(candles: Columns, days: Sequence[date]) -> Columns:
    """Nothing proves the windows of days that have lost minutes since they were verified."""
    import numpy as np

    if not days:
        return candles
    hurt = np.isin(candles.start // DAY, [(day - EPOCH).days for day in days])
    return candles._replace(
        turnover=np.where(hurt, UNPROVEN, candles.turnover), vwap=np.where(hurt, UNPROVEN, candles.vwap)
    )


def _taken(candles: Columns, which: "NDArray[np.bool_]") -> Columns:
    return Columns(*[column[which] for column in candles])


def _microseconds(moment: datetime) -> int:
    naive = moment.astimezone(KST).replace(tzinfo=None)
    return (naive - datetime.combine(EPOCH, time())) // timedelta(microseconds=1)
