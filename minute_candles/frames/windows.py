"""Candles of any interval from columns of 1-minute ones, for millions of rows: `market.intervals.shown` by the column.

Also: which rows belong to a session, which windows are over, and which nothing proves. Integers throughout;
tests/frames/test_windows.py compares it with the plain function candle by candle. Pure.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, cast

from minute_candles.core.kst import KST
from minute_candles.frames.day_states import STATUSES
from minute_candles.frames.intervals import DAY_MINUTES, FrameInterval
from minute_candles.frames.range import Range
from minute_candles.market.calendar import midnight
from minute_candles.market.day_status import DayStatus
from minute_candles.storage.minute_columns import MINUTE, UNPROVEN, Columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from minute_candles.storage.minute_columns import Numbers

DAY = DAY_MINUTES * MINUTE
EPOCH = date(1970, 1, 1)
_EPOCH_TO_MONDAY = 3
"""1970-01-01 was a Thursday."""


def window_starts(starts: "Numbers", interval: FrameInterval) -> "Numbers":
    """Return the start of each one's window: floored from midnight; a week from its Monday, a month from its first."""
    if interval == "month":
        months = starts.astype("datetime64[us]").astype("datetime64[M]")
        return cast("Numbers", months.astype("datetime64[us]").astype("int64"))
    if interval == "week":
        return ((starts // DAY + _EPOCH_TO_MONDAY) // 7 * 7 - _EPOCH_TO_MONDAY) * DAY
    return starts - starts % (DAY if interval == "day" else interval * MINUTE)


def shown_columns(minutes: Columns, interval: FrameInterval) -> Columns:
    """Return the candles of `interval` that follow from 1-minute ones; one unproven minute makes a window unproven."""
    if interval == 1 or not len(minutes.start):
        return minutes
    import numpy as np

    windows = window_starts(minutes.start, interval)
    first = np.flatnonzero(np.diff(windows, prepend=windows[0] - 1))
    last = np.append(first[1:], len(windows)) - 1
    volume = np.add.reduceat(minutes.volume, first)
    proven = np.logical_and.reduceat(minutes.vwap >= 0, first) & (volume > 0)
    turnover = np.where(proven, np.add.reduceat(minutes.turnover, first), UNPROVEN)
    return Columns(
        windows[first],
        minutes.open[first],
        np.maximum.reduceat(minutes.high, first),
        np.minimum.reduceat(minutes.low, first),
        minutes.close[last],
        volume,
        turnover,
        np.where(proven, (200 * turnover + volume) // np.maximum(2 * volume, 1), UNPROVEN),
    )


def day_of(number: int) -> date:
    """Return the date of a number of days since 1970."""
    return EPOCH + timedelta(days=int(number))


def microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970 of a naive KST moment; an aware one's zone must be KST."""
    return (moment.replace(tzinfo=None) - midnight(EPOCH)) // timedelta(microseconds=1)


def rows_of_sessions(rows: Columns, period: Range) -> Columns:
    """Return the rows before each day's close + 10 minutes: later ones are other writers', no candles of ours."""
    import numpy as np

    days = np.unique(rows.start // DAY)
    if not len(days):
        return rows
    ends = [microseconds(period.session_of(day_of(day)).end) for day in days]
    return take(rows, rows.start < np.array(ends, np.int64)[np.searchsorted(days, rows.start // DAY)])


def window_ends(starts: "Numbers", interval: int, period: Range) -> "Numbers":
    """Return the end of each window of minutes; no window outlasts its session's close + 10 minutes."""
    import numpy as np

    days = np.unique(starts // DAY)
    ends = np.array([microseconds(period.session_of(day_of(day)).end) for day in days], np.int64)
    return np.minimum(starts + interval * MINUTE, ends[np.searchsorted(days, starts // DAY)] if len(days) else starts)


def windows_in_range(
    candles: Columns, interval: FrameInterval, period: Range, polled_at: datetime | None = None
) -> "NDArray[np.bool_]":
    """Return which windows begin and end in the range, and are over at its `now` (Closed candles only).

    During a session a window of several minutes is over when the symbol was polled (`polled_at`, naive KST) behind it.
    """
    import numpy as np

    now = period.now.astimezone(KST).replace(tzinfo=None)
    if isinstance(interval, int):
        until, today = min(now, period.finish), (period.today - EPOCH).days
        ends = window_ends(candles.start, interval, period)
        inside = (candles.start >= microseconds(period.begin)) & (ends <= microseconds(until))
        if interval > 1 and polled_at is not None and period.running_day():
            inside &= (ends <= microseconds(min(until, polled_at))) | (candles.start // DAY < today)
        return inside
    spans = [_sessions_of(day_of(start // DAY), interval, period) for start in candles.start]
    until = min(now, period.finish)
    return np.array([period.begin <= opened and closed <= until for opened, closed in spans], bool)


def is_cut(start: int, interval: FrameInterval, period: Range) -> bool:
    """Return whether the range, not the present, cuts sessions off this day, week or month."""
    opened, closed = _sessions_of(day_of(start // DAY), interval, period)
    is_over = closed <= period.now.astimezone(KST).replace(tzinfo=None)
    return is_over and (opened < period.begin or closed > period.finish)


def _sessions_of(first: date, interval: FrameInterval, period: Range) -> tuple[datetime, datetime]:
    """Return from when to when the sessions of a day, week or month last, naive KST; the days where there are none."""
    last = first
    if interval == "week":
        last = first + timedelta(days=6)
    elif interval == "month":
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    days = period.calendar.trading_days(first, last) or [first, last]
    begin = period.session_of(days[0]).open_label
    end = period.session_of(days[-1]).end_label
    return begin, end


def without_proof(candles: Columns, days: Iterable[date], interval: FrameInterval) -> Columns:
    """Return the candles, those of windows that touch one of these days unproven: the days have lost minutes."""
    import numpy as np

    numbers = np.array([(day - EPOCH).days for day in days], np.int64)
    if not len(numbers):
        return candles
    if isinstance(interval, int):
        hurt = np.isin(candles.start // DAY, numbers)
    else:
        hurt = np.isin(candles.start, window_starts(numbers * DAY, interval))
    return candles._replace(
        turnover=np.where(hurt, UNPROVEN, candles.turnover), vwap=np.where(hurt, UNPROVEN, candles.vwap)
    )


def worst_codes(
    candles: Columns, days: "Numbers", codes: "NDArray[np.int8]", interval: FrameInterval
) -> "NDArray[np.int8]":
    """Return for each candle the code of its day, of a week or month that of its worst day; `days` ascend."""
    import numpy as np

    windows = days * DAY if isinstance(interval, int) else window_starts(days * DAY, interval)
    labels = candles.start // DAY * DAY if isinstance(interval, int) else candles.start
    if not len(labels):
        return np.empty(0, np.int8)
    first = np.flatnonzero(np.diff(windows, prepend=windows[0] - 1))
    if not isinstance(interval, int):
        codes = np.where(codes == STATUSES.index(DayStatus.NO_TRADES), 0, codes)  # the others have traded
    worst = np.maximum.reduceat(codes, first)
    return cast("NDArray[np.int8]", worst[np.searchsorted(windows[first], labels)])


def take(candles: Columns, which: "NDArray[np.bool_]") -> Columns:
    """Return the candles that are marked."""
    return candles if which.all() else Columns(*[column[which] for column in candles])


def below_each_other(parts: Sequence[Columns]) -> Columns:
    """Return the candles of several columns as one."""
    import numpy as np

    return Columns(*[np.concatenate(columns) for columns in zip(*parts, strict=True)])
