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


@pytest.mark.parametrize(
    ("stored", "expected"),
    [(mine(at(9)), []), (mine(at(9, 30), 31), []), (mine(at(9, 30), 30), [at(9, 30)]),
     (mine(at(9, 30), 30, proven=False), [at(9, 30)]), (mine(at(8, 59), 1), []), (mine(at(15, 31)), [at(15, 31)]),
     (mine(at(15, 31), proven=False), [])],
    ids=["reported", "no room", "room", "no VWAP is kept", "before the open", "a second auction", "an unproven one"],
)  # fmt: skip
def test_what_turnover_leaves_room_for(stored: Candle, expected: list[datetime]) -> None:
    assert lack(day_of(*DAY), stored) == MissingMinutes(expected, True)


def test_an_unproven_minute_is_nobodys_loss() -> None:
    assert not lack(day_of(*DAY), mine(at(9)), mine(at(9, 30), 30, proven=False)).minutes
    assert not lack(day_of(*DAY), mine(at(9, 30), 30, proven=False), provisional=False).minutes


@pytest.mark.parametrize("moment", [at(15, 10), at(15, 30)])
def test_nothing_behind_the_last_row_tells_of_a_minute(moment: datetime) -> None:
    assert lack(day_of(*DAY, auction=False), mine(moment, 1, 1)) == MissingMinutes([moment], False)


def test_a_row_that_is_in_doubt_proves_nothing_before_it() -> None:
    assert lack(day_of(DAY[0], (at(10), 10, 9_999)), mine(at(9, 30), 10_000)) == MissingMinutes([at(9, 30)], False)


@pytest.mark.parametrize(("turnover", "expected"), [(1_050, True), (9_000, False)], ids=["explained", "off-hours"])
def test_before_the_first_row_its_own_turnover_tells(turnover: int, expected: bool) -> None:
    """1,050 KRW leave room for 50; 9,000 for 8,000: off-hours trades, or minutes that are missing."""
    verdict = day_of((at(10), 10, turnover))
    assert lack(verdict, mine(at(9, 30), 10, 5)) == MissingMinutes([at(9, 30)], expected)
    assert not lack(verdict, mine(at(9, 30), 9_001)).minutes


def test_an_unreadable_row_between_takes_the_proof_away_and_its_own_minute_is_day_of() -> None:
    verdict = day_of(*DAY)._replace(unreadable=frozenset({at(9, 40)}))
    assert lack(verdict, mine(at(9, 30), 31)) == MissingMinutes([at(9, 30)], False)
    assert lack(verdict, mine(at(9, 40), 31)) == MissingMinutes([], True)
