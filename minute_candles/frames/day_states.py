"""The state of each symbol-day of a range: verified, unproven, provisional, missing. Pure.

COMPLETE, NO_TRADES   verified, nothing to add
UNPROVEN              stored as KIS reported it twice; the reasons stand in the coverage row
PROVISIONAL           rows are there, the final source has not confirmed them (today's session; a day never verified,
                      or one that has lost rows since)
MISSING               a closed trading day without any row
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.day_notes import reason_text
from minute_candles.market.day_status import VERIFIED, DayStatus, Reason
from minute_candles.market.windows import INTERVALS
from minute_candles.storage.coverage import CoverageRow, missing_rows

STATUSES = (*VERIFIED, DayStatus.PROVISIONAL, DayStatus.MISSING)
"""From the best to the worst; a frame's `status` holds their positions as codes."""


class DayState(NamedTuple):
    """One symbol on one day; `note` is Korean, for people."""

    symbol: str
    day: date
    status: DayStatus
    note: str | None = None
    is_unturned: bool = False
    """Whether its prices are adjusted already: KIS reported them so, and nothing showed the factor."""

    @property
    def is_doubtful(self) -> bool:
        """Return whether the day is not verified as it should be: unproven, provisional or missing."""
        return self.status not in (DayStatus.COMPLETE, DayStatus.NO_TRADES)


def day_states(
    symbol: str,
    closed: Iterable[date],
    coverage: Mapping[tuple[str, date], CoverageRow],
    held: Mapping[date, Sequence[int]],
    running: date | None = None,
    other_hours: Collection[date] = (),
) -> list[DayState]:
    """Return the state of every `closed` trading day, of the `running` one, and of every day that has rows.

    `held`: rows by day, of 1 minute first; of the intervals that were counted. `other_hours`: days whose hours are
    others now than those that they were judged by.
    """
    days = sorted({*closed, *held, *([running] if running else ())})
    states = [_state(symbol, day, coverage.get((symbol, day)), held.get(day, (0,)), running) for day in days]
    note = reason_text(Reason.OTHER_HOURS)
    return [
        state._replace(status=DayStatus.PROVISIONAL, note=note) if state.day in other_hours else state
        for state in states
    ]


def _state(symbol: str, day: date, row: CoverageRow | None, held: Sequence[int], running: date | None) -> DayState:
    lost = missing_rows(row, held)
    if row is not None and row.is_verified and not any(lost):
        is_unturned = Reason.ADJUSTED_SOURCE in row.reasons and row.adjustment is None
        return DayState(symbol, day, row.status, row.note, is_unturned)
    note = _lost_text(lost) or (row.note if row else None)
    if day == running and not held[0]:
        return DayState(symbol, day, DayStatus.PROVISIONAL, note or "오늘의 캔들이 아직 없습니다")
    return DayState(symbol, day, DayStatus.PROVISIONAL if held[0] else DayStatus.MISSING, note)


def days_of_other_hours(
    coverage: Mapping[tuple[str, date], CoverageRow], symbol: str, calendar: TradingCalendar
) -> set[date]:
    """Return the verified days of a symbol that were judged by other hours than the calendar has now."""
    return {
        day
        for (of, day), row in coverage.items()
        if of == symbol and row.is_verified and calendar.is_trading_day(day)
        if row.has_other_hours(calendar.session(day))
    }


def _lost_text(lost: Sequence[int]) -> str:
    named = [f"{interval}분봉 {count}건" for interval, count in zip(INTERVALS, lost, strict=False) if count]
    return f"확인할 때보다 {', '.join(named)}이 적습니다" if named else ""
