"""A symbol's daily candles: the second source, against which minutes are checked (docs/dev/kis_http.md §7). Pure."""

from collections.abc import Iterable
from datetime import date

from minute_candles.core.errors import BadRow
from minute_candles.market.reject_text import rejected_day_text
from minute_candles.market.rows import DailyRow, RejectedDay, RowFault

DailyAnswer = dict[date, DailyRow | None]
"""A symbol's daily candles by date; None for a day whose row is rejected."""


def daily_by_date(rows: Iterable[DailyRow | RejectedDay], *, strict: bool = True) -> DailyAnswer:
    """Return daily rows by date. Raises `BadRow` for a rejected one, or one that came twice with different values.

    Not `strict`: such a row leaves its day as None; one without a date is left out. Where no row has a date the answer
    is none: `BadRow`.
    """
    found: DailyAnswer = {}
    undated: RejectedDay | None = None
    for row in rows:
        if isinstance(row, RejectedDay) and (strict or row.day is None):
            if strict:
                raise BadRow(rejected_day_text(row))
            undated = row
            continue
        candle = None if isinstance(row, RejectedDay) else row
        day = row.day
        assert day is not None  # those without one are dealt with above
        if _differs(found.setdefault(day, candle), candle):
            if strict:
                raise BadRow(rejected_day_text(RejectedDay(RowFault.CONFLICT, day)))
            found[day] = None
    if undated and not found:
        raise BadRow(rejected_day_text(undated))
    return found


def _differs(known: DailyRow | None, row: DailyRow | None) -> bool:
    """Return whether prices or volume differ; the turnover of a running day may move between two rows."""
    return (known and known[:6]) != (row and row[:6])
