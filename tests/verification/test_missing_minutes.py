"""Stored minutes that the final source lacks, each judged by its turnover ("The final source has the last word")."""

from datetime import date, datetime

import pytest

from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle, with_vwap
from minute_candles.market.rows import MinuteRow
from minute_candles.verification.day_verdict import Minutes, Verdict, check_day
from minute_candles.verification.missing_minutes import MissingMinutes, missing_minutes, proven_minutes

FRIDAY = date(2026, 11, 20)
SESSION = TradingCalendar().session(FRIDAY)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 20, hour, minute)


def mine(moment: datetime, price: int = 100, volume: int = 1, *, proven: bool = True) -> Candle:
    return with_vwap((moment, price, price, price, price, volume), price * volume if proven else None)


def day_of(*rows: tuple[datetime, int, int], auction: bool = True) -> Verdict:
    """The authority's day: low 100, high 110; (minute, volume, turnover of the day so far)."""
    found = [MinuteRow(minute, 105, 110, 100, 105, volume, turnover) for minute, volume, turnover in rows]
    if auction:
        found.append(MinuteRow(at(15, 30), 100, 100, 100, 100, 5, found[-1].turnover + 500))
    return check_day(Minutes(found), SESSION, {})


def lack(verdict: Verdict, *stored: Candle, provisional: bool = True) -> MissingMinutes:
    return missing_minutes(proven_minutes(stored, SESSION, provisional=provisional), verdict, SESSION)


DAY = ((at(9), 10, 1_050), (at(10), 10, 2_080))  # 2,080 − 1,050 leaves 30 KRW of room at most before ten
LATE = day_of((at(10), 10, 1_050))
ENDLESS, UNREADABLE = day_of(*DAY, auction=False), day_of(*DAY)._replace(unreadable=frozenset({at(9, 40)}))
CASES = {
    "reported": (day_of(*DAY), mine(at(9)), [], True),
    "no room": (day_of(*DAY), mine(at(9, 30), 31), [], True),
    "room": (day_of(*DAY), mine(at(9, 30), 30), [at(9, 30)], True),
    "no VWAP is kept": (day_of(*DAY), mine(at(9, 30), 30, proven=False), [at(9, 30)], True),
    "before the open": (day_of(*DAY), mine(at(8, 59), 1), [], True),
    "a second auction": (day_of(*DAY), mine(at(15, 31)), [at(15, 31)], True),
    "an unproven one": (day_of(*DAY), mine(at(15, 31), proven=False), [], True),
    "behind the last row": (ENDLESS, mine(at(15, 10), 1, 1), [at(15, 10)], False),
    "the auction behind it": (ENDLESS, mine(at(15, 30), 1, 1), [at(15, 30)], False),
    "a row in doubt": (day_of(DAY[0], (at(10), 10, 9_999)), mine(at(9, 30), 10_000), [at(9, 30)], False),
    "before the first row, 50 KRW of room": (LATE, mine(at(9, 30), 10, 5), [at(9, 30)], True),
    "8,000: off-hours, or lost": (day_of((at(10), 10, 9_000)), mine(at(9, 30), 10, 5), [at(9, 30)], False),
    "more than that": (day_of((at(10), 10, 9_000)), mine(at(9, 30), 9_001), [], True),
    "an unreadable row between": (UNREADABLE, mine(at(9, 30), 31), [at(9, 30)], False),
    "its own minute": (UNREADABLE, mine(at(9, 40), 30), [], True),
}


@pytest.mark.parametrize(("verdict", "stored", "minutes", "is_paid"), CASES.values(), ids=CASES)
def test_what_turnover_leaves_room_for(verdict: Verdict, stored: Candle, minutes: list[datetime], is_paid: bool):
    assert lack(verdict, stored) == MissingMinutes(minutes, is_paid)


def test_an_unproven_minute_is_nobodys_loss() -> None:
    assert not lack(day_of(*DAY), mine(at(9)), mine(at(9, 30), 30, proven=False)).minutes
    assert not lack(day_of(*DAY), mine(at(9, 30), 30, proven=False), provisional=False).minutes
    assert lack(ENDLESS, mine(at(9)), mine(at(15, 30), proven=False)).minutes == [at(15, 30)], "but for the auction"
