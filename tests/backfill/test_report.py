"""What `--check` shows (minute_candles/backfill/report.py)."""

from datetime import date

from minute_candles.backfill.report import MOST_LISTED, problems_first
from minute_candles.market.calendar import TradingCalendar
from minute_candles.verification.plan import SymbolDay

DAY, CALENDAR = date(2026, 11, 20), TradingCalendar()
NAMES = {f"{number:06}": "" for number in range(100)}
MISSING, UNPROVEN = [SymbolDay("000070", DAY)], [SymbolDay("000009", DAY), SymbolDay("000070", DAY)]


def test_symbols_that_lack_days_come_first_then_the_unproven_and_a_screen_is_never_overrun() -> None:
    shown, remark = problems_first(NAMES, MISSING, UNPROVEN, CALENDAR, whole=False)
    assert list(shown) == ["000070", "000009"] and "98종목" in remark and "--verbose" in remark
    assert problems_first(NAMES, MISSING, UNPROVEN, CALENDAR, whole=True) == (NAMES, "")
    shown, remark = problems_first(NAMES, [SymbolDay(symbol, DAY) for symbol in NAMES], [], CALENDAR, whole=False)
    assert len(shown) == MOST_LISTED and f"외 {len(NAMES) - MOST_LISTED}종목" in remark
