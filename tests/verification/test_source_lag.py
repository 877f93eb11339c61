"""A final source that has not caught up with the session (minute_candles/verification/source_lag.py)."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from kis_testing import FRIDAY

from minute_candles.core.kst import KST
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.rows import MinuteRow, Quote
from minute_candles.verification.source_lag import Late, SourceLag

SESSION = TradingCalendar().session(FRIDAY)
LAST = MinuteRow(datetime(2026, 11, 20, 15, 19), 100, 100, 100, 100, 10, 50_000)


def lag(turnover: int | None, now: str, *, waits: bool = True) -> SourceLag:
    """Today's TR shows nothing behind 15:19; the quote has this turnover."""
    fillers = [LAST._replace(minute=LAST.minute + timedelta(minutes=n), volume=0) for n in range(1, 11)]
    kis: Any = SimpleNamespace(
        today_minutes=lambda symbol, last: [*reversed(fillers), LAST],
        quote=lambda symbol, now: Quote("이름", 500, turnover, 100),
    )
    clock: Any = SimpleNamespace(now=lambda: datetime.fromisoformat(now).replace(tzinfo=KST))
    return SourceLag(kis, clock, asks=True, may_wait=waits)


@pytest.mark.parametrize("now", ["2026-11-20T15:41", "2026-11-20T17:00", "2026-11-20T23:50", "2026-11-21T07:29"])
def test_a_day_without_its_auction_waits_for_the_morning_while_the_quote_is_ahead(now: str) -> None:
    """Every source lacks the auction, and KIS's own turnover has it; from 16:00 on that may be the after-market's."""
    with pytest.raises(Late):
        lag(51_000, now).check("005930", SESSION, [LAST])


@pytest.mark.parametrize(
    ("turnover", "now", "waits"),
    [(51_000, "2026-11-21T07:30", True), (51_000, "2026-11-20T17:00", False), (50_000, "2026-11-20T15:41", True),
     (None, "2026-11-20T15:41", True)],
    ids=["the morning", "a backfill of the evening", "not ahead", "no quote"],
)  # fmt: skip
def test_else_the_day_is_taken_as_it_is(turnover: int | None, now: str, waits: bool) -> None:
    lag(turnover, now, waits=waits).check("005930", SESSION, [LAST])
