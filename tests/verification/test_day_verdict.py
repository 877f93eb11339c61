"""What a day must show to be COMPLETE (minute_candles/verification/day_verdict.py)."""

from datetime import date, datetime, timedelta

import pytest

from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.day_notes import reason_text
from minute_candles.market.day_status import COMPLETE, Reason
from minute_candles.market.rows import DailyRow, MinuteRow
from minute_candles.verification.day_verdict import Minutes, check_day

FRIDAY = date(2026, 11, 20)
SESSION = TradingCalendar().session(FRIDAY)
OPEN, AUCTION = datetime(2026, 11, 20, 9), datetime(2026, 11, 20, 15, 30)


def rows_of(*, without: tuple[int, ...] = (), before: int = 0) -> list[MinuteRow]:
    """380 minutes of 10 shares at 100 KRW and the auction of 200; `before` KRW were traded off-hours."""
    rows = [
        MinuteRow(OPEN + timedelta(minutes=n), 100, 100, 100, 100, 10, before + 1_000 * (n + 1))
        for n in range(380) if n not in without
    ]  # fmt: skip
    return [*rows, MinuteRow(AUCTION, 100, 100, 100, 100, 200, before + 400_000)]


def reasons(rows: list[MinuteRow], daily_volume: int = 4_000) -> tuple[Reason, ...]:
    daily = DailyRow(FRIDAY, 100, 100, 100, 100, daily_volume)
    return check_day(Minutes(rows), SESSION, {FRIDAY: daily}).reasons


@pytest.mark.parametrize(("daily", "looks_again"), [(4_000, False), (7_900, False), (8_100, True)])
def test_a_day_of_less_than_half_its_volume_is_looked_at_once_more(daily: int, looks_again: bool) -> None:
    """Nothing stands before a first row at the open, so no turnover shows what lacks there."""
    verdict = check_day(Minutes(rows_of()), SESSION, {FRIDAY: DailyRow(FRIDAY, 100, 100, 100, 100, daily)})
    assert (verdict.status, verdict.reasons, verdict.second_look) == (COMPLETE, (), looks_again)


def test_a_last_turnover_of_nothing_is_a_doubt_and_no_crash() -> None:
    first = MinuteRow(datetime(2026, 11, 20, 10), 100, 100, 100, 100, 10, 9_000)
    found = reasons([first, MinuteRow(AUCTION, 100, 100, 100, 100, 10, 0)])
    assert Reason.TURNOVER_MISMATCH in found and Reason.UNPROVEN_START in found


@pytest.mark.parametrize("lost", [(105,), (379,), tuple(range(1, 11)), tuple(range(370, 380))])
@pytest.mark.parametrize("natural", [(), (200, 250, 251)], ids=["no other gap", "natural gaps"])
def test_turnover_behind_a_gap_is_a_lost_minute_however_many_gaps_there_are(
    lost: tuple[int, ...], natural: tuple[int, ...]
) -> None:
    """A natural gap moves no turnover: its minutes are taken out of the chain."""
    quiet = [
        row._replace(turnover=row.turnover - 1_000 * sum(OPEN + timedelta(minutes=n) < row.minute for n in natural))
        for row in rows_of(without=natural)
    ]
    assert reasons(quiet) == ()
    gone = {OPEN + timedelta(minutes=n) for n in lost}
    assert reasons([row for row in quiet if row.minute not in gone]) == (Reason.TURNOVER_MISMATCH,)


@pytest.mark.parametrize(
    ("before", "volume", "expected"),
    [(1_500, 4_000, ()), (1_700, 4_000, (Reason.UNPROVEN_START,)), (1_500, 5_200, ()),
     (1_500, 5_400, (Reason.VOLUME_SHORT,)), (0, 5_400, ())],
    ids=["0.37 %", "0.42 %", "24 % off-hours", "26 % off-hours", "a first row that its turnover explains"],
)  # fmt: skip
def test_a_beginning_that_turnover_does_not_explain(before: int, volume: int, expected: tuple[Reason, ...]) -> None:
    late = [row._replace(turnover=row.turnover - 1_000) for row in rows_of(without=(0,), before=before)]
    assert reasons(late, volume) == expected
    assert reasons(rows_of(before=50_000), 4_000) == (), "a row at the open cannot miss one before it"


def test_every_reason_is_a_code_of_its_own_name_and_has_a_text() -> None:
    assert all(reason.isascii() and reason == reason.name and reason_text(reason) for reason in Reason)
