"""Minutes withheld from days that KIS really reported: what turnover cannot see, and what genuine days lose."""

from typing import Any

import pytest
from real_days import CAPTURED, load

from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.day_status import Reason
from minute_candles.market.rows import DailyRow, MinuteRow
from minute_candles.verification.day_verdict import Minutes, check_day, gaps_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CAPTURED.exists(), reason=f"{CAPTURED} is not here")]
CALENDAR = TradingCalendar()
Day = tuple[list[MinuteRow], DailyRow]


def contradictions(rows: list[MinuteRow], daily: DailyRow) -> set[Reason]:
    verdict = check_day(Minutes(rows), CALENDAR.session(daily.day), {daily.day: daily})
    return {finding.reason for finding in verdict.contradictions}


@pytest.fixture(scope="module")
def days() -> list[Day]:
    """The days that the reader held from their beginning; some began at noon."""
    found = []
    for day, symbols in load().items():
        for rows in ([MinuteRow(*row[:7]) for row in real.rows] for real in symbols.values()):
            if len(rows) > 60 and rows[0].minute <= CALENDAR.session(day).open.replace(tzinfo=None):
                prices = rows[0].open, max(row.high for row in rows), min(row.low for row in rows), rows[-1].close
                found.append((rows, DailyRow(day, *prices, sum(row.volume for row in rows))))
    return found


def test_no_genuine_day_loses_its_complete(days: list[Day]) -> None:
    assert len(days) > 500
    assert all(contradictions(rows, daily) == set() for rows, daily in days)


@pytest.mark.parametrize(("count", "most_missed"), [(1, 3), (2, 0), (10, 0)])
@pytest.mark.parametrize("where", ["after the open", "in the middle", "before the auction"])
def test_withheld_minutes_make_no_complete_day(
    days: list[Day], where: str, count: int, most_missed: int, record_property: Any
) -> None:
    """Missed is a minute whose turnover hides in the price range of the next one: a few shares."""
    missed = 0
    for rows, daily in days:
        at = {"after the open": 1, "in the middle": len(rows) // 2}.get(where, len(rows) - 1 - count)
        missed += not contradictions(rows[:at] + rows[at + count :], daily)
    gaps = sum(bool(gaps_of(rows)) for rows, _ in days)
    record_property("figures", f"{count} withheld {where}: {missed} of {len(days)} days missed ({gaps} with gaps)")
    assert missed <= most_missed


def test_a_beginning_that_is_withheld_makes_no_complete_day(days: list[Day]) -> None:
    """The first row proves nothing of what came before; its unexplained turnover does, from 0.4 % of the day on."""
    assert all(contradictions(rows[50:], daily) for rows, daily in days)
    assert sum(not contradictions(rows[10:], daily) for rows, daily in days) == 0
