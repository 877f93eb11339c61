"""What a day of the past TR must show: here the volume of its minutes beside the daily candle's."""

from datetime import date, datetime, timedelta

import pytest

from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.rows import DailyRow, MinuteRow
from minute_candles.verification.day_verdict import Minutes, check_day

FRIDAY = date(2026, 11, 20)
SESSION = TradingCalendar().session(FRIDAY)


@pytest.mark.parametrize(("daily", "looks_again"), [(4_000, False), (7_900, False), (8_100, True)])
def test_a_day_of_less_than_half_its_volume_is_looked_at_once_more(daily: int, looks_again: bool) -> None:
    """The last hour came without the first three: no turnover shows it, for nothing stands before the first row."""
    opened = datetime(2026, 11, 20, 9)
    rows = [MinuteRow(opened + timedelta(minutes=n), 100, 100, 100, 100, 10, 1_000 * (n + 1)) for n in range(380)]
    rows.append(MinuteRow(datetime(2026, 11, 20, 15, 30), 100, 100, 100, 100, 200, 400_000))
    told = {FRIDAY: DailyRow(FRIDAY, 100, 100, 100, 100, daily)}
    verdict = check_day(Minutes(rows), SESSION, told)
    assert not verdict.doubts and verdict.status == "COMPLETE" and verdict.note is None
    assert bool(verdict.odd) == looks_again


def test_a_last_turnover_of_nothing_is_a_doubt_and_no_crash() -> None:
    first = datetime(2026, 11, 20, 10)
    rows = [
        MinuteRow(first, 100, 100, 100, 100, 10, 9_000),
        MinuteRow(datetime(2026, 11, 20, 15, 30), 100, 100, 100, 100, 10, 0),
    ]
    assert check_day(Minutes(rows), SESSION, {FRIDAY: DailyRow(FRIDAY, 100, 100, 100, 100, 20)}).doubts


@pytest.mark.parametrize(("last_minute", "is_deal"), [(19, True), (8, False)])
def test_an_auction_after_a_stretch_without_rows_is_no_deal_whatever_lulls_there_are(
    last_minute: int, is_deal: bool
) -> None:
    """12:05 had no trade; the auction's turnover pays for more than its volume."""
    opened, last = datetime(2026, 11, 20, 9), datetime(2026, 11, 20, 15, last_minute)
    minutes = [opened + timedelta(minutes=n) for n in range(380) if n != 185]
    rows = [MinuteRow(at, 100, 100, 100, 100, 10, 1_000 * (n + 1)) for n, at in enumerate(minutes) if at <= last]
    rows.append(MinuteRow(datetime(2026, 11, 20, 15, 30), 100, 100, 100, 100, 200, rows[-1].turnover + 31_000))
    verdict = check_day(Minutes(rows), SESSION, {})
    assert verdict.doubts and bool(verdict.deal) == is_deal
    assert verdict.gaps == (() if is_deal else ((last, datetime(2026, 11, 20, 15, 30)),))
